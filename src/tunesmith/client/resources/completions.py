"""/v1/completions."""

from typing import Any

from tunesmith.client._call import Call, post
from tunesmith.client._resource import Resource, S, endpoint, streamed
from tunesmith.client._stream import Stream, json_item
from tunesmith.client.replies import Completion

COMPLETIONS = "/v1/completions"
Prompt = str | list[str] | list[int] | list[list[int]]


class Completions(Resource[S]):
    """Text that goes on from a prompt."""

    @endpoint
    def create(self, *, model: str, prompt: Prompt, **options: Any) -> Call[Completion]:
        """The whole answer. Token-id prompts are used as they are."""
        return post(COMPLETIONS, Completion, {"model": model, "prompt": prompt, **options})

    @streamed
    def stream(self, *, model: str, prompt: Prompt, **options: Any) -> Stream[Completion]:
        """The answer as it is written."""
        body = {"model": model, "prompt": prompt, **options, "stream": True}
        return Stream(post(COMPLETIONS, Completion, body), json_item(Completion), resumable=False)
