"""Memory and time of a run, calculated from what it computes and from measured constants (costs.yaml).

Time: matrix products by floating-point operations, 2 a weight and token forward and 4 backward (Kaplan et al. 2020,
arXiv:2001.08361, section 2.1; 2 backward where weights are frozen), and all else by width times depth. Memory: weights,
gradients, AdamW's two moments, activations of one micro-batch, logits. Needs no torch, so that the server can ask.
"""

import math
from dataclasses import dataclass

from tunesmith.base_models.costs import Costs, ModelShape, activation_bytes, load_costs, pace, speedup
from tunesmith.schemas.shape import Adaptation, Task, TrainingMethod
from tunesmith.schemas.training import ResolvedHyperparameters

MAX_MICRO_BATCH_TOKENS = 16_384
"""As training/batches.py has it."""
SCORE_TOKENS = 4096
"""As training/language_modelling.py has it: padded tokens of a batch that is scored."""
RECOMPUTE_ABOVE = 1_000_000_000
"""As training/trainer.py has it: weights above which a GPU computes activations twice instead of keeping them."""
PROMPTS = 4
ANSWER_TOKENS = 40
"""Of training/answers.py, which stops at 64 or where the answer ends; and after MOST_ANSWERS_S in all."""
MOST_ANSWERS_S = 20.0
PROBE_TOKENS = 28
"""Of training/probes.py."""
PLAIN_BYTES = 4.0
"""Of a weight that is not quantised, while a checkpoint is read into it."""
MOST_PLAIN_BYTES = 2e9
PADDING = 1.06
"""Padded tokens over real ones, with rows of like length in a batch."""
ROWS = {TrainingMethod.DPO: 2}
"""Rows that a record becomes: a preferred answer and a rejected one, each behind the prompt."""


@dataclass(frozen=True)
class Workload:
    """What a run computes. Tokens are of a record as the model reads it, all its rows; the longest is of one row."""

    shape: ModelShape
    task: Task
    method: TrainingMethod
    adaptation: Adaptation
    numbers: ResolvedHyperparameters
    n_train: int
    n_held_out: int
    mean_tokens: float
    longest_tokens: int
    trained_share: float
    n_aligned: int = 0
    """Proteins that a held-out split by identity compares; 0 where there is none."""

    @property
    def steps(self) -> int:
        return math.ceil(self.n_train / self.numbers.batch_size) * self.numbers.n_epochs

    @property
    def tokens(self) -> float:
        """Of all epochs."""
        return self.n_train * self.mean_tokens * self.numbers.n_epochs


@dataclass(frozen=True)
class Machine:
    """What decides how fast a run is, and whether it fits."""

    cpu_count: int = 2
    memory_bytes: int = 16 * 1024**3
    gpu: str | None = None
    gpu_memory_bytes: int | None = None

    @property
    def on_gpu(self) -> bool:
        return self.gpu is not None

    @property
    def deciding_bytes(self) -> int:
        """Of the memory that a run fills first."""
        return self.gpu_memory_bytes or self.memory_bytes if self.on_gpu else self.memory_bytes


@dataclass(frozen=True)
class Bill:
    """What a run needs, part by part: bytes of the deciding memory, seconds."""

    memory: dict[str, float]
    time: dict[str, float]
    micro_batch: int

    @property
    def memory_bytes(self) -> float:
        return sum(self.memory.values())

    @property
    def time_s(self) -> float:
        return sum(self.time.values())


def bill(work: Workload, machine: Machine) -> Bill:
    """Memory and time of the run on the machine."""
    costs = load_costs()
    micro = micro_batch(work, machine)
    return Bill(_memory(work, machine, micro, costs), _time(work, machine, costs), micro)


def micro_batch(work: Workload, machine: Machine) -> int:
    """Records computed at once: the rule of training/batches.py, by the memory that the machine has in all."""
    batch = work.numbers.batch_size
    if work.task is Task.EMBEDDING:
        return batch  # its loss is over the pairs of the whole batch
    per_token = 40 * work.shape.elements + 6 * work.shape.vocabulary
    free = max(0.0, machine.deciding_bytes - _held(work, machine, load_costs()))
    fitting = min(MAX_MICRO_BATCH_TOKENS, free * 0.5 / per_token)
    for size in range(batch, 1, -1):
        if batch % size == 0 and size * ROWS.get(work.method, 1) * work.longest_tokens <= fitting:
            return size
    return 1


