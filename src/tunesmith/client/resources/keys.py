"""/v1/keys."""

from tunesmith.client._call import Call, delete, get, post, segment
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.accounts import ApiKey, CreatedKey, KeyKind
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
        expires_in_s: int | None = None,
    ) -> Call[CreatedKey]:
        """A new key; only this answer shows it. Other kinds and other users need an admin key."""
        body = {"name": name, "kind": kind, "user": user, "expires_in_s": expires_in_s}
        return post("/v1/keys", CreatedKey, body)

    @endpoint
    def list(self) -> Call[Page[ApiKey]]:
        """Keys by their prefixes."""
        return get("/v1/keys", Page[ApiKey])

    @endpoint
    def revoke(self, key_id: str) -> Call[ApiKey]:
        """The key, refused from now on."""
        return delete(f"/v1/keys/{segment(key_id)}", ApiKey)
