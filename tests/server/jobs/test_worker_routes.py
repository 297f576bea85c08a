"""The worker protocol over HTTP: what goes over the wire, who is refused, and how a refusal reads."""

import asyncio
from uuid import uuid4

from tunesmith.schemas.worker import ClaimReply, Problem


async def test_a_claim_carries_all_that_a_run_needs(remote):
    job_id = await remote.queued(seed=5, hyperparameters={"n_epochs": 2})
    reply = await remote.claim()
    lease = ClaimReply.model_validate_json(reply.content)
    assert (lease.job_id, lease.epoch, lease.ttl_s, lease.report_s) == (job_id, 1, 60, 10)
    assert (lease.spec.seed, lease.spec.hyperparameters.n_epochs, lease.spec.base.key) == (5, 2, "protein-mini")
    (training,) = lease.inputs
    assert lease.spec.training_file.path == training.name == "training.fasta"
    assert (lease.resume, lease.parent) == (None, None)
    fetched = await remote.http.get(training.url)
    assert fetched.status_code == 200
    assert len(fetched.content) == training.size_bytes


async def test_no_work_is_204_with_a_time_to_come_back(remote):
    reply = await remote.claim()
    assert reply.status_code == 204
    assert 0 < float(reply.headers["retry-after"]) <= 1


async def test_a_waiting_claimer_is_woken_by_a_new_job(remote):
    waiting = asyncio.create_task(remote.claim(wait_s=20))
    job_id = (await remote.create()).json()["id"]
    reply = await asyncio.wait_for(waiting, 10)
    assert reply.json()["job_id"] == job_id


async def test_a_stopping_server_lets_claimers_go(remote):
    waiting = asyncio.create_task(remote.claim(wait_s=50))
    await asyncio.sleep(0.05)
    remote.server.app.state.stopping.set()
    assert (await asyncio.wait_for(waiting, 5)).status_code == 204


