"""The two clients: the same resources over the blocking and the asynchronous sender."""

from pathlib import Path
from types import TracebackType

import httpx

from tunesmith.client._config import Config
from tunesmith.client._send import AsyncSender, Sender
from tunesmith.client.resources.chat import Chat
from tunesmith.client.resources.classify import Classify
from tunesmith.client.resources.completions import Completions
from tunesmith.client.resources.datasets import Datasets
from tunesmith.client.resources.embeddings import Embeddings
from tunesmith.client.resources.examples import Examples
from tunesmith.client.resources.files import Files
from tunesmith.client.resources.generate import Generate
from tunesmith.client.resources.jobs import Jobs
from tunesmith.client.resources.keys import Keys
from tunesmith.client.resources.models import Models
from tunesmith.client.resources.projects import Projects
from tunesmith.client.resources.session import Sessions
from tunesmith.client.resources.sign_in_links import SignInLinks
from tunesmith.client.resources.worker import WorkerCalls


class Tunesmith:
    """The blocking client. What is not given comes from TUNESMITH_URL, TUNESMITH_API_KEY and the data folder's key."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        data_dir: Path | str | None = None,
        timeout_s: float = 600.0,
        max_retries: int = 2,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.config = Config.find(base_url, api_key, data_dir=data_dir, timeout_s=timeout_s, max_retries=max_retries)
        self.sender = Sender(self.config, transport)
        self.files = Files(self.sender)
        self.datasets = Datasets(self.sender)
        self.examples = Examples(self.sender)
        self.jobs = Jobs(self.sender)
        self.models = Models(self.sender)
        self.chat = Chat(self.sender)
        self.completions = Completions(self.sender)
        self.generate = Generate(self.sender)
        self.embeddings = Embeddings(self.sender)
        self.classify = Classify(self.sender)
        self.keys = Keys(self.sender)
        self.projects = Projects(self.sender)
        self.session = Sessions(self.sender)
        self.sign_in_links = SignInLinks(self.sender)
        self.worker = WorkerCalls(self.sender)

    def close(self) -> None:
        """Closes its connections."""
        self.sender.close()

    def __enter__(self) -> "Tunesmith":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


class AsyncTunesmith:
    """The asynchronous client: the same calls, awaited; streams by `async for`."""

    def __init__(
        self,
        base_url: str | None = None,
        api_key: str | None = None,
        *,
        data_dir: Path | str | None = None,
        timeout_s: float = 600.0,
        max_retries: int = 2,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.config = Config.find(base_url, api_key, data_dir=data_dir, timeout_s=timeout_s, max_retries=max_retries)
        self.sender = AsyncSender(self.config, transport)
        self.files = Files(self.sender)
        self.datasets = Datasets(self.sender)
        self.examples = Examples(self.sender)
        self.jobs = Jobs(self.sender)
        self.models = Models(self.sender)
        self.chat = Chat(self.sender)
        self.completions = Completions(self.sender)
        self.generate = Generate(self.sender)
        self.embeddings = Embeddings(self.sender)
        self.classify = Classify(self.sender)
        self.keys = Keys(self.sender)
        self.projects = Projects(self.sender)
        self.session = Sessions(self.sender)
        self.sign_in_links = SignInLinks(self.sender)
        self.worker = WorkerCalls(self.sender)

    async def close(self) -> None:
        """Closes its connections."""
        await self.sender.close()

    async def __aenter__(self) -> "AsyncTunesmith":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self.close()
