"""/v1/fine_tuning/jobs as its users see it."""

import asyncio

import pytest
from openai.types.fine_tuning import FineTuningJob, FineTuningJobEvent
from openai.types.fine_tuning.jobs import FineTuningJobCheckpoint

CHAT_LINE = '{"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}]}\n'


async def act(remote, job_id, what, key=None):
    return await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/{what}", headers=remote.bearer(key))


async def test_a_new_job_has_every_key_of_the_contract(remote):
    reply = await remote.create(suffix="mine", metadata={"team": "a"})
    job = reply.json()
    FineTuningJob.model_validate_json(reply.content, strict=True)
    for key in ("finished_at", "fine_tuned_model", "validation_file", "trained_tokens", "error"):
        assert job[key] is None
    assert (job["status"], job["result_files"], job["organization_id"]) == ("validating_files", [], "ada")
    assert job["hyperparameters"] == {
        "n_epochs": "auto",
        "batch_size": "auto",
        "learning_rate_multiplier": "auto",
        "learning_rate": None,
        "lora_rank": None,
        "lora_alpha": None,
        "max_seq_len": None,
        "warmup_steps": None,
        "lr_schedule": None,
        "beta": None,
    }
    assert (job["task"], job["metadata"], job["user_provided_suffix"]) == ("protein", {"team": "a"}, "mine")
    assert isinstance(job["seed"], int)
    assert job["validation_split"] == 0.1


async def test_both_places_of_hyperparameters_are_taken(remote):
    old = (await remote.create(hyperparameters={"n_epochs": 4, "batch_size": "auto"})).json()
    method = {"type": "supervised", "supervised": {"hyperparameters": {"n_epochs": 4, "learning_rate": 0.001}}}
    new = (await remote.create(method=method)).json()
    assert old["hyperparameters"]["n_epochs"] == new["hyperparameters"]["n_epochs"] == 4
    assert new["method"]["supervised"]["hyperparameters"]["learning_rate"] == 0.001


@pytest.mark.parametrize(
    ("body", "param", "code", "words"),
    [
        ({"training_file": "file-absent"}, "training_file", "invalid_value", "invalid training_file: file-absent"),
        ({"validation_file": "file-absent"}, "validation_file", "invalid_value", "invalid validation_file"),
        ({"model": "gpt-9"}, "model", "model_not_found", "Model gpt-9 is not available for fine-tuning or does"),
        ({"model": "ft:protein-mini:ada::nope"}, "model", "model_not_found", "does not exist"),
        ({"model": "smollm2-135m-instruct"}, "model", "invalid_value", "task 'protein'"),
        ({"model": "all-minilm-l6-v2"}, "model", "invalid_value", "holds protein sequences"),
        ({"method": {"type": "dpo", "dpo": {}}}, "method.type", "invalid_value", "Use 'supervised'"),
        ({"method": {"type": "reinforcement"}}, "method.type", "unsupported_parameter", "Use 'supervised'"),
        ({"integrations": [{"type": "wandb"}]}, "integrations", "unsupported_parameter", "Leave it out"),
        ({"backend": "unsloth"}, "backend", "unsupported_parameter", "huggingface"),
        ({"provider": "runpod"}, "provider", "unsupported_parameter", "local"),
        ({"n_trials": 5}, "n_trials", "unsupported_parameter", "Leave it out"),
        ({"colour": "red"}, "colour", "unknown_parameter", "colour"),
        ({"hyperparameters": {"n_epochs": 51}}, "hyperparameters.n_epochs", "integer_above_max_value", "50"),
        ({"hyperparameters": {"batch_size": 0}}, "hyperparameters.batch_size", "integer_below_min_value", "1"),
        ({"suffix": "x" * 65}, "suffix", "string_above_max_length", "64"),
        ({"seed": -1}, "seed", "integer_below_min_value", "0"),
        ({"metadata": {"a": "x" * 513}}, "metadata.a", "string_above_max_length", "512"),
        ({"metadata": {"a": "nul\x00"}}, "metadata", "invalid_value", "NUL"),
    ],
)  # fmt: skip
async def test_a_bad_request_is_400_and_names_the_parameter(remote, body, param, code, words):
    reply = await remote.create(**body)
    error = reply.json()["error"]
    assert (reply.status_code, error["param"], error["code"]) == (400, param, code), error
    assert words in error["message"]
    assert (await remote.get("/v1/fine_tuning/jobs"))["data"] == []


