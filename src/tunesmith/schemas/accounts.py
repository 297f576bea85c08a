"""People, projects, keys, and signing in to the page."""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import ConfigDict, Field, model_validator

from tunesmith.schemas.shape import Shape


class KeyKind(StrEnum):
    USER = "user"
    WORKER = "worker"
    SERVICE = "service"
    ADMIN = "admin"


class Scope(StrEnum):
    """What a restricted key may do; a key without scopes may do all that its kind may."""

    READ = "read"
    """Look at everything of the project."""
    TRAIN = "train"
    """Upload and change data, start and stop jobs, delete models."""
    INFER = "infer"
    """Call models."""
    MANAGE = "manage"
    """Make and revoke keys, projects and sign-in links."""


Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class KeyCreate(Shape):
    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "notebook", "scopes": ["read", "infer"], "expires_in_s": 2592000}]}
    )

    name: str = Field(min_length=1, max_length=64)
    kind: KeyKind = KeyKind.USER
    user: Slug | None = None
    """Admin only: the user (and project of the same name) the key is for; made if new."""
    scopes: list[Scope] | None = Field(default=None, min_length=1, max_length=4)
    """What the key may do; None: all that its kind may."""
    expires_in_s: int | None = Field(default=None, ge=60, le=100 * 366 * 24 * 3600)


class ApiKey(Shape):
    """A key as it is listed: the prefix is shown, the key itself never again."""

    id: str
    object: Literal["api_key"] = "api_key"
    name: str
    kind: KeyKind
    scopes: list[Scope] | None = None
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


class ProjectCreate(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "support-bot"}]})

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,62}$")
    """Lower case, and ORG in the names of its models: it stays."""


class Project(Shape):
    """What rows belong to. A request is about the key's project; a signed-in person's names another one of theirs by
    the header `OpenAI-Project`."""

    id: str
    object: Literal["project"] = "project"
    name: str
    created_at: int


class MemberCreate(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"user": "bea"}]})

    user: Slug


class Member(Shape):
    """Somebody who may act in a project."""

    object: Literal["project.member"] = "project.member"
    user: str
    own: bool
    """The project is their own, made with them."""
    added_at: int


class SignInLinkCreate(Shape):
    model_config = ConfigDict(json_schema_extra={"examples": [{"user": "bea"}]})

    user: Slug | None = None
    """Admin only: whom the link signs in; made with a project of the same name if new. None: the caller."""
    expires_in_s: int = Field(default=900, ge=60, le=7 * 24 * 3600)


class SignInLink(Shape):
    """A link that signs one browser in, once."""

    id: str
    object: Literal["sign_in_link"] = "sign_in_link"
    user: str
    url: str
    """The token stands behind #, so that no server or proxy writes it into its log."""
    expires_at: int


class SessionCreate(Shape):
    """Exactly one of the two: the token of a sign-in link, or a live user or admin key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"token": "tsl_..."}]})

    token: str | None = Field(default=None, max_length=128)
    key: str | None = Field(default=None, max_length=128)

    @model_validator(mode="after")
    def _one(self) -> "SessionCreate":
        if (self.token is None) == (self.key is None):
            raise ValueError("send either the token of a sign-in link or a key")
        return self


class Session(Shape):
    """Who is calling: signed in by a cookie that scripts cannot read, or by a key."""

    object: Literal["session"] = "session"
    user: str
    role: Literal["admin", "member"]
    """An admin sees every project."""
    scopes: list[Scope] | None = None
    """Of who signed in with a restricted key; None: all that the role may."""
    project: Project
    """The one that requests are about unless they name another."""
    projects: list[Project]
    """Those that the person may name."""
    sees_all: bool
    """Requests are about all projects: an admin's that name none."""
    signed_in_at: int
    expires_at: int | None = None
    """None for a key that does not end."""
