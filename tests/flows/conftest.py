"""A whole installation: `tunesmith up` as its users start it, with a toy chat model beside the bundled protein one."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil
import pytest
import yaml

START_LIMIT_S = 60

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass
class Stack:
    """A running `tunesmith up`."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path
    errors: list[str] = field(default_factory=list)

    def key(self, kind: str = "admin") -> str:
        return (self.data_dir / f"{kind}.key").read_text().strip()

    def get(self, path: str) -> dict:
        reply = httpx.get(self.url + path, headers={"Authorization": f"Bearer {self.key()}"}, timeout=30)
        assert reply.status_code == 200, reply.text
        return reply.json()

    def children(self, word: str) -> list[psutil.Process]:
        """Live descendants whose command line holds the word."""
        found = []
        for child in psutil.Process(self.process.pid).children(recursive=True):
            try:
                if word in " ".join(child.cmdline()):
                    found.append(child)
            except psutil.NoSuchProcess:
                continue
        return found

    def until(self, what: Callable[[], object], limit_s: float = 120) -> object:
        """Waits for something true, failing with the server's view of its jobs after the limit."""
        deadline = time.monotonic() + limit_s
        while time.monotonic() < deadline:
            if found := what():
                return found
            time.sleep(0.1)
        raise AssertionError(f"not seen within {limit_s} s; jobs: {self.get('/v1/fine_tuning/jobs')}")

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(15)


@pytest.fixture(scope="session")
def toy_catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An operator's catalogue with one tiny chat model of random weights."""
    folder = tmp_path_factory.mktemp("toy")
    _make_toy_model(folder / "toy-chat")
    entry = {
        "key": "toy-chat",
        "title": "Toy",
        "tasks": ["chat"],
        "source": {"type": "folder", "path": str(folder / "toy-chat")},
        "licence": "Apache-2.0",
        "parameters": 200_000,
        "context": 256,
        "architecture": "llama",
        "chat_template": "model",
        "needs_memory_bytes": 100_000_000,
    }
    catalog = folder / "catalog.yaml"
    catalog.write_text(yaml.safe_dump({"models": [entry]}))
    return catalog


def _make_toy_model(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    specials = ["<|im_start|>", "<|im_end|>", "<|pad|>"]
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={c: i for i, c in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(specials)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|im_end|>", pad_token="<|pad|>", additional_special_tokens=specials[:2]
    )
    fast.chat_template = CHATML
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(fast), hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=256, eos_token_id=fast.eos_token_id,
        pad_token_id=fast.pad_token_id, bos_token_id=None, tie_word_embeddings=True,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)


def start_stack(data_dir: Path, catalog: Path, *, workers: int = 1, **settings: str) -> Stack:
    """Starts `tunesmith up` and waits for its ready line."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    env = os.environ | {
        "TUNESMITH_CATALOG": str(catalog),
        "TUNESMITH_REPORT_INTERVAL_S": "1",
        "TUNESMITH_WATCHED_REPORT_INTERVAL_S": "0.5",
        "OMP_NUM_THREADS": "1",
        **settings,
    }
    log = (data_dir.parent / f"{data_dir.name}.log").open("a")
    process = subprocess.Popen(
        [sys.executable, "-m", "tunesmith.cli.main", "up", "--data-dir", str(data_dir), "--port", str(port),
         "--no-browser", "--workers", str(workers)],
        stdout=subprocess.PIPE, stderr=log, text=True, env=env,
    )  # fmt: skip
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    if line != f"ready http://127.0.0.1:{port}":
        process.kill()
        raise AssertionError(f"first line was {line!r}; log:\n{Path(log.name).read_text()[-4000:]}")
    return Stack(process, line.removeprefix("ready "), data_dir)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, toy_catalog: Path) -> Iterator[Stack]:
    """One installation for a module's tests."""
    started = start_stack(tmp_path_factory.mktemp("up") / "data", toy_catalog)
    yield started
    started.stop()


@pytest.fixture(scope="session")
def start(toy_catalog: Path) -> Callable[..., Stack]:
    """Starts an installation of the test's own; the test stops it."""
    return lambda data_dir, **options: start_stack(data_dir, toy_catalog, **options)


@pytest.fixture(scope="session")
def chat_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty short chats with a pattern that a tiny model learns."""
    path = tmp_path_factory.mktemp("data") / "chats.jsonl"
    words = ["red", "blue", "green", "white", "black", "brown", "pink", "grey"]
    lines = [
        {"messages": [{"role": "user", "content": f"{word} {n}?"}, {"role": "assistant", "content": f"{word}."}]}
        for n in range(5)
        for word in words
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


@pytest.fixture(scope="session")
def fasta_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty real lysozyme sequences."""
    from importlib.resources import files

    text = (files("tunesmith.demo") / "proteins" / "lysozyme.fasta").read_text()
    path = tmp_path_factory.mktemp("data") / "lysozyme.fasta"
    path.write_text(">" + ">".join(text.split(">")[1:31]))
    return path
