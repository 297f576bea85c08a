"""Ours under test: an embedded PostgreSQL, and `tunesmith server` as a process of its own over it."""

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tunesmith.client import Tunesmith
from tunesmith.server import embedded

START_LIMIT_S = 60


@dataclass(frozen=True)
class Cluster:
    """A PostgreSQL with its usual durability; each side of a bench has a database of its own in it."""

    url: str
    pid: int

    def database(self, name: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"'.encode())
        return re.sub(r"/[^/?]*(\?|$)", rf"/{name}\1", self.url, count=1)


@dataclass(frozen=True)
class Server:
    """A running `tunesmith server`."""

    process: subprocess.Popen[str]
    url: str
    data_dir: Path
    started_in_s: float
    """From the start of the process to its ready line."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def key(self, kind: str = "admin") -> str:
        return (self.data_dir / f"{kind}.key").read_text().strip()

    def client(self, kind: str = "admin") -> Tunesmith:
        return Tunesmith(self.url, self.key(kind), max_retries=0)


@contextlib.contextmanager
def cluster() -> Generator[Cluster]:
    """A fresh PostgreSQL, gone with the block. Raises RuntimeError when it would not sync what it commits."""
    with tempfile.TemporaryDirectory(prefix="ts-bench-") as folder, embedded.running(Path(folder)) as postgres:
        with psycopg.connect(postgres.url) as connection:
            for setting in ("fsync", "synchronous_commit", "full_page_writes"):
                row = connection.execute(f"SHOW {setting}".encode()).fetchone()
                if row is None or row[0] != "on":
                    raise RuntimeError(f"PostgreSQL runs with {setting} = {row}; the bench wants usual durability.")
        assert postgres.pid is not None
        yield Cluster(postgres.url, postgres.pid)


@contextlib.contextmanager
def server(data_dir: Path, database_url: str | None = None, **settings: str) -> Generator[Server]:
    """The server on `data_dir`, with its own embedded PostgreSQL when no database is given; stopped with the block."""
    env = os.environ | settings
    if database_url is not None:
        env["TUNESMITH_DATABASE_URL"] = database_url
    data_dir.mkdir(parents=True, exist_ok=True)
    log = data_dir / "server.log"
    began = time.perf_counter()
    with log.open("a") as to:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("tunesmith"), "server", f"--data-dir={data_dir}", f"--port={free_port()}"],
            stdout=subprocess.PIPE,
            stderr=to,
            text=True,
            env=env,
        )
    try:
        line = _first_line(process)
        started_in_s = time.perf_counter() - began
        if not line.startswith("ready "):
            raise RuntimeError(f"The server did not start; it said {line!r}:\n{log.read_text()[-2000:]}")
        yield Server(process, line.removeprefix("ready ").strip(), data_dir, started_in_s)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def _first_line(process: subprocess.Popen[str]) -> str:
    """The first line that the process prints; what there is when it ends or hangs instead."""
    assert process.stdout is not None
    timer = threading.Timer(START_LIMIT_S, process.kill)
    timer.start()
    try:
        return process.stdout.readline()
    finally:
        timer.cancel()
