"""What each kind of run keeps is what the engine makes of the same folder: trained here, served here."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.staticfiles import StaticFiles

from tunesmith.base_models.fetch import local_folder
from tunesmith.engines.artifacts import Artifacts
from tunesmith.engines.parity import repeat
from tunesmith.engines.settings import EngineSettings
from tunesmith.engines.transformers import TransformersEngine
from tunesmith.schemas.inference import ServedModel
from tunesmith.schemas.models import BaseModelEntry, Parity
from tunesmith.schemas.parity import ParityCall
from tunesmith.schemas.training import InputFile, TrainingResult, TrainingSpec
from tunesmith.schemas.worker import Download
from tunesmith.server.inference.agreement import judge
from tunesmith.training.progress import ProgressLog
from tunesmith.training.run import run_job
from tunesmith.training.stopping import StopSwitch

pytestmark = pytest.mark.training
MakeSpec = Callable[..., TrainingSpec]


def run(spec: TrainingSpec, out: Path) -> TrainingResult:
    out.mkdir()
    log = ProgressLog(out / "progress.jsonl")
    try:
        return run_job(spec, out, log, StopSwitch())
    finally:
        log.close()


async def compared(spec: TrainingSpec, result: TrainingResult, folder: Path, cache: Path) -> Parity:
    """By an engine that fetches the folder's files over HTTP."""
    files = []
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        name, body = path.relative_to(folder).as_posix(), path.read_bytes()
        sha256 = hashlib.sha256(body).hexdigest()
        files.append(Download(name=name, size_bytes=len(body), sha256=sha256, url=f"/{name}"))
    served = ServedModel(name="ft:toy", task=spec.task, base=spec.base, adaptation=spec.adaptation, files=files)
    app = Starlette()
    app.mount("/", StaticFiles(directory=folder))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://files") as http:
        settings = EngineSettings(models_dir=cache / "models", threads=1)
        artifacts = Artifacts(cache, http, limit_bytes=settings.cache_bytes)
        engine = TransformersEngine(settings, artifacts, lambda base: local_folder(base, settings.models_dir))
        try:
            reply = await repeat(ParityCall(served=served, probes=result.probes), engine)
        finally:
            await engine.close()
    return judge(result.probes, reply.answers)


@pytest.fixture
def specs(
    protein_spec: MakeSpec, chat_spec: MakeSpec, encoder_spec: MakeSpec, bert: BaseModelEntry,
    labelled_lines: list[dict[str, Any]], pair_lines: list[dict[str, Any]], preference_file: InputFile,
) -> dict[str, Callable[[], TrainingSpec]]:  # fmt: skip
    prefixed = bert.model_copy(update={"query_prefix": "l0 ", "passage_prefix": "r0 "})
    return {
        "protein by LoRA": lambda: protein_spec(adaptation="lora"),
        "chat by DPO": lambda: chat_spec(training_file=preference_file, method="dpo"),
        "chat by QLoRA": lambda: chat_spec(adaptation="qlora"),
        "chat by DoRA": lambda: chat_spec(numbers={"use_dora": True, "use_rslora": True}),
        "classifier by LoRA": lambda: encoder_spec("classification", labelled_lines, adaptation="lora"),
        "classifier in full": lambda: encoder_spec("classification", labelled_lines),
        "embedding by LoRA, with prefixes": lambda: encoder_spec(
            "embedding", pair_lines[:80], adaptation="lora", base=prefixed
        ),
        "embedding in full": lambda: encoder_spec("embedding", pair_lines[:80]),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "protein by LoRA",
        "chat by DPO",
        "chat by QLoRA",
        "chat by DoRA",
        "classifier by LoRA",
        "classifier in full",
        "embedding by LoRA, with prefixes",
        "embedding in full",
    ],
)
async def test_the_engine_makes_of_every_kind_of_model_what_training_made(
    specs: dict[str, Callable[[], TrainingSpec]], kind: str, tmp_path: Path
) -> None:
    spec = specs[kind]()
    result = run(spec, tmp_path / "out")
    assert len(result.probes) == 4
    found = await compared(spec, result, tmp_path / "out" / "model", tmp_path / "cache")
    assert (found.status, found.prompts_equal, found.output_agreement) == ("passed", 4, 1.0), found.note
