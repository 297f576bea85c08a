"""Bytes in and out: resumed, checked, kept."""

import hashlib
import itertools
import os
from pathlib import Path

import pytest

from tunesmith.schemas.errors import Invalid
from tunesmith.worker.uploads import manifest_of


async def test_an_upload_goes_on_from_the_server_s_true_offset(floor, board, faults):
    def forget_bytes(method: str, path: str):
        if method == "PATCH":
            upload = next(reversed(board.uploads.values()))
            for part in upload.parts.values():
                if len(part) == 1200:
                    del part[500:]  # the server was restored to an earlier place
                    board.faults.remove(forget_bytes)

    board.faults.append(forget_bytes)
    async with floor.worker() as hand:
        await hand.until_status("succeeded")
    assert board.faults == []
    assert board.files_of("result")["adapter.safetensors"] == b"adapter" * 300


async def test_a_link_that_ran_out_is_asked_for_again(floor, board, faults):
    sent = itertools.count()

    def expired(method: str, path: str):
        if method == "PATCH" and next(sent) in (0, 2):
            return faults.problem(board, 403, "wrong_key", job_id=None, epoch=None)
        return None

    board.faults.append(expired)
    async with floor.worker("--steps", "1") as hand:
        await hand.until_status("succeeded")


@pytest.mark.parametrize("code", ["checksum_mismatch", "incomplete_upload"])
async def test_bytes_that_arrived_damaged_are_sent_anew(floor, board, faults, code: str):
    def damage():
        for part in board.uploads["up-1-result-3"].parts.values():
            part.clear()
        return faults.problem(board, 422, code)

    board.faults.append(faults.answers("/commit", [damage, damage]))
    async with floor.worker() as hand:
        await hand.until_status("succeeded")
    assert board.called("/commit") == 3


async def test_a_way_that_damages_all_bytes_fails_the_job_instead_of_trying_for_ever(floor, board, faults):
    answers = [faults.problem(board, 422, "checksum_mismatch", epoch=1) for _ in range(9)]
    board.faults.append(faults.answers("/commit", answers))
    async with floor.worker() as hand:
        await hand.until_status("failed")
    assert board.called("/commit") == 4
    assert board.failed["code"] == "checksum_mismatch"


async def test_bytes_the_server_has_are_not_sent_twice(floor, board):
    sha = hashlib.sha256(b"adapter" * 300).hexdigest()
    board.blobs[sha] = b"adapter" * 300
    async with floor.worker() as hand:
        await hand.until_status("succeeded")
    assert not any(m == "PATCH" and sha in path for m, path, _ in board.calls)


async def test_an_input_of_other_bytes_is_fetched_again_and_never_trained_on(floor, board):
    board.input_bytes = b"x" * len(board.input_bytes)
    async with floor.worker() as hand:
        await hand.until_status("failed")
    assert board.failed["code"] == "input_unavailable"
    assert board.failed["failure_class"] == "infra"
    assert len(board.ranges) == 5
    # Each round asked for fresh links with the claim that won the job.
    assert len({c["claim_id"] for c in board.claims[:5]}) == 1
    assert board.called("/fail") == 1
    assert board.streams["metrics"] == []


async def test_a_half_fetched_input_goes_on_by_range(floor, board):
    sha = hashlib.sha256(board.input_bytes).hexdigest()
    part = floor.settings().folder / "cache" / sha[:2] / f"{sha}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(board.input_bytes[:7])
    async with floor.worker() as hand:
        await hand.until_status("succeeded")
    assert board.ranges == ["bytes=7-"]


async def test_a_known_input_is_not_fetched_again(floor, board):
    async with floor.worker() as hand:
        await hand.until_status("succeeded")
        await hand.until_idle()
        board.status = "queued"
        await hand.until(lambda: board.epoch == 2)
        await hand.until_status("succeeded")
    assert len(board.ranges) == 1


async def test_a_checkpoint_name_that_leads_out_of_its_folder_is_refused(floor, board):
    async with floor.worker("--hold-at", "2") as hand:
        await hand.until(lambda: len(board.streams["metrics"]) == 2)
        board.command = "pause"
        await hand.until_status("paused")
        await hand.until_idle()
        board.resume_name = "../../../stolen"
        board.command, board.status = "none", "queued"
        await hand.until_status("failed")
    assert not [p for _, _, files in os.walk(floor.folder) for p in files if p == "stolen"]


def test_a_manifest_names_each_plain_file_with_its_sha256(tmp_path: Path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.txt").write_bytes(b"1")
    (tmp_path / ".hidden").write_bytes(b"2")
    (file,) = manifest_of(tmp_path)
    assert (file.path, file.size_bytes, file.sha256) == ("a/b.txt", 1, hashlib.sha256(b"1").hexdigest())


def test_a_link_or_an_odd_name_is_not_uploaded(tmp_path: Path):
    (tmp_path / "link").symlink_to("/etc/passwd")
    with pytest.raises(Invalid, match="link"):
        manifest_of(tmp_path)
    (tmp_path / "link").unlink()
    (tmp_path / "od d").write_bytes(b"")
    with pytest.raises(Invalid, match="od d"):
        manifest_of(tmp_path)