async def test_waiting_claimers_hold_no_connection(remote):
    waiting = [asyncio.create_task(remote.claim(f"w{n}", wait_s=20)) for n in range(40)]
    await asyncio.sleep(0.3)
    assert (await remote.http.get("/readyz")).status_code == 200
    await remote.queued()
    done, pending = await asyncio.wait(waiting, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert [task.result().status_code for task in done] == [200]
    for task in pending:
        task.cancel()


async def test_only_worker_keys_claim(remote):
    assert (await remote.claim(key=remote.key)).status_code == 403
    assert (await remote.claim(key="tsw_" + "x" * 40)).status_code == 401
    assert (await remote.http.post("/worker/v1/claim", json={})).status_code == 401


async def test_a_key_claims_no_more_from_the_moment_that_it_is_revoked(remote):
    key = (
        await remote.http.post("/v1/keys", json={"name": "w", "kind": "worker"}, headers=remote.server.bearer())
    ).json()
    for _ in range(3):
        await remote.queued()
        assert (await remote.claim("mine", key=key["key"])).status_code == 200
    await remote.queued()
    assert (await remote.http.delete(f"/v1/keys/{key['id']}", headers=remote.server.bearer())).status_code == 200
    assert (await remote.claim("mine", key=key["key"])).status_code == 401
    assert (await remote.claim()).status_code == 200


async def test_the_same_claim_again_over_http_answers_the_same_lease_however_many_jobs_wait(remote):
    first, second = await remote.queued(), await remote.queued()
    claim_id = str(uuid4())
    leases = [(await remote.claim(claim_id=claim_id)).json() for _ in range(3)]
    assert {(lease["job_id"], lease["lease_token"]) for lease in leases} == {(first, leases[0]["lease_token"])}
    assert (await remote.claim()).json()["job_id"] == second


async def test_a_worker_key_of_another_project_sees_no_job(remote):
    await remote.queued()
    made = await remote.http.post(
        "/v1/keys", json={"name": "w", "kind": "worker", "user": "bob"}, headers=remote.server.bearer()
    )
    assert (await remote.claim("b1", key=made.json()["key"])).status_code == 204
    assert (await remote.claim("w1")).status_code == 200


async def test_a_lost_lease_reads_as_ours_with_job_and_epoch(remote):
    await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    await remote.call(lease, "release", reason="shutdown")
    reply = await remote.call(lease, "report", report_seq=2)
    assert reply.status_code == 409
    assert reply.headers["content-type"] == "application/problem+json"
    problem = Problem.model_validate_json(reply.content)
    assert (problem.code, problem.job_id, problem.epoch) == ("lease_lost", lease["job_id"], lease["epoch"])


async def test_a_lease_token_opens_its_own_job_alone(remote):
    first, second = await remote.queued(), await remote.queued()
    lease = (await remote.claim()).json()
    assert lease["job_id"] == first
    other = await remote.call(lease | {"job_id": second}, "report", report_seq=1)
    assert (other.status_code, other.json()["code"]) == (403, "wrong_job")
    epoch = await remote.call(lease | {"epoch": 2}, "report", report_seq=1)
    assert (epoch.status_code, epoch.json()["code"]) == (403, "wrong_epoch")
    for path in ("/v1/fine_tuning/jobs", f"/v1/fine_tuning/jobs/{first}", "/v1/models"):
        assert (await remote.http.get(path, headers=remote.bearer(lease["lease_token"]))).status_code == 401
    forged = lease["lease_token"][:-1] + ("0" if lease["lease_token"][-1] != "0" else "1")
    assert (await remote.call(lease | {"lease_token": forged}, "report", report_seq=1)).status_code == 401
    assert (await remote.call(lease | {"lease_token": remote.server.worker_key}, "report")).status_code in (400, 403)


async def test_every_fenced_call_is_refused_after_the_lease_is_lost(remote, result, weights):
    await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    upload_id = await remote.put(lease, "result", 1, {"adapter_model.safetensors": weights()})
    remote.server.app.state.clock.advance(61)
    await remote.server.app.state.clockwork.sweep()
    manifest = [{"path": "a.safetensors", "size_bytes": 1, "sha256": "a" * 64}]
    for path, body in (
        ("report", {"report_seq": 2}),
        ("uploads", {"kind": "resume", "step": 1, "manifest": manifest}),
        (f"/worker/v1/uploads/{upload_id}/commit", {}),
        ("complete", {"upload_id": upload_id, "result": result.model_dump()}),
        ("fail", {"failure_class": "user", "code": "x", "message": "m"}),
        ("release", {"reason": "shutdown"}),
    ):
        reply = await remote.call(lease, path, **body)
        assert (reply.status_code, reply.json()["code"]) == (409, "lease_lost"), path
        assert (reply.json()["job_id"], reply.json()["epoch"]) == (lease["job_id"], 1)
    assert (await remote.job(lease["job_id"]))["status"] == "queued"


async def test_the_next_epoch_resumes_from_the_last_committed_checkpoint(remote, weights):
    await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease, step=25)
    for step in (10, 20):
        await remote.put(lease, "resume", step, {"model.safetensors": weights(step), "state.json": b"{}"})
    # Asked for and never committed: it does not exist.
    manifest = [{"path": "a.safetensors", "size_bytes": 1, "sha256": "a" * 64}]
    await remote.call(lease, "uploads", kind="resume", step=30, manifest=manifest)
    await remote.call(lease, "release", reason="shutdown")
    second = (await remote.claim("w2")).json()
    assert (second["epoch"], second["resume"]["step"]) == (2, 20)
    assert {file["name"] for file in second["resume"]["files"]} == {"model.safetensors", "state.json"}
    for file in second["resume"]["files"]:
        assert (await remote.http.get(file["url"])).status_code == 200


