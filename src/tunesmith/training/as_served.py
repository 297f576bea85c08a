"""Before and after as people will meet them, where the run itself held the base in four bits."""

from dataclasses import dataclass, replace
from typing import Any

import torch
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict

from tunesmith.schemas.shape import Adaptation
from tunesmith.training.adapters import prepare
from tunesmith.training.base_model import Base
from tunesmith.training.batches import free_bytes
from tunesmith.training.look import Look
from tunesmith.training.objective import Columns
from tunesmith.training.plan import Plan, Run

ROOM = 1.5
"""Free memory that is wanted for the plain base, in its weights: some is for the activations."""
ON_PLAIN_BASE = "The figures are of the adapter on the plain base, as it is served."
IN_FOUR_BITS = (
    "The figures were measured on the base in four bits: there was no memory for the plain one, on which the adapter "
    "is served."
)


@dataclass(frozen=True)
class ServedScores:
    """Of the held-out sets, by the plain base and by the adapter on it."""

    before: dict[str, Columns]
    after: dict[str, Columns]


def score_as_served(run: Run, base: Base, plan: Plan, tuned: Any) -> ServedScores | None:
    """Scores on the base that is not quantised, with the adapter that `tuned` carries and without it.

    None when there is no room for that base beside the model of the run.
    """
    width = torch.empty(0, dtype=base.precision.weights).element_size()
    if not plan.held_out or free_bytes(base.precision.device) < ROOM * width * base.entry.parameters:
        return None
    served: Any = prepare(base, Adaptation.LORA, plan.numbers)
    look = Look(served, base.precision, replace(plan, rows=[]), run.switch)
    look.begin()
    before = look.at_all()
    set_peft_model_state_dict(served, get_peft_model_state_dict(tuned))
    return ServedScores(before, look.at_all())
