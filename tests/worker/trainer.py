"""A tiny real training program for the worker's tests: same arguments, files and exit codes as the real one.

python trainer.py [--steps N] [--hold-at STEP] [--slow-stop] [--exit CODE] [--failure JSON] [--resume-at STEP]
                  [--save-at STEP] [--orphan] [--checkup] spec.json out/
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

HYPER = {
    "n_epochs": 1, "batch_size": 1, "learning_rate_multiplier": 1.0, "learning_rate": 0.1, "lora_rank": 1,
    "lora_alpha": 1, "lora_dropout": 0.0, "max_seq_len": 16, "warmup_steps": 0, "weight_decay": 0.0,
    "max_grad_norm": 1.0, "lr_schedule": "constant",
}  # fmt: skip

CHECKUP = {
    "n_train": 9, "n_held_out": 1, "max_seq_len": 16, "n_truncated": 0, "trained_token_share": 0.5,
    "first_batch": [[{"text": "cat", "trained": True}]],
}  # fmt: skip
ANSWERS = [{"prompt": f"q{n}", "answer": "a", "reference": "r"} for n in range(5)]


def main() -> int:
    args = arguments()
    spec = json.loads(args.spec.read_text())
    args.out.mkdir(exist_ok=True)
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(1))
    say(args.out, type="phase", phase="training")
    first = 0
    if spec["resume_path"]:
        first = json.loads((Path(spec["resume_path"]) / "state" / "step.json").read_text())["step"]
    started = {"hyperparameters": HYPER, "total_steps": args.steps, "n_train": 1, "n_held_out": 0}
    say(args.out, type="started", **started, trained_tokens_per_epoch=1, split_note="none")
    print("environment", json.dumps({k: os.environ.get(k) for k in ("OMP_NUM_THREADS", "FINETUNE_WORKER_KEY")}))
    print("training data", Path(spec["training_file"]["path"]).read_text().strip(), file=sys.stderr, flush=True)
    if args.checkup:
        say(args.out, type="checkup", checkup=CHECKUP)
    if args.orphan:
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    for step in range(first + 1, args.steps + 1):
        values = {"train_loss": 1 / step, "broken": float("nan")}
        say(
            args.out,
            type="metrics",
            point={"step": step, "values": values, "at": 1.0},
            total_steps=args.steps,
            eta_s=float(args.steps - step),
        )
        if step == args.save_at:
            save(args.out, "published", step)
        if step == args.resume_at:
            save(args.out, "resume", step)
        while step == args.hold_at and not asked:
            time.sleep(0.005)
        if asked:
            while args.slow_stop:
                time.sleep(0.01)
            save(args.out, "resume", step)
            return 75
    if args.failure:
        (args.out / "failure.json").write_text(args.failure)
    if args.exit is not None:
        print("Traceback: something broke", file=sys.stderr, flush=True)
        return args.exit
    finish(args.out, args.steps)
    return 0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    for name in ("--steps", "--hold-at", "--exit", "--resume-at", "--save-at"):
        parser.add_argument(name, type=int, default=3 if name == "--steps" else None)
    parser.add_argument("--slow-stop", action="store_true")
    parser.add_argument("--orphan", action="store_true")
    parser.add_argument("--checkup", action="store_true")
    parser.add_argument("--failure")
    parser.add_argument("spec", type=Path)
    parser.add_argument("out", type=Path)
    return parser.parse_args()


def say(out: Path, **line: object) -> None:
    with (out / "progress.jsonl").open("a") as f:
        f.write(json.dumps(line) + "\n")


def save(out: Path, kind: str, step: int) -> None:
    folder = out / f"{kind}-{step}"
    (folder / "state").mkdir(parents=True)
    (folder / "state" / "step.json").write_text(json.dumps({"step": step}))
    (folder / "weights.safetensors").write_bytes(b"w" * 1000 + bytes([step]))
    told = {"kind": kind, "step": step, "path": folder.name, "metrics": {"train_loss": 1 / step}}
    say(out, type="checkpoint", **told, answers=ANSWERS if kind == "published" else [])


def finish(out: Path, steps: int) -> None:
    (out / "model").mkdir()
    (out / "model" / "adapter.safetensors").write_bytes(b"adapter" * 300)
    (out / "model" / "empty.txt").write_bytes(b"")
    result = {
        "hyperparameters": HYPER, "steps": steps, "trained_tokens": 1, "n_train": 1, "n_held_out": 0,
        "record_fingerprint": "f", "metrics": {"train_loss": 0.1}, "comparisons": [], "packages": {},
    }  # fmt: skip
    (out / "result.json").write_text(json.dumps(result))


if __name__ == "__main__":
    sys.exit(main())
