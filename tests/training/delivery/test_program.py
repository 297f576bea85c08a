"""The program that a run and the CLI start: exports and exit codes; and a run's own push."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer

from tunesmith.schemas.models import BaseModelEntry
from tunesmith.schemas.training import TrainingSpec
from tunesmith.training.delivery.in_run import deliver
from tunesmith.training.progress import ProgressLog

ReadProgress = Callable[[Path], list[dict[str, Any]]]


def program(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tunesmith.training.delivery", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def adapter(llama: BaseModelEntry, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    model = AutoModelForCausalLM.from_pretrained(llama.source.path)  # type: ignore[union-attr]
    config = LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    get_peft_model(model, config).save_pretrained(str(folder))
    AutoTokenizer.from_pretrained(llama.source.path).save_pretrained(folder)  # type: ignore[union-attr]
    (folder / "README.md").write_text("---\nlicense: apache-2.0\nlibrary_name: peft\n---\n# A model\n")
    return folder


@pytest.fixture
def base(llama: BaseModelEntry, tmp_path: Path) -> Path:
    path = tmp_path / "base.json"
    path.write_text(llama.model_dump_json())
    return path


@pytest.mark.parametrize(
    ("changed", "code", "told"),
    [
        ({"HF_TOKEN": "hf_wrong"}, 3, "401"),
        ({"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HUB_OFFLINE": "1"}, 4, "HF_HUB_OFFLINE"),
    ],
)
def test_a_push_that_fails_answers_a_delivery_that_says_so(
    hub, adapter: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, str], code: int, told: str
) -> None:
    for name, value in changed.items():
        monkeypatch.setenv(name, value)
    done = program("push", adapter, "ada/mine")
    assert done.returncode == code
    delivery = json.loads(done.stdout)
    assert delivery["status"] == "failed"
    assert told in delivery["note"]
    assert delivery["note"] in done.stderr


def test_an_export_writes_the_merged_folder_and_gguf_from_it(
    adapter: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "convert_hf_to_gguf.py"
    script.write_text(
        "import sys, pathlib; p = pathlib.Path(sys.argv[1]);"
        "pathlib.Path(sys.argv[3]).write_bytes(b'GGUF' + (p / 'model.safetensors').read_bytes()[:4])"
    )
    monkeypatch.setenv("TUNESMITH_LLAMA_CPP", str(tmp_path))
    out = tmp_path / "exported"
    done = program("export", adapter, out, "--merged", "--gguf", "--name", "mine", "--base", base)
    assert done.returncode == 0, done.stderr
    assert {"model.safetensors", "config.json", "tokenizer.json", "mine.gguf"} <= set(json.loads(done.stdout)["files"])
    assert (out / "mine.gguf").read_bytes()[4:] == (out / "model.safetensors").read_bytes()[:4]
    assert "library_name: transformers" in (out / "README.md").read_text()
    left = {path.name for path in adapter.parent.iterdir()}
    assert left == {"base.json", "model", "exported", "convert_hf_to_gguf.py"}


def test_an_export_that_lacks_its_tool_is_refused_before_anything_is_written(
    adapter: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TUNESMITH_LLAMA_CPP", str(tmp_path))
    done = program("export", adapter, tmp_path / "out", "--gguf", "--base", base)
    assert (done.returncode, done.stdout) == (3, "")
    assert "git clone" in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_run_tells_where_its_model_went_and_how_to_push_it_when_it_did_not(
    hub, adapter: Path, chat_spec: Callable[..., TrainingSpec], tmp_path: Path, read_progress: ReadProgress,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    log = ProgressLog(tmp_path / "progress.jsonl")
    spec = chat_spec(output_model="ada/mine")
    pushed = deliver(spec, adapter, log)
    assert pushed is not None
    assert (pushed.status, pushed.url) == ("pushed", f"{hub.url}/ada/mine")
    assert set(hub.repos["ada/mine"]) == {p.name for p in adapter.iterdir()}
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "none"))
    failed = deliver(spec, adapter, log)
    assert failed is not None
    assert failed.status == "failed"
    lines = read_progress(tmp_path)
    assert [line["phase"] for line in lines if line["type"] == "phase"] == ["pushing", "pushing"]
    told = [line["event"] for line in lines if line["type"] == "message"]
    assert [event["level"] for event in told] == ["info", "warn"]
    assert "HF_TOKEN" in told[1]["message"]
    assert f"`tunesmith models push {spec.job_id} ada/mine`" in told[1]["message"]
    assert deliver(chat_spec(), adapter, log) is None
