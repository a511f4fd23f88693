"""Killed at random moments, some of them within a save, a run ends in the bits of one left alone.

MINIDROP_KILLS says how often each network is killed: 10 times unless told otherwise.
"""

import json
import os
import signal
import subprocess
import sys

import pytest

from tests import lives

KILLS = int(os.environ.get("MINIDROP_KILLS", 10))
SEED = os.environ.get("MINIDROP_KILL_SEED", "0")
pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")]


@pytest.mark.parametrize("network", lives.NETWORKS)
def test_a_run_that_was_killed_again_and_again_ends_in_the_same_bits(network, tmp_path):
    command = [sys.executable, "-m", "tests.lives", network, tmp_path, str(KILLS), SEED]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60 + 3 * KILLS)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    killed = [life for life in found if life["signal"] and life["saved"] < lives.STEPS]
    ended = [life for life in found if not life["signal"]]

    assert len(killed) == KILLS and {life["signal"] for life in killed} == {signal.SIGKILL}
    within = [life["how"] for life in killed if life["how"] != "outside"]
    assert len(within) == KILLS // 2 and set(within) == set(lives.WITHIN[:KILLS // 2])
    for life in killed:                           # in the midst of the run
        assert life["steps"] and life["steps"][-1] + 1 >= life["saved"] and len(life["left"]) < 2
    assert len({life["saved"] for life in killed}) > KILLS // 3

    due = lives.run(network)
    assert {life["digest"] for life in ended} == {due} and not any(life["exit"] for life in ended)
    assert ended[-1]["how"] == "nobody" and ended[-1]["left"] == []
    assert sum(bool(life["left"]) for life in killed) >= KILLS // 5
