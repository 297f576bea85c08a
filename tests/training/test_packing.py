"""Several records in one row are each as if they stood alone."""

import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import MambaConfig, MambaForCausalLM

from tunesmith.base_models.load import load_model
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.training import TrainingResult, TrainingSpec
from tunesmith.training.data import UNTRAINED, TokenRow
from tunesmith.training.loss import token_losses, trained_logits
from tunesmith.training.packing import check_packing, pack
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

pytestmark = pytest.mark.training
MakeSpec = Callable[..., TrainingSpec]


def model_of(entry: BaseModelEntry) -> Any:
    assert isinstance(entry.source, FolderSource)
    return load_model(Path(entry.source.path), entry, dtype=torch.float32)


def rows(lengths: list[int], *, seed: int = 0) -> list[TokenRow]:
    """Rows of random tokens; the first third of each carries no loss, but the first row's carries it at once."""
    rng = random.Random(seed)
    made: list[TokenRow] = []
    for number, length in enumerate(lengths):
        ids = [rng.randrange(4, 24) for _ in range(length)]
        begin = 0 if number == 0 else length // 3
        labels = [UNTRAINED if i < begin else token for i, token in enumerate(ids)]
        made.append(TokenRow(ids, labels, units=length, fingerprint=str(number)))
    return made


def test_rows_are_joined_with_positions_that_begin_anew() -> None:
    packed = pack(rows([5, 3, 2]), pad_id=0, width=5)
    assert packed["input_ids"].shape == (2, 5)
    assert packed["attention_mask"].sum() == 10
    assert packed["position_ids"].tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 0, 1]]
    assert packed["labels"][1, 3] == UNTRAINED


def test_packing_never_pads_more_than_rows_of_their_own() -> None:
    rng = random.Random(3)
    for _ in range(50):
        given = rows([rng.randint(1, 60) for _ in range(rng.randint(1, 9))])
        packed = pack(given, pad_id=0, width=64)["input_ids"]
        assert packed.numel() <= len(given) * max(row.length for row in given)


@pytest.mark.parametrize("which", ["llama", "gpt2"])
def test_the_packed_loss_is_that_of_each_record_alone(which: str, request: pytest.FixtureRequest) -> None:
    model = model_of(request.getfixturevalue(which))
    given = rows([17, 9, 12, 4, 30])
    alone: dict[tuple[int, ...], float] = {}
    for row in given:
        logits = model(input_ids=torch.tensor([row.input_ids])).logits[0, :-1]
        labels = torch.tensor(row.labels[1:])
        alone[tuple(row.input_ids)] = float(
            torch.nn.functional.cross_entropy(logits, labels, ignore_index=UNTRAINED, reduction="sum")
        )
    packed = pack(given, pad_id=0, width=40)
    assert packed["input_ids"].shape[0] < len(given)
    logits, targets = trained_logits(model, packed)
    losses = iter(token_losses(logits, targets).split([row.trained_tokens for row in in_packed_order(given, packed)]))
    for row in in_packed_order(given, packed):
        assert float(next(losses).sum()) == pytest.approx(alone[tuple(row.input_ids)], rel=1e-5)


def in_packed_order(given: list[TokenRow], packed: dict[str, torch.Tensor]) -> list[TokenRow]:
    by_ids = {tuple(row.input_ids): row for row in given}
    found: list[TokenRow] = []
    for ids, mask, positions in zip(packed["input_ids"], packed["attention_mask"], packed["position_ids"], strict=True):
        begins = [i for i in range(int(mask.sum())) if positions[i] == 0] + [int(mask.sum())]
        found += [by_ids[tuple(ids[a:b].tolist())] for a, b in pairwise(begins)]
    return found


@pytest.mark.parametrize("which", ["llama", "gpt2"])
def test_the_logits_of_a_record_do_not_move_with_its_neighbours(which: str, request: pytest.FixtureRequest) -> None:
    model = model_of(request.getfixturevalue(which))
    first, second, third = rows([9, 9, 9], seed=1), rows([9, 9, 9], seed=2), rows([7], seed=3)

    def logits(neighbours: list[TokenRow]) -> torch.Tensor:
        packed = pack([*neighbours, *third], pad_id=0, width=64)
        assert packed["input_ids"].shape == (1, 34)
        with torch.no_grad():
            out = model(input_ids=packed["input_ids"], position_ids=packed["position_ids"], use_cache=False)
        return out.logits[0, 27:]

    torch.testing.assert_close(logits(first), logits(second), rtol=0, atol=0)
    with torch.no_grad():
        alone = model(input_ids=torch.tensor([third[0].input_ids])).logits[0]
    torch.testing.assert_close(logits(first), alone, rtol=1e-4, atol=1e-6)


def test_a_model_with_a_recurrent_state_is_found_out() -> None:
    torch.manual_seed(0)
    config = MambaConfig(vocab_size=32, hidden_size=16, state_size=4, num_hidden_layers=1)
    with pytest.raises(SpecInvalid, match=r"(?s)mamba.*Leave packing out") as caught:
        check_packing(MambaForCausalLM(config).eval(), 32, torch.device("cpu"))
    assert caught.value.param == "hyperparameters.packing"


def test_a_packed_run_has_the_curve_of_one_that_is_not(
    chat_spec: MakeSpec, tmp_path: Path, read_progress: Callable[[Path], list[dict[str, Any]]]
) -> None:
    curves: list[list[float]] = []
    for packing in (False, True):
        out = tmp_path / str(packing)
        result = run(chat_spec(numbers={"packing": packing}), out)
        assert (result.hyperparameters.packing, result.steps) == (packing, 8)
        points = [line["point"]["values"] for line in read_progress(out) if line["type"] == "metrics"]
        curves.append([values["train_loss"] for values in points if "train_loss" in values])
    assert curves[1] == pytest.approx(curves[0], rel=1e-4)


def run(spec: TrainingSpec, out: Path) -> TrainingResult:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    try:
        return run_job(spec, out, log, StopSwitch())
    finally:
        log.close()
