"""Runs of a claim on several cores and on a Dask cluster: the same results, kept as they come."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner

from minidrop import files
from minidrop.claims import CLAIMS, fingerprint, ledger, work
from minidrop.cli import main
from tests.test_claims import toy

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
TINY = CLAIMS["targeted"].scales["quick"] | {"epochs": 1, "seeds": 2}


@pytest.fixture
def cluster(monkeypatch):
    """A Dask cluster of two workers, processes of two threads each."""
    dask = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))   # so that a worker can import tests
    with dask.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None,
                           silence_logs=50) as there:
        yield there


@pytest.fixture(autouse=True)
def joblib():
    return pytest.importorskip("joblib", reason="joblib is not installed")


def small(**changes):
    """The claim on targeted dropout, in a second."""
    import dataclasses

    return dataclasses.replace(CLAIMS["targeted"], scales={"quick": TINY}, **changes)


def kept(folder, name="targeted"):
    """What a file keeps, but for times."""
    record = ledger.read(Path(folder, f"{name}-quick.json"))
    for one in record["runs"]:
        assert one.pop("seconds") >= 0
    return record


def test_jobs_change_no_bit_of_the_results_nor_their_order(tmp_path):
    alone = ledger.run(small(), "quick", folder=tmp_path / "one", progress=False)
    two = ledger.run(small(), "quick", folder=tmp_path / "two", progress=False, jobs=2)
    assert alone == two and kept(tmp_path / "one") == kept(tmp_path / "two")


def test_a_cluster_changes_no_bit_of_the_results(tmp_path, cluster):
    alone = ledger.run(small(), "quick", folder=tmp_path / "one", progress=False)
    there = ledger.run(small(), "quick", folder=tmp_path / "two", progress=False,
                       dask=cluster.scheduler_address)
    assert alone == there and kept(tmp_path / "one") == kept(tmp_path / "two")


def where(arm, seed, settings, progress, meet=None):
    """A run that tells who did it, and with how many threads; in a folder two processes meet."""
    from threadpoolctl import threadpool_info

    from minidrop import xp

    start = time.monotonic()
    if meet:
        Path(meet, f"{os.getpid()}").touch()
        while len([*Path(meet).iterdir()]) < 2 and time.monotonic() < start + 60:
            time.sleep(0.01)
    time.sleep(0.3)
    blas = {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}
    return {"score": 0, "pid": os.getpid(), "threads": xp.threads(), "blas": sorted(blas),
            "time": [start, time.monotonic()]}


def overlaps(runs):
    """How many pairs of runs one process did at the same time."""
    return sum(a["pid"] == b["pid"] and a["time"][0] < b["time"][1] and b["time"][0] < a["time"][1]
               for i, a in enumerate(runs) for b in runs[:i])


def flat(results):
    return [one for runs in results.values() for one in runs]


@pytest.mark.parametrize("jobs", [2, 3])
def test_jobs_are_processes_that_share_the_cores(tmp_path, jobs):
    (meet := tmp_path / "meet").mkdir()
    found = flat(ledger.run(toy([], run=partial(where, meet=str(meet))), "quick", seeds=4,
                            folder=tmp_path, progress=False, jobs=jobs))
    assert 2 <= len({one["pid"] for one in found} - {os.getpid()}) <= jobs
    each = work.threads_each(jobs)
    assert all(one["threads"] == each and one["blas"] == [each] for one in found)
    assert overlaps(found) == 0


def test_a_worker_of_a_cluster_does_one_run_at_a_time_with_all_its_threads(tmp_path, cluster):
    found = flat(ledger.run(toy([], run=where), "quick", seeds=4, folder=tmp_path, progress=False,
                            dask=cluster.scheduler_address))
    assert len({one["pid"] for one in found} - {os.getpid()}) == 2
    assert all(one["threads"] == 2 and one["blas"] == [2] for one in found)
    assert overlaps(found) == 0


def test_a_cluster_of_one_core_computes_there_and_not_here(tmp_path):
    dask = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    with dask.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None,
                           silence_logs=50) as there:
        found = flat(ledger.run(toy([], run=where), "quick", folder=tmp_path, progress=False,
                                dask=there.scheduler_address))
    assert os.getpid() not in {one["pid"] for one in found}


KILLED = "a worker was killed .*finished runs are kept, and the same command"


def dying(folder, calls=None):
    """A claim whose runs of the second seed kill their process once those of the first are kept.

    With `calls` none does.
    """
    def run(arm, seed, settings, progress):
        if calls is not None:
            calls.append((arm, seed))
            return {"score": 1}
        path = folder / "toy-quick.json"                    # there once the first run is kept
        while seed and not (path.exists() and len(ledger.read(path)["runs"]) == 2):
            time.sleep(0.05)
        if seed:
            os.kill(os.getpid(), signal.SIGKILL)
        return {"score": 1}

    return toy([], run=run)


def test_a_killed_process_is_a_sentence_and_the_rest_goes_on(tmp_path):
    with pytest.raises(ValueError, match=KILLED):
        ledger.run(dying(tmp_path), "quick", folder=tmp_path, progress=False, jobs=2)
    assert [(one["arm"], one["seed"]) for one in kept(tmp_path, "toy")["runs"]] == [
        ("a", 0), ("b", 0)]
    calls = []
    ledger.run(dying(tmp_path, calls), "quick", folder=tmp_path, progress=False)
    assert calls == [("a", 1), ("b", 1)]


def test_a_killed_worker_of_a_cluster_is_a_sentence_too(tmp_path, cluster):
    with pytest.raises(ValueError, match=KILLED):
        ledger.run(dying(tmp_path), "quick", folder=tmp_path, progress=False,
                   dask=cluster.scheduler_address)
    assert {one["seed"] for one in kept(tmp_path, "toy")["runs"]} == {0}


def test_a_cluster_that_loses_all_its_workers_is_a_sentence_too(tmp_path, cluster, monkeypatch):
    monkeypatch.setattr(work, "LOST", 2)
    begun = tmp_path / "begun"

    def run(arm, seed, settings, progress):
        begun.touch()
        time.sleep(60)

    def stop():
        while not begun.exists():
            time.sleep(0.05)
        cluster.scale(0)

    threading.Thread(target=stop, daemon=True).start()
    with pytest.raises(ValueError, match=KILLED):
        ledger.run(toy([], run=run), "quick", folder=tmp_path, progress=False,
                   dask=cluster.scheduler_address)


def fails(arm, seed, settings, progress):
    if (arm, seed) == ("b", 1):
        raise ValueError("there is no MNIST here")
    return {"score": 1}


def test_an_error_of_a_run_is_told_as_it_is(tmp_path, cluster):
    for options in ({"jobs": 2}, {"dask": cluster.scheduler_address}):
        with pytest.raises(ValueError, match="^there is no MNIST here$"):
            ledger.run(toy([], run=fails), "quick", folder=tmp_path / str(*options), progress=False,
                       **options)


CHILD = """
import sys, time
from pathlib import Path
from minidrop.claims import ledger
from minidrop.claims.work import os
from tests.test_claims import toy

