"""The engine's settings: read once at start, passed to `run(settings)`, never changed."""

import os
from pathlib import Path
from typing import Literal

import platformdirs
import psutil
from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _default_models_dir() -> Path:
    data_dir = os.environ.get("TUNESMITH_DATA_DIR") or platformdirs.user_data_path("tunesmith")
    return Path(os.environ.get("TUNESMITH_MODELS_DIR") or Path(data_dir) / "models")


def _default_memory_bytes() -> int:
    return int(psutil.virtual_memory().total * 0.6)


class EngineSettings(BaseSettings):
    """Each field is `TUNESMITH_ENGINE_<FIELD>` in the environment, but for the names given with the field.

    The prefix keeps them apart from the server's own `TUNESMITH_PORT` and the like, which a child of `tunesmith up`
    inherits.
    """

    model_config = SettingsConfigDict(
        env_prefix="TUNESMITH_ENGINE_", frozen=True, extra="ignore", populate_by_name=True, protected_namespaces=()
    )

    server_url: str = Field(
        default="http://127.0.0.1:8000", validation_alias=AliasChoices("TUNESMITH_URL", "FINETUNE_SERVER_URL")
    )
    """Where the server answers. Also `TUNESMITH_URL`."""
    worker_key: SecretStr = Field(default=SecretStr(""), validation_alias=AliasChoices("FINETUNE_WORKER_KEY"))
    """The worker key with which the engine registers. `FINETUNE_WORKER_KEY`."""
    hub_token: SecretStr | None = Field(default=None, validation_alias=AliasChoices("HF_TOKEN"))
    """For gated base models. `HF_TOKEN`."""
    host: str = "127.0.0.1"
    """Where the engine listens. Only the server calls it: leave it on loopback when both share a machine."""
    port: int = 0
    """0 takes a free port; the registration tells the server which."""
    public_url: str | None = None
    """How the server reaches this engine, when that is not http://host:port."""
    secret: SecretStr | None = Field(default=None, min_length=16, max_length=128)
    """What the server must send as Bearer; a fresh random one by default, told by the registration."""
    models_dir: Path = Field(default_factory=_default_models_dir)
    """Folder of base weights (shared with the worker) and, under engine-cache/, of tuned models."""
    cache_bytes: int = 20 * 1024**3
    """Tuned models kept on disk (bytes); the least recently used go first."""
    memory_bytes: int = Field(default_factory=_default_memory_bytes)
    """Weights kept in memory (bytes), 60 % of the machine's by default; the least recently used go first."""
    threads: int = Field(default_factory=lambda: max(1, os.cpu_count() or 1), ge=1)
    """Cores one step of a model uses."""
    max_rows: int = Field(default=64, ge=1)
    """Sequences that one base advances at a time; further requests wait their turn."""
    dtype: Literal["auto", "float32", "bfloat16"] = "auto"
    """Precision of the weights in memory. auto: bfloat16 for models above 50 M weights on a CPU with native bfloat16
    (1.5 to 2 times the tokens a second there), else float32."""
    log_json: bool = True
    """False prints coloured lines for a person."""
