"""Whether a run passed: each of its bars against what the run found."""

from collections.abc import Sequence
from dataclasses import dataclass

from proof.runs import Bar
from tunesmith.schemas.models import Comparison


@dataclass(frozen=True)
class Judged:
    """One bar with the comparison that it is held against; `fault` is empty where it was reached."""

    bar: Bar
    comparison: Comparison | None
    fault: str

    @property
    def passed(self) -> bool:
        return not self.fault


def judge(bars: Sequence[Bar], comparisons: Sequence[Comparison]) -> list[Judged]:
    """Every bar, in order."""
    by_name = {(found.set, found.metric): found for found in comparisons}
    return [_judge(bar, by_name.get((bar.set, bar.metric))) for bar in bars]


def _judge(bar: Bar, found: Comparison | None) -> Judged:
    if found is None:
        return Judged(bar, None, f"the run compared no {bar.metric} on {bar.set} records")
    if bar.verdict == "any":
        return Judged(bar, found, "")
    if bar.verdict == "not better":
        return Judged(bar, found, "the verdict is better where nothing general was learned" if _better(found) else "")
    if not _better(found):
        return Judged(bar, found, f"the verdict is {found.verdict}")
    gain, most = gain_of(found), most_of(found)
    told = f"{gain:.3f} (at most {most:.3f}, 95 %)" if bar.within == "interval" else f"{gain:.3f}"
    reached = most if bar.within == "interval" else gain
    short = f"the gain is {told}, and {bar.gain:.3f} was measured before" if reached < bar.gain else ""
    return Judged(bar, found, short)


def gain_of(found: Comparison) -> float:
    """How much better, in the metric's own direction; negative: worse."""
    change = found.after.value - found.before.value
    return change if found.higher_is_better else -change


def most_of(found: Comparison) -> float:
    """The far end of the gain's 95 % interval."""
    return found.difference.high if found.higher_is_better else -found.difference.low


def _better(found: Comparison) -> bool:
    return found.verdict == "better"
