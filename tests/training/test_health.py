"""Each rule at its edges on made-up series, no alarm on a curve of a good run, and real tiny runs that go wrong."""

import json
import math
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tunesmith.schemas.training import InputFile, TrainingSpec
from tunesmith.training.health import EXPLODING_STEPS, Bounds, Health
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

MakeSpec = Callable[..., TrainingSpec]
WriteLines = Callable[[list[dict[str, Any]]], InputFile]
CURVE = Path(__file__).with_name("good_curve.json")


def told_of(
    losses: Iterable[float],
    *,
    norms: Iterable[float] | None = None,
    total_steps: int | None = None,
    batch_size: int = 8,
    held_out: dict[int, float] | None = None,
    again_at: int | None = None,
) -> list[str]:
    """What is told of such a run; with `again_at` it is stopped there and goes on from what was remembered."""
    losses = list(losses)
    told: list[str] = []
    bounds = Bounds(total_steps or len(losses), batch_size, 1.0)
    health = Health(bounds, told.append)
    looks = held_out or {}
    health.begin(looks.get(0))
    for step, (loss, norm) in enumerate(zip(losses, norms or [1.0] * len(losses), strict=True), start=1):
        health.step(step, loss, norm)
        if step in looks:
            health.held_out(step, looks[step])
        if step == again_at:
            health = Health(bounds, told.append, json.loads(json.dumps(health.remember())))
            health.begin(looks.get(0))
    return told


def noisy(n: int, start: float, end: float, noise: float, seed: int = 0) -> list[float]:
    """Falls exponentially towards `end`, with the noise of batches."""
    rng = random.Random(seed)
    return [end + (start - end) * math.exp(-4 * i / n) + rng.gauss(0, noise) for i in range(n)]


# Ordinary curves.


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(
    ("n", "start", "end", "noise", "batch_size"),
    [(40, 3.6, 2.5, 0.25, 8), (400, 3.6, 3.2, 0.9, 1), (66, 2.8, 1.3, 0.1, 16), (200, 0.69, 0.4, 0.1, 8)],
)
def test_ordinary_noisy_curves_raise_no_alarm(
    seed: int, n: int, start: float, end: float, noise: float, batch_size: int
) -> None:
    rng = random.Random(seed)
    norms = [abs(rng.gauss(2, 1)) + (15 if rng.random() < 0.01 else 0) for _ in range(n)]
    assert told_of(noisy(n, start, end, noise, seed), norms=norms, batch_size=batch_size) == []


def test_the_curve_of_a_real_good_run_raises_no_alarm() -> None:
    curve = json.loads(CURVE.read_text())
    held_out = {int(step): loss for step, loss in curve["held_out"].items()}
    told = told_of(curve["train_loss"], norms=curve["grad_norm"], batch_size=curve["batch_size"], held_out=held_out)
    assert told == []
    # The same curve upside down is one that diverges: the rules do look at it.
    worse = [2 * curve["train_loss"][0] - loss + 2 * i / 10 for i, loss in enumerate(curve["train_loss"])]
    assert any("diverges" in text for text in told_of(worse, batch_size=curve["batch_size"]))


# Each rule at its edge.


def test_a_loss_above_its_start_by_half_is_diverging_once_it_stays_there() -> None:
    rising = [3.0] * 15 + [6.0] * 40
    (text,) = told_of(rising)
    assert "diverges" in text
    assert "learning_rate a tenth" in text
    assert told_of([3.0] * 15 + [4.4] * 40, total_steps=1000) == []
    short = [3.0] * 30 + [9.0] * 2 + [2.0] * 30
    assert not any("diverges" in text for text in told_of(short))


def test_a_loss_that_leaps_at_the_second_step_is_diverging() -> None:
    assert any("diverges" in text for text in told_of([3.0] + [20.0] * 12, total_steps=40))


def test_a_small_start_needs_a_whole_nat_more() -> None:
    assert told_of([0.1] * 10 + [1.0] * 30, total_steps=1000) == []
    assert told_of([0.1] * 10 + [1.3] * 30, total_steps=1000) != []


def test_a_loss_that_does_not_fall_is_flat_by_half_of_the_run() -> None:
    rng = random.Random(1)
    flat = [3.0 + rng.gauss(0, 0.1) for _ in range(100)]
    assert told_of(flat[:49], total_steps=100) == []
    (text,) = told_of(flat[:50], total_steps=100)
    assert "stays flat" in text
    assert "labels are mixed up" in text


@pytest.mark.parametrize(
    ("fall", "noise", "expected"), [(0.01, 0.05, True), (0.06, 0.01, False), (0.1, 0.05, False), (0.0, 1.0, False)]
)
def test_flat_is_what_surely_did_not_fall(fall: float, noise: float, expected: bool) -> None:
    rng = random.Random(2)
    losses = [3.0 * (1 - fall * i / 100) + rng.gauss(0, noise) for i in range(100)]
    assert bool(told_of(losses)) is expected


def test_a_loss_with_nothing_left_to_learn_is_not_flat() -> None:
    assert told_of([0.01] * 100) == []


