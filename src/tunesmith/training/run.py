"""From a spec to the run that its task names."""

import time
import warnings
from pathlib import Path

import transformers

from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import TrainingResult, TrainingSpec
from tunesmith.training.base_model import set_threads
from tunesmith.training.chat import train_chat
from tunesmith.training.plan import Run
from tunesmith.training.progress import ProgressLog
from tunesmith.training.protein import train_protein
from tunesmith.training.stopping import StopSwitch

METHODS = {Task.CHAT: train_chat, Task.PROTEIN: train_protein}


def run_job(spec: TrainingSpec, out: Path, progress: ProgressLog, switch: StopSwitch) -> TrainingResult:
    """Run the job; `out/model/` is complete when the result is returned. Raises Stopped when asked to stop."""
    began_at = time.monotonic()
    set_threads()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    # trl sets this option by itself; its warning is not for whoever reads the job's log.
    warnings.filterwarnings("ignore", message=".*gradient_checkpointing.*", category=FutureWarning)
    transformers.set_seed(spec.seed)
    return METHODS[spec.task](Run(spec, out, progress, switch, began_at))
