"""Errors say which parameter, what was expected and what came, in the body that the path's readers expect."""

import httpx
import pytest
from fastapi import APIRouter, FastAPI, Request
from sqlalchemy.exc import OperationalError

from tunesmith.schemas.errors import AlreadyTerminal, NoEngine, error_classes
from tunesmith.schemas.inference import ChatRequest, CompletionRequest
from tunesmith.schemas.jobs import JobCreate
from tunesmith.server import error_handler
from tunesmith.server.edge import Edge
from tunesmith.server.metrics import Metrics
from tunesmith.server.settings import Settings


@pytest.fixture
async def http(tmp_path):
    app = FastAPI()
    error_handler.install(app)
    app.add_middleware(Edge, settings=Settings(data_dir=tmp_path), metrics=Metrics())
    router = APIRouter()

    @router.post("/v1/jobs")
    async def jobs(body: JobCreate) -> dict[str, str]:
        return {}

    @router.post("/v1/chat")
    async def chat(body: ChatRequest) -> ChatRequest:
        return body

    @router.post("/v1/completions")
    async def completions(body: CompletionRequest) -> CompletionRequest:
        return body

    @router.get("/v1/page")
    async def page(limit: int = 20) -> dict[str, int]:
        return {"limit": limit}

    @router.post("/worker/v1/jobs/{job_id}/report")
    async def report(job_id: str, request: Request) -> None:
        request.state.epoch = 3
        raise AlreadyTerminal("The job is cancelled.")

    @router.get("/v1/away")
    async def away() -> None:
        raise NoEngine("No engine.")

    @router.get("/v1/broken")
    async def broken() -> None:
        raise KeyError("a secret detail")

    @router.get("/v1/database")
    async def database() -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    app.include_router(router)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        yield client


JOB = {"model": "smollm2-135m-instruct", "training_file": "file-1"}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}

BAD_JOBS = [
    ({"training_file": "file-1"}, "model", "missing_required_parameter", "Missing required parameter: 'model'."),
    (
        {**JOB, "hyperparameters": {"n_epochs": "many"}},
        "hyperparameters.n_epochs",
        "invalid_type",
        "Invalid type for 'hyperparameters.n_epochs': expected an integer or 'auto', "
        "but got a string ('many') instead.",
    ),
    (
        {**JOB, "hyperparameters": {"n_epochs": 0}},
        "hyperparameters.n_epochs",
        "integer_below_min_value",
        "Invalid 'hyperparameters.n_epochs': integer below minimum value. "
        "Expected a value >= 1 or 'auto', but got 0 instead.",
    ),
    (
        {**JOB, "hyperparameters": {"n_epochs": 51}},
        "hyperparameters.n_epochs",
        "integer_above_max_value",
        "Invalid 'hyperparameters.n_epochs': integer above maximum value. "
        "Expected a value <= 50 or 'auto', but got 51 instead.",
    ),
    (
        {**JOB, "method": {"type": "supervised", "supervised": {"hyperparameters": {"learning_rate_multiplier": 0}}}},
        "method.supervised.hyperparameters.learning_rate_multiplier",
        "decimal_below_min_value",
        "Invalid 'method.supervised.hyperparameters.learning_rate_multiplier': decimal below minimum value. "
        "Expected a value > 0 or 'auto', but got 0 instead.",
    ),
    (
        {**JOB, "adaptation": "dora"},
        "adaptation",
        "invalid_value",
        "Invalid value for 'adaptation': expected 'lora', 'qlora' or 'full', but got 'dora' instead.",
    ),
    (
        {**JOB, "method": {"type": "ppo"}},
        "method.type",
        "invalid_value",
        "Invalid value for 'method.type': expected 'supervised' or 'dpo', but got 'ppo' instead.",
    ),
    (
        {**JOB, "hyperparameters": {"n_epoch": 3}},
        "hyperparameters.n_epoch",
        "unknown_parameter",
        "Unknown parameter: 'hyperparameters.n_epoch'. Check its spelling, or leave it out.",
    ),
    (
        {**JOB, "suffix": "x" * 65},
        "suffix",
        "string_above_max_length",
        "Invalid 'suffix': expected a string with maximum length 64, but got a string with length 65 instead.",
    ),
    (
        {**JOB, "suffix": ".."},
        "suffix",
        "invalid_value",
        "Invalid 'suffix': must hold a letter or digit; got '..'.",
    ),
    (
        {**JOB, "metadata": {"k": 5}},
        "metadata.k",
        "invalid_type",
        "Invalid type for 'metadata.k': expected a string, but got an integer (5) instead.",
    ),
    (
        {**JOB, "metadata": {f"k{i}": "v" for i in range(17)}},
        "metadata",
        "object_above_max_properties",
        "Invalid 'metadata': expected an object with maximum length 16, but got an object with length 17 instead.",
    ),
    (
        {**JOB, "seed": -1},
        "seed",
        "integer_below_min_value",
        "Invalid 'seed': integer below minimum value. Expected a value >= 0, but got -1 instead.",
    ),
    (
        {**JOB, "hyperparameters": None, "training_file": None},
        "training_file",
        "invalid_type",
        "Invalid type for 'training_file': expected a string, but got null instead.",
    ),
]