def run(arm, seed, settings, progress):
    Path(sys.argv[1], f"pid-{os.getpid()}").touch()
    time.sleep(600 * (seed > 0))
    return {"score": 1}

if __name__ == "__main__":
    ledger.run(toy([], run=run), "quick", folder=Path(sys.argv[1]), progress=False, jobs=2)
"""


@pytest.mark.parametrize("everyone", [True, False], ids=["Ctrl-C", "kill -INT"])
def test_an_interruption_keeps_what_is_finished_and_ends_the_processes(tmp_path, everyone,
                                                                       monkeypatch):
    """Ctrl-C in a terminal goes to all processes of the group, kill -INT to the first alone."""
    with subprocess.Popen([sys.executable, "-c", CHILD, tmp_path], cwd=ROOT, text=True,
                          stderr=subprocess.PIPE, start_new_session=True) as child:
        file, end = tmp_path / "toy-quick.json", time.monotonic() + 60
        while not (file.is_file() and len(ledger.read(file)["runs"]) == 2):
            assert child.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        time.sleep(0.5)
        os.killpg(child.pid, signal.SIGINT) if everyone else child.send_signal(signal.SIGINT)
        errors = child.communicate(timeout=30)[1]
    assert errors.rstrip().endswith("KeyboardInterrupt")
    assert [one["seed"] for one in json.loads(file.read_text())["runs"]] == [0, 0]
    workers = [int(one.name.partition("-")[2]) for one in tmp_path.glob("pid-*")]
    assert len(workers) == 2 and not any(Path(f"/proc/{pid}").exists() for pid in workers)
    calls, code = [], ledger.read(file)["code"]
    monkeypatch.setattr(fingerprint, "of", lambda run: code)      # as if the child's were ours
    ledger.run(toy(calls), "quick", folder=tmp_path, progress=False)
    assert calls == [("a", 1), ("b", 1)]


COMMAND = """
import sys
from minidrop.claims import CLAIMS
from minidrop.cli import main
from tests import lives
from tests.test_claim_jobs import small

