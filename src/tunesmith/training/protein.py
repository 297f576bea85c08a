"""Fine-tune a causal protein language model on a family's sequences."""

from typing import cast

from tunesmith.base_models.prompts import fasta_lines
from tunesmith.schemas.records import Record, SequenceRecord
from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import TrainingResult
from tunesmith.training.base_model import open_base
from tunesmith.training.data import pad_id, read_records, token_rows
from tunesmith.training.finetune import fine_tune, prove
from tunesmith.training.language_modelling import LanguageModelling
from tunesmith.training.plan import Run, make_plan
from tunesmith.training.split import given, hold_out_sequences

SEQUENCES_FILE = "training_sequences.fasta"
"""Goes with the model: the nearest training sequence of a generated one is looked up in it."""


def train_protein(run: Run) -> TrainingResult:
    """Read, split by identity, train, compare on both held-out sets, write: `out/model/` is complete on return."""
    run.progress.phase("loading_data")
    records = cast("list[SequenceRecord]", read_records(run.spec.training_file, Task.PROTEIN))
    if run.spec.validation_file is not None:
        split = given(records, read_records(run.spec.validation_file, Task.PROTEIN))
    else:
        run.progress.phase("splitting")
        split = hold_out_sequences(records, run.spec.validation_split)
    base = open_base(run.spec, run.progress)
    extra_files = {SEQUENCES_FILE: _fasta(split.train)}
    plan = make_plan(run, base, split, token_rows(base), LanguageModelling(pad_id(base), "perplexity"), extra_files)
    tuned = fine_tune(run, base, plan)
    return prove(run, base, plan, tuned)


def _fasta(records: list[Record]) -> bytes:
    sequences = cast("list[SequenceRecord]", records)
    return "".join(f">{r.id} {r.description}".rstrip() + f"\n{fasta_lines(r.residues)}\n" for r in sequences).encode()
