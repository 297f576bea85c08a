"""Fine-tune a chat model: on conversations, with loss on the assistant's words alone, or on preferences."""

from tunesmith.base_models.prompts import PLAIN_TEMPLATE
from tunesmith.schemas.records import ChatRecord, PreferenceRecord, Record
from tunesmith.schemas.shape import Task, TrainingMethod
from tunesmith.schemas.training import TrainingResult
from tunesmith.training.base_model import Base, open_base
from tunesmith.training.data import pad_id, read_records, token_rows
from tunesmith.training.finetune import fine_tune, prove
from tunesmith.training.language_modelling import LanguageModelling
from tunesmith.training.objective import Objective
from tunesmith.training.plan import RowsOf, Run, make_plan
from tunesmith.training.preference import PreferenceLearning, pair_rows
from tunesmith.training.split import given, hold_out


def train_chat(run: Run) -> TrainingResult:
    """Read, split, train, compare, write: `out/model/` is complete when this returns."""
    run.progress.phase("loading_data")
    records = read_records(run.spec.training_file, Task.CHAT)
    if run.spec.validation_file is not None:
        split = given(records, read_records(run.spec.validation_file, Task.CHAT))
    else:
        split = hold_out(records, run.spec.validation_split)
    base = open_base(run.spec, run.progress)
    _give_template(run, base, records)
    rows_of, objective = _method(run, base)
    plan = make_plan(run, base, split, rows_of, objective, extra_files={})
    tuned = fine_tune(run, base, plan)
    return prove(run, base, plan, tuned)


def _method(run: Run, base: Base) -> tuple[RowsOf, Objective]:
    """How records become rows, and what is made of them."""
    if run.spec.method is not TrainingMethod.DPO:
        return token_rows(base), LanguageModelling(pad_id(base), "loss")
    if run.spec.hyperparameters.packing is True:
        run.progress.message("Pairs of answers are not packed: packing has no effect on this run.", level="warn")
    return pair_rows(base), PreferenceLearning(pad_id(base))


def _give_template(run: Run, base: Base, records: list[Record]) -> None:
    """A base without a chat template gets a plain one, which its tuned model carries and is served with."""
    templated = any(isinstance(r, PreferenceRecord) or (isinstance(r, ChatRecord) and r.templated) for r in records)
    if templated and not base.tokenizer.chat_template:
        base.tokenizer.chat_template = PLAIN_TEMPLATE
        run.progress.message(
            f"{base.entry.key} has no chat template; a plain one is trained and saved with the tuned model."
        )
