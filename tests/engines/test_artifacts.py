"""Files of tuned models: fetched, checked, kept, removed."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.engines.artifacts import Artifacts
from tunesmith.schemas.errors import ChecksumMismatch, Invalid, Unavailable, UnsafeWeights
from tunesmith.schemas.worker import Download

EMPTY_SAFETENSORS = (2).to_bytes(8, "little") + b"{}"


class Source:
    """Files over HTTP that break off, lie or are away as a test wishes."""

    def __init__(self) -> None:
        self.bodies: dict[str, bytes] = {"adapter_model.safetensors": EMPTY_SAFETENSORS, "readme.md": b"x" * 5000}
        self.ranges: list[str | None] = []
        self.statuses: list[int] = []
        """Answers to give before the true one."""

    def downloads(self) -> list[Download]:
        return [
            Download(name=name, size_bytes=len(body), sha256=hashlib.sha256(body).hexdigest(), url=f"/{name}")
            for name, body in self.bodies.items()
        ]

    async def answer(self, request: Request) -> Response:
        self.ranges.append(request.headers.get("range"))
        if self.statuses:
            return Response(status_code=self.statuses.pop(0))
        body = self.bodies[request.path_params["name"]]
        if self.ranges[-1]:
            start = int(self.ranges[-1].removeprefix("bytes=").rstrip("-"))
            return Response(body[start:], status_code=206)
        return Response(body)


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
async def http(source: Source) -> AsyncIterator[httpx.AsyncClient]:
    app = Starlette(routes=[Route("/{name:path}", source.answer)])
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://files") as client:
        yield client


@pytest.fixture
def artifacts(http: httpx.AsyncClient, tmp_path: Path) -> Artifacts:
    return Artifacts(tmp_path, http, limit_bytes=10**9)


async def test_a_folder_is_built_once_and_found_again(artifacts: Artifacts, source: Source) -> None:
    folder = await artifacts.folder(source.downloads())
    assert {p.name: p.read_bytes() for p in folder.iterdir()} == source.bodies
    asked = len(source.ranges)
    assert await artifacts.folder(source.downloads()) == folder
    assert len(source.ranges) == asked


async def test_a_file_that_two_models_share_is_fetched_once(artifacts: Artifacts, source: Source) -> None:
    one = await artifacts.folder(source.downloads())
    source.bodies["extra.json"] = b"{}"
    asked = len(source.ranges)
    two = await artifacts.folder(source.downloads())
    assert one != two
    assert len(source.ranges) == asked + 1


async def test_a_broken_off_file_goes_on_where_it_ended(artifacts: Artifacts, source: Source, tmp_path: Path) -> None:
    wanted = source.downloads()
    (tmp_path / "blobs" / f"{wanted[1].sha256}.part").write_bytes(b"x" * 3000)
    folder = await artifacts.folder(wanted)
    assert source.ranges == [None, "bytes=3000-"]
    assert (folder / "readme.md").read_bytes() == source.bodies["readme.md"]


async def test_a_part_with_wrong_bytes_is_fetched_anew(artifacts: Artifacts, source: Source, tmp_path: Path) -> None:
    wanted = source.downloads()
    (tmp_path / "blobs" / f"{wanted[1].sha256}.part").write_bytes(b"y" * 3000)
    folder = await artifacts.folder(wanted)
    assert (folder / "readme.md").read_bytes() == source.bodies["readme.md"]


async def test_a_server_that_stumbles_is_asked_again(artifacts: Artifacts, source: Source) -> None:
    source.statuses = [502, 503]
    assert (await artifacts.folder(source.downloads())).is_dir()


async def test_an_ended_link_is_told(artifacts: Artifacts, source: Source, tmp_path: Path) -> None:
    source.statuses = [403]
    with pytest.raises(Unavailable, match="15 minutes"):
        await artifacts.folder(source.downloads())
    assert (await artifacts.folder(source.downloads())).is_dir()


async def test_other_bytes_than_announced_are_refused(artifacts: Artifacts, source: Source, tmp_path: Path) -> None:
    wanted = source.downloads()
    source.bodies["readme.md"] = b"z" * 5000
    with pytest.raises(ChecksumMismatch, match=r"readme\.md"):
        await artifacts.folder(wanted)
    assert list((tmp_path / "models").iterdir()) == []


@pytest.mark.parametrize("name", ["../evil.txt", "/etc/evil", "a/../../evil", ".hidden", "a\\b"])
async def test_a_name_that_is_no_plain_path_is_refused(artifacts: Artifacts, source: Source, name: str) -> None:
    bad = [d.model_copy(update={"name": name}) if d.name == "readme.md" else d for d in source.downloads()]
    with pytest.raises(Invalid, match="plain relative path"):
        await artifacts.folder(bad)


async def test_pickles_are_refused_by_content(artifacts: Artifacts, source: Source) -> None:
    source.bodies["notes.txt"] = b"\x80\x04\x95" + b"\x00" * 50
    with pytest.raises(UnsafeWeights):
        await artifacts.folder(source.downloads())


async def test_the_least_recently_used_folder_goes_first_and_a_pinned_one_stays(
    http: httpx.AsyncClient, source: Source, tmp_path: Path, set_mtime: Callable[[Path, float], None]
) -> None:
    artifacts = Artifacts(tmp_path, http, limit_bytes=13_000)
    folders = []
    for number in range(3):
        source.bodies["readme.md"] = bytes([65 + number]) * 5000
        folders.append(await artifacts.folder(source.downloads()))
        set_mtime(folders[-1], number)
        if number:
            artifacts.release(folders[-1])
    source.bodies["readme.md"] = b"Q" * 5000
    newest = await artifacts.folder(source.downloads())
    assert [folder.is_dir() for folder in folders] == [True, False, False]
    assert newest.is_dir()
    kept = {p.read_bytes() for p in (tmp_path / "blobs").iterdir()}
    assert kept == {EMPTY_SAFETENSORS, b"A" * 5000, b"Q" * 5000}


@pytest.fixture
def set_mtime() -> Callable[[Path, float], None]:
    import os

    return lambda path, at: os.utime(path, (at, at))
