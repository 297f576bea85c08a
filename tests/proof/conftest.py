"""Comparisons as a run tells them, and outcomes made of them."""

from collections.abc import Callable
from typing import Any

import pytest
from proof.judge import judge
from proof.outcome import Cost, Outcome
from proof.runs import Bar

from tunesmith.schemas.models import Comparison, Estimate


@pytest.fixture
def comparison() -> Callable[..., Comparison]:
    def make(before: float, after: float, verdict: str = "better", **changed: Any) -> Comparison:
        def figure(value: float) -> Estimate:
            return Estimate(value=value, low=value - 0.1, high=value + 0.1)

        given: dict[str, Any] = {
            "set": "held_out",
            "metric": "loss",
            "count": 80,
            "before": figure(before),
            "after": figure(after),
            "difference": figure(after - before),
            "verdict": verdict,
            "sentence": "",
        }
        return Comparison(**given | changed)

    return make


@pytest.fixture
def outcome(comparison) -> Callable[..., Outcome]:
    def make(after: float = 2.5, **changed: Any) -> Outcome:
        given: dict[str, Any] = {
            "name": "chat-lora",
            "task": "chat",
            "base": "b",
            "method": "supervised",
            "adaptation": "lora",
            "seed": 1,
            "cost": Cost(wall_s=110, cpu_s=150, peak_memory_bytes=3_000, estimated_s=100, estimated_bytes=4_000),
            "judged": judge([Bar("held_out", "loss", 1.0)], [comparison(3.6, after)]),
        }
        return Outcome(**given | changed)

    return make