def _memory(work: Workload, machine: Machine, micro: int, costs: Costs) -> dict[str, float]:
    held = _held_parts(work, machine, costs)
    step = _step_bytes(work, machine, micro, costs)
    if work.adaptation is Adaptation.QLORA and _room_for_plain_base(work, machine):
        held |= {"the plain base": PLAIN_BYTES * work.shape.parameters}
    score = _score_bytes(work, costs)
    # Batches of ever other lengths leave holes in the heap, which grows towards a share of what a step needs.
    holes = costs.heap_share * (1 - math.exp(-work.steps / costs.heap_steps)) * step
    return held | {"a step": max(step, score), "heap": 0.1 * step if machine.on_gpu else holes}


def _room_for_plain_base(work: Workload, machine: Machine) -> bool:
    """The last scores are taken on the base as it is served, where that fits beside the run: training/as_served.py.

    The run does without where it does not fit, so a large base is not counted as needed.
    """
    plain = PLAIN_BYTES * work.shape.parameters
    return plain < min(MOST_PLAIN_BYTES, machine.deciding_bytes / 2)


def _held(work: Workload, machine: Machine, costs: Costs) -> float:
    return sum(_held_parts(work, machine, costs).values())


def _held_parts(work: Workload, machine: Machine, costs: Costs) -> dict[str, float]:
    """What stays through the whole run."""
    trained = trainable_parameters(work)
    return {
        "program": costs.gpu_context_bytes if machine.on_gpu else costs.imports_bytes,
        "weights": work.shape.parameters * costs.adaptations[work.adaptation].bytes_per_weight,
        # Gradients and AdamW's two moments, in float32.
        "optimiser": 12.0 * trained,
        "adapter": 4.0 * trained if work.adaptation is not Adaptation.FULL else 0.0,
    }


def trainable_parameters(work: Workload) -> float:
    """All weights, or about `rank` columns on both sides of each of a layer's matrices (arXiv:2106.09685)."""
    if work.adaptation is Adaptation.FULL:
        return work.shape.parameters
    per_layer = work.shape.body_parameters / work.shape.layers
    # A layer of m matrices of width x width has m * 2 * width columns and rows; m is told by its weights.
    return work.numbers.lora_rank * work.shape.layers * 2 * per_layer / work.shape.width


def _step_bytes(work: Workload, machine: Machine, micro: int, costs: Costs) -> float:
    tokens = micro * ROWS.get(work.method, 1) * float(work.longest_tokens)
    if work.task is Task.EMBEDDING:
        # Two texts a record, each column padded to its own longest, and few batches hold the longest of all.
        tokens = micro * (work.longest_tokens + work.mean_tokens) / 2
    each = activation_bytes(work.shape, work.adaptation)
    kept = each * work.shape.elements
    if machine.on_gpu and work.shape.parameters > RECOMPUTE_ABOVE:
        kept = 4.0 * work.shape.elements + each * work.shape.width  # each layer's input, and one layer's activations
    return tokens * (kept + work.trained_share * costs.logit_bytes * _head(work))


def _score_bytes(work: Workload, costs: Costs) -> float:
    """Without gradients: a layer's own numbers, and the logits."""
    if not work.n_held_out:
        return 0.0
    tokens = min(SCORE_TOKENS, work.n_held_out * work.longest_tokens)
    return tokens * (40.0 * work.shape.width + work.trained_share * costs.logit_bytes * _head(work))


def _head(work: Workload) -> int:
    """Outputs of the last layer for a token that carries loss; an encoder has none of a vocabulary's size."""
    return work.shape.vocabulary if work.task in (Task.CHAT, Task.PROTEIN) else 0


