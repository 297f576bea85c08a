"""People, projects and keys."""

from enum import StrEnum
from typing import Literal

from pydantic import ConfigDict, Field

from tunesmith.schemas.shape import Shape


class KeyKind(StrEnum):
    USER = "user"
    WORKER = "worker"
    SERVICE = "service"
    ADMIN = "admin"


class KeyCreate(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "notebook", "expires_in_s": 2592000}]})

    name: str = Field(min_length=1, max_length=64)
    kind: KeyKind = KeyKind.USER
    user: str | None = Field(default=None, pattern=r"^[A-Za-z0-9._-]{1,64}$")
    """Admin only: the user (and project of the same name) the key is for; made if new."""
    expires_in_s: int | None = Field(default=None, ge=60, le=100 * 366 * 24 * 3600)


class ApiKey(Shape):
    """A key as it is listed: the prefix is shown, the key itself never again."""

    id: str
    object: Literal["api_key"] = "api_key"
    name: str
    kind: KeyKind
    prefix: str
    user: str
    project: str
    created_at: int
    last_used_at: int | None = None
    expires_at: int | None = None
    revoked_at: int | None = None


class CreatedKey(ApiKey):
    """The only answer that carries the key."""

    key: str
