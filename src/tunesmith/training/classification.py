"""Fine-tune a classifier of texts or of protein sequences, with one label a record or several."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import cast

import torch

from tunesmith.base_models.load import HEADS, load_classifier
from tunesmith.schemas.errors import RecordInvalid, SpecInvalid
from tunesmith.schemas.records import LabelledRecord, LabelledSequenceRecord
from tunesmith.schemas.shape import Adaptation, Task
from tunesmith.schemas.training import TrainingResult
from tunesmith.training.base_model import Base, Form, open_base
from tunesmith.training.classification_objective import Classification, class_weights
from tunesmith.training.data import pad_id, read_records
from tunesmith.training.encoder_rows import labelled_rows, refuse_four_bits
from tunesmith.training.finetune import fine_tune, prove
from tunesmith.training.plan import Run, make_plan
from tunesmith.training.split import Split, given_labelled, hold_out_by_label

LABELS_FILE = "labels.json"
"""Goes with the model: the classes in the order of the head's outputs, and whether a record may have several."""

Labelled = LabelledRecord | LabelledSequenceRecord


def train_classification(run: Run) -> TrainingResult:
    """Read, split by label, train, compare, write: `out/model/` is complete when this returns."""
    refuse_four_bits(run.spec)
    run.progress.phase("loading_data")
    records = _labelled(run, validation=False)
    if run.spec.validation_file is not None:
        split = given_labelled(records, _labelled(run, validation=True))
    else:
        split = hold_out_by_label(records, run.spec.validation_split)
    multi_label = any(record.multi for record in records)
    base = open_base(run.spec, run.progress)
    labels = _labels(run, base, cast("list[Labelled]", split.train), multi_label)
    base = replace(base, form=_form(base, labels, multi_label))
    objective = Classification(
        labels, multi_label=multi_label, pad_id=pad_id(base), weights=_weights(run, split, labels, multi_label)
    )
    files = {LABELS_FILE: (json.dumps({"labels": labels, "multi_label": multi_label}, indent=2) + "\n").encode()}
    plan = make_plan(run, base, split, labelled_rows(base, labels), objective, files)
    tuned = fine_tune(run, base, plan)
    return prove(run, base, plan, tuned)


def _labelled(run: Run, *, validation: bool) -> list[Labelled]:
    file = run.spec.validation_file if validation else run.spec.training_file
    assert file is not None
    return cast("list[Labelled]", read_records(file, Task.CLASSIFICATION))


def _labels(run: Run, base: Base, train: Sequence[Labelled], multi_label: bool) -> list[str]:
    """The labels in the order of the head's outputs: sorted, or as the parent has them.

    Raises RecordInvalid for fewer than two. A parent keeps its head when it knows every label; else a full run begins
    a new one over its body, and an adapter, which is made for its own head, cannot be carried on.
    """
    counts = Counter(label for record in train for label in record.labels)
    if not counts or (len(counts) == 1 and not multi_label):
        only = f'only the label "{next(iter(counts))[:80]}"' if counts else "no label"
        raise RecordInvalid(
            f"The training records carry {only}. A classifier needs at least two classes: add records of another one."
        )
    known = _parents(base)
    if known is None:
        return sorted(counts)
    if known == (known[0], multi_label) and counts.keys() <= set(known[0]):
        return known[0]
    if run.spec.adaptation is not Adaptation.FULL or base.parent_is_adapter:
        missing = sorted(counts.keys() - set(known[0]))
        what = f'does not know the label "{missing[0][:80]}"' if missing else "was trained with another kind of labels"
        raise SpecInvalid(
            f"The model to continue from {what}, and its adapter fits its own labels alone. Begin from the base model.",
            param="model",
        )
    run.progress.message("The labels differ from those of the model to continue from: its head is begun anew.")
    return sorted(counts)


def _parents(base: Base) -> tuple[list[str], bool] | None:
    file = base.parent / LABELS_FILE if base.parent is not None else None
    if file is None or not file.is_file():
        return None
    told = json.loads(file.read_text())
    return told["labels"], told["multi_label"]


def _form(base: Base, labels: list[str], multi_label: bool) -> Form:
    """A body with a head for these labels; ESM's contact head is not on the way to it."""
    known = _parents(base)
    new_head = known is not None and known != (labels, multi_label)
    load = partial(load_classifier, labels=labels, multi_label=multi_label, pad_id=pad_id(base), new_head=new_head)
    return Form(load, peft_task="SEQ_CLS", head=HEADS, unused=("contact_head",))


def _weights(run: Run, split: Split, labels: list[str], multi_label: bool) -> torch.Tensor | None:
    """The labels' weights by what is trained on, told where they differ."""
    number = {label: i for i, label in enumerate(labels)}
    carried = [[number[label] for label in record.labels] for record in cast("list[Labelled]", split.train)]
    told = run.spec.hyperparameters.class_weights
    weights = class_weights(carried, len(labels), multi_label=multi_label, wanted=None if told == "auto" else told)
    if weights is not None:
        low, high = labels[int(weights.argmin())], labels[int(weights.argmax())]
        run.progress.message(
            f"Labels weigh by how rare they are: {weights.min():.2g} for {low[:80]!r} to {weights.max():.2g} for "
            f"{high[:80]!r}. Set class_weights to false for the same weight for all."
        )
    return weights
