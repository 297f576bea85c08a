"""The delivery of a run's model, by a program of its own: nothing that happens to it can cost the model."""

import subprocess
import sys
import tempfile
from pathlib import Path

from pydantic import ValidationError

from tunesmith.schemas.models import Delivery
from tunesmith.schemas.training import TrainingSpec
from tunesmith.training.progress import ProgressLog

LIMIT_S = 45 * 60.0
"""Below the hour after which a server takes a job that does not move from its worker."""


def deliver(spec: TrainingSpec, folder: Path, progress: ProgressLog) -> Delivery | None:
    """Where the model went, or why it did not; None when the spec asks for nothing. Never raises for a failed push."""
    if spec.output_model is None:
        return None
    progress.phase("pushing")
    delivery = _pushed(spec, spec.output_model, folder)
    if delivery.status == "pushed":
        progress.message(f"The {_what(spec)} were pushed to {delivery.url}. {delivery.note}")
    else:
        merged = " --merged" if spec.output_weights == "merged" else ""
        progress.message(
            f"The model is complete, and was not pushed to {delivery.repo}: {delivery.note} "
            f"`tunesmith models push {spec.job_id} {delivery.repo}{merged}` pushes it later.",
            level="warn",
        )
    return delivery


def _pushed(spec: TrainingSpec, repo: str, folder: Path) -> Delivery:
    with tempfile.TemporaryDirectory(prefix="tunesmith-push-") as scratch:
        base = Path(scratch) / "base.json"
        base.write_text(spec.base.model_dump_json(), encoding="utf-8")
        command = [sys.executable, "-m", "tunesmith.training.delivery", "push", str(folder), repo, "--base", str(base)]
        if spec.output_weights == "merged":
            command.append("--merged")
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=False
            )
        except subprocess.TimeoutExpired:
            return _failed(spec, repo, f"The push took longer than {LIMIT_S / 60:g} minutes and was stopped.")
        except OSError as e:
            return _failed(spec, repo, f"The program that pushes cannot be started: {e}.")
    try:
        return Delivery.model_validate_json(done.stdout)
    except ValidationError:
        said = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "it said nothing")
        return _failed(spec, repo, f"The program that pushes ended with {done.returncode}: {said.strip()[:500]}")


def _failed(spec: TrainingSpec, repo: str, why: str) -> Delivery:
    return Delivery(repo=repo, weights=spec.output_weights, status="failed", note=why)


def _what(spec: TrainingSpec) -> str:
    return "merged weights" if spec.output_weights == "merged" else "weights"
