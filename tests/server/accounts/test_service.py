"""The first start makes what is needed once; later ones keep it, or mend it."""

import stat

import pytest

from tunesmith.schemas.accounts import KeyKind
from tunesmith.server.accounts import keys, service


async def first_start(server) -> dict[str, str]:
    async with server.app.state.db.session() as session:
        await service.ensure_first_start(session, server.data_dir)
    return {kind: (server.data_dir / f"{kind}.key").read_text() for kind in ("admin", "worker")}


async def test_a_second_start_keeps_both_keys(server):
    assert await first_start(server) == await first_start(server)
    assert (await first_start(server))["admin"].strip() == server.admin_key


@pytest.mark.parametrize("left", [b"", b"\x00" * 40, b"\xff\xfe", b"tsa_not-a-key\n", None])
async def test_a_key_file_that_a_crash_spoiled_is_written_anew(server, left):
    path = server.data_dir / "admin.key"
    path.unlink() if left is None else path.write_bytes(left)
    key = (await first_start(server))["admin"].strip()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert (await server.http.get("/v1/keys", headers=server.bearer(key))).status_code == 200


async def test_a_half_written_key_file_is_no_obstacle(server):
    (server.data_dir / "admin.key").unlink()
    (server.data_dir / "admin.part").write_text("half")
    assert len((await first_start(server))["admin"]) > 30


async def test_a_secret_is_made_once_and_labels_have_their_own(server):
    async with server.app.state.db.session() as session:
        lease, again, link = [await service.secret(session, label) for label in ("lease", "lease", "link")]
    assert lease == again != link
    assert len(lease) == 32


async def test_a_key_is_stored_as_its_digest_alone(server):
    async with server.app.state.db.session() as session:
        user = await service.user_named(session, "ada")
        row, key = await keys.mint(session, user, KeyKind.USER, "n")
        assert key.encode() not in row.digest
        assert row.prefix == key[: keys.PREFIX_LENGTH]
        found = await keys.find(session, key)
        assert found is not None
        assert found.user_name == "ada"
        assert await keys.find(session, key[:-1] + ("A" if key[-1] != "A" else "B")) is None
