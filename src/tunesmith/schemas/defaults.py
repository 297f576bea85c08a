"""The rule that replaces `auto`, and why each number is what it is. The training program and the server's estimate both
ask here, so that what is told before a run is what the run does."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tunesmith.schemas.records import RecordKind
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import Hyperparameters, ResolvedHyperparameters

IMBALANCE = 3
"""Classes are weighed by default from where the largest has this many times the records of the smallest."""
LONGEST = 2048
"""Tokens of a record, unless more are asked for."""
LARGE = 200e6
"""Weights above which the rate falls."""
MOST_WARMUP = 20
LOSSES_OF_KIND: dict[RecordKind, tuple[str, ...]] = {
    RecordKind.SENTENCE: ("contrastive", "denoising"),
    RecordKind.SEQUENCE: ("contrastive", "denoising"),
    RecordKind.PAIR: ("multiple_negatives",),
    RecordKind.TRIPLET: ("multiple_negatives", "triplet"),
    RecordKind.SCORED_PAIR: ("cosine",),
}
"""Losses of embedding models that each kind of record allows, the usual one first."""
_USUAL_BATCH = {Task.CHAT: 8, Task.PROTEIN: 16, Task.CLASSIFICATION: 16, Task.EMBEDDING: 64}


@dataclass(frozen=True)
class Situation:
    """What the rule looks at. Of the data only what is known: the training program has it all, the server a report."""

    task: Task
    adaptation: Adaptation
    n_examples: int
    context: int
    """Tokens that the base can read."""
    parameters: int
    """Weights of the base."""
    method: TrainingMethod = TrainingMethod.SUPERVISED
    kind: RecordKind | None = None
    labels: Mapping[str, int] | None = None
    """Records by label."""


@dataclass(frozen=True)
class Explained:
    """The numbers of a run, and for each of them a sentence that names what decided."""

    numbers: ResolvedHyperparameters
    reasons: dict[str, str]


@dataclass(frozen=True)
class _Choice:
    """A value with the words that tell it and what it rests on: "3 epochs, because 288 examples are few"."""

    value: Any
    why: str
    idle: bool = False
    """The run does not look at it."""


def resolve(
    wanted: Hyperparameters,
    *,
    task: Task,
    method: TrainingMethod = TrainingMethod.SUPERVISED,
    adaptation: Adaptation,
    n_examples: int,
    context: int,
    parameters: int,
) -> ResolvedHyperparameters:
    """Numbers for every `auto`, by the rule below; what was given stays.

    Epochs fall as examples grow (chat 1-6, DPO 1-3, protein 4-10, classification 2-10, embedding 1-4, so that small
    families are seen often enough); batch 8 for chat, 64 for embedding (its negatives are the others of the batch) and
    16 else, never above an eighth of the examples; the rate is the one measured best for the small models and falls
    with the square root of size beyond 200 M weights; rank 16, alpha twice the rank; warm-up a tenth of the steps, at
    most 20; cosine for proteins, linear else; length up to the context, at most 2,048 tokens.
    """
    return explain(wanted, Situation(task, adaptation, n_examples, context, parameters, method)).numbers


def explain(wanted: Hyperparameters, seen: Situation) -> Explained:
    """The numbers that `resolve` gives, each with its reason. Of what was asked for, the reason tells the default."""
    told = _Told(wanted)
    epochs: int = told.take("n_epochs", _epochs(seen))
    batch: int = told.take("batch_size", _batch(seen))
    multiplier: float = told.take("learning_rate_multiplier", _Choice(1.0, "1, the method's own rate as it is."))
    told.take("learning_rate", _rate(seen, multiplier))
    rank: int = told.take("lora_rank", _rank(seen))
    told.take("lora_alpha", _alpha(seen, rank))
    told.take("max_seq_len", _length(seen))
    steps = math.ceil(max(1, seen.n_examples) / batch) * epochs
    told.take("warmup_steps", _warmup(steps))
    told.take("lr_schedule", _schedule(seen, steps))
    for name, choice in _plain(seen).items():
        told.take(name, choice)
    return Explained(ResolvedHyperparameters(**told.values), told.reasons)


class _Told:
    """Collects the numbers, those asked for before those chosen, and their reasons."""

    def __init__(self, wanted: Hyperparameters) -> None:
        self._wanted = wanted
        self.values: dict[str, Any] = {}
        self.reasons: dict[str, str] = {}

    def take(self, name: str, usual: _Choice) -> Any:
        asked = getattr(self._wanted, name)
        given = name in self._wanted.model_fields_set and asked != "auto" and asked != usual.value
        self.values[name] = asked if given else usual.value
        told = given and not usual.idle
        self.reasons[name] = f"You asked for {_shown(asked)}. The default: {usual.why}" if told else usual.why
        return self.values[name]


def _epochs(seen: Situation) -> _Choice:
    is_dpo, n = seen.method is TrainingMethod.DPO, seen.n_examples
    steps = _EPOCHS[seen.method if is_dpo else seen.task]
    bound, epochs = next(step for step in steps if n < step[0])
    many, side = ("few", f"under {bound:,}") if bound != math.inf else ("plenty", f"{steps[-2][0]:,} or more")
    noun = "pairs of answers" if is_dpo else "training examples"
    return _Choice(epochs, f"{_counted(epochs, 'epoch')}, because {n:,} {noun} are {many} ({side}).")


_EPOCHS: dict[Task | TrainingMethod, tuple[tuple[float, int], ...]] = {
    TrainingMethod.DPO: ((100, 3), (500, 2), (math.inf, 1)),
    Task.PROTEIN: ((60, 10), (1000, 6), (math.inf, 4)),
    Task.CLASSIFICATION: ((100, 10), (500, 5), (5000, 3), (math.inf, 2)),
    Task.EMBEDDING: ((500, 4), (5000, 2), (math.inf, 1)),
    Task.CHAT: ((50, 6), (300, 3), (2000, 2), (math.inf, 1)),
}
"""Epochs by the number of examples: up to which number, how many."""


def _batch(seen: Situation) -> _Choice:
    usual, eighth = _USUAL_BATCH[seen.task], seen.n_examples // 8
    if eighth < usual:
        size = max(1, eighth)
        return _Choice(size, f"{size} at a time, an eighth of the {seen.n_examples:,} training examples.")
    why = ", since the others of a batch are what each text is told from" if seen.task is Task.EMBEDDING else ""
    return _Choice(usual, f"{usual} at a time, the usual number for {NOUN[seen.task]}{why}.")


NOUN = {
    Task.CHAT: "chat models",
    Task.PROTEIN: "protein models",
    Task.CLASSIFICATION: "classifiers",
    Task.EMBEDDING: "embedding models",
}


def _rate(seen: Situation, multiplier: float) -> _Choice:
    own, how = _own_rate(seen), _HOW[seen.adaptation]
    why = f"{own:g}, the rate that did best for {NOUN[seen.task]} {how}"
    if seen.method is TrainingMethod.DPO:
        why = f"{own:g}, the rate that did best for DPO {how}"
    falls = min(1.0, math.sqrt(LARGE / seen.parameters))
    if falls < 1.0:
        size = size_in_words(seen.parameters)
        why = f"{own * falls:.2g}: {own:g} did best for small models {how}, and this one has {size}"
    if multiplier != 1.0:
        why = f"{multiplier * own * falls:.2g}, {multiplier:g} times the usual {own * falls:.2g}"
    return _Choice(multiplier * own * falls, why + ".")


_HOW = {
    Adaptation.LORA: "trained by LoRA",
    Adaptation.QLORA: "trained by LoRA",
    Adaptation.FULL: "trained in full",
}


def _own_rate(seen: Situation) -> float:
    full = seen.adaptation is Adaptation.FULL
    if seen.method is TrainingMethod.DPO:
        # 160 pairs, two epochs, smollm2: 5e-5 moved the held-out accuracy from 0.62 to 0.64 in its first epoch, 3e-4 to
        # 0.76 and in the end to 0.80 (0.10 to 0.26 higher, 95 %). In full a tenth of it, as for answers; not measured.
        return 3e-5 if full else 3e-4
    return {
        Task.CHAT: 5e-5 if full else 5e-4,
        Task.PROTEIN: 1e-3 if full else 3e-3,
        Task.CLASSIFICATION: 2e-4 if full else 1e-3,
        Task.EMBEDDING: 2e-4 if full else 1e-3,
    }[seen.task]


def _rank(seen: Situation) -> _Choice:
    if seen.adaptation is Adaptation.FULL:
        return _idle(16, "all weights are trained, there is no adapter of rank 16.")
    return _Choice(16, "16, enough for a style, a format or a family; what it learns seldom fills more.")


def _alpha(seen: Situation, rank: int) -> _Choice:
    if seen.adaptation is Adaptation.FULL:
        return _idle(2 * rank, "all weights are trained, there is no adapter to scale.")
    return _Choice(2 * rank, f"{2 * rank}, twice the rank of {rank}.")


def _length(seen: Situation) -> _Choice:
    if seen.context <= LONGEST:
        return _Choice(seen.context, f"{seen.context:,} tokens, all that the base can read.")
    why = f"{LONGEST:,} tokens, since longer ones cost much memory; the base can read {seen.context:,}."
    return _Choice(LONGEST, why)


def _warmup(steps: int) -> _Choice:
    tenth = steps // 10
    if tenth <= MOST_WARMUP:
        return _Choice(tenth, f"{_counted(tenth, 'step')}, a tenth of all {steps:,}.")
    return _Choice(MOST_WARMUP, f"{MOST_WARMUP} steps, the most: a tenth of all {steps:,} would be {tenth:,}.")


def _schedule(seen: Situation, steps: int) -> _Choice:
    if seen.task is Task.PROTEIN:
        return _Choice("cosine", f"Cosine over all {steps:,} steps, the usual fall for protein models.")
    return _Choice("linear", f"Linear over all {steps:,} steps, the usual fall for {NOUN[seen.task]}.")


def _plain(seen: Situation) -> dict[str, _Choice]:
    """What is the same for every run unless asked for, or decided by the data itself."""
    return {
        "weight_decay": _Choice(0.0, "0: weights are not pulled towards zero unless you ask for it."),
        "max_grad_norm": _Choice(1.0, "1, the usual bound: a single odd batch cannot throw the run off."),
        # Off unless asked for: batches hold records of like length, so it saves little. On one CPU core it was 6-15 %
        # faster for short chats (smollm2, 14 % padding saved) and 20 % for a family of mixed lengths (protein-mini,
        # 27 % in rows of 512 tokens; nothing in rows of 1,024). On a GPU, where its mask keeps the fastest kernels
        # off, it is unmeasured.
        "packing": _Choice(False, "Off: batches hold records of like length already, so it saves little."),
        **_of_adapters(seen),
        "beta": _beta(seen),
        "class_weights": _class_weights(seen),
        **_of_embeddings(seen),
    }


def _of_adapters(seen: Situation) -> dict[str, _Choice]:
    if seen.adaptation is Adaptation.FULL:
        without = "all weights are trained, there is no adapter."
        return {
            "lora_dropout": _idle(0.0, without),
            "use_rslora": _idle(False, without),
            "use_dora": _idle(False, without),
        }
    return {
        "lora_dropout": _Choice(0.0, "0: nothing is dropped unless you ask for it."),
        "use_rslora": _Choice(False, "Off: it is made for ranks well above 16."),
        "use_dora": _Choice(False, "Off: it makes each step slower."),
    }


def _beta(seen: Situation) -> _Choice:
    if seen.method is not TrainingMethod.DPO:
        return _idle(0.1, "only DPO has it.")
    return _Choice(0.1, "0.1, the usual hold on the base's own answers.")


def _class_weights(seen: Situation) -> _Choice:
    if seen.task is not Task.CLASSIFICATION:
        return _idle(None, "only classifiers have classes.")
    if not seen.labels:
        return _Choice(None, f"By the labels: on when the commonest has {IMBALANCE} times the records of the rarest.")
    most, least = max(seen.labels.values()), min(seen.labels.values())
    between = f"the commonest label has {most:,} records and the rarest {least:,}"
    if weighs_classes(most, least):
        return _Choice(None, f"On, since {between}: rare ones weigh more.")
    return _Choice(None, f"Off, since {between}: less than {IMBALANCE} times as many.")


def _of_embeddings(seen: Situation) -> dict[str, _Choice]:
    if seen.task is not Task.EMBEDDING:
        without = "only embedding models have it."
        return {
            "loss": _idle(None, without),
            "hard_negatives": _idle(0, without),
            "matryoshka_dims": _idle([], without),
        }
    return {
        "loss": _loss(seen),
        "hard_negatives": _Choice(0, "0: the other texts of a batch are the negatives."),
        "matryoshka_dims": _Choice([], "None: vectors keep all their dimensions."),
    }


def _loss(seen: Situation) -> _Choice:
    if seen.kind is None or seen.kind not in LOSSES_OF_KIND:
        return _Choice(None, "By the kind of the records.")
    usual = LOSSES_OF_KIND[seen.kind][0]
    kind = seen.kind.replace("_", " ")
    if usual == "contrastive":
        return _Choice(None, f"Contrastive, as {kind} records come alone; denoising where the base has no dropout.")
    return _Choice(None, f"{usual.replace('_', ' ').capitalize()}, which {kind} records are made for.")


def _idle(value: Any, why: str) -> _Choice:
    return _Choice(value, f"Without effect: {why}", idle=True)


def weighs_classes(most: int, least: int) -> bool:
    """Whether rare classes weigh more unless told: `most` and `least` are records of the commonest and the rarest."""
    return most >= IMBALANCE * least


def size_in_words(parameters: int) -> str:
    """Of a model: "135 M weights"."""
    if parameters >= 1e9:
        return f"{parameters / 1e9:.1f} B weights"
    return f"{parameters / 1e6:.0f} M weights"


def _counted(n: int, noun: str) -> str:
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def _shown(value: Any) -> str:
    match value:
        case bool():
            return "on" if value else "off"
        case int():
            return f"{value:,}"
        case float():
            return f"{value:g}"
        case list():
            return ", ".join(map(str, value)) or "none"
        case _:
            return str(value).replace("_", " ")
