"""The control plane, the client, the worker's loop and the command line run where torch is not installed."""

import subprocess
import sys
from importlib.util import find_spec

import pytest

REFUSE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"torch", "transformers", "peft", "trl", "accelerate", "bitsandbytes"}:
            raise ModuleNotFoundError(f"{name} is not installed (refused by this test)", name=name)

sys.meta_path.insert(0, Refuse())
"""


def run_without_torch(program: str) -> None:
    done = subprocess.run([sys.executable, "-c", REFUSE + program], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "module",
    [
        "tunesmith.server.app",
        "tunesmith.server.main",
        "tunesmith.client",
        "tunesmith.cli.main",
        "tunesmith.worker",
        "tunesmith.worker.loop",
    ],
)
def test_it_is_imported_without_torch(module):
    if find_spec(module) is None:
        pytest.fail(f"{module} is gone; put its successor here")
    run_without_torch(f"import {module}")


def test_every_module_of_the_server_is_imported_without_torch():
    run_without_torch("""
import pkgutil, importlib
import tunesmith.server, tunesmith.client, tunesmith.worker, tunesmith.schemas
for package in (tunesmith.server, tunesmith.client, tunesmith.worker, tunesmith.schemas):
    for found in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if ".migrations" not in found.name:
            importlib.import_module(found.name)
assert "torch" not in sys.modules
""")


def test_a_server_answers_without_torch(database_url, tmp_path):
    run_without_torch(f"""
import asyncio, httpx
from pathlib import Path
from tunesmith.server.app import create_app
from tunesmith.server.settings import Settings

async def ask():
    app = create_app(Settings(data_dir=Path({str(tmp_path)!r})), {database_url!r})
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as http:
            key = Path({str(tmp_path)!r}, "admin.key").read_text().strip()
            headers = {{"Authorization": f"Bearer {{key}}"}}
            assert (await http.get("/readyz")).status_code == 200
            assert (await http.get("/v1/keys", headers=headers)).status_code == 200
            assert len((await http.get("/openapi.json")).json()["paths"]) > 5

asyncio.run(ask())
""")
