"""/v1/classify."""

from tunesmith.client._call import Call, post
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.schemas.encoding import ClassifyReply

CLASSIFY = "/v1/classify"


class Classify(Resource[S]):
    """Classes of texts, by a model that was tuned for classification."""

    @endpoint
    def create(self, *, model: str, input: str | list[str]) -> Call[ClassifyReply]:
        """Of each input the likeliest class, and the probability of every class."""
        return post(CLASSIFY, ClassifyReply, {"model": model, "input": input})