async def test_old_checkpoints_make_room_for_new_ones(remote, weights):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    links = {}
    for step in (1, 2, 3, 4):
        await remote.put(lease, "published", step, {"adapter_model.safetensors": weights(step)})
        name = (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/checkpoints"))["data"][0][
            "fine_tuned_model_checkpoint"
        ]
        links[step] = (await remote.get(f"/v1/registry/models/{name}/files"))["data"][0]["url"]
    shown = (await remote.get(f"/v1/fine_tuning/jobs/{job_id}/checkpoints"))["data"]
    assert [c["step_number"] for c in shown] == [4, 3, 2]
    assert (await remote.http.get(links[1])).status_code == 404
    assert (await remote.http.get(links[2])).status_code == 200


async def test_a_pickle_is_refused_at_commit_and_the_lease_goes_on(remote):
    await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    content = b"\x80\x04\x95" + b"x" * 40
    import hashlib

    sha256 = hashlib.sha256(content).hexdigest()
    manifest = [{"path": "model.safetensors", "size_bytes": len(content), "sha256": sha256}]
    asked = (await remote.call(lease, "uploads", kind="resume", step=1, manifest=manifest)).json()
    await remote.http.patch(asked["targets"][0]["url"], content=content, headers={"upload-offset": "0"})
    reply = await remote.call(lease, f"/worker/v1/uploads/{asked['upload_id']}/commit")
    assert (reply.status_code, reply.json()["code"]) == (422, "unsafe_weights")
    assert (await remote.report(lease, 2))["command"] == "none"


async def test_a_cancelled_jobs_worker_is_told_so_and_its_result_is_refused(remote, result, weights):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    upload_id = await remote.put(lease, "result", 1, {"adapter_model.safetensors": weights()})
    cancelled = await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/cancel", headers=remote.bearer())
    assert (cancelled.json()["status"], cancelled.json()["finished_at"] is not None) == ("cancelled", True)
    told = await remote.report(lease, 2)
    assert told["command"] == "cancel"
    assert 0 < told["grace_s"] <= 60
    refused = await remote.call(lease, "complete", upload_id=upload_id, result=result.model_dump())
    assert (refused.status_code, refused.json()["code"]) == (409, "already_terminal")
    ended = await remote.call(lease, "fail", failure_class="cancelled", code="cancelled", message="as asked")
    assert ended.json() == {"status": "cancelled", "decision": "final"}


async def test_pause_asks_the_worker_and_takes_effect_when_it_releases(remote):
    job_id = await remote.queued()
    lease = (await remote.claim()).json()
    await remote.report(lease)
    asked = await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/pause", headers=remote.bearer())
    assert asked.json()["status"] == "running"
    assert (await remote.report(lease, 2))["command"] == "pause"
    released = await remote.call(lease, "release", reason="paused")
    assert released.json() == {"status": "paused"}
    assert (await remote.claim("w2")).status_code == 204
    resumed = await remote.http.post(f"/v1/fine_tuning/jobs/{job_id}/resume", headers=remote.bearer())
    assert resumed.json()["status"] == "queued"
    assert (await remote.claim("w2")).json()["epoch"] == 2


async def test_the_same_worker_id_with_two_keys_is_refused(remote):
    made = await remote.http.post(
        "/v1/keys", json={"name": "w", "kind": "worker", "user": "admin"}, headers=remote.server.bearer()
    )
    assert (await remote.claim("mine")).status_code == 204
    assert (await remote.claim("mine", key=made.json()["key"])).status_code == 403


async def test_a_claim_sent_twice_at_once_makes_one_lease(remote):
    await remote.queued()
    await remote.queued()
    claim_id = str(uuid4())
    replies = await asyncio.gather(*(remote.claim(claim_id=claim_id) for _ in range(8)))
    leases = [(r.json()["job_id"], r.json()["epoch"]) for r in replies if r.status_code == 200]
    assert len(set(leases)) == 1
    assert {r.json()["code"] for r in replies if r.status_code == 409} <= {"in_flight"}
    assert {r.status_code for r in replies} <= {200, 204, 409}
