"""The server's settings: read once at start, passed to `create_app`, never changed."""

import os
from pathlib import Path

import platformdirs
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


def default_data_dir() -> Path:
    """TUNESMITH_DATA_DIR, else the platform's user data folder."""
    return Path(os.environ.get("TUNESMITH_DATA_DIR") or platformdirs.user_data_path("tunesmith"))


class Settings(BaseSettings):
    """Each field is `TUNESMITH_<FIELD>` in the environment, or `--field` on the command line."""

    model_config = SettingsConfigDict(env_prefix="TUNESMITH_", frozen=True, extra="ignore")

    data_dir: Path = Field(default_factory=default_data_dir)
    """Folder of everything that is kept: postgres/, blobs/, models/, logs/, admin.key."""
    database_url: str | None = None
    """postgresql://... of your own server; without it an embedded PostgreSQL runs under data_dir."""
    blob_url: str | None = None
    """s3://, gs:// or az:// bucket for files and weights; without it data_dir/blobs."""
    catalog: Path | None = None
    """YAML file with base models of your own, added to the built-in catalogue."""
    host: str = "127.0.0.1"
    """Address to listen on. 0.0.0.0 lets other machines in: put TLS in front."""
    port: int = 8000
    """Port to listen on."""
    public_hosts: list[str] = Field(default_factory=list[str])
    """Host names that requests may carry besides localhost, 127.0.0.1, ::1 and `host`. Add your domain here."""
    cors_origins: list[str] = Field(default_factory=list[str])
    """Web origins whose pages may call the API from a browser, such as https://app.example.com; none by default."""
    max_body_bytes: int = 10 * 1024**2
    """Largest JSON body (bytes); under /worker/v1 it is 1 MiB at most. Files have limits of their own."""
    max_file_bytes: int = 8 * 1024**3
    """Largest training file (bytes)."""
    max_artifact_bytes: int = 200 * 1024**3
    """Largest single file that a worker may upload (bytes)."""
    lease_ttl_s: float = 60.0
    """A lease that is not renewed for this long ends, and the job is queued again."""
    report_interval_s: float = 10.0
    """How often a worker is asked to report."""
    watched_report_interval_s: float = 2.0
    """The same while somebody follows the job."""
    sweep_interval_s: float = 5.0
    """How often lost leases are looked for."""
    start_deadline_s: float = 20.0
    """A claim without its first report is returned after this long."""
    queue_deadline_s: float = 7 * 24 * 3600.0
    """A job that nobody claimed for this long fails."""
    max_runtime_s: float = 7 * 24 * 3600.0
    """A job that ran this long in all fails."""
    no_progress_s: float = 3600.0
    """A running job whose step did not move for this long is taken from its worker."""
    max_attempts: int = 3
    """Epochs that may end at the same step before the job is called poison."""
    checkpoint_interval_s: float = 300.0
    """Time between resume checkpoints."""
    worker_price_per_hour: float = Field(default=0.0, ge=0)
    """Price of an hour of a worker's time, in any currency: estimates of a job's cost are made of it."""
    engine_timeout_s: float = 20.0
    """An engine that sent no sign of life for this long is not asked."""
    database_pool: int = 10
    """Connections of this process; workers' reports have three more of their own."""
    log_json: bool = True
    """False prints coloured lines for a person."""
    event_stream_life_s: float = 300.0
    """A server-sent event stream closes after this long and asks the client to come back."""
    signed_url_life_s: float = 900.0
    """Life of a signed link."""
