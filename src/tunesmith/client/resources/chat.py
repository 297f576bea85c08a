"""/v1/chat/completions."""

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.client._call import Call, post
from tunesmith.client._resource import Resource, S, endpoint, streamed
from tunesmith.client._stream import Stream, json_item
from tunesmith.client.replies import ChatChunk, ChatCompletion
from tunesmith.schemas.inference import ChatMessage

CHAT = "/v1/chat/completions"
Messages = Sequence[ChatMessage | Mapping[str, Any]]


class Chat(Resource[S]):
    """Conversations with a base or a tuned model."""

    @endpoint
    def create(self, *, model: str, messages: Messages, **options: Any) -> Call[ChatCompletion]:
        """The whole answer. `options` are OpenAI's: temperature, top_p, max_tokens, stop, n, seed, logprobs ..."""
        return post(CHAT, ChatCompletion, {"model": model, "messages": list(messages), **options})

    @streamed
    def stream(self, *, model: str, messages: Messages, **options: Any) -> Stream[ChatChunk]:
        """The answer as it is written. A failure on the way is raised as it would be for `create`."""
        body = {"model": model, "messages": list(messages), **options, "stream": True}
        return Stream(post(CHAT, ChatChunk, body), json_item(ChatChunk), resumable=False)
