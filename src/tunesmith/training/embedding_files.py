"""What goes beside the weights of an embedding model, so that it is read again as it was trained.

`embedding.json` is ours, for the engine; the others are those of sentence-transformers, so that
`SentenceTransformer(folder)` gives the same vectors.
"""

import json
from typing import Any

from tunesmith.schemas.models import BaseModelEntry
from tunesmith.training.pooling import Pooling

# Names and keys as every release since 2.0 reads them.
_MODULES = (("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Normalize", "Normalize"))
_THEIR_POOLING: dict[Pooling, str] = {
    "mean": "pooling_mode_mean_tokens",
    "cls": "pooling_mode_cls_token",
    "last": "pooling_mode_lasttoken",
}


def embedding_files(
    entry: BaseModelEntry, pooling: Pooling, *, dimensions: int, matryoshka_dims: list[int], max_seq_len: int
) -> dict[str, bytes]:
    """The files by their names in the model's folder."""
    contents: dict[str, Any] = {
        "embedding.json": {
            "pooling": pooling,
            "normalize": True,
            "dimensions": dimensions,
            "matryoshka_dims": matryoshka_dims,
            "query_prefix": entry.query_prefix,
            "passage_prefix": entry.passage_prefix,
        },
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (path, kind) in enumerate(_MODULES)
        ],
        "sentence_bert_config.json": {"max_seq_length": max_seq_len, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": dimensions,
            **{name: how == pooling for how, name in _THEIR_POOLING.items()},
        },
        "config_sentence_transformers.json": {
            "prompts": {"query": entry.query_prefix, "document": entry.passage_prefix},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
    return {name: (json.dumps(content, indent=2) + "\n").encode() for name, content in contents.items()}
