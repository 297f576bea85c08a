"""CPU of process trees, interleaved rounds, and figures that are refused."""

import os
import subprocess
import sys
import time

import psutil
import pytest
from bench.measure import Meter, Sample, interleave, ratios, run_to_end, tree_cpu_s, wall
from bench.mlflow_server import _session_of, end_session

from bench import measure

BURN = "import time; t = time.process_time()\nwhile time.process_time() - t < 0.3: pass"


def test_rounds_go_a_b_b_a():
    order: list[str] = []
    of_a, of_b = interleave(lambda: order.append("a") or len(order), lambda: order.append("b") or len(order), 4)
    assert "".join(order) == "abbaabba"
    assert of_a == [1, 4, 5, 8]
    assert of_b == [2, 3, 6, 7]


def test_the_ratio_is_of_rounds_that_stood_side_by_side():
    assert ratios([2.0, 6.0, 4.0], [1.0, 2.0, 4.0]) == "2.00 (1.00-3.00)"


def test_cpu_of_a_child_that_has_ended_counts():
    with Meter({"all": [os.getpid()]}) as meter:
        subprocess.run([sys.executable, "-c", BURN], check=True)
    assert 0.25 < meter.sample.cpu() < 3


def test_cpu_of_a_child_that_runs_counts():
    with subprocess.Popen([sys.executable, "-c", BURN + "\nprint('done', flush=True); input()"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:  # fmt: skip
        assert child.stdout is not None
        child.stdout.readline()
        assert tree_cpu_s([child.pid]) > 0.25
        child.communicate(b"\n")


def test_a_process_in_two_groups_is_counted_in_the_first():
    with subprocess.Popen([sys.executable, "-c", BURN + "\nprint('done', flush=True); input()"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE) as child:  # fmt: skip
        with Meter({"child": [child.pid], "client": [os.getpid()]}) as meter:
            assert child.stdout is not None
            child.stdout.readline()
        child.communicate(b"\n")
    assert meter.sample.cpu("child") > 0.2
    assert meter.sample.cpu("client") < 0.2
    assert meter.sample.cpu() == pytest.approx(meter.sample.cpu("child") + meter.sample.cpu("client"))


def test_what_this_process_spends_is_nobody_elses(monkeypatch):
    monkeypatch.setattr(measure, "machine_busy_s", lambda: time.process_time() + 5.0)
    with Meter({"none": []}) as meter:
        burnt = time.process_time()
        while time.process_time() - burnt < 0.3:
            pass
    assert meter.sample.others_cores < 0.05


def test_what_a_server_leaves_behind_in_its_session_is_ended():
    leaves = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {'import time; time.sleep(60)'!r}])"
    server = subprocess.Popen([sys.executable, "-c", leaves], start_new_session=True)
    server.wait()
    assert sessions_of_all().count(server.pid) == 1
    end_session(server.pid)
    assert server.pid not in sessions_of_all()


def sessions_of_all() -> list[int | None]:
    return [_session_of(pid) for pid in psutil.pids()]


def test_processes_that_are_gone_count_nothing():
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    assert tree_cpu_s([child.pid]) == 0


def test_a_command_is_measured_from_start_to_end():
    sample = run_to_end([sys.executable, "-c", BURN])
    assert 0.25 < sample.cpu() < 3
    assert sample.wall_s >= 0.25


def test_a_command_that_fails_is_told_with_its_last_words():
    with pytest.raises(RuntimeError, match=r"ended with 3:\nout of luck"):
        run_to_end([sys.executable, "-c", "import sys; print('out of luck', file=sys.stderr); sys.exit(3)"])


def test_a_wall_figure_is_of_the_rounds_that_nobody_disturbed():
    rounds = [Sample(1, {}, 0.1), Sample(9, {}, 0.4), Sample(3, {}, 0.3)]
    assert wall(rounds, lambda r: [r], lambda kept: str([r.wall_s for r in kept])) == "[1, 3]"


def test_a_round_is_disturbed_when_one_of_its_parts_is():
    quiet, disturbed = Sample(1, {}, 0.1), Sample(2, {}, 0.4)
    rounds = [[quiet, disturbed], [quiet, quiet]]
    assert wall(rounds, lambda r: r, lambda kept: str(len(kept))) == "1"


def test_a_wall_figure_is_refused_when_most_rounds_were_disturbed():
    quiet, disturbed = Sample(1, {}, 0.1), Sample(1, {}, 0.4)
    assert wall([quiet, disturbed, disturbed], lambda r: [r], lambda _: "5.0") == "refused"
