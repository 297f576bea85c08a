"""Fine-tune an embedding model on texts alone, pairs, triplets or scored pairs."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

from transformers import AutoConfig

from tunesmith.base_models.load import load_encoder
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.records import Record, RecordKind, TextsRecord
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import TrainingResult
from tunesmith.training.base_model import Form, open_base
from tunesmith.training.data import pad_id, read_records
from tunesmith.training.distinct_batches import DistinctOrder
from tunesmith.training.embedding_files import embedding_files
from tunesmith.training.embedding_losses import choose_loss
from tunesmith.training.embedding_objective import EmbeddingObjective
from tunesmith.training.encoder_rows import TextsRow, refuse_four_bits, texts_rows
from tunesmith.training.finetune import fine_tune, prove
from tunesmith.training.plan import Run, make_plan
from tunesmith.training.pooling import Encoder, pooling_of
from tunesmith.training.split import given, hold_out_texts

ENCODER = Form(load_encoder, peft_task="FEATURE_EXTRACTION", unused=("pooler", "contact_head"))
"""A body alone: its vectors are made of the tokens' last states, which no pooler of its own is asked for."""


def train_embedding(run: Run) -> TrainingResult:
    """Read, split, choose the loss, train, compare, write: `out/model/` is complete when this returns."""
    refuse_four_bits(run.spec)
    run.progress.phase("loading_data")
    records = read_records(run.spec.training_file, Task.EMBEDDING)
    if run.spec.validation_file is not None:
        split = given(records, read_records(run.spec.validation_file, Task.EMBEDDING))
    else:
        split = hold_out_texts(records, run.spec.validation_split)
    base = replace(open_base(run.spec, run.progress), form=ENCODER)
    config = cast(Any, AutoConfig.from_pretrained(base.folder, trust_remote_code=False)).get_text_config()
    told = run.spec.hyperparameters.loss
    loss = choose_loss(
        {kind_of(record) for records in (split.train, *split.held_out.values()) for record in records},
        None if told == "auto" else told,
        has_dropout=_has_dropout(config),
    )
    run.progress.message(f"The loss is {loss.why}.")
    width = int(config.hidden_size)
    dimensions = _shorter(run.spec.hyperparameters.matryoshka_dims, width)
    pooling = pooling_of(base)
    objective = EmbeddingObjective(
        Encoder(pooling, pad_id(base), run.spec.micro_batch_divisor),
        loss,
        width=width,
        dimensions=dimensions,
        trained=frozenset(record.fingerprint for record in split.train),
        say=run.progress.message,
    )
    files = embedding_files(
        base.entry, pooling, dimensions=width, matryoshka_dims=dimensions, max_seq_len=base.entry.context
    )
    plan = make_plan(run, base, split, texts_rows(base), objective, files)
    plan = replace(plan, order=_no_text_twice)
    tuned = fine_tune(run, base, plan)
    return prove(run, base, plan, tuned)


def kind_of(record: Record) -> RecordKind:
    """A triplet may have come without negatives: then it is a pair."""
    if record.kind is RecordKind.TRIPLET and len(cast(TextsRecord, record).texts) == 2:
        return RecordKind.PAIR
    return record.kind


def _no_text_twice(rows: Sequence[Any], batch_size: int, seed: int) -> DistinctOrder:
    texts = [frozenset(row.texts[:2]) for row in cast("Sequence[TextsRow]", rows)]
    return DistinctOrder(texts, batch_size, seed)


def _has_dropout(config: Any) -> bool:
    """Two passes over a text differ by it alone. The names are those of BERT, GPT-2 and T5 kinds of config."""
    names = ("hidden_dropout_prob", "attention_probs_dropout_prob", "attention_dropout", "dropout", "embd_pdrop")
    return any((getattr(config, name, None) or 0) > 0 for name in (*names, "resid_pdrop", "dropout_rate"))


def _shorter(wanted: Sequence[int], width: int) -> list[int]:
    """Distinct dimensions below the model's own, longest first. Raises SpecInvalid for ones it does not have."""
    if any(d > width for d in wanted):
        raise SpecInvalid(
            f"matryoshka_dims asks for {max(wanted)} dimensions and the base has {width}. Use at most {width}.",
            param="hyperparameters.matryoshka_dims",
        )
    return sorted({d for d in wanted if d < width}, reverse=True)
