"""A described call as a method: sent at once by the blocking client, awaitable on the asynchronous one."""

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from tunesmith.client._call import Call
from tunesmith.client._send import AsyncSender, Sender, Steps
from tunesmith.client._stream import Stream

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S", Sender, AsyncSender)


class Resource(Generic[S]):
    """Calls about one noun, bound to a sender."""

    def __init__(self, sender: S) -> None:
        self.sender: S = sender


class _Described(Generic[P, T]):
    """What the three kinds of calls share: the description, and its documentation as the method's."""

    def __init__(self, describe: Callable[Concatenate[Any, P], T]) -> None:
        self.describe = describe
        self.__doc__ = describe.__doc__

    def __set_name__(self, owner: type, name: str) -> None:
        self.__name__ = name


class endpoint(_Described[P, Call[T]]):
    """One call, one answer."""

    @overload
    def __get__(self, instance: None, owner: type) -> "endpoint[P, T]": ...
    @overload
    def __get__(self, instance: Resource[Sender], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Resource[AsyncSender], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return _method(self, lambda *args, **kwargs: instance.sender.send(self.describe(instance, *args, **kwargs)))


class streamed(_Described[P, Stream[T]]):
    """One call, items as they arrive."""

    @overload
    def __get__(self, instance: None, owner: type) -> "streamed[P, T]": ...
    @overload
    def __get__(self, instance: Resource[Sender], owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: Resource[AsyncSender], owner: type) -> Callable[P, AsyncIterator[T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return _method(self, lambda *args, **kwargs: instance.sender.stream(self.describe(instance, *args, **kwargs)))


class procedure(_Described[P, Steps[T]]):
    """Several calls in a row, one result."""

    @overload
    def __get__(self, instance: None, owner: type) -> "procedure[P, T]": ...
    @overload
    def __get__(self, instance: Resource[Sender], owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: Resource[AsyncSender], owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...
    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return _method(self, lambda *args, **kwargs: instance.sender.walk(self.describe(instance, *args, **kwargs)))


def _method(described: _Described[Any, Any], bound: Callable[..., Any]) -> Callable[..., Any]:
    bound.__doc__, bound.__name__ = described.__doc__, described.__name__
    return bound
