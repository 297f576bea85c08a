"""/v1/session."""

from tunesmith.client._call import Call, get
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.accounts import Session


class Sessions(Resource[S]):
    """Who is calling."""

    @endpoint
    def retrieve(self) -> Call[Session]:
        """Whose key it is, what it may, and the projects that it may name."""
        return get("/v1/session", Session)
