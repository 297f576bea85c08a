"""`python -m tunesmith.training spec.json out/`: run one training job, as a worker's child or by hand.

Exit codes: 0 done (`out/result.json`), 1 failed (`out/failure.json`), 75 stopped by SIGTERM (resume checkpoint written
if a step was done), 2 wrong usage.
"""

import argparse
import logging
import os
import sys
import traceback
from pathlib import Path

from pydantic import ValidationError

from tunesmith.schemas.training import EXIT_DONE, EXIT_FAILED, EXIT_STOPPED, TrainingFailure, TrainingSpec
from tunesmith.training.failures import failure_of
from tunesmith.training.files import write_whole
from tunesmith.training.progress import ProgressLog
from tunesmith.training.stopping import Stopped, StopSwitch


def main(argv: list[str] | None = None) -> int:
    """Train what the spec says; the exit code."""
    args = _arguments(argv)
    args.out.mkdir(parents=True, exist_ok=True)
    switch = StopSwitch()
    switch.install()
    progress = ProgressLog(args.out / "progress.jsonl")
    try:
        progress.phase("starting")
        spec = _read_spec(args.spec)
        _prepare_process()
        # torch and transformers take seconds to import: the worker has heard "starting" by now.
        from tunesmith.training.run import run_job

        result = run_job(spec, args.out, progress, switch)
        write_whole(args.out / "result.json", result.model_dump_json(indent=2).encode())
    except Stopped:
        progress.message("Stopped as asked.", level="warn")
        return EXIT_STOPPED
    except Exception as error:  # noqa: BLE001 -- the last place that can tell the worker why the run ended
        return _fail(error, args.out, progress)
    finally:
        progress.close()
    return EXIT_DONE


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tunesmith.training", description="Run one training job.")
    parser.add_argument("spec", type=Path, help="JSON file of the job's spec (schemas/training.py, TrainingSpec)")
    parser.add_argument("out", type=Path, help="folder for progress, checkpoints, the model and the result")
    return parser.parse_args(argv)


def _read_spec(path: Path) -> TrainingSpec:
    from tunesmith.schemas.errors import SpecInvalid

    try:
        return TrainingSpec.model_validate_json(path.read_bytes())
    except OSError as e:
        raise SpecInvalid(f"The spec {path} cannot be read ({e.strerror}). Give the path of a spec file.") from e
    except ValidationError as e:
        fault = e.errors()[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise SpecInvalid(f"The spec's field {field}: {fault['msg']}.", param=field) from e


def _prepare_process() -> None:
    """Settings that libraries read once, when they are imported."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    # peft imports it where it is installed, and it warns of kernels that no run here uses.
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    # One run uses one GPU: with several in sight, the Trainer would split each batch over all of them.
    os.environ.setdefault("CUDA_VISIBLE_DEVICES", "0")


def _fail(error: Exception, out: Path, progress: ProgressLog) -> int:
    failure: TrainingFailure = failure_of(error)
    traceback.print_exception(error, file=sys.stderr)
    progress.message(failure.message, level="error")
    write_whole(out / "failure.json", failure.model_dump_json(indent=2).encode())
    return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
