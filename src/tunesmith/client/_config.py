"""Where the server is and which key to send: arguments, then the environment, then the local data folder."""

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import platformdirs

from tunesmith.schemas.errors import Invalid, Unauthenticated

DEFAULT_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Config:
    """A client's settings; `Config.find` fills what is not given."""

    base_url: str
    """Without a trailing slash and without /v1."""
    api_key: str | None
    key_hint: str
    """Where a key was looked for, for the message when there is none."""
    timeout_s: float = 600.0
    """Longest silence of the server before a call fails."""
    connect_timeout_s: float = 5.0
    max_retries: int = 2

    @classmethod
    def find(
        cls,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        data_dir: Path | str | None = None,
        timeout_s: float = 600.0,
        max_retries: int = 2,
    ) -> "Config":
        """Settings from the arguments, TUNESMITH_URL, TUNESMITH_API_KEY and the data folder's admin.key.

        admin.key is read only for a server on this machine, unless `data_dir` is given: a remote address in the
        environment must not be handed this machine's key.
        """
        url = _clean(base_url or os.environ.get("TUNESMITH_URL") or DEFAULT_URL)
        folder = Path(data_dir) if data_dir else default_data_dir()
        key = api_key or os.environ.get("TUNESMITH_API_KEY") or None
        hint = "TUNESMITH_API_KEY is not set"
        if key is None and (data_dir is not None or _is_local(url)):
            key = _key_file(folder / "admin.key")
            hint += f" and {folder / 'admin.key'} does not exist"
        return cls(url, key, hint, timeout_s=timeout_s, max_retries=max_retries)

    def key(self) -> str:
        """The API key. Raises Unauthenticated when none was found."""
        if self.api_key is None:
            raise Unauthenticated(
                f"No API key for {self.base_url}: {self.key_hint}. "
                "Set TUNESMITH_API_KEY, or name the server's data folder (--data-dir or TUNESMITH_DATA_DIR)."
            )
        return self.api_key


def default_data_dir() -> Path:
    """TUNESMITH_DATA_DIR, else the platform's user data folder."""
    return Path(os.environ.get("TUNESMITH_DATA_DIR") or platformdirs.user_data_path("tunesmith"))


def _clean(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise Invalid(f"'{url}' is not a server's address. Write it as http://host:port.", param="base_url")
    return url.rstrip("/").removesuffix("/v1").rstrip("/")


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _key_file(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unauthenticated(
            f"The key file {path} cannot be read ({error.strerror}). Set TUNESMITH_API_KEY instead."
        ) from error
