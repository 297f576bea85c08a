"""/v1/sign_in_links."""

from tunesmith.client._call import Call, post
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.accounts import SignInLink


class SignInLinks(Resource[S]):
    """Links that sign a browser in, once."""

    @endpoint
    def create(self, *, user: str | None = None, expires_in_s: int | None = None) -> Call[SignInLink]:
        """A new link, for 15 minutes where nothing else is said. For another user, who is made if new, it takes an
        admin key."""
        return post("/v1/sign_in_links", SignInLink, {"user": user, "expires_in_s": expires_in_s})
