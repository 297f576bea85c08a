"""From a job's files to what its run would compute: records, tokens, lengths. The files' reports have the lengths; the
first records tell how many tokens a character is."""

import asyncio
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

from tokenizers import Tokenizer

from tunesmith.base_models.bill import Workload
from tunesmith.base_models.costs import ModelShape, folder_on_this_machine, load_costs, shape_of
from tunesmith.schemas.datasets import FileRecord, FileReport
from tunesmith.schemas.defaults import Explained, Situation, explain
from tunesmith.schemas.job_defaults import why_adaptation, why_held_out, why_method
from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.records import RecordKind, kinds_of
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import Hyperparameters, ResolvedHyperparameters
from tunesmith.server.datasets import preview
from tunesmith.server.datasets import service as datasets
from tunesmith.server.datasets.tables import FileRow
from tunesmith.server.jobs.submission import Draft
from tunesmith.server.storage.blobs import BlobStore

SAMPLE = 200
"""Records that are read to count tokens."""
MOST_HELD_OUT = 1000
"""As training/evaluate.py has it."""
FEWEST = 20
"""As training/split.py has it: with fewer records nothing is held out."""
CountedBy = Literal["tokenizer", "ratio", "residues"]


@dataclass(frozen=True)
class Data:
    """What the run would compute, and what should be said about the data."""

    workload: Workload
    trained_share: float
    counted_by: CountedBy
    warnings: list[str]
    defaults: ResolvedHyperparameters
    """What the numbers would be if none had been asked for."""
    reasons: dict[str, str]
    """Why each number is what it is, by name; of adaptation, method and validation_split too."""


@dataclass(frozen=True)
class _Counted:
    """Tokens of a text file's records."""

    characters_per_token: float
    trained_share: float
    tokens_per_record: float
    """Marks that the chat template puts around each row's texts."""
    by: CountedBy
    read_again: float = 1.0
    """Characters that the model reads over those of the record: a prompt is read once for each answer of a pair."""


async def read(blobs: BlobStore, draft: Draft, models_dir: Path) -> Data:
    """The workload of the drafted job. Reads the first records of its training file; hold no session meanwhile."""
    entry, task = draft.choice.entry, Task(draft.row.task)
    report = datasets.report_of(draft.training)
    if task is Task.PROTEIN or report.length is None or report.length.unit == "residues":
        counted = _Counted(1.0, 1.0, 2.0, "residues")
        if entry.prompt_format == "fasta60":
            # ProtGPT2's tokens are four residues long on average (Ferruz et al. 2022, doi:10.1038/s41467-022-32007-7).
            counted = _Counted(4.0, 1.0, 2.0, "ratio")
    else:
        sample = await _sample(blobs, draft.training)
        counted = await asyncio.to_thread(_count, sample, entry, task, models_dir)
    shape = shape_of(entry, models_dir)
    parts = _parts(draft, report)
    seen = _situation(draft, report, parts.n_train)
    told = _explained(Hyperparameters.model_validate(draft.row.wanted), seen)
    usual = _explained(Hyperparameters(), seen).numbers
    work = _workload(draft, report, counted, shape, parts, told)
    warnings = _warnings(draft, report, work, counted)
    reasons = told.reasons | _reasons(draft, report, parts, seen)
    return Data(work, counted.trained_share, counted.by, warnings, usual, reasons)


async def _sample(blobs: BlobStore, file: FileRow) -> list[FileRecord]:
    page, _ = await preview.read_page(blobs, file, after=None, limit=SAMPLE)
    return [record for record in page if record.fault is None]


def _count(sample: list[FileRecord], entry: BaseModelEntry, task: Task, models_dir: Path) -> _Counted:
    text = load_costs().text
    texts = [each for record in sample for each in _texts(record)]
    n_characters = sum(map(len, texts))
    tokenizer = _tokenizer_of(entry, models_dir)
    ratio, by = text.characters_per_token, "ratio"
    if tokenizer is not None and n_characters:
        encoded = tokenizer.encode_batch(texts, add_special_tokens=False)
        ratio, by = n_characters / max(1, sum(len(each.ids) for each in encoded)), "tokenizer"
    if task is not Task.CHAT or not n_characters:
        return _Counted(ratio, text.trained_share if task is Task.CHAT else 1.0, 2.0, by)
    rows = sum(2 if record.preferred else 1 for record in sample)
    turns = sum(len(_prompt(record)) + 1 for record in sample)
    per_row = text.tokens_per_conversation if entry.chat_template == "model" else 0.0
    per_row += text.tokens_per_message * turns / len(sample)
    again = sum(len(each) for record in sample if record.preferred for each in _prompt(record))
    trained = sum(map(_trained_characters, sample))
    # The marks around a record are read and, but for the one that ends an answer, not learned.
    read_tokens = (n_characters + again) / ratio + per_row * rows
    return _Counted(ratio, (trained / ratio + rows) / read_tokens, per_row, by, (n_characters + again) / n_characters)


def _texts(record: FileRecord) -> list[str]:
    """All that the model reads of a record, once."""
    both = [answer.content for answer in (record.preferred, record.rejected) if answer is not None]
    messages = [message.content for message in record.messages or ()]
    return [*messages, *both, *([record.text] if record.text else []), *(record.texts or ())]


def _prompt(record: FileRecord) -> list[str]:
    """What stands before the answer: all messages where two answers follow, else all but the last."""
    messages = [message.content for message in record.messages or ()]
    return messages if record.preferred else messages[:-1]