def _time(work: Workload, machine: Machine, costs: Costs) -> dict[str, float]:
    epochs = work.numbers.n_epochs
    # Before, at each epoch's end, and once more where the last look was at weights that are not those served.
    looks = 1 + epochs + (work.adaptation is not Adaptation.LORA) if work.n_held_out else 0
    evaluated = looks * work.n_held_out * work.mean_tokens
    if work.task is Task.EMBEDDING:
        evaluated += looks * work.n_train * work.mean_tokens / 2  # texts of the training records are searched too
    if work.method is TrainingMethod.DPO:
        evaluated += (work.n_train + work.n_held_out) * work.mean_tokens  # what the base gives each answer, once
    billions = work.shape.parameters / 1e9
    return {
        "start": (costs.gpu_start_s if machine.on_gpu else costs.start_s) + costs.start_s_per_billion * billions,
        "splitting": work.n_aligned**2 / 2 * (work.mean_tokens / 300) ** 2 / costs.alignments_per_s,
        "evaluating": _seconds(work, machine, evaluated, forward_only=True),
        "training": _seconds(work, machine, work.tokens) + work.steps * _step_s(work, machine, costs),
        "answering": _answers_s(work, machine, costs),
        "proving": costs.prove_s,
        "saving": (epochs + 1) * _saved_bytes(work) / costs.save_bytes_per_s,
    }


def _seconds(work: Workload, machine: Machine, tokens: float, *, forward_only: bool = False) -> float:
    """Of so many real tokens, forward and, unless told, backward."""
    costs = load_costs()
    adapted = costs.adaptations[work.adaptation]
    flops = tokens * PADDING * _flops_per_token(work, forward_only=forward_only)
    passes = tokens * PADDING
    if machine.on_gpu:
        return flops / gpu_flops(machine.gpu or "")
    elements_per_s = costs.forward_elements_per_s if forward_only else adapted.cpu_elements_per_s
    seconds = flops / costs.cpu_flops + passes * work.shape.elements / elements_per_s
    return pace(work.shape) * seconds / speedup(machine.cpu_count)


def _answers_s(work: Workload, machine: Machine, costs: Costs) -> float:
    """Greedy answers to a few held-out prompts, of models that write: at each epoch's end, and when all is done."""
    if work.task not in (Task.CHAT, Task.PROTEIN) or not work.n_held_out:
        return 0.0
    token_s = costs.decode_s_per_layer * work.shape.layers
    token_s += 0.0 if machine.on_gpu else costs.decode_s_per_weight * work.shape.parameters
    each = min(MOST_ANSWERS_S, PROMPTS * ANSWER_TOKENS * token_s)
    return work.numbers.n_epochs * each + PROMPTS * PROBE_TOKENS * token_s


def _step_s(work: Workload, machine: Machine, costs: Costs) -> float:
    """Of each optimiser step, whatever its tokens: a GPU's launches, a CPU's pass over weights and moments."""
    return costs.gpu_step_s if machine.on_gpu else costs.optimiser_s_per_weight * trainable_parameters(work)


def _flops_per_token(work: Workload, *, forward_only: bool) -> float:
    """Floating-point operations of matrix products for each token of a record."""
    shape = work.shape
    length = min(work.longest_tokens, work.numbers.max_seq_len)
    forward = 2 * shape.body_parameters + 4 * shape.elements * length / 2  # half of all pairs, the past, is seen
    head = 2 * work.trained_share * _head(work) * shape.width
    if forward_only:
        times = 1.0
    elif work.adaptation is Adaptation.FULL:
        times = 3.0
    else:
        times = 2.0 + 3.0 * trainable_parameters(work) / shape.body_parameters
    return times * (forward + head)


def gpu_flops(name: str) -> float:
    """What training reaches on a GPU of this name; a modest figure where the name is unknown."""
    costs = load_costs()
    return next((each.flops for each in costs.gpus if each.name.lower() in name.lower()), costs.usual_gpu_flops)


def _saved_bytes(work: Workload) -> float:
    return (work.shape.parameters if work.adaptation is Adaptation.FULL else trainable_parameters(work)) * 4.0
