"""/v1/embeddings."""

from typing import Any

from tunesmith.client._call import Call, post
from tunesmith.client._resource import Resource, S, endpoint
from tunesmith.client.replies import Embeddings as Reply
from tunesmith.schemas.encoding import Input

EMBEDDINGS = "/v1/embeddings"


class Embeddings(Resource[S]):
    """Vectors of texts."""

    @endpoint
    def create(self, *, model: str, input: Input, **options: Any) -> Call[Reply]:
        """A vector for each input, in `reply.vectors`. `options`: dimensions, input_type ("query", "passage")."""
        return post(EMBEDDINGS, Reply, {"model": model, "input": input, "encoding_format": "base64", **options})
