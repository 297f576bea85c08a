"""Models to disk: whole, checked, resumed."""

from pathlib import Path

import pytest

from tunesmith.client import AsyncTunesmith, Tunesmith, UnreadableReply
from tunesmith.client.resources.models import safe_path
from tunesmith.schemas.errors import ChecksumMismatch
from tunesmith.schemas.models import ModelFile


def test_a_broken_download_goes_on_from_its_last_byte(client: Tunesmith, site, tmp_path: Path):
    site.cut_at = [100, 200]
    (path,) = client.models.download("ft:a", tmp_path)
    assert path == tmp_path / "adapter" / "model.safetensors"
    assert path.read_bytes() == site.model
    ranges = [r["headers"].get("range") for r in site.requests if "signed" in r["path"]]
    assert ranges == [None, "bytes=100-", "bytes=300-"]
    # A signed link is its own proof; the key is not shown to it.
    assert all("authorization" not in r["headers"] for r in site.requests if "signed" in r["path"])


async def test_a_second_call_goes_on_where_the_first_gave_up(async_client: AsyncTunesmith, site, tmp_path: Path):
    part = tmp_path / "adapter" / "model.safetensors.part"
    part.parent.mkdir()
    part.write_bytes(site.model[:500])
    (path,) = await async_client.models.download("ft:a", tmp_path)
    assert path.read_bytes() == site.model
    assert site.requests[-1]["headers"]["range"] == "bytes=500-"
    assert not part.exists()


def test_other_bytes_than_announced_are_refused_and_dropped(client: Tunesmith, site, tmp_path: Path):
    site.model = site.model[:-1] + b"!"
    with pytest.raises(ChecksumMismatch, match="Fetch it again"):
        client.models.download("ft:a", tmp_path)
    assert not (tmp_path / "adapter" / "model.safetensors").exists()
    assert (tmp_path / "adapter" / "model.safetensors.part").stat().st_size == 0


@pytest.mark.parametrize("path", ["../x", "/etc/passwd", "a/../../b", "a\\b", ""])
def test_a_path_that_leads_out_of_the_folder_is_refused(path: str):
    with pytest.raises(UnreadableReply):
        safe_path(ModelFile(path=path, size_bytes=1, sha256="0" * 64, url="/x"))
