"""What the hub is sent, and what is made of its answers."""

from pathlib import Path

import pytest
from huggingface_hub import constants

from tunesmith.schemas.errors import Forbidden, Invalid, NotFound, Unauthenticated
from tunesmith.training.delivery.hub import TRIES, HubAway, push

CARD = "---\nlicense: apache-2.0\nlibrary_name: peft\n---\n# A model\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder: weights, settings, a card, the user's sequences and a hidden file."""
    made = tmp_path / "model"
    (made / "1_Pooling").mkdir(parents=True)
    (made / "adapter_model.safetensors").write_bytes(bytes(range(256)) * 4000)
    (made / "adapter_config.json").write_text('{"r": 4}')
    (made / "1_Pooling" / "config.json").write_text("{}")
    (made / "README.md").write_text(CARD)
    (made / "training_sequences.fasta").write_text(">secret\nMKT\n")
    (made / ".lock").write_text("")
    return made


def never(_seconds: float) -> None:
    raise AssertionError("there was nothing to wait for")


def test_every_file_arrives_byte_for_byte_in_one_commit_of_a_private_repository(hub, folder: Path) -> None:
    delivery = push(folder, "ada/mine", "adapter", wait=never)
    kept_back = {"training_sequences.fasta", ".lock"}
    sent = {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    assert hub.repos["ada/mine"] == {name: body for name, body in sent.items() if name not in kept_back}
    assert (hub.commits, hub.private["ada/mine"]) == (1, True)
    assert len(hub.objects) == 1
    assert (delivery.status, delivery.url, delivery.commit) == ("pushed", f"{hub.url}/ada/mine", f"{1:040x}")
    assert "private" in delivery.note


def test_a_repository_that_is_there_is_added_to_and_it_is_said(hub, folder: Path) -> None:
    push(folder, "ada/mine", "adapter", wait=never)
    (folder / "adapter_config.json").write_text('{"r": 8}')
    again = push(folder, "ada/mine", "adapter", wait=never)
    assert hub.repos["ada/mine"]["adapter_config.json"] == b'{"r": 8}'
    assert sum("/lfs/" in each for each in hub.seen if each.startswith("PUT")) == 1
    assert again.note == "The repository was there already."


def test_server_errors_are_tried_again_a_few_times_with_growing_pauses(hub, folder: Path) -> None:
    waits: list[float] = []
    hub.failing = [503, 500]
    assert push(folder, "ada/mine", "adapter", wait=waits.append).status == "pushed"
    assert len(waits) == 2
    hub.failing = [503] * (TRIES + 3)
    with pytest.raises(HubAway, match="503"):
        push(folder, "ada/mine", "adapter", wait=waits.append)
    assert len(hub.failing) == 3
    assert len(waits) == 2 + TRIES - 1


@pytest.mark.parametrize(
    ("token", "repo", "expected"),
    [
        ("hf_wrong", "ada/mine", Unauthenticated),
        ("hf_of_a_reader", "ada/mine", Forbidden),
        ("hf_of_a_writer", "nobody/mine", NotFound),
        ("hf_of_a_writer", "not a name", Invalid),
    ],
)
def test_a_refusal_is_told_at_once_and_nothing_is_written(
    hub, folder: Path, monkeypatch: pytest.MonkeyPatch, token: str, repo: str, expected: type[Exception]
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(expected) as raised:
        push(folder, repo, "adapter", wait=never)
    assert type(raised.value) is expected
    assert hub.commits == 0


def test_a_token_that_may_write_to_one_repository_and_make_none_writes_to_it(
    hub, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repos["ada/mine"] = {}
    monkeypatch.setenv("HF_TOKEN", "hf_that_makes_none")
    assert push(folder, "ada/mine", "adapter", wait=never).note == "The repository was there already."
    assert hub.commits == 1
    with pytest.raises(Forbidden):
        push(folder, "ada/other", "adapter", wait=never)


def test_a_card_that_the_hub_does_not_take_is_told_with_its_reason(hub, folder: Path) -> None:
    (folder / "README.md").write_text(CARD.replace("library_name", "base_model: of-no-owner\nlibrary_name"))
    with pytest.raises(Invalid, match="base_model"):
        push(folder, "ada/mine", "adapter", wait=never)


def test_without_a_token_nobody_is_asked(hub, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(Unauthenticated, match="HF_TOKEN"):
        push(folder, "ada/mine", "adapter", wait=never)
    assert hub.seen == []


def test_a_hub_that_is_not_there_is_tried_and_told(folder: Path, hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    waits: list[float] = []
    with pytest.raises(HubAway, match="cannot be reached"):
        push(folder, "ada/mine", "adapter", wait=waits.append)
    assert len(waits) == TRIES - 1


def test_an_offline_machine_says_so(folder: Path, hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(HubAway, match="HF_HUB_OFFLINE"):
        push(folder, "ada/mine", "adapter", wait=never)