@pytest.mark.parametrize(("body", "param", "code", "message"), BAD_JOBS)
async def test_a_bad_job_names_the_parameter_what_was_expected_and_what_came(http, body, param, code, message):
    reply = await http.post("/v1/jobs", json=body)
    assert reply.status_code == 400
    assert reply.json() == {
        "error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}
    }


BAD_CHATS = [
    ({**CHAT, "temperature": 3}, "temperature", "decimal_above_max_value"),
    ({**CHAT, "messages": []}, "messages", "empty_array"),
    ({**CHAT, "messages": "hi"}, "messages", "invalid_type"),
    ({**CHAT, "messages": [{"role": "robot", "content": "hi"}]}, "messages[0].role", "invalid_value"),
    ({**CHAT, "messages": [{"role": "tool", "content": "hi"}]}, "messages[0].role", "unsupported_parameter"),
    ({**CHAT, "messages": [{"role": "user", "content": 5}]}, "messages[0].content", "invalid_type"),
    ({**CHAT, "messages": [{"role": "user"}]}, "messages[0].content", "missing_required_parameter"),
    (
        {**CHAT, "messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
        "messages[0].content[0].text",
        "invalid_type",
    ),
    (
        {**CHAT, "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
        "messages[0].content[0].type",
        "unsupported_parameter",
    ),
    (
        {**CHAT, "messages": [{"role": "assistant", "content": "", "tool_calls": [{"id": "a"}]}]},
        "messages[0].tool_calls",
        "unsupported_parameter",
    ),
    ({**CHAT, "stop": ["a", "b", "c", "d", "e"]}, "stop", "array_above_max_length"),
    ({**CHAT, "stop": 5}, "stop", "invalid_type"),
    ({**CHAT, "logit_bias": {"5": 200}}, "logit_bias.5", "decimal_above_max_value"),
    ({**CHAT, "stream_options": {"include_usage": True}}, "stream_options", "invalid_value"),
    ({**CHAT, "top_logprobs": 3}, "top_logprobs", "invalid_value"),
    ({**CHAT, "tools": [{"type": "function"}]}, "tools", "unsupported_parameter"),
    ({**CHAT, "tool_choice": "required"}, "tool_choice", "unsupported_parameter"),
    ({**CHAT, "response_format": {"type": "json_object"}}, "response_format", "unsupported_parameter"),
    ({**CHAT, "chat_template_kwargs": {}}, "chat_template_kwargs", "unknown_parameter"),
    ({"messages": CHAT["messages"]}, "model", "missing_required_parameter"),
]


@pytest.mark.parametrize(("body", "param", "code"), BAD_CHATS)
async def test_a_bad_chat_names_the_parameter_and_the_code(http, body, param, code):
    reply = await http.post("/v1/chat", json=body)
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == param, reply.text
    assert reply.json()["error"]["code"] == code, reply.text


async def test_what_changes_no_answer_is_accepted(http):
    body = {
        **CHAT,
        "user": "ada",
        "store": False,
        "metadata": {"a": "b"},
        "service_tier": "auto",
        "reasoning_effort": "low",
        "temperature": None,
        "max_tokens": None,
        "tools": [],
        "tool_choice": "none",
        "parallel_tool_calls": True,
        "response_format": {"type": "text"},
        "modalities": ["text"],
        "messages": [
            {"role": "developer", "content": [{"type": "text", "text": "be "}, {"type": "text", "text": "kind"}]},
            {"role": "assistant", "content": "yes", "refusal": None, "annotations": [], "tool_calls": None},
            {"role": "user", "content": "hi", "name": "ada"},
        ],
        "top_k": 5,
        "min_p": 0.1,
        "repetition_penalty": 1.1,
    }
    reply = await http.post("/v1/chat", json=body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["temperature"] == 1.0


async def test_best_of_below_n_is_refused_by_name(http):
    reply = await http.post("/v1/completions", json={"model": "m", "prompt": "x", "n": 3, "best_of": 2})
    assert reply.json()["error"]["param"] == "best_of"


async def test_query_parameters_are_named_too(http):
    reply = await http.get("/v1/page", params={"limit": "ten"})
    assert reply.status_code == 400
    assert reply.json()["error"]["param"] == "limit"
    assert "an integer" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "headers", "wanted"),
    [
        (b"{", {"content-type": "application/json"}, "not valid JSON"),
        (b'{"a": "\xff"}', {"content-type": "application/json"}, "could not be read"),
        (b"{}", {"content-type": "text/plain"}, "Content-Type: application/json"),
        (b"", {"content-type": "application/json"}, "no body"),
        (b"[1]", {"content-type": "application/json"}, "an array"),
    ],
)
async def test_a_body_that_is_no_json_object_says_what_to_send(http, content, headers, wanted):
    reply = await http.post("/v1/jobs", content=content, headers=headers)
    assert reply.status_code == 400
    assert wanted in reply.json()["error"]["message"]


async def test_a_worker_gets_a_problem_that_echoes_job_and_epoch(http):
    reply = await http.post("/worker/v1/jobs/ftjob-7/report")
    assert reply.status_code == 409
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json() == {
        "type": "about:blank",
        "title": "AlreadyTerminal",
        "status": 409,
        "code": "already_terminal",
        "detail": "The job is cancelled.",
        "job_id": "ftjob-7",
        "epoch": 3,
    }


async def test_a_retryable_error_says_when(http):
    reply = await http.get("/v1/away")
    assert reply.status_code == 503
    assert reply.headers["retry-after"] == "2"


async def test_an_unforeseen_error_tells_an_incident_and_nothing_else(http):
    reply = await http.get("/v1/broken")
    assert reply.status_code == 500
    assert reply.json()["error"]["type"] == "server_error"
    incident = reply.headers["x-request-id"].removeprefix("req_")
    assert f"inc_{incident}" in reply.json()["error"]["message"]
    assert "secret" not in reply.text


async def test_a_database_that_is_away_is_503_and_retryable(http):
    reply = await http.get("/v1/database")
    assert reply.status_code == 503
    assert reply.json()["error"]["code"] == "unavailable"
    assert "retry-after" in reply.headers


async def test_unknown_urls_and_methods_have_a_request_id(http):
    for reply in (await http.get("/nowhere"), await http.delete("/v1/page")):
        assert reply.headers["x-request-id"].startswith("req_")
        assert set(reply.json()["error"]) == {"message", "type", "param", "code"}


def test_every_error_class_has_a_status_of_its_family_and_a_code():
    for each in error_classes():
        assert each.code
        assert 400 <= each.status < 600
        assert (each.type == "server_error") == (each.status >= 500)
