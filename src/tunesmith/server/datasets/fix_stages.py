"""Which stage does which fix."""

from tunesmith.schemas.fixes import DropDuplicates, DropFaulty, DropFound, Fix, RenameLabel, SetColumns
from tunesmith.server.datasets.dropping import (
    Conflicting,
    FarSurvey,
    Faulty,
    LabelSurvey,
    Odd,
    RareLabels,
    Repeated,
    TooFar,
)
from tunesmith.server.datasets.renaming import NamedColumns, RenamedLabel
from tunesmith.server.datasets.stages import Stage, Surveying


def survey_of(fix: Fix) -> Surveying | None:
    """What must see the whole file before the fix's stage; None for most."""
    if isinstance(fix, DropFound) and fix.code in ("very_short", "very_long"):
        return FarSurvey()
    if isinstance(fix, DropFound) and fix.code == "rare_labels":
        return LabelSurvey()
    return None


def stage_of(fix: Fix, survey: Surveying | None) -> Stage:
    """The fix's stage, with what its survey saw."""
    match fix:
        case DropFaulty():
            return Faulty()
        case DropDuplicates():
            return Repeated(near=fix.near)
        case RenameLabel():
            return RenamedLabel(fix.label, fix.to)
        case SetColumns():
            return NamedColumns(fix.roles)
        case DropFound():
            return _found(fix, survey)


def _found(fix: DropFound, survey: Surveying | None) -> Stage:
    if isinstance(survey, FarSurvey):
        return TooFar(survey.far, longer=fix.code == "very_long")
    if isinstance(survey, LabelSurvey):
        return RareLabels(survey.tally)
    if fix.code == "conflicting_labels":
        return Conflicting()
    return Odd(fix.code)
