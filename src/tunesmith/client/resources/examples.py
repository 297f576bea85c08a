"""/v1/examples."""

from tunesmith.client._call import Call, get, post, segment
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.shape import Page
from tunesmith.schemas.versions import Example, StartedExample


class Examples(Resource[S]):
    """Runs on real data that Tunesmith brings along."""

    @endpoint
    def list(self) -> Call[Page[Example]]:
        """The examples, the quickest first."""
        return get("/v1/examples", Page[Example])

    @endpoint
    def start(self, example_id: str) -> Call[StartedExample]:
        """Makes the example's data set, unless it is there already, and a job on it."""
        return post(f"/v1/examples/{segment(example_id)}", StartedExample)
