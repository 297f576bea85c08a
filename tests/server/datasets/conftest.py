"""Data sets over HTTP."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest


@dataclass
class Sets:
    """Data sets of one user, made, fixed and read."""

    remote: Any

    async def post(self, path: str, **body: Any) -> httpx.Response:
        return await self.remote.http.post(path, json=body, headers=self.remote.bearer(), timeout=60)

    async def create(self, content: str | bytes, filename: str = "a.jsonl", name: str = "mine") -> dict[str, Any]:
        """A data set of a file with this content."""
        reply = await self.post("/v1/datasets", name=name, file_id=await self.upload(content, filename))
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def upload(self, content: str | bytes, filename: str = "a.jsonl") -> str:
        raw = content.encode() if isinstance(content, str) else content
        reply = await self.remote.http.post(
            "/v1/files", files={"file": (filename, raw)}, data={"purpose": "fine-tune"}, headers=self.remote.bearer()
        )
        assert reply.status_code == 200, reply.text
        return reply.json()["id"]

    async def try_fix(self, dataset: dict[str, Any], *fixes: dict[str, Any], **more: Any) -> httpx.Response:
        return await self.post(f"/v1/datasets/{dataset['id']}/versions", fixes=list(fixes), **more)

    async def fix(self, dataset: dict[str, Any], *fixes: dict[str, Any], **more: Any) -> dict[str, Any]:
        """The version that the fixes make."""
        reply = await self.try_fix(dataset, *fixes, **more)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def report(self, version: dict[str, Any]) -> dict[str, Any]:
        return await self.remote.get(f"/v1/files/{version['file']['id']}/report")

    async def content(self, version: dict[str, Any]) -> bytes:
        url = f"/v1/files/{version['file']['id']}/content"
        return (await self.remote.http.get(url, headers=self.remote.bearer())).content

    async def versions(self, dataset: dict[str, Any]) -> list[int]:
        page = await self.remote.get(f"/v1/datasets/{dataset['id']}/versions")
        return [each["version"] for each in page["data"]]


@pytest.fixture
def sets(remote) -> Sets:
    return Sets(remote)
