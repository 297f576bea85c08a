"""What a machine says it can do is what was tried there."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tunesmith.schemas.shape import Adaptation
from tunesmith.worker import devices, four_bits


def test_a_machine_with_bitsandbytes_at_work_offers_every_adaptation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr(four_bits, "user_cache_path", lambda _name: tmp_path)
    assert devices.capabilities().adaptations == list(Adaptation)
    kept = json.loads((tmp_path / "four_bits.json").read_text())
    assert list(kept.values()) == [True]
    assert "bitsandbytes" in devices.capabilities().packages


def test_what_was_found_is_not_tried_again_on_the_same_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    answers = tmp_path / "cache" / "answers.json"
    monkeypatch.setattr(four_bits, "TRIAL", "raise SystemExit(0)")
    assert four_bits.works(None, answers=answers)
    monkeypatch.setattr(four_bits, "TRIAL", "raise RuntimeError('no library for this driver')")
    assert four_bits.works(None, answers=answers)
    assert not four_bits.works("another GPU", answers=answers)
    assert four_bits.works(None, answers=answers)


def test_a_trial_that_does_not_end_says_no_for_now_and_is_not_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    def hangs(*_args: object, **_named: object) -> None:
        raise subprocess.TimeoutExpired("python", 1)

    answers = tmp_path / "answers.json"
    monkeypatch.setattr(four_bits.subprocess, "run", hangs)
    assert not four_bits.works(None, answers=answers)
    assert not answers.exists()


def test_a_damaged_answer_is_tried_again(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    answers = tmp_path / "answers.json"
    answers.write_text('{"torch')
    monkeypatch.setattr(four_bits, "TRIAL", "raise SystemExit(0)")
    assert four_bits.works(None, answers=answers)


def test_without_bitsandbytes_qlora_is_not_offered_and_nothing_is_tried(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    def absent(name: str) -> str:
        raise four_bits.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(four_bits.metadata, "version", absent)
    assert not four_bits.works(None, answers=tmp_path / "answers.json")
    assert devices.capabilities().adaptations == [Adaptation.LORA, Adaptation.FULL]


def test_the_worker_itself_never_imports_torch(tmp_path: Path):
    program = (
        "import sys, pathlib; from tunesmith.worker import devices, four_bits; "
        f"four_bits.user_cache_path = lambda _: pathlib.Path({str(tmp_path)!r}); four_bits.TRIAL = ''; "
        "devices.capabilities(); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
