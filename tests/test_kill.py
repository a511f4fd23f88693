"""Killed at random moments, some of them within a save, a run ends in the bits of one left alone.

    MINIDROP_KILLS=50 MINIDROP_KILL_SEED=1 pytest -m slow tests/test_kill.py

says how often each run is killed, 10 times unless told otherwise, and by which seed the moments
are drawn, 0 unless told otherwise.
"""

import json
import os
import signal
import subprocess
import sys
from itertools import pairwise

import pytest

from minidrop import checkpoint, files
from minidrop.binding import Binding
from minidrop.claims import ledger
from tests import lives

KILLS = int(os.environ.get("MINIDROP_KILLS", 10))
SEED = os.environ.get("MINIDROP_KILL_SEED", "0")
pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")]


@pytest.mark.parametrize("name", lives.RUNS)
def test_a_run_that_was_killed_again_and_again_ends_in_the_same_bits(name, tmp_path):
    command = [sys.executable, "-m", "tests.lives", name, tmp_path, str(KILLS), SEED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120 + 12 * KILLS)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    killed = [life for life in found if life["signal"] and life["saved"] < lives.STEPS]
    ended = [life for life in found if not life["signal"]]

    assert len(killed) == KILLS and {life["signal"] for life in killed} == {signal.SIGKILL}
    within = [life["how"] for life in killed if life["how"] != "outside"]
    assert len(within) == KILLS // 2 and set(within) == set(lives.WITHIN[:KILLS // 2])
    for life in killed:                           # in the midst of the run
        assert life["steps"] and life["steps"][-1] + 1 >= life["saved"]
        assert len(life["left"]) < 2 + (name == "snapshots")
    assert len({life["saved"] for life in killed}) > KILLS // 3
    for life, after in pairwise(found):           # what is on the disk is not done again
        first = life["saved"] if life["run"] == after["run"] else 0
        assert after["steps"][:1] in ([first], []), (life, after)
    for life in found:                            # nor is anything else done twice, or left out
        assert life["steps"] == [*range(lives.STEPS)][-len(life["steps"]):] or life["signal"]
        assert all(b == a + 1 for a, b in pairwise(life["steps"]))

    due = lives.run(name)
    assert {life["digest"] for life in ended} == {due} and not any(life["exit"] for life in ended)
    assert ended[-1]["how"] == "nobody" and ended[-1]["left"] == []
    assert sum(bool(life["left"]) for life in killed) >= KILLS // 5


def forget_streams(arrays, facts):
    facts["streams"] = {name: (*state[:2], 0) for name, state in facts["streams"].items()}


def forget_one_stream(arrays, facts):
    for name, state in facts["streams"].items():
        if name.startswith("net/"):
            facts["streams"][name] = (*state[:2], state[2] - 1)


def forget_the_optimizer(arrays, facts):
    for name in arrays:
        if name.startswith("optimizer/") and arrays[name].ndim:
            arrays[name] = 0 * arrays[name]


def forget_a_recorder(arrays, facts):
    """As if nothing had been collected: no digests, no weights, no looks."""
    for name in [*arrays]:
        if name.endswith(("/digests", "/curves")):
            arrays[name] = arrays[name][:0]
        elif name.endswith("/taken"):
            arrays[name] = 0 * arrays[name]
        elif "/average." in name:
            del arrays[name]


def forget_the_last_snapshot(arrays, facts):
    arrays["recorder/digests"] = arrays["recorder/digests"][:-1]


def forget_the_order_of_snapshots(arrays, facts):
    arrays["recorder/digests"] = arrays["recorder/digests"][::-1]


def forget_the_start(arrays, facts):
    """From which the distances of a recorder count."""
    arrays["recorder/start"] = 0 * arrays["recorder/start"]


def forget_the_result_of_a_run(record):
    record["runs"][-1]["result"] = record["runs"][0]["result"]


def forget_the_order_of_seeds(record):
    for run, seed in zip(record["runs"], [run["seed"] for run in record["runs"]][::-1],
                         strict=True):
        run["seed"] = seed


def forget_the_order_of_arms(record):
    for run in record["runs"]:
        run["arm"] = {"a": "b", "b": "a"}.get(run["arm"], run["arm"])


def forget_the_runs_but_not_that_they_were_done(record):
    for run in record["runs"]:
        run["result"] = {}


FORGETTING = [*((name, fault) for name in lives.NETWORKS
                for fault in (forget_streams, forget_one_stream, forget_the_optimizer)),
              *((name, forget_a_recorder) for name in ("snapshots", "averages", "dynamics")),
              ("snapshots", forget_the_last_snapshot), ("dynamics", forget_the_start),
              ("snapshots", forget_the_order_of_snapshots)]


def broken_off(name, path, monkeypatch, stop=14):
    """The digest of a run that was broken off after the step `stop` and then went on."""
    def tell(step):
        if step == stop:
            raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    with pytest.raises(KeyboardInterrupt):
        lives.run(name, path, tell)
    monkeypatch.setattr(checkpoint, "SECONDS", 30.0)
    return lives.run(name, path)


@pytest.mark.parametrize("name", lives.RUNS)
def test_a_run_that_was_broken_off_ends_in_the_same_bits(name, tmp_path, monkeypatch):
    assert broken_off(name, tmp_path / "run", monkeypatch) == lives.run(name)


def noticed(name, path, monkeypatch):
    """Whether the digest tells that something was forgotten, unless going on is refused."""
    try:
        return broken_off(name, path, monkeypatch) != lives.run(name)
    except ValueError as error:
        return "put it back" in str(error) or "was not taken" in str(error)


@pytest.mark.parametrize("name, forget", FORGETTING)
def test_what_a_run_forgets_when_it_goes_on_shows_in_its_bits(name, forget, tmp_path, monkeypatch):
    read = files.read

    def forgetting(path, *name):
        arrays, facts = read(path, *name)
        if path == tmp_path / "run":
            forget(arrays, facts)
        return arrays, facts

    monkeypatch.setattr(files, "read", forgetting)
    assert noticed(name, tmp_path / "run", monkeypatch)


@pytest.mark.parametrize("forget", [
    forget_the_result_of_a_run, forget_the_order_of_seeds, forget_the_order_of_arms,
    forget_the_runs_but_not_that_they_were_done])
def test_what_a_claim_forgets_when_it_goes_on_shows_in_its_file(forget, tmp_path, monkeypatch):
    checked, there = ledger.checked, []

    def forgetting(*given):                       # which only who goes on calls
        record = checked(*given)
        there.append(len(record["runs"]))
        forget(record)
        return record

    monkeypatch.setattr(ledger, "checked", forgetting)
    assert noticed("claim", tmp_path / "run", monkeypatch) and there == [14]


@pytest.mark.parametrize("name", sorted(lives.NETWORKS.keys() - {"averages", "dynamics"}))
def test_a_schedule_that_begins_anew_shows_in_the_bits(name, tmp_path, monkeypatch):
    right, taken = Binding.set, []

    def anew(self, t):
        taken.append(t)
        right(self, t - taken[0])

    def again(*args):
        taken.clear()
        return bound(*args)

    bound = Binding.__enter__
    monkeypatch.setattr(Binding, "__enter__", again)
    monkeypatch.setattr(Binding, "set", anew)
    assert noticed(name, tmp_path / "run", monkeypatch)
