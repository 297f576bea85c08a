"""From a spec to the run that its task names."""

import gc
import time
from pathlib import Path

import transformers

from tunesmith.schemas.shape import Task
from tunesmith.schemas.training import TrainingResult, TrainingSpec
from tunesmith.training.base_model import set_threads
from tunesmith.training.chat import train_chat
from tunesmith.training.classification import train_classification
from tunesmith.training.delivery.in_run import deliver
from tunesmith.training.embedding import train_embedding
from tunesmith.training.plan import Run
from tunesmith.training.probes import answered
from tunesmith.training.progress import ProgressLog
from tunesmith.training.protein import train_protein
from tunesmith.training.stopping import StopSwitch

METHODS = {
    Task.CHAT: train_chat,
    Task.CLASSIFICATION: train_classification,
    Task.EMBEDDING: train_embedding,
    Task.PROTEIN: train_protein,
}


def run_job(spec: TrainingSpec, out: Path, progress: ProgressLog, switch: StopSwitch) -> TrainingResult:
    """Run the job; `out/model/` is complete when the result is returned. Raises Stopped when asked to stop."""
    began_at = time.monotonic()
    set_threads()
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    transformers.set_seed(spec.seed)
    run = Run(spec, out, progress, switch, began_at)
    return _finished(run, METHODS[spec.task](run))


def _finished(run: Run, result: TrainingResult) -> TrainingResult:
    """With what needs the folder complete and the memory of training free: the probes' answers, and the push."""
    gc.collect()
    folder = run.out / "model"
    probes = answered(run.spec, result.probes, folder, run.progress)
    delivery = deliver(run.spec, folder, run.progress)
    return result.model_copy(update={"probes": probes, "delivery": delivery})
