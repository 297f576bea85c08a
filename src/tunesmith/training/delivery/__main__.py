"""`python -m tunesmith.training.delivery push|export ...`: see `--help`.

stdout is one JSON object: a Delivery for `push`, `{"files": [...]}` for `export`. What went wrong is one line on
stderr. Exit codes are the CLI's: 0 done, 1 failed, 2 wrong usage, 3 refused or not found, 4 hub unreachable.
"""

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from tunesmith.schemas.errors import Invalid, TunesmithError
from tunesmith.schemas.models import BaseModelEntry, Delivery

DONE, FAILED, REFUSED, UNREACHABLE = 0, 1, 3, 4


def main(argv: list[str] | None = None) -> int:
    """Do what the arguments say; the exit code."""
    args = _arguments(argv)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        return _push(args) if args.work == "push" else _export(args)
    except TunesmithError as error:
        return _told(error)


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tunesmith.training.delivery", description="Push or export a model's folder."
    )
    works = parser.add_subparsers(dest="work", required=True)
    push = works.add_parser("push", help="send the folder to a hub repository; HF_TOKEN and HF_ENDPOINT are used")
    push.add_argument("folder", type=Path)
    push.add_argument("repo")
    export = works.add_parser("export", help="write the model in another form")
    export.add_argument("folder", type=Path)
    export.add_argument("target", type=Path)
    export.add_argument("--gguf", action="store_true", help="write a GGUF file too, by llama.cpp's converter")
    export.add_argument("--name", default="model", help="of the GGUF file, without its ending")
    for each in (push, export):
        each.add_argument("--merged", action="store_true", help="an adapter is folded into its base first")
        each.add_argument("--base", type=Path, help="JSON of the base's catalogue entry; needed to merge")
    return parser.parse_args(argv)


def _push(args: argparse.Namespace) -> int:
    from tunesmith.training.delivery.hub import push

    weights = "merged" if args.merged else "adapter"
    try:
        with _full_model(args, args.merged) as folder:
            delivery = push(folder, args.repo, weights)
    except TunesmithError as error:
        _print(Delivery(repo=args.repo, weights=weights, status="failed", note=error.message).model_dump())
        return _told(error)
    _print(delivery.model_dump())
    return DONE


def _export(args: argparse.Namespace) -> int:
    from tunesmith.training.delivery import gguf

    converter = gguf.find_converter() if args.gguf else None
    with _full_model(args, args.merged or args.gguf) as folder:
        if args.merged or not args.gguf:
            shutil.copytree(folder, args.target, dirs_exist_ok=True)
        if converter is not None:
            gguf.convert(folder, args.target / f"{args.name}.gguf", converter)
    files = sorted(p.relative_to(args.target).as_posix() for p in args.target.rglob("*") if p.is_file())
    _print({"files": files})
    return DONE


@contextmanager
def _full_model(args: argparse.Namespace, merged: bool) -> Generator[Path]:
    """The model's folder; with `merged` and an adapter, one that it was merged into, for the length of the block."""
    if not merged or not (args.folder / "adapter_config.json").is_file():
        yield args.folder
        return
    # torch takes seconds to import: a push of what is there does without.
    from tunesmith.base_models.fetch import local_folder
    from tunesmith.training.base_model import models_dir
    from tunesmith.training.delivery.merge import merge

    entry = _entry(args.base)
    base_folder = local_folder(entry, models_dir(), hub_token=os.environ.get("HF_TOKEN"), say=_say)
    with tempfile.TemporaryDirectory(prefix="tunesmith-merged-", dir=args.folder.parent) as scratch:
        target = Path(scratch) / "model"
        merge(args.folder, entry, base_folder, target)
        yield target


def _entry(path: Path | None) -> BaseModelEntry:
    if path is None:
        raise Invalid("The model is an adapter: name its base's catalogue entry by --base to merge it.", param="base")
    return BaseModelEntry.model_validate_json(path.read_bytes())


def _print(found: dict[str, object]) -> None:
    print(json.dumps(found), flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _told(error: TunesmithError) -> int:
    _say(error.message)
    if error.error_code == "hub_away":
        return UNREACHABLE
    return REFUSED if error.status < 500 else FAILED


if __name__ == "__main__":
    sys.exit(main())