def test_a_short_run_is_told_to_have_few_steps_and_is_not_called_flat() -> None:
    (text,) = told_of([3.0] * 9)
    assert "only 9 steps" in text
    assert told_of([3.0 - 0.1 * i for i in range(10)]) == []


def test_overfitting_names_the_step_of_the_best_checkpoint() -> None:
    losses = [3.0 - 0.05 * i for i in range(50)]
    (text,) = told_of(losses, held_out={0: 3.0, 10: 2.6, 20: 2.4, 30: 2.41, 40: 2.5, 50: 2.9})
    assert text.startswith("Overfitting since step 20")
    assert "checkpoint of step 20 is published and kept" in text
    assert "2.4) and is 2.5 at step 40" in text


def test_held_out_loss_that_rises_with_the_training_loss_is_not_overfitting() -> None:
    losses = [3.0 + 0.01 * i for i in range(50)]
    assert not any("Overfitting" in t for t in told_of(losses, held_out={0: 3.0, 10: 2.9, 20: 3.1, 30: 3.2}))


def test_overfitting_from_the_first_epoch_says_that_the_base_was_better() -> None:
    (text,) = told_of([3.0 - 0.05 * i for i in range(50)], held_out={0: 2.5, 25: 2.7, 50: 3.0})
    assert text.startswith("Overfitting since the start")


def test_a_gradient_that_explodes_is_named_and_single_spikes_are_not() -> None:
    losses = noisy(60, 3.0, 2.0, 0.1)
    spike = [1.0] * 59 + [500.0]
    assert told_of(losses, norms=spike) == []
    burst = [1.0] * (60 - EXPLODING_STEPS) + [500.0] * EXPLODING_STEPS
    (text,) = told_of(losses, norms=burst)
    assert "gradient explodes" in text
    no_number = [1.0] * (60 - EXPLODING_STEPS) + [math.nan] * EXPLODING_STEPS
    assert "gradient explodes" in told_of(losses, norms=no_number)[0]
    # Below the norm it is clipped to, growth does no harm.
    assert told_of(losses, norms=[n / 1000 for n in burst]) == []


@pytest.mark.parametrize("again_at", [5, 20, 25, 40])
def test_a_resumed_run_is_judged_and_told_the_same_and_nothing_twice(again_at: int) -> None:
    losses = [3.0 - 0.05 * i for i in range(50)]
    looks = {0: 3.0, 10: 2.6, 20: 2.4, 30: 2.5, 40: 2.6, 50: 2.9}
    assert told_of(losses, held_out=looks, again_at=again_at) == told_of(losses, held_out=looks)


# Real runs.


def warnings(spec: TrainingSpec, out: Path) -> list[str]:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    try:
        run_job(spec, out, log, StopSwitch())
    finally:
        log.close()
    told = [json.loads(line) for line in (out / "progress.jsonl").read_text().splitlines()]
    return [line["event"]["message"] for line in told if line["type"] == "message" and line["event"]["level"] == "warn"]


def changed(spec: TrainingSpec, **numbers: Any) -> TrainingSpec:
    return spec.model_copy(update={"hyperparameters": spec.hyperparameters.model_copy(update=numbers)})


def test_a_huge_learning_rate_diverges(chat_spec: MakeSpec, tmp_path: Path) -> None:
    spec = changed(chat_spec(adaptation="full"), learning_rate=1.0, n_epochs=6, warmup_steps=0, max_grad_norm=1e6)
    told = warnings(spec, tmp_path / "out")
    assert any("diverges" in text for text in told), told


def test_labels_that_do_not_follow_from_the_texts_stay_flat(
    chat_spec: MakeSpec, write_jsonl: WriteLines, tmp_path: Path
) -> None:
    rng = random.Random(4)
    lines = [{"text": f"{rng.random()}", "label": rng.choice(["yes", "no"])} for _ in range(600)]
    spec = chat_spec(task="classification", adaptation="full", training_file=write_jsonl(lines))
    told = warnings(changed(spec, learning_rate=1e-4, n_epochs=1, batch_size=16), tmp_path / "out")
    assert any("stays flat" in text for text in told), told


def test_eight_records_for_many_epochs_overfit_and_the_best_step_was_published(
    chat_spec: MakeSpec, write_jsonl: WriteLines, tmp_path: Path
) -> None:
    spec = chat_spec(adaptation="full")
    lines = Path(spec.training_file.path).read_text().splitlines()
    few = tmp_path / "few.jsonl"
    few.write_text("\n".join(lines[:8]) + "\n")
    spec = spec.model_copy(
        update={
            "training_file": spec.training_file.model_copy(update={"path": str(few)}),
            "validation_file": write_jsonl([json.loads(line) for line in lines[8:]]),
        }
    )
    told = warnings(changed(spec, learning_rate=0.01, n_epochs=30, batch_size=8), tmp_path / "out")
    (text,) = [text for text in told if text.startswith("Overfitting since step")]
    step = int(text.split("since step ")[1].split(":")[0])
    progress = [json.loads(line) for line in (tmp_path / "out" / "progress.jsonl").read_text().splitlines()]
    published = {c["step"]: c["metrics"]["full_valid_loss"] for c in progress if c["type"] == "checkpoint"}
    assert published[step] == min(loss for at, loss in published.items() if at <= step + 3)
