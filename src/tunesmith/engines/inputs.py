"""The inputs of an embeddings or classify request as rows of token ids, each checked against the model."""

import asyncio
from typing import cast

from tunesmith.engines.base import Encoder
from tunesmith.records.fasta import residues_of
from tunesmith.schemas.encoding import Input, InputUsage
from tunesmith.schemas.errors import Invalid, RecordInvalid
from tunesmith.schemas.models import BaseModelEntry


async def rows_of(given: Input, model: Encoder, *, prefix: str = "") -> list[list[int]]:
    """Token ids by input; `prefix` goes before each text. Residues are raised and freed of gaps, as records are.

    Raises Invalid, naming the input, for one that is no sequence or longer than the model's context.
    """
    texts, rows = _split(given)
    if texts is None:
        _check_ids(rows, model, given)
    else:
        if reads_residues(model.entry):
            texts = [_residues(text, place(given, i)) for i, text in enumerate(texts)]
        rows = await asyncio.to_thread(model.token_ids, [prefix + text for text in texts])
    for i, row in enumerate(rows):
        if len(row) > model.context:
            raise Invalid(
                f"This model's maximum context length is {model.context} tokens, however '{place(given, i)}' has "
                f"{len(row)}. Shorten it, or split it into several inputs; nothing is cut in silence.",
                param=place(given, i),
                code="context_length_exceeded",
            )
    return rows


def reads_residues(entry: BaseModelEntry) -> bool:
    """Whether the model's inputs are protein sequences."""
    return entry.prompt_format != "text" or entry.architecture == "esm"


def place(given: Input, index: int) -> str:
    """How the request names its input number `index`."""
    is_list = isinstance(given, list) and not isinstance(given[0], int)
    return f"input[{index}]" if is_list else "input"


def usage(rows: list[list[int]]) -> InputUsage:
    n_tokens = sum(map(len, rows))
    return InputUsage(prompt_tokens=n_tokens, total_tokens=n_tokens)


def _split(given: Input) -> tuple[list[str] | None, list[list[int]]]:
    if isinstance(given, str):
        return [given], []
    if isinstance(given[0], str):
        return cast("list[str]", given), []
    return None, cast("list[list[int]]", [given] if isinstance(given[0], int) else given)


def _check_ids(rows: list[list[int]], model: Encoder, given: Input) -> None:
    for i, row in enumerate(rows):
        for token_id in row:
            if not 0 <= token_id < model.vocabulary:
                raise Invalid(
                    f"'{place(given, i)}' holds token id {token_id}; this model's ids are 0 to {model.vocabulary - 1}. "
                    "Use the ids of the model's own tokenizer, or send text.",
                    param=place(given, i),
                )


def _residues(text: str, where: str) -> str:
    try:
        return residues_of("it", text, 0)
    except RecordInvalid as e:
        raise Invalid(f"'{where}' is no protein sequence: {e.message.partition(': ')[2]}", param=where) from e