async def test_a_file_of_another_purpose_is_refused(remote):
    file_id = await remote.upload("a,b\n", "x.csv", purpose="user_data")
    reply = await remote.create(training_file=file_id)
    assert reply.status_code == 400
    assert "purpose" in reply.json()["error"]["message"]


async def test_bad_lines_fail_the_job_and_name_the_file(remote):
    file_id = await remote.upload(CHAT_LINE * 11 + "not json\n", "chat.jsonl")
    reply = await remote.create(training_file=file_id, model="smollm2-135m-instruct")
    assert reply.status_code == 200
    job = await remote.validated(reply.json()["id"])
    assert (job["status"], job["error"]["param"], job["error"]["code"]) == (
        "failed",
        "training_file",
        "invalid_training_file",
    )
    assert "12" in job["error"]["message"]
    assert job["finished_at"] is not None


async def test_too_few_examples_fail_the_job(remote):
    file_id = await remote.upload(CHAT_LINE * 9, "chat.jsonl")
    job = await remote.validated(
        (await remote.create(training_file=file_id, model="smollm2-135m-instruct")).json()["id"]
    )
    assert (job["status"], job["error"]["code"]) == ("failed", "invalid_n_examples")


async def test_a_bad_validation_file_is_named_as_such(remote):
    good, bad = await remote.upload(CHAT_LINE * 10, "a.jsonl"), await remote.upload(CHAT_LINE * 2 + "{}\n", "b.jsonl")
    reply = await remote.create(training_file=good, validation_file=bad, model="smollm2-135m-instruct")
    assert reply.json()["validation_split"] == 0
    assert (await remote.validated(reply.json()["id"]))["error"]["param"] == "validation_file"


async def test_a_job_keeps_its_file_though_it_is_deleted(remote):
    file_id = await remote.upload()
    job_id = await remote.queued(training_file=file_id)
    gone = await remote.http.delete(f"/v1/files/{file_id}", headers=remote.bearer())
    assert gone.status_code == 200
    lease = (await remote.claim()).json()
    assert (await remote.http.get(lease["inputs"][0]["url"])).status_code == 200
    await act(remote, job_id, "cancel")
    await remote.server.app.state.clockwork.clean()
    assert (await remote.http.get(lease["inputs"][0]["url"])).status_code == 404


async def test_another_users_job_answers_like_an_absent_one(remote):
    job_id = await remote.queued()
    eve = await remote.server.new_user("eve")
    for method, path in (
        ("GET", ""),
        ("POST", "/cancel"),
        ("POST", "/pause"),
        ("POST", "/resume"),
        ("GET", "/events"),
        ("GET", "/events?stream=true"),
        ("GET", "/checkpoints"),
        ("GET", "/metrics"),
        ("GET", "/logs"),
    ):
        answers = []
        for named in (job_id, "ftjob-absent"):
            reply = await remote.http.request(method, f"/v1/fine_tuning/jobs/{named}{path}", headers=remote.bearer(eve))
            answers.append((reply.status_code, reply.text.replace(named, "X")))
        assert answers[0] == answers[1], path
        assert answers[0][0] == 404
        assert "Could not find fine tune: X" in answers[0][1]
    listed = await remote.http.get("/v1/fine_tuning/jobs", headers=remote.bearer(eve))
    assert listed.json()["data"] == []
    file_id = await remote.upload()
    stolen = await remote.http.post(
        "/v1/fine_tuning/jobs", json={"model": "protein-mini", "training_file": file_id}, headers=remote.bearer(eve)
    )
    assert stolen.status_code == 400
    assert stolen.json()["error"]["message"].startswith(f"invalid training_file: {file_id}")


async def test_lists_page_by_cursor_newest_first(remote):
    file_id = await remote.upload()
    made = [(await remote.create(training_file=file_id)).json()["id"] for _ in range(5)]
    seen: list[str] = []
    after: dict[str, str] = {}
    while True:
        page = await remote.get("/v1/fine_tuning/jobs", limit=2, **after)
        seen += [job["id"] for job in page["data"]]
        assert (page["first_id"], page["last_id"]) == (page["data"][0]["id"], page["data"][-1]["id"])
        if not page["has_more"]:
            break
        after = {"after": page["last_id"]}
    assert seen == made[::-1]
    reply = await remote.http.get("/v1/fine_tuning/jobs?after=ftjob-absent", headers=remote.bearer())
    assert reply.status_code == 400


