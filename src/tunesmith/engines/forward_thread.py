"""The thread that owns a model's forward passes: what comes in, what runs between two steps, and how it ends."""

import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, Protocol, TypeVar

import torch

from tunesmith.schemas.errors import TunesmithError, Unavailable

UNLOADED = "The model was unloaded while it answered. Send the request again."
Result = TypeVar("Result")


class Failing(Protocol):
    """A request that can be told that it failed."""

    def fail(self, error: TunesmithError) -> None: ...


Run = TypeVar("Run", bound=Failing)


class ForwardThread(ABC, Generic[Run]):
    """Takes runs in and computes them step by step. A subclass sets up its own state first, then calls __init__."""

    def __init__(self, name: str, *, threads: int) -> None:
        self._threads = threads
        self._inbox: queue.SimpleQueue[Run | Callable[[], None] | None] = queue.SimpleQueue()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def submit(self, run: Run) -> None:
        """Begins the run as soon as there is room for it."""
        if self._closing:
            run.fail(Unavailable(UNLOADED))
        self._inbox.put(run)

    def between_steps(self, action: Callable[[], Result]) -> Future[Result]:
        """Runs `action` on the thread when no forward pass is going on."""
        future: Future[Result] = Future()

        def act() -> None:
            try:
                future.set_result(action())
            except Exception as e:  # noqa: BLE001  carried to the caller by the future
                future.set_exception(e)

        self._inbox.put(act)
        return future

    def close(self, timeout_s: float = 5.0) -> None:
        """Fails what is there and ends the thread after its current step."""
        self._closing = True
        self._inbox.put(None)
        self._thread.join(timeout_s)

    @property
    @abstractmethod
    def _idle(self) -> bool:
        """Whether there is nothing to compute, so that the thread may sleep."""

    @abstractmethod
    def _accept(self, run: Run) -> None:
        """The run waits for its turn."""

    @abstractmethod
    def _step(self) -> None:
        """One round of forward passes over what was accepted; nothing where nothing was."""

    @abstractmethod
    def _abandon(self) -> list[Run]:
        """Forgets every run that is not done, and gives them back to be failed."""

    def _work(self) -> None:
        torch.set_num_threads(self._threads)  # OpenMP keeps the number per thread
        with torch.inference_mode():
            while not self._closing:
                if self._idle:
                    self._receive(self._inbox.get())
                self._drain()
                self._step()
        self._drain()
        for run in self._abandon():
            run.fail(Unavailable(UNLOADED))

    def _drain(self) -> None:
        while not self._inbox.empty():
            self._receive(self._inbox.get())

    def _receive(self, message: Run | Callable[[], None] | None) -> None:
        if callable(message):
            message()
        elif message is not None:
            self._accept(message)
