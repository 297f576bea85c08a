"""The whole path with the unmodified openai SDK, strict about every answer it gets."""

from pathlib import Path

import openai
import pytest
from openai.types.fine_tuning import FineTuningJob

pytestmark = [pytest.mark.training, pytest.mark.timeout(400)]


@pytest.fixture(scope="module")
def sdk(stack) -> openai.OpenAI:
    return openai.OpenAI(
        base_url=f"{stack.url}/v1", api_key=stack.key(), _strict_response_validation=True, max_retries=0, timeout=120
    )


@pytest.fixture(scope="module")
def tuned(sdk: openai.OpenAI, chat_file: Path, stack) -> FineTuningJob:
    """A finished job on the toy model."""
    uploaded = sdk.files.create(file=chat_file, purpose="fine-tune")
    assert sdk.files.wait_for_processing(uploaded.id).status == "processed"
    job = sdk.fine_tuning.jobs.create(
        model="toy-chat",
        training_file=uploaded.id,
        suffix="colours",
        seed=7,
        metadata={"team": "paint"},
        method={
            "type": "supervised",
            "supervised": {"hyperparameters": {"n_epochs": 3, "batch_size": 8, "learning_rate_multiplier": 10}},
        },
    )
    assert job.status == "validating_files"
    assert job.seed == 7
    done = stack.until(lambda: (j := sdk.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 180)
    assert done.status == "succeeded", done.error
    return done


def test_the_job_object_says_what_happened(tuned):
    assert tuned.fine_tuned_model.startswith("ft:toy-chat:default:colours:")
    assert tuned.hyperparameters.n_epochs == 3
    assert tuned.hyperparameters.batch_size == 8
    assert tuned.trained_tokens > 0
    assert tuned.error is None
    assert tuned.metadata == {"team": "paint"}


ORDER = [("Created", "alidat"), ("alidat", "started"), ("started", "Step 1/"), ("Step 1/", "created")]


def test_events_come_in_openais_order_and_page_by_cursor(sdk, tuned):
    events = list(sdk.fine_tuning.jobs.list_events(tuned.id, limit=5))
    messages = [e.message for e in reversed(events)]
    for earlier, later in [
        ("Created", "alidat"),
        ("alidat", "started"),
        ("started", "Step 1/"),
        ("Step 1/", "created"),
    ]:
        first = next(i for i, m in enumerate(messages) if earlier in m)
        assert any(later in m for m in messages[first + 1 :]), messages
    assert "completed" in messages[-1]
    assert sum(e.type == "metrics" for e in events) >= 9
    newest = sdk.fine_tuning.jobs.list_events(tuned.id, limit=1)
    assert newest.data[0].id == events[0].id
    assert newest.has_more


def test_checkpoints_are_listed_and_answer_as_models(sdk, tuned):
    checkpoints = list(sdk.fine_tuning.jobs.checkpoints.list(tuned.id))
    assert 1 <= len(checkpoints) <= 3
    steps = [c.step_number for c in checkpoints]
    assert steps == sorted(steps, reverse=True)
    name = checkpoints[-1].fine_tuned_model_checkpoint
    assert ":ckpt-step-" in name
    reply = sdk.chat.completions.create(
        model=name, messages=[{"role": "user", "content": "red 9?"}], max_tokens=4, temperature=0
    )
    assert reply.model == name


def test_the_result_file_is_a_plain_csv(sdk, tuned):
    text = sdk.files.content(tuned.result_files[0]).text
    lines = text.splitlines()
    assert lines[0] == "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy"
    first, last = float(lines[1].split(",")[1]), float(lines[-1].split(",")[1])
    assert last < first
    assert sdk.files.retrieve(tuned.result_files[0]).purpose == "fine-tune-results"


def test_the_tuned_model_chats_plain_and_streaming_alike(sdk, tuned):
    asked = {
        "model": tuned.fine_tuned_model,
        "messages": [{"role": "user", "content": "blue 7?"}],
        "max_tokens": 12,
        "temperature": 0,
    }
    plain = sdk.chat.completions.create(**asked)
    assert plain.choices[0].finish_reason in ("stop", "length")
    assert plain.usage.total_tokens == plain.usage.prompt_tokens + plain.usage.completion_tokens
    pieces, usage = "", None
    for chunk in sdk.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True}):
        usage = chunk.usage or usage
        if chunk.choices:
            pieces += chunk.choices[0].delta.content or ""
    assert pieces == plain.choices[0].message.content
    assert usage == plain.usage


def test_base_and_tuned_answer_side_by_side(sdk, tuned):
    answers = {
        model: sdk.chat.completions.create(
            model=model, messages=[{"role": "user", "content": "green 8?"}], max_tokens=8, temperature=0
        )
        .choices[0]
        .message.content
        for model in ("toy-chat", tuned.fine_tuned_model)
    }
    assert answers["toy-chat"] != answers[tuned.fine_tuned_model]


def test_completions_answer_text_and_token_ids(sdk, tuned):
    reply = sdk.completions.create(model=tuned.fine_tuned_model, prompt=["red", "blue"], max_tokens=3, n=2, seed=1)
    assert [c.index for c in reply.choices] == [0, 1, 2, 3]
    by_ids = sdk.completions.create(model="toy-chat", prompt=[65, 66, 67], max_tokens=2, temperature=0)
    assert by_ids.usage.prompt_tokens == 3


