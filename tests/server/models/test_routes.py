"""Models as users see them: the catalogue's bases, tuned models with lineage and files, and their end."""

from openai.types import Model as OpenAIModel


async def named(remote, path, key=None, method="GET"):
    return await remote.http.request(method, path, headers=remote.bearer(key))


async def test_bases_and_own_tuned_models_are_listed(remote, trained):
    page = await remote.get("/v1/models")
    assert page["object"] == "list"
    for model in page["data"]:
        OpenAIModel.model_validate(model, strict=True)
    ids = [model["id"] for model in page["data"]]
    assert "protein-mini" in ids
    assert ids[-1] == trained["fine_tuned_model"]
    assert (page["data"][-1]["owned_by"], page["data"][-1]["parent"]) == ("ada", "protein-mini")


async def test_a_base_is_found_by_key_alias_and_hub_id(remote):
    for name in ("protgpt2", "nferruz/ProtGPT2", "nferruz%2FProtGPT2"):
        reply = await named(remote, f"/v1/models/{name}")
        assert reply.json()["id"] == "protgpt2"


async def test_the_catalogue_says_what_a_base_needs(remote):
    entries = (await remote.get("/v1/models/catalog"))["data"]
    (mini,) = [entry for entry in entries if entry["key"] == "protein-mini"]
    assert (mini["tasks"], mini["licence"]) == (["protein"], "Apache-2.0")


async def test_an_unknown_model_is_404_in_openais_words(remote):
    for name in ("nope", "ft:protein-mini:ada:x:nope", "org/nope"):
        reply = await named(remote, f"/v1/models/{name}")
        error = reply.json()["error"]
        assert (reply.status_code, error["code"]) == (404, "model_not_found")
        assert "does not exist" in error["message"]


async def test_another_projects_model_answers_like_an_absent_one(remote, trained):
    eve = await remote.server.new_user("eve")
    name = trained["fine_tuned_model"]
    checkpoint = f"{name}:ckpt-step-1"
    for method, path in (
        ("GET", "/v1/models/{}"),
        ("DELETE", "/v1/models/{}"),
        ("GET", "/v1/registry/models/{}"),
        ("GET", "/v1/registry/models/{}/files"),
    ):
        for there in (name, checkpoint):
            mine, absent = there, there.replace(":mine:", ":other:")
            answers = [await named(remote, path.format(n), eve, method) for n in (mine, absent)]
            assert answers[0].status_code == answers[1].status_code == 404
            assert answers[0].text.replace(mine, "X") == answers[1].text.replace(absent, "X")
    assert name not in [m["id"] for m in (await named(remote, "/v1/models", eve)).json()["data"]]
    assert (await named(remote, "/v1/registry/models", eve)).json()["data"] == []
    stolen = await remote.http.post(
        "/v1/fine_tuning/jobs", json={"model": name, "training_file": "file-1"}, headers=remote.bearer(eve)
    )
    assert stolen.json()["error"]["code"] == "model_not_found"


async def test_a_version_carries_lineage_and_its_files(remote, trained):
    (version,) = (await remote.get("/v1/registry/models"))["data"]
    assert (version["id"], version["family"], version["version"]) == (trained["fine_tuned_model"], "mine", 1)
    lineage = version["lineage"]
    assert (lineage["job_id"], lineage["training_file"]) == (trained["id"], trained["training_file"])
    assert (lineage["base_source"]["type"], lineage["seed"]) == ("bundled", trained["seed"])
    assert await remote.get(f"/v1/registry/models/{version['id']}") == version
    (file,) = (await remote.get(f"/v1/registry/models/{version['id']}/files"))["data"]
    fetched = await remote.http.get(file["url"])
    assert (fetched.status_code, len(fetched.content)) == (200, file["size_bytes"])
    assert "attachment" in fetched.headers["content-disposition"]


async def test_versions_filter_by_family_and_page(remote, trained):
    assert (await remote.get("/v1/registry/models", family="other"))["data"] == []
    page = await remote.get("/v1/registry/models", family="mine", limit=1)
    assert (len(page["data"]), page["has_more"]) == (1, False)
    assert (await remote.get("/v1/registry/models", after=page["last_id"]))["data"] == []
    assert (await named(remote, "/v1/registry/models?after=nope")).status_code == 400


async def test_a_deleted_model_is_gone_with_its_bytes_and_its_job_stays(remote, trained):
    name = trained["fine_tuned_model"]
    url = (await remote.get(f"/v1/registry/models/{name}/files"))["data"][0]["url"]
    gone = await named(remote, f"/v1/models/{name}", method="DELETE")
    assert gone.json() == {"id": name, "object": "model", "deleted": True}
    for path in (f"/v1/models/{name}", f"/v1/registry/models/{name}", f"/v1/registry/models/{name}/files"):
        assert (await named(remote, path)).status_code == 404
    assert (await named(remote, f"/v1/models/{name}", method="DELETE")).status_code == 404
    assert (await remote.http.get(url)).status_code == 404
    job = await remote.job(trained["id"])
    assert (job["status"], job["fine_tuned_model"]) == ("succeeded", name)


async def test_a_base_model_cannot_be_deleted(remote):
    reply = await named(remote, "/v1/models/protein-mini", method="DELETE")
    assert reply.status_code == 400
    assert "base model" in reply.json()["error"]["message"]


async def test_an_engine_is_told_the_base_and_the_files(remote, trained):
    from functools import partial

    from tunesmith.schemas.accounts import KeyKind
    from tunesmith.server.accounts import auth
    from tunesmith.server.db import driver
    from tunesmith.server.models import service
    from tunesmith.server.storage import links

    state = remote.server.app.state
    sign = partial(links.sign, state.secrets["link"], life_s=60)
    name = trained["fine_tuned_model"]
    async with state.db.session() as session:
        caller = await auth.authenticate_on(await driver(session), remote.key, frozenset({KeyKind.USER}))
        for there in (name, f"{name}:ckpt-step-1"):
            served = await service.served(session, caller, state.catalog, there, sign)
            assert (served.name, served.base.key, served.adaptation) == (there, "protein-mini", "lora")
            assert (await remote.http.get(served.files[0].url)).status_code == 200
        base = await service.served(session, caller, state.catalog, "nferruz/ProtGPT2", sign)
        assert (base.name, base.files, base.adaptation) == ("protgpt2", [], None)
