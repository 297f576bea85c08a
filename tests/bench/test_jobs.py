"""The jobs that benches work on are like real ones: a real server takes them from claim to model."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from bench.installation import Cluster, Server, cluster, server
from bench.jobs import add_jobs, claim, complete, template, upload_of


@pytest.fixture(scope="module")
def postgres() -> Iterator[Cluster]:
    with cluster() as started:
        yield started


@pytest.fixture(scope="module")
def running(postgres: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str]]:
    url = postgres.database("ours")
    with server(tmp_path_factory.mktemp("bench") / "data", url) as started:
        yield started, url


def test_copies_of_a_job_are_claimed_in_order_and_completed(running: tuple[Server, str]):
    started, url = running
    model = template(started, url)
    ids = add_jobs(url, model, 3)
    with started.client("worker") as worker, started.client() as user:
        leases = [lease for _ in range(3) if (lease := claim(worker)) is not None]
        assert [lease.job_id for lease in leases] == ids
        assert claim(worker) is None
        for lease in leases:
            complete(worker, lease, upload_of(lease.job_id), model.result)
        jobs = [user.jobs.retrieve(job_id) for job_id in ids]
    assert {job.status for job in jobs} == {"succeeded"}
    assert len({job.fine_tuned_model for job in jobs}) == 3


def test_each_database_is_empty_and_of_its_own(postgres: Cluster):
    first, second = postgres.database("one"), postgres.database("two")
    with psycopg.connect(first) as connection:
        connection.execute("CREATE TABLE t ()")
    with psycopg.connect(second) as connection:
        assert connection.execute("SELECT to_regclass('t')").fetchone() == (None,)


def test_a_server_that_does_not_start_is_told_with_its_log(tmp_path: Path):
    with pytest.raises(RuntimeError, match="did not start"):  # noqa: SIM117
        with server(tmp_path / "data", "postgresql://nobody@127.0.0.1:1/none"):
            pass