if __name__ == "__main__":
    CLAIMS["targeted"] = small()
    if sys.argv[1]:
        lives.plant(sys.argv[1], 3, "targeted-quick.json")
    main(["claims", "run", "targeted", "--jobs", "2", "--backend", "numpy"])
"""


@pytest.fixture
def command(tmp_path):
    """`minidrop claims run targeted --jobs 2`; it dies in its third save, if it is told how."""
    path, groups = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), []

    def begun(how=""):
        child = subprocess.Popen([sys.executable, "-c", COMMAND, how], cwd=tmp_path, text=True,
                                 env=os.environ | {"PYTHONPATH": path}, stdout=subprocess.DEVNULL,
                                 stderr=subprocess.PIPE, start_new_session=True)
        groups.append(child.pid)
        return child

    yield begun
    for group in groups:                          # workers wait for minutes for one who was killed
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)


def workers_of(pid):
    """The processes that do its runs."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with contextlib.suppress(OSError):
            if f"\nPPid:\t{pid}\n" in status.read_text() and b"LokyProcess" in status.with_name(
                    "cmdline").read_bytes():
                found.append(int(status.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="workers are found in /proc")
@pytest.mark.parametrize("how", ["half written", "after the move"])
def test_a_command_that_was_killed_and_then_its_worker_goes_on_to_the_same_bits(how, tmp_path,
                                                                                command):
    whole = ledger.run(small(), "quick", folder=tmp_path / "whole", progress=False)
    folder, moved = tmp_path / "minidrop-claims", how == "after the move"
    with command(how) as first:
        assert first.wait(200) == -signal.SIGKILL
        first.stderr.close()
    assert len(kept(folder)["runs"]) == 2 + moved
    assert len([*folder.glob("*" + files.PART)]) == 1 - moved

    with command() as second:
        while not (workers := workers_of(second.pid)):
            assert second.poll() is None
            time.sleep(0.01)
        os.kill(workers[0], signal.SIGKILL)
        errors = second.communicate(timeout=200)[1]
    assert second.returncode == 1 and re.search(f"Error: {KILLED}", errors), errors
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)
    assert 2 + moved <= len(kept(folder)["runs"]) < 8

    with command() as third:
        errors = third.communicate(timeout=200)[1]
    assert third.returncode == 0, errors
    assert kept(folder)["runs"] == kept(tmp_path / "whole")["runs"]
    assert ledger.results(small(), ledger.read(folder / "targeted-quick.json")) == whole
    assert [path.name for path in folder.iterdir()] == ["targeted-quick.json"]


def test_what_is_missing_is_said_in_a_sentence(tmp_path, monkeypatch):
    with pytest.raises(ValueError, match="jobs must be 1 where dask is given.* got 2$"):
        ledger.run(toy([]), "quick", folder=tmp_path, progress=False, jobs=2, dask="tcp://a:1")
    with pytest.raises(ValueError, match="jobs must be a whole number of at least 1, got 0"):
        ledger.run(toy([]), "quick", folder=tmp_path, progress=False, jobs=0)
    monkeypatch.setitem(sys.modules, "joblib", None)
    with pytest.raises(ValueError, match=r'jobs needs the package joblib; install it with: pip '
                                         r'install "minidrop\[cluster\]"'):
        ledger.run(toy([]), "quick", folder=tmp_path, progress=False, jobs=2)


def test_an_address_without_a_scheduler_or_workers_is_said(tmp_path, monkeypatch):
    dask = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    import dask as settings

    with settings.config.set({"distributed.comm.timeouts.connect": "1s"}), pytest.raises(
            ValueError, match="dask must be the address of a scheduler, such as tcp://host:8786, "
                              "got 'tcp://127.0.0.1:9'"):
        ledger.run(toy([]), "quick", folder=tmp_path, progress=False, dask="tcp://127.0.0.1:9")
    monkeypatch.setattr(work, "WAIT", 0.2)
    with dask.LocalCluster(n_workers=0, dashboard_address=None) as empty, pytest.raises(
            ValueError, match="has no workers; start them with: dask worker tcp://"):
        ledger.run(toy([]), "quick", folder=tmp_path, progress=False, dask=empty.scheduler_address)


def test_a_worker_with_another_minidrop_is_refused():
    with pytest.raises(ValueError, match="the worker has minidrop .*, and 0.0 sent the run"):
        work._sent(where, "a", 0, {}, 1, "0.0", None)


def test_the_command_takes_jobs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CLAIMS, "targeted", small())
    text = CliRunner().invoke(main, ("claims", "run", "targeted", "--jobs", "2", "--backend",
                                     "numpy"), prog_name="minidrop").output
    assert "8 runs" in text and "\nbackend: 8 runs of fit on numpy\n" in text
