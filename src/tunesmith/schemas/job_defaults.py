"""What is chosen of a job beside its numbers, and why: which weights are trained, how the records are learned, how many
are kept to judge by."""

from tunesmith.schemas.defaults import NOUN, Situation, size_in_words
from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod


def usual_adaptation(task: Task) -> Adaptation:
    """Embedding models and classifiers are small: an adapter would save nothing and cost quality."""
    return Adaptation.FULL if task in (Task.EMBEDDING, Task.CLASSIFICATION) else Adaptation.LORA


def why_adaptation(seen: Situation) -> str:
    """The reason of `usual_adaptation`; where another was asked for, what it would be."""
    size, usual = size_in_words(seen.parameters), usual_adaptation(seen.task)
    if usual is Adaptation.FULL:
        why = f"All weights, since {NOUN[seen.task]} are small (this one has {size}): an adapter would save little."
    else:
        why = f"A small adapter (LoRA) beside the base's {size}: a fraction of the memory, and the base stays as it is."
    return why if seen.adaptation is usual else f"You asked for {_ADAPTATION[seen.adaptation]}. The default: {why}"


_ADAPTATION = {
    Adaptation.LORA: "a LoRA adapter",
    Adaptation.QLORA: "an adapter over a base in four bits (QLoRA)",
    Adaptation.FULL: "all weights",
}


def why_method(seen: Situation, n_records: int) -> str:
    """Why the records are learned as they are."""
    if seen.method is TrainingMethod.DPO:
        return f"DPO, for {n_records:,} records with a preferred and a rejected answer each."
    if seen.kind is RecordKind.PREFERENCE:
        return f"Supervised unless told; but the {n_records:,} records are pairs of answers, which DPO trains on."
    return f"Supervised: each of the {n_records:,} records shows what is to be learned."


def why_held_out(n_records: int, n_held_out: int, share: float, *, own_file: bool, fewest: int) -> str:
    """Why so many records are kept from training. `fewest`: with fewer records nothing is held out."""
    proof = "to judge the model on what it never saw"
    if own_file:
        return f"The {n_held_out:,} records of the validation file, {proof}."
    if share == 0:
        return f"None of {n_records:,}, as you asked: nothing will tell whether the model got better."
    if n_records < fewest:
        return f"None: {n_records:,} different records are fewer than the {fewest} that a held-out part is taken from."
    return f"{n_held_out:,} of {n_records:,} different records ({share * 100:g} %), {proof}."
