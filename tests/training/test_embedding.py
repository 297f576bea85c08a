"""Embedding models from the records to the folder, on toy encoders: each kind of record, and its loss."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from sentence_transformers import SentenceTransformer
from tests.training.runs import SwitchAt, run, said

from tunesmith.base_models.load import load_encoder
from tunesmith.base_models.weights import check_folder
from tunesmith.schemas.errors import SpecInvalid
from tunesmith.schemas.models import BaseModelEntry, FolderSource
from tunesmith.schemas.training import TrainingSpec
from tunesmith.training.pooling import Encoder
from tunesmith.training.stopping import Stopped

MakeSpec = Callable[..., TrainingSpec]
Lines = list[dict[str, Any]]
ReadProgress = Callable[[Path], Lines]

pytestmark = pytest.mark.training


def test_pairs_find_each_other_and_the_folder_is_one_of_sentence_transformers(
    encoder_spec: MakeSpec, pair_lines: Lines, read_progress: ReadProgress, tmp_path: Path
) -> None:
    numbers = {"n_epochs": 6, "matryoshka_dims": [8, 16, 32]}
    result = run(encoder_spec("embedding", pair_lines, numbers=numbers), tmp_path / "out")

    assert [c.metric for c in result.comparisons] == ["ndcg_at_10", "mrr", "recall_at_1", "recall_at_10"]
    assert {c.verdict for c in result.comparisons} == {"better"}
    ndcg = result.comparisons[0].after.value
    harder = result.metrics["ndcg_at_10_among_training_documents_after"]
    assert harder < ndcg
    details = result.embedding
    assert details is not None
    assert details.loss.startswith("multiple_negatives, for texts that belong together")
    assert details.loss in said(read_progress(tmp_path / "out"))
    assert (details.dimensions, details.n_queries, details.n_documents) == (32, 50, 50)
    assert list(details.by_dimensions) == [16, 8]
    assert all(0 < value <= 1 for value in details.by_dimensions.values())
    assert sum(details.similarity.positives_before) == sum(details.similarity.positives_after) == 50

    folder = tmp_path / "out" / "model"
    check_folder(folder)
    assert json.loads((folder / "embedding.json").read_text()) == {
        "pooling": "mean",
        "normalize": True,
        "dimensions": 32,
        "matryoshka_dims": [16, 8],
        "query_prefix": "",
        "passage_prefix": "",
    }
    theirs = SentenceTransformer(str(folder), device="cpu")
    assert theirs.max_seq_length == 64
    for probe in result.probes:
        assert probe.text is not None
        vector = theirs.encode(probe.text)
        assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)
        assert probe.vector == pytest.approx(vector[:16].tolist(), abs=1e-5)


def test_an_adapter_gives_the_vectors_that_were_measured(
    encoder_spec: MakeSpec, pair_lines: Lines, tmp_path: Path, bert: BaseModelEntry
) -> None:
    prefixed = bert.model_copy(update={"query_prefix": "l0 ", "passage_prefix": "r0 "})
    numbers = {"n_epochs": 6, "learning_rate": 0.005, "lora_rank": 32}
    spec = encoder_spec("embedding", pair_lines, base=prefixed, adaptation="lora", numbers=numbers)
    result = run(spec, tmp_path / "out")
    assert result.comparisons[0].verdict == "better"
    folder = tmp_path / "out" / "model"
    told = json.loads((folder / "embedding.json").read_text())
    assert (told["query_prefix"], told["passage_prefix"]) == ("l0 ", "r0 ")
    assert not any("pooler" in name for name in load_file(folder / "adapter_model.safetensors"))
    assert isinstance(bert.source, FolderSource)
    base = load_encoder(Path(bert.source.path), bert, dtype=torch.float32)
    model = PeftModel.from_pretrained(base, str(folder)).eval()
    assert len(result.probes) == 4
    for probe in result.probes:
        assert probe.prompt_ids[:2] == [2, 5]  # [CLS] l0
        with torch.inference_mode():
            vector = Encoder("mean", 0).of_texts(model, [probe.prompt_ids], torch.device("cpu"), lambda: None)[0]
        assert probe.vector == pytest.approx(vector[:16].tolist(), abs=1e-5)


@pytest.mark.parametrize(("kind", "adaptation"), [("hard negatives", "lora"), ("denoising", "full")])
def test_killed_twice_a_run_ends_bit_for_bit_like_one_that_was_not(
    encoder_spec: MakeSpec,
    pair_lines: Lines,
    read_progress: ReadProgress,
    tmp_path: Path,
    kind: str,
    adaptation: str,
) -> None:
    def curve(*names: str) -> dict[int, float]:
        points = (line["point"] for name in names for line in read_progress(tmp_path / name) if "point" in line)
        return {p["step"]: p["values"]["train_loss"] for p in points if "train_loss" in p["values"]}

    lines = [{"text": line["anchor"]} for line in pair_lines] if kind == "denoising" else pair_lines
    numbers: dict[str, Any] = {"loss": "denoising"} if kind == "denoising" else {}
    numbers |= {"hard_negatives": 2} if kind == "hard negatives" else {}
    spec = encoder_spec("embedding", lines[:120], adaptation=adaptation, numbers=numbers)
    whole = run(spec, tmp_path / "whole")
    with pytest.raises(Stopped):
        run(spec, tmp_path / "first", SwitchAt(4))
    second = resumed(spec, tmp_path / "first", read_progress)
    with pytest.raises(Stopped):
        run(second, tmp_path / "second", SwitchAt(7))
    result = run(resumed(spec, tmp_path / "second", read_progress), tmp_path / "third")

    assert len(curve("whole")) == whole.steps
    assert curve("first", "second", "third") == curve("whole")
    assert result.comparisons == whole.comparisons
    name = "model.safetensors" if adaptation == "full" else "adapter_model.safetensors"
    expected, found = (load_file(tmp_path / each / "model" / name) for each in ("whole", "third"))
    assert all(torch.equal(expected[each], found[each]) for each in expected)


def resumed(spec: TrainingSpec, out: Path, read_progress: ReadProgress) -> TrainingSpec:
    told = [line["path"] for line in read_progress(out) if line["type"] == "checkpoint" and line["kind"] == "resume"]
    return spec.model_copy(update={"resume_path": str(out / told[-1])})


def test_hard_negatives_are_mined_and_told(
    encoder_spec: MakeSpec, pair_lines: Lines, read_progress: ReadProgress, tmp_path: Path
) -> None:
    spec = encoder_spec("embedding", pair_lines[:80], numbers={"n_epochs": 1, "hard_negatives": 2})
    run(spec, tmp_path / "out")
    assert "hard negatives were mined with the base for 60 pairs" in said(read_progress(tmp_path / "out"))


@pytest.mark.parametrize("loss", ["auto", "triplet"])
def test_triplets(encoder_spec: MakeSpec, pair_lines: Lines, tmp_path: Path, loss: str) -> None:
    lines = [
        {**line, "negatives": [pair_lines[i - 1]["positive"], pair_lines[i - 2]["positive"]]}
        for i, line in enumerate(pair_lines)
    ]
    result = run(encoder_spec("embedding", lines, numbers={"n_epochs": 5, "loss": loss}), tmp_path / "out")
    assert result.comparisons[0].verdict == "better"
    assert result.embedding is not None
    assert result.embedding.loss.startswith("multiple_negatives" if loss == "auto" else "triplet")
    assert result.embedding.n_documents > result.embedding.n_queries == 50


def test_scored_pairs_rank_as_they_are_scored(encoder_spec: MakeSpec, pair_lines: Lines, tmp_path: Path) -> None:
    rng = random.Random(6)
    lines = [{**line, "score": 1.0} for line in pair_lines[:100]]
    lines += [{**line, "positive": rng.choice(pair_lines)["positive"], "score": 0.0} for line in pair_lines[100:]]
    numbers = {"n_epochs": 6, "matryoshka_dims": [16]}
    result = run(encoder_spec("embedding", lines, numbers=numbers), tmp_path / "out")
    (spearman,) = result.comparisons
    assert (spearman.metric, spearman.verdict) == ("spearman", "better")
    assert result.embedding is not None
    assert result.embedding.loss.startswith("cosine")
    assert list(result.embedding.by_dimensions) == [16]


def test_texts_alone_are_measured_by_their_halves(encoder_spec: MakeSpec, tmp_path: Path) -> None:
    rng = random.Random(7)
    lines = [
        {"text": " ".join(rng.choices([f"l{i}" for i in range(t % 24, t % 24 + 3) if i < 24] or ["l0"], k=8))}
        for t in range(240)
    ]
    lines = list({line["text"]: line for line in lines}.values())
    numbers = {"n_epochs": 2, "learning_rate": 0.003}
    result = run(encoder_spec("embedding", lines, numbers=numbers), tmp_path / "out")
    assert result.embedding is not None
    assert result.embedding.loss.startswith("contrastive, for texts alone")
    assert result.comparisons[0].metric == "ndcg_at_10"
    assert result.comparisons[0].before.value != result.comparisons[0].after.value


def test_a_loss_that_does_not_fit_the_records_is_refused(
    encoder_spec: MakeSpec, pair_lines: Lines, tmp_path: Path
) -> None:
    with pytest.raises(SpecInvalid, match=r'"cosine" does not fit pair records\. Use multiple_negatives'):
        run(encoder_spec("embedding", pair_lines, numbers={"loss": "cosine"}), tmp_path / "out")


def test_dimensions_that_the_base_does_not_have_are_refused(
    encoder_spec: MakeSpec, pair_lines: Lines, tmp_path: Path
) -> None:
    with pytest.raises(SpecInvalid, match="64 dimensions and the base has 32"):
        run(encoder_spec("embedding", pair_lines, numbers={"matryoshka_dims": [64]}), tmp_path / "out")


def test_esm_embeds_sequences_and_has_no_dropout_to_tell_them_by(
    encoder_spec: MakeSpec, esm: BaseModelEntry, fasta_file: Any, tmp_path: Path
) -> None:
    numbers = {"n_epochs": 1, "learning_rate": 5e-4, "max_seq_len": 64}
    spec = encoder_spec("embedding", [], base=esm, training_file=fasta_file, numbers=numbers)
    result = run(spec, tmp_path / "out")
    assert result.embedding is not None
    assert result.embedding.loss.startswith("denoising")
    assert result.embedding.dimensions == 320
    assert {c.set for c in result.comparisons} == {"random", "clusters"}
    folder = tmp_path / "out" / "model"
    vector = SentenceTransformer(str(folder), device="cpu").encode(str(result.probes[0].text))
    assert result.probes[0].vector == pytest.approx(vector[:16].tolist(), abs=1e-4)