async def test_lists_filter_by_metadata(remote):
    file_id = await remote.upload()
    red = (await remote.create(training_file=file_id, metadata={"c": "red", "n": "1"})).json()["id"]
    await remote.create(training_file=file_id, metadata={"c": "blue"})
    bare = (await remote.create(training_file=file_id)).json()["id"]
    for params, expected in (
        ({"metadata[c]": "red"}, [red]),
        ({"metadata[c]": "red", "metadata[n]": "2"}, []),
        ({"metadata": "null"}, [bare]),
    ):
        assert [j["id"] for j in (await remote.get("/v1/fine_tuning/jobs", **params))["data"]] == expected


async def test_cancel_is_final_and_a_second_one_is_an_error(remote):
    job_id = await remote.queued()
    assert (await act(remote, job_id, "cancel")).json()["status"] == "cancelled"
    for what in ("cancel", "pause", "resume"):
        again = await act(remote, job_id, what)
        assert (again.status_code, again.json()["error"]["code"]) == (400, "invalid_state")
    assert (await remote.claim()).status_code == 204


async def test_pause_and_resume_of_a_queued_job_take_effect_at_once(remote):
    job_id = await remote.queued()
    for _ in range(2):
        assert (await act(remote, job_id, "pause")).json()["status"] == "paused"
    assert (await remote.claim()).status_code == 204
    assert (await act(remote, job_id, "resume")).json()["status"] == "queued"
    assert (await act(remote, job_id, "resume")).status_code == 400
    assert (await remote.claim()).status_code == 200