def test_jobs_are_listed_newest_first_and_filtered_by_metadata(sdk, tuned):
    assert tuned.id in [j.id for j in sdk.fine_tuning.jobs.list(limit=1)]
    found = sdk.fine_tuning.jobs.list(extra_query={"metadata[team]": "paint"})
    assert [j.id for j in found] == [tuned.id]
    assert not sdk.fine_tuning.jobs.list(extra_query={"metadata[team]": "none"}).data


def test_a_tuned_model_can_be_tuned_on(sdk, tuned, stack):
    job = sdk.fine_tuning.jobs.create(
        model=tuned.fine_tuned_model, training_file=tuned.training_file, hyperparameters={"n_epochs": 1}
    )
    done = stack.until(lambda: (j := sdk.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 180)
    assert done.status == "succeeded", done.error
    version = stack.get(f"/v1/registry/models/{done.fine_tuned_model}")
    assert version["lineage"]["parent_model"] == tuned.fine_tuned_model


def test_lineage_files_and_comparison_are_kept_with_the_version(stack, tuned):
    version = stack.get(f"/v1/registry/models/{tuned.fine_tuned_model}")
    lineage = version["lineage"]
    assert lineage["job_id"] == tuned.id
    assert len(lineage["training_sha256"]) == 64
    assert lineage["seed"] == 7
    assert "torch" in lineage["packages"]
    files = stack.get(f"/v1/registry/models/{tuned.fine_tuned_model}/files")["data"]
    assert "adapter_model.safetensors" in [f["path"] for f in files]


@pytest.mark.parametrize(
    ("change", "param", "code", "words"),
    [
        ({"model": "gpt-5"}, "model", "model_not_found", "does not exist"),
        ({"training_file": "file-nothing"}, "training_file", None, "file-nothing"),
        ({"hyperparameters": {"n_epochs": 99}}, "hyperparameters.n_epochs", "integer_above_max_value", "99"),
        ({"suffix": "x" * 65}, "suffix", "string_above_max_length", "64"),
        ({"seed": -1}, "seed", "integer_below_min_value", "minimum"),
    ],
)
def test_bad_jobs_get_the_documented_error(sdk, tuned, change, param, code, words):
    body = {"model": "toy-chat", "training_file": tuned.training_file} | change
    with pytest.raises(openai.BadRequestError) as refused:
        sdk.fine_tuning.jobs.create(**body)
    error = refused.value
    assert error.param == param
    assert code is None or error.code == code
    assert words in error.message
    assert error.request_id.startswith("req_")


def test_unknown_ids_get_the_documented_404(sdk):
    with pytest.raises(openai.NotFoundError, match="Could not find fine tune: ftjob-x"):
        sdk.fine_tuning.jobs.retrieve("ftjob-x")
    with pytest.raises(openai.NotFoundError, match="No such File object: file-x"):
        sdk.files.retrieve("file-x")
    with pytest.raises(openai.NotFoundError, match="does not exist"):
        sdk.chat.completions.create(model="ft:none:a:b:c", messages=[{"role": "user", "content": "x"}])


def test_a_file_with_bad_lines_fails_its_job_while_validating(sdk, stack, tmp_path: Path):
    path = tmp_path / "bad.jsonl"
    good = '{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n'
    path.write_text(good * 12 + '{"messages":[]}\n' + good)
    uploaded = sdk.files.create(file=path, purpose="fine-tune")
    report = stack.get(f"/v1/files/{uploaded.id}/report")
    assert [f["line"] for f in report["faults"]] == [13]
    job = sdk.fine_tuning.jobs.create(model="toy-chat", training_file=uploaded.id)
    failed = stack.until(lambda: (j := sdk.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 30)
    assert failed.status == "failed"
    assert failed.error.param == "training_file"
    assert failed.error.code == "invalid_training_file"
    assert "13" in failed.error.message


def test_too_few_chats_fail_the_job_with_their_count(sdk, stack, tmp_path: Path):
    path = tmp_path / "few.jsonl"
    path.write_text('{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}\n' * 9)
    uploaded = sdk.files.create(file=path, purpose="fine-tune")
    job = sdk.fine_tuning.jobs.create(model="toy-chat", training_file=uploaded.id)
    failed = stack.until(lambda: (j := sdk.fine_tuning.jobs.retrieve(job.id)).finished_at and j, 30)
    assert failed.error.code == "invalid_n_examples"
    assert "9" in failed.error.message
    assert "10" in failed.error.message


def test_cancel_is_final_in_the_reply_and_cannot_be_repeated(sdk, tuned):
    job = sdk.fine_tuning.jobs.create(
        model="toy-chat", training_file=tuned.training_file, hyperparameters={"n_epochs": 50}
    )
    assert sdk.fine_tuning.jobs.cancel(job.id).status == "cancelled"
    with pytest.raises(openai.BadRequestError, match="cancelled"):
        sdk.fine_tuning.jobs.cancel(job.id)


def test_deleting_the_model_and_the_file_makes_them_unknown(sdk, tuned):
    assert sdk.models.retrieve(tuned.fine_tuned_model).owned_by == "default"
    assert sdk.models.delete(tuned.fine_tuned_model).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.models.retrieve(tuned.fine_tuned_model)
    assert sdk.fine_tuning.jobs.retrieve(tuned.id).fine_tuned_model == tuned.fine_tuned_model
    assert sdk.files.delete(tuned.result_files[0]).deleted
    with pytest.raises(openai.NotFoundError):
        sdk.files.retrieve(tuned.result_files[0])
