"""The worker's settings: read once at start, passed to `main.run`."""

import os
import sys
from pathlib import Path

import platformdirs
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from tunesmith.schemas.errors import Unauthenticated


def default_data_dir() -> Path:
    """TUNESMITH_DATA_DIR, else the platform's user data folder."""
    return Path(os.environ.get("TUNESMITH_DATA_DIR") or platformdirs.user_data_path("tunesmith"))


class WorkerSettings(BaseSettings):
    """Each field is `TUNESMITH_WORKER_<FIELD>` in the environment, but for the names given with the field."""

    model_config = SettingsConfigDict(
        env_prefix="TUNESMITH_WORKER_", frozen=True, extra="ignore", populate_by_name=True
    )

    server_url: str = Field(
        default="http://127.0.0.1:8000",
        validation_alias=AliasChoices("TUNESMITH_WORKER_SERVER_URL", "TUNESMITH_URL", "FINETUNE_SERVER_URL"),
    )
    """Where the server answers (TUNESMITH_URL or FINETUNE_SERVER_URL)."""
    key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("TUNESMITH_WORKER_KEY", "FINETUNE_WORKER_KEY")
    )
    """The worker key (FINETUNE_WORKER_KEY); without it `worker.key` of the data folder."""
    data_dir: Path = Field(
        default_factory=default_data_dir,
        validation_alias=AliasChoices("TUNESMITH_WORKER_DATA_DIR", "TUNESMITH_DATA_DIR"),
    )
    """The data folder, for what is not named by itself."""
    work_dir: Path | None = None
    """This worker's own folder: its id, running jobs, downloaded inputs. Default: worker/ of the data folder."""
    models_dir: Path | None = Field(
        default=None, validation_alias=AliasChoices("TUNESMITH_WORKER_MODELS_DIR", "TUNESMITH_MODELS_DIR")
    )
    """Unpacked base weights, shared by the workers of a machine. Default: models/ of the data folder."""
    name: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,48}$")
    """The start of the worker's id as the server shows it. Default: the host's name."""
    threads: int | None = Field(default=None, ge=1)
    """Threads of the training child. Default: the cores this process may use; give a share when workers share them."""
    claim_wait_s: float = Field(default=30.0, ge=0, le=50)
    """How long one request for work waits at the server."""
    grace_s: float = Field(default=120.0, gt=0)
    """How long a child may take to write its checkpoint when paused or drained, unless the server says otherwise."""
    shutdown_s: float = Field(default=1.5, gt=0)
    """The same when this worker is told to stop: the job is handed back at the latest after this long."""
    orphan_limit_s: float = Field(default=1800.0, gt=0)
    """Training goes on this long without any answer from the server."""
    retry_longest_s: float = Field(default=30.0, gt=0)
    """Longest pause between two tries of a call."""
    progress_poll_s: float = Field(default=0.2, gt=0)
    """How often the child's progress file is read."""
    resources_every_s: float = Field(default=2.0, gt=0)
    """How often the run's use of cores and memory is looked at; reports tell the latest look."""
    chunk_bytes: int = Field(default=8 * 1024 * 1024, ge=1)
    """Bytes of one upload request."""
    stream_max_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    """Largest buffer on disk of each of a job's streams; log lines beyond it are dropped, and that is told."""
    cache_bytes: int = Field(default=20 * 1024**3, ge=0)
    """Downloaded inputs that are kept for later jobs."""
    training_command: tuple[str, ...] = (sys.executable, "-m", "tunesmith.training")
    """The training program; the spec's path and the out folder follow."""

    @property
    def folder(self) -> Path:
        """The work folder."""
        return self.work_dir or self.data_dir / "worker"

    @property
    def models_folder(self) -> Path:
        """The folder of base weights."""
        return self.models_dir or self.data_dir / "models"

    def worker_key(self) -> str:
        """The key to claim with. Raises Unauthenticated when there is none."""
        if self.key is not None:
            return self.key.get_secret_value()
        path = self.data_dir / "worker.key"
        try:
            return path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise Unauthenticated(
                f"No worker key: FINETUNE_WORKER_KEY is not set and {path} cannot be read ({error.strerror}). "
                "Make one with `tunesmith keys create --kind worker` and set FINETUNE_WORKER_KEY."
            ) from error
