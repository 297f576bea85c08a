"""Sequence identity: how much of the shorter sequence stands residue for residue in the other.

Global alignment (Needleman-Wunsch) with BLOSUM62, gap open 11, gap extend 1, by parasail; the number of identical
pairs divided by the length of the shorter sequence. The held-out split and a generated sequence's nearest identity
both use it, so that their figures can be set side by side.
"""

from typing import Any, cast

import parasail

GAP_OPEN = 11
GAP_EXTEND = 1
_TO_X = str.maketrans("JOU", "XXX")


def identity(a: str, b: str) -> float:
    """0-1. Upper-case residues; ambiguous letters never count as a match with another letter."""
    if not a or not b:
        return 0.0
    module = cast(Any, parasail)
    found = module.nw_stats_striped_sat(a.translate(_TO_X), b.translate(_TO_X), GAP_OPEN, GAP_EXTEND, module.blosum62)
    return found.matches / min(len(a), len(b))
