"""`tunesmith embed` and `tunesmith classify` against a small server that speaks the API's shapes."""

import base64
import json
import struct
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI, Request

from tunesmith.cli.embed import cosine
from tunesmith.schemas.encoding import ClassifyReply, EmbeddingReply

asked: list[dict[str, Any]] = []
app = FastAPI()


@app.post("/v1/embeddings")
async def embeddings(request: Request) -> dict[str, Any]:
    """A text's vector is (its length, 1)."""
    body = await request.json()
    asked.append(body)
    texts = [body["input"]] if isinstance(body["input"], str) else body["input"]
    vectors = [[float(len(text)), 1.0] for text in texts]
    written = [
        v if body["encoding_format"] == "float" else base64.b64encode(struct.pack("<2f", *v)).decode() for v in vectors
    ]
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(written)]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return {"object": "list", "data": data, "model": body["model"], "usage": usage}


@app.post("/v1/classify")
async def classify(request: Request) -> dict[str, Any]:
    """Short texts are `short`, of a model called `many` none is anything."""
    body = await request.json()
    asked.append(body)
    data = []
    for i, text in enumerate(body["input"]):
        order = ["short", "long"] if len(text) < 6 else ["long", "short"]
        labels = [] if body["model"] == "many" else order[:1]
        told = {"label": labels[0] if labels else None, "labels": labels}
        shares = dict(zip(order, (0.75, 0.25) if labels else (0.4, 0.1), strict=True))
        data.append({"object": "classification", "index": i, **told, "probabilities": shares})
    return {"object": "list", "data": data, "model": body["model"], "usage": {"prompt_tokens": 1, "total_tokens": 1}}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical"))
    started = threading.Event()
    start_up = server.startup

    async def startup(sockets: Any = None) -> None:
        await start_up(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(10)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join(10)


@pytest.fixture
def run(tunesmith, url):
    asked.clear()

    def call(*arguments: str, typed: str = ""):
        return tunesmith(*arguments, typed=typed, TUNESMITH_URL=url, TUNESMITH_API_KEY="tsk_x")

    return call


def test_vectors_are_a_json_line_a_text(run):
    done = run("embed", "m", "red", "crimson", "--dimensions", "2", "--input-type", "passage")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines == [{"text": "red", "embedding": [3.0, 1.0]}, {"text": "crimson", "embedding": [7.0, 1.0]}]
    assert asked[0]["dimensions"] == 2
    assert asked[0]["input_type"] == "passage"


def test_texts_are_piped_in_one_a_line_and_many_go_in_several_requests(run):
    done = run("embed", "m", "-", typed="red\n\n" + "blue\n" * 300)
    assert len(done.stdout.splitlines()) == 301
    assert [len(body["input"]) for body in asked] == [256, 45]


def test_json_is_the_object_of_the_api(run):
    reply = EmbeddingReply.model_validate_json(run("embed", "m", "red", "--json").stdout)
    assert reply.data[0].embedding == [3.0, 1.0]
    found = ClassifyReply.model_validate_json(run("--json", "classify", "m", "red").stdout)
    assert found.data[0].label == "short"


def test_with_a_query_the_nearest_text_comes_first(run):
    done = run("embed", "m", "a", "four", "--query", "five!")
    assert done.stdout.splitlines() == ["SIMILARITY\tTEXT", "0.9989\tfour", "0.8321\ta"]
    assert [body["input_type"] for body in asked] == ["query", "passage"]


def test_classes_are_a_table_with_their_probabilities(run):
    done = run("classify", "m", "red", "crimson")
    assert done.stdout.splitlines() == ["LABEL\tPROBABILITY\tTEXT", "short\t0.750\tred", "long\t0.750\tcrimson"]
    assert run("classify", "many", "red").stdout.splitlines()[1] == "-\t0.400\tred"


@pytest.mark.parametrize("command", ["embed", "classify"])
def test_nothing_to_read_is_a_usage_error(run, command):
    done = run(command, "m", "-")
    assert done.returncode == 2
    assert "no text" in done.stderr
    assert asked == []


def test_cosine_is_that_of_the_angle():
    assert cosine([3.0, 4.0], [4.0, 3.0]) == pytest.approx(24 / 25)
    assert cosine([0.0, 0.0], [1.0, 0.0]) == 0