async def test_pausing_a_job_that_was_claimed_and_not_started_takes_it_back(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    assert (await act(remote, job_id, "pause")).json()["status"] == "paused"
    assert (await remote.call(lease, "report", report_seq=1)).status_code == 409


async def test_a_pause_that_is_called_off_lets_the_run_go_on(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    await act(remote, job_id, "pause")
    assert (await act(remote, job_id, "resume")).json()["status"] == "running"
    assert (await remote.report(lease, 2))["command"] == "none"


async def test_a_finished_job_shows_all_that_came_of_it(remote, trained):
    assert trained["status"] == "succeeded"
    assert trained["fine_tuned_model"].startswith("ft:protein-mini:ada:mine:")
    assert (trained["trained_tokens"], trained["progress"]["percent"]) == (2000, 100.0)
    assert trained["hyperparameters"]["batch_size"] == 4
    assert trained["finished_at"] is not None
    reply = await remote.http.get(f"/v1/fine_tuning/jobs/{trained['id']}", headers=remote.bearer())
    FineTuningJob.model_validate_json(reply.content, strict=True)
    content = await remote.http.get(f"/v1/files/{trained['result_files'][0]}/content", headers=remote.bearer())
    assert content.text.splitlines() == [
        "step,train_loss,train_accuracy,valid_loss,valid_mean_token_accuracy",
        "1,2.5,0.5,,",
    ]
    file = await remote.get(f"/v1/files/{trained['result_files'][0]}")
    assert file["purpose"] == "fine-tune-results"


async def test_events_come_in_openais_order_newest_first(remote, trained):
    page = await remote.get(f"/v1/fine_tuning/jobs/{trained['id']}/events", limit=100)
    for event in page["data"]:
        FineTuningJobEvent.model_validate(event, strict=True)
    messages = [event["message"] for event in page["data"]][::-1]
    name = trained["fine_tuned_model"]
    assert messages == [
        f"Created fine-tuning job: {trained['id']}",
        f"Validating training file: {trained['training_file']}",
        "Files validated, moving job to queued state",
        "Fine-tuning job started on worker w1",
        "Step 1/2: training loss=2.5",
        f"Checkpoint created at step 1 with Snapshot ID: {name}:ckpt-step-1",
        f"New fine-tuned model created: {name}",
        "The job has successfully completed",
    ]
    metrics = page["data"][::-1][4]
    assert metrics["type"] == "metrics"
    assert metrics["data"] == {"step": 1, "total_steps": 2, "train_loss": 2.5, "train_mean_token_accuracy": 0.5}
    newest = await remote.get(f"/v1/fine_tuning/jobs/{trained['id']}/events", limit=1)
    assert newest["has_more"]
    assert newest["data"][0]["message"] == "The job has successfully completed"


async def test_event_pages_meet_without_gap_or_overlap(remote, trained):
    path = f"/v1/fine_tuning/jobs/{trained['id']}/events"
    whole = [e["id"] for e in (await remote.get(path, limit=100))["data"]]
    seen: list[str] = []
    after: dict[str, str] = {}
    for _ in range(10):
        page = await remote.get(path, limit=3, **after)
        seen += [e["id"] for e in page["data"]]
        if not page["has_more"]:
            break
        after = {"after": page["last_id"]}
    assert seen == whole
    wrong = await remote.http.get(f"{path}?after=ftevent-other-3", headers=remote.bearer())
    assert wrong.status_code == 400


async def test_events_without_figures_are_a_list_of_their_own(remote, trained):
    path = f"/v1/fine_tuning/jobs/{trained['id']}/events"
    whole = (await remote.get(path, limit=100))["data"]
    told = [e["id"] for e in whole if e["type"] == "message"]
    page = await remote.get(path, type="message", limit=3)
    rest = await remote.get(path, type="message", limit=100, after=page["last_id"])
    assert [e["id"] for e in page["data"] + rest["data"]] == told
    assert len(told) < len(whole)
    wrong = await remote.http.get(f"{path}?type=gossip", headers=remote.bearer())
    assert wrong.status_code == 400


async def test_checkpoints_are_models(remote, trained):
    page = await remote.get(f"/v1/fine_tuning/jobs/{trained['id']}/checkpoints")
    (checkpoint,) = page["data"]
    FineTuningJobCheckpoint.model_validate(checkpoint, strict=True)
    assert checkpoint["metrics"] == {"train_loss": 2.5}
    name = checkpoint["fine_tuned_model_checkpoint"]
    assert name == f"{trained['fine_tuned_model']}:ckpt-step-1"
    assert (await remote.get(f"/v1/models/{name}"))["parent"] == "protein-mini"


async def test_metrics_and_logs_are_listed_oldest_first(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    items = [{"step": n, "values": {"train_loss": n / 2}, "at": 0} for n in range(5)]
    lines = [{"at": 0, "stream": "stdout", "text": f"line {n}"} for n in range(5)]
    await remote.report(lease, metrics={"first_seq": 0, "items": items}, logs={"first_seq": 0, "items": lines})
    for what, key in (("metrics", "step"), ("logs", "text")):
        path = f"/v1/fine_tuning/jobs/{job_id}/{what}"
        first = await remote.get(path, limit=3)
        rest = await remote.get(path, limit=3, after=first["last_id"])
        assert (first["has_more"], rest["has_more"]) == (True, False)
        found = [item[key] for item in first["data"] + rest["data"]]
        assert found == (list(range(5)) if what == "metrics" else [f"line {n}" for n in range(5)])
    metric = (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/metrics"))["data"][2]
    assert metric["values"] == {"train_loss": 1.0}


async def test_the_same_idempotency_key_makes_one_job(remote):
    file_id = await remote.upload()
    headers = {"Idempotency-Key": "k1"}
    replies = [await remote.create(training_file=file_id, headers=headers) for _ in range(3)]
    assert len({reply.json()["id"] for reply in replies}) == 1
    assert replies[0].json() == replies[2].json()
    other = await remote.create(training_file=file_id, suffix="other", headers=headers)
    assert (other.status_code, other.json()["error"]["code"]) == (400, "idempotency_key_reused")
    eve = await remote.server.new_user("eve")
    eves = await remote.http.post(
        "/v1/fine_tuning/jobs",
        json={"model": "protein-mini", "training_file": file_id},
        headers=remote.bearer(eve) | headers,
    )
    assert eves.status_code == 400
    remote.server.app.state.clock.advance(24 * 3600 + 1)
    later = await remote.create(training_file=file_id, headers=headers)
    assert later.json()["id"] != replies[0].json()["id"]


async def test_twins_in_flight_make_one_job(remote):
    file_id = await remote.upload()
    headers = {"Idempotency-Key": "k2"}
    replies = await asyncio.gather(*(remote.create(training_file=file_id, headers=headers) for _ in range(6)))
    made = {reply.json()["id"] for reply in replies if reply.status_code == 200}
    assert len(made) == 1
    for reply in replies:
        if reply.status_code != 200:
            assert (reply.status_code, reply.json()["error"]["code"]) == (409, "in_flight")
            assert reply.headers["retry-after"]
    assert len((await remote.get("/v1/fine_tuning/jobs"))["data"]) == 1


async def test_a_job_goes_on_from_a_tuned_model(remote, trained):
    reply = await remote.create(model=trained["fine_tuned_model"], suffix="second")
    job = await remote.validated(reply.json()["id"])
    assert (job["status"], job["model"]) == ("queued", trained["fine_tuned_model"])
    lease = (await remote.claim()).json()
    assert lease["spec"]["base"]["key"] == "protein-mini"
    assert [file["name"] for file in lease["parent"]] == ["adapter_model.safetensors"]
    assert (await remote.http.get(lease["parent"][0]["url"])).status_code == 200


CHECKUP = {
    "n_train": 36,
    "n_held_out": 4,
    "token_lengths": {"unit": "tokens", "edges": [0, 16, 32], "counts": [30, 6]},
    "max_seq_len": 32,
    "n_truncated": 2,
    "trained_token_share": 0.4,
    "labels": {"yes": 30},
    "findings": [
        {"code": "truncated", "count": 2, "share": 0.05, "message": "2 records are cut.", "fix": "Raise max_seq_len."}
    ],
    "first_batch": [[{"text": "a\x00b", "trained": True}]],
}


async def test_the_data_checkup_is_404_until_the_run_has_told_it_and_stays_after(remote):
    job_id = await remote.queued()
    path = f"/v1/fine_tuning/jobs/{job_id}/checkup"
    before = await remote.http.get(path, headers=remote.bearer())
    assert (before.status_code, before.json()["error"]["code"]) == (404, "no_checkup")
    assert "queued" in before.json()["error"]["message"]
    lease = (await remote.claim()).json()
    await remote.report(lease, checkup=CHECKUP)
    await remote.report(lease, 2)
    found = await remote.get(path)
    assert (found["object"], found["n_train"], found["findings"][0]["fix"]) == (
        "fine_tuning.job.checkup",
        36,
        "Raise max_seq_len.",
    )
    assert found["first_batch"] == [[{"text": "a\N{REPLACEMENT CHARACTER}b", "trained": True}]]


async def test_a_running_job_shows_what_it_uses_by_the_newest_report(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease, resources={"cpu_percent": 50.0, "memory_bytes": 100})
    await remote.report(lease, 2, resources={"cpu_percent": 180.5, "memory_bytes": 200, "gpu_percent": 7})
    assert (await remote.job(job_id))["resources"] == {
        "cpu_percent": 180.5,
        "memory_bytes": 200,
        "gpu_percent": 7.0,
        "gpu_memory_bytes": None,
    }
    await remote.report(lease, 3)
    assert (await remote.job(job_id))["resources"] is None
    await remote.call(lease, "release", reason="shutdown")
    assert (await remote.job(job_id))["resources"] is None


async def test_a_checkpoint_shows_what_it_answers(remote, weights):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    answers = [{"prompt": "user: q\x00", "answer": "a", "reference": "b"}]
    await remote.put(lease, "published", 1, {"adapter_model.safetensors": weights(1)}, answers=answers)
    (checkpoint,) = (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/checkpoints"))["data"]
    assert checkpoint["answers"] == [{"prompt": "user: q\N{REPLACEMENT CHARACTER}", "answer": "a", "reference": "b"}]


async def test_beside_the_newest_three_the_checkpoint_with_the_best_held_out_loss_is_kept(remote, weights):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    for step, loss in enumerate([3.0, 2.0, 2.5, 2.6, 2.7, 2.8], start=1):
        metrics = {"full_valid_loss": loss}
        await remote.put(lease, "published", step, {"adapter_model.safetensors": weights(step)}, metrics=metrics)
    kept = (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/checkpoints"))["data"]
    assert [checkpoint["step_number"] for checkpoint in kept] == [6, 5, 4, 2]
