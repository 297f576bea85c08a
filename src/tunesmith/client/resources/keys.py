"""/v1/keys."""

from collections.abc import Sequence

from tunesmith.client._call import Call, delete, get, post, segment
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.accounts import ApiKey, CreatedKey, KeyKind, Scope
from tunesmith.schemas.shape import Page


class Keys(Resource[S]):
    """API keys of the project."""

    @endpoint
    def create(
        self,
        *,
        name: str,
        kind: KeyKind | str = KeyKind.USER,
        user: str | None = None,
        scopes: Sequence[Scope | str] | None = None,
        expires_in_s: int | None = None,
    ) -> Call[CreatedKey]:
        """A new key; only this answer shows it. Other kinds and other users need an admin key. Without scopes it may
        all that its kind may."""
        chosen = None if scopes is None else [str(scope) for scope in scopes]
        body = {"name": name, "kind": kind, "user": user, "scopes": chosen, "expires_in_s": expires_in_s}
        return post("/v1/keys", CreatedKey, body)

    @endpoint
    def list(self) -> Call[Page[ApiKey]]:
        """Keys by their prefixes."""
        return get("/v1/keys", Page[ApiKey])

    @endpoint
    def revoke(self, key_id: str) -> Call[ApiKey]:
        """The key, refused from now on."""
        return delete(f"/v1/keys/{segment(key_id)}", ApiKey)
