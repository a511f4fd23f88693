"""Ctrl-C: a run stops where its state is whole, whenever it comes."""

import os
import random
import signal
import subprocess
import sys
import threading

import pytest

import minidrop as md
from minidrop import checkpoint, files
from minidrop.interrupt import Interrupt
from tests.test_checkpoint import bits, ctrl_c, run, step_of, stop_at

pytestmark = pytest.mark.slow

MINE = os.path.dirname(md.__file__)


def twice():
    ctrl_c()
    ctrl_c()


def test_the_first_is_answered_after_the_step(tmp_path):
    with pytest.raises(KeyboardInterrupt) as stop:
        run(path=tmp_path / "run", recorder=stop_at(4, stop=ctrl_c))
    assert stop.value.__notes__ == [
        "the run is saved as it was after step 5 of 12; to go on, call fit again with "
        f"checkpoint={str(tmp_path / 'run')!r}"]
    assert step_of(tmp_path / "run") == 5
    assert bits(*run(path=tmp_path / "run")) == bits(*run())


def test_the_second_stops_at_once_and_the_last_save_stays(tmp_path):
    def twice_within(z, y):
        if seen[-1] == 4:
            twice()
        return md.cross_entropy(z, y)

    seen = [0]
    whole = run(loss=twice_within)
    with pytest.raises(KeyboardInterrupt) as stop:
        run(path=tmp_path / "run", loss=twice_within, recorder=lambda step, *_: seen.append(step))
    assert "as it was after step 3 of 12" in stop.value.__notes__[0]
    seen[:] = [0]
    assert bits(*run(path=tmp_path / "run", loss=twice_within)) == bits(*whole)


def test_more_of_them_within_a_save_are_not_heard(tmp_path, monkeypatch):
    fsync = os.fsync

    def impatient(descriptor):
        twice()
        fsync(descriptor)
        twice()

    monkeypatch.setattr(os, "fsync", impatient)
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    for step in [0, 1, 2, 3, 3, 4, 5, 6, 6, 7]:   # the start and the end of an epoch are saves too
        with pytest.raises(KeyboardInterrupt) as stop:
            run(path=tmp_path / "run")
        assert f"as it was after step {step} of 12" in stop.value.__notes__[0]
    monkeypatch.undo()
    assert bits(*run(path=tmp_path / "run")) == bits(*run())


class At:
    """Call `act` at the n-th line that runs in the files of minidrop."""

    def __init__(self, n, act):
        self.left, self.act = n, act

    def __call__(self, frame, event, argument):
        if not frame.f_code.co_filename.startswith(MINE):
            return None
        if event == "line":
            self.left -= 1
            if self.left == 0:
                self.act()
        return self

    def __enter__(self):
        self.before = sys.gettrace()
        sys.settrace(self)
        return self

    def __exit__(self, *error):
        sys.settrace(self.before)


@pytest.mark.parametrize("act", [ctrl_c, twice])
def test_a_run_goes_on_whatever_line_it_was_stopped_at(tmp_path, monkeypatch, act):
    whole = bits(*run())
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    monkeypatch.setattr(checkpoint, "SHARE", 0)
    with At(-1, None) as lines:
        run(path=tmp_path / "count")
    lines, rng, stopped = -1 - lines.left, random.Random(5), 0
    assert lines > 2000
    for n in (rng.randrange(1, lines) for _ in range(12)):
        path = tmp_path / str(n)
        try:
            with At(n, act):
                result = run(path=path)
        except KeyboardInterrupt:
            stopped += 1
            result = run(path=path)
        assert bits(*result) == whole
    assert stopped >= 8                           # the others came before the run began
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_without_a_checkpoint_it_stops_at_once():
    seen = []
    with pytest.raises(KeyboardInterrupt) as stop:
        run(recorder=lambda step, *_: (ctrl_c(), seen.append(step)))
    assert seen == [] and not hasattr(stop.value, "__notes__")


def test_a_handler_of_the_program_itself_stays_in_charge(tmp_path):
    heard = []
    before = signal.signal(signal.SIGINT, lambda *_: heard.append(signal.getsignal(signal.SIGINT)))
    try:
        mine = signal.getsignal(signal.SIGINT)
        run(path=tmp_path / "run", recorder=stop_at(4, stop=ctrl_c))
    finally:
        signal.signal(signal.SIGINT, before)
    assert heard == [mine]


def test_a_run_in_a_thread_touches_no_handler(tmp_path):
    handlers, done = [], []

    def work():
        done.append(run(path=tmp_path / "run", recorder=lambda *_: handlers.append(
            signal.getsignal(signal.SIGINT))))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert set(handlers) == {signal.default_int_handler} and bits(*done[0]) == bits(*run())


def test_a_question_that_nobody_answered_is_raised_on_leaving():
    with pytest.raises(KeyboardInterrupt), Interrupt():
        ctrl_c()
    with pytest.raises(ZeroDivisionError), Interrupt():
        ctrl_c()
        1 / 0


SCRIPT = """
import sys
from tests.test_checkpoint import run

def recorder(step, net, loss):
    if step == 2:
        print("running", flush=True)
        sys.stdin.readline()                      # the signal comes while this step waits

run(path=sys.argv[1], recorder=recorder)
"""


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_a_real_one_from_outside_saves_and_says_how_to_go_on(tmp_path):
    path = tmp_path / "run"
    with subprocess.Popen([sys.executable, "-c", SCRIPT, path], text=True, stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        assert child.stdout.readline() == "running\n"
        child.send_signal(signal.SIGINT)
        _, error = child.communicate("\n", timeout=60)
    assert child.returncode == -signal.SIGINT
    assert error.rstrip().endswith("KeyboardInterrupt\nthe run is saved as it was after step 3 of "
                                   f"12; to go on, call fit again with checkpoint={str(path)!r}")
    assert step_of(path) == 3 and files.read(path)[1]["epochs"] == 0
    assert bits(*run(path=path)) == bits(*run())
