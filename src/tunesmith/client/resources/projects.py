"""/v1/projects."""

from tunesmith.client._call import Call, get, post, segment
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.accounts import Member, Project
from tunesmith.schemas.shape import Page


class Projects(Resource[S]):
    """What jobs, files and models belong to."""

    @endpoint
    def list(self) -> Call[Page[Project]]:
        """Those that the caller may act in: a key in its own, an admin's in all."""
        return get("/v1/projects", Page[Project])

    @endpoint
    def create(self, *, name: str) -> Call[Project]:
        """A new project. It takes an admin key; other keys are bound to the project that they have."""
        return post("/v1/projects", Project, {"name": name})

    @endpoint
    def members(self, project: str) -> Call[Page[Member]]:
        """Who may act in it. It takes an admin key, as the two below do."""
        return get(f"/v1/projects/{segment(project)}/members", Page[Member])

    @endpoint
    def add_member(self, project: str, *, user: str) -> Call[Member]:
        """Lets somebody who is known here act in it."""
        return post(f"/v1/projects/{segment(project)}/members", Member, {"user": user})

    @endpoint
    def remove_member(self, project: str, *, user: str) -> Call[None]:
        """The person acts in it no more."""
        return Call("DELETE", f"/v1/projects/{segment(project)}/members/{segment(user)}", lambda _: None)