def _trained_characters(record: FileRecord) -> int:
    both = sum(len(answer.content) for answer in (record.preferred, record.rejected) if answer is not None)
    return both or sum(len(message.content) for message in record.messages or () if message.trained)


def _tokenizer_of(entry: BaseModelEntry, models_dir: Path) -> Tokenizer | None:
    folder = folder_on_this_machine(entry, models_dir)
    path = folder / "tokenizer.json" if folder is not None else None
    if path is None or not path.is_file():
        return None
    return _load_tokenizer(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=8)
def _load_tokenizer(path: Path, _changed_at: int) -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(path))
    # Some files pad and cut to a fixed length by themselves, which training turns off.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@dataclass(frozen=True)
class _Parts:
    """What is trained on and what is kept from it."""

    distinct: int
    n_train: int
    n_held_out: int
    n_aligned: int
    """Proteins that a split by identity compares."""


def _parts(draft: Draft, report: FileReport) -> _Parts:
    row = draft.row
    distinct = max(1, report.n_records - report.duplicates)
    if draft.validation is not None:
        n_held_out = datasets.report_of(draft.validation).n_records
        return _Parts(distinct, max(1, report.n_records), n_held_out, 0)
    n_held_out = round(row.validation_split * distinct) if distinct >= FEWEST else 0
    n_aligned = distinct if Task(row.task) is Task.PROTEIN and n_held_out else 0
    return _Parts(distinct, max(1, report.n_records - n_held_out), n_held_out, n_aligned)


def _workload(
    draft: Draft, report: FileReport, counted: _Counted, shape: ModelShape, parts: _Parts, told: Explained
) -> Workload:
    row, method = draft.row, TrainingMethod(draft.row.method)
    mean, longest = _lengths(report, counted, method, told.numbers.max_seq_len)
    return Workload(
        shape=shape,
        task=Task(row.task),
        method=method,
        adaptation=Adaptation(row.adaptation),
        numbers=told.numbers,
        n_train=parts.n_train,
        n_held_out=min(MOST_HELD_OUT, parts.n_held_out),
        mean_tokens=mean,
        longest_tokens=longest,
        trained_share=counted.trained_share,
        n_aligned=parts.n_aligned,
    )


def _lengths(report: FileReport, counted: _Counted, method: TrainingMethod, max_seq_len: int) -> tuple[float, int]:
    """Tokens of a record on average, and of the longest row."""
    if report.length is None:
        return 0.0, 1
    rows = 2 if method is TrainingMethod.DPO else 1
    tokens_per_character = counted.read_again / counted.characters_per_token
    mean = report.length.total / max(1, report.n_records) * tokens_per_character
    longest = report.length.maximum / rows * tokens_per_character
    marks = counted.tokens_per_record
    return min(rows * max_seq_len, mean + rows * marks), max(1, min(max_seq_len, round(longest + marks)))


def _explained(wanted: Hyperparameters, seen: Situation) -> Explained:
    """The numbers as the run would have them, bounded by what the base can read, and why."""
    told = explain(wanted, seen)
    asked = told.numbers.max_seq_len
    if asked <= seen.context:
        return told
    why = f"{seen.context:,} tokens, all that the base can read: you asked for {asked:,}."
    numbers = told.numbers.model_copy(update={"max_seq_len": seen.context})
    return Explained(numbers, told.reasons | {"max_seq_len": why})


def _situation(draft: Draft, report: FileReport, n_train: int) -> Situation:
    row, entry = draft.row, draft.choice.entry
    return Situation(
        task=Task(row.task),
        adaptation=Adaptation(row.adaptation),
        n_examples=n_train,
        context=entry.context,
        parameters=entry.parameters,
        method=TrainingMethod(row.method),
        kind=RecordKind(report.kind) if report.kind else None,
        labels=report.labels,
    )


def _reasons(draft: Draft, report: FileReport, parts: _Parts, seen: Situation) -> dict[str, str]:
    """Of what is decided beside the numbers."""
    return {
        "adaptation": why_adaptation(seen),
        "method": why_method(seen, report.n_records),
        "validation_split": why_held_out(
            parts.distinct,
            parts.n_held_out,
            draft.row.validation_split,
            own_file=draft.validation is not None,
            fewest=FEWEST,
        ),
    }


def _warnings(draft: Draft, report: FileReport, work: Workload, counted: _Counted) -> list[str]:
    """What would fail the job, or make its figures rough."""
    file, row, told = draft.training, draft.row, list[str]()
    if report.n_faults:
        told.append(
            f"The file {file.id} has {report.n_faults:,} lines at fault: the job would fail. "
            f"GET /v1/files/{file.id}/report lists them."
        )
    kinds = kinds_of(work.task, work.method)
    if report.kind is not None and report.kind not in kinds:
        told.append(
            f"The file {file.id} holds {report.kind} records, and this job trains on {', '.join(kinds)} records: "
            "it would fail."
        )
    if report.length is not None and report.length.maximum / counted.characters_per_token > work.numbers.max_seq_len:
        told.append(
            f"The longest record has more than max_seq_len ({work.numbers.max_seq_len:,}) tokens: such records are "
            "cut at their end."
        )
    if not work.n_held_out:
        told.append("Nothing would be held out, so the run could not say whether the model got better.")
    if row.parent_model is not None:
        told.append("The run goes on from a tuned model, whose own rank counts where it is an adapter.")
    return told
