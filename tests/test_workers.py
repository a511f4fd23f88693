"""Threads that share work: every part is done once, whoever does it, and errors come back."""

import random
import signal
import threading
import time
import weakref

import numpy as np
import pytest

import minidrop as md
from minidrop import xp as xp_file
from minidrop.workers import Team, share, sharing

CUTS = [(0, 2), (2, 4), (4, 6)]
MAIN = threading.main_thread()


def meet(team, parties=3):
    """All threads of the team and this one do a part each, at once."""
    everybody = threading.Barrier(parties, timeout=10)
    share(lambda lo, hi: everybody.wait(), [(i, i + 1) for i in range(parties)], team)


def test_every_part_is_done_once_and_by_all():
    done = []
    everybody = threading.Barrier(3, timeout=10)

    def part(lo, hi):
        everybody.wait()                          # only three threads at once come through
        done.append((lo, hi))

    share(part, CUTS, Team(2))
    assert sorted(done) == CUTS


def test_who_finds_nobody_free_does_it_alone():
    done, team, held = [], Team(1), threading.Event()
    team.calls.put(lambda: held.wait(10))         # somebody else's
    share(lambda lo, hi: done.append((lo, hi, threading.current_thread())), CUTS, team)
    assert done == [(*cut, threading.current_thread()) for cut in CUTS]
    held.set()
    meet(team, 2)


@pytest.mark.parametrize("by_caller", [False, True])
def test_an_error_comes_back_when_nobody_works_and_the_threads_go_on(by_caller):
    team, working = Team(2), []
    everybody = threading.Barrier(3, timeout=10)

    def part(lo, hi):
        working.append(lo)
        everybody.wait()
        if by_caller == (threading.current_thread() is MAIN):
            working.remove(lo)
            raise KeyError("bad")
        time.sleep(0.05)
        working.remove(lo)

    for _ in range(2):
        with pytest.raises(KeyError, match="bad"):
            share(part, CUTS, team)
        assert not working
    meet(team)


def test_what_nobody_has_begun_when_an_error_comes_is_left():
    done = []
    with pytest.raises(ZeroDivisionError):
        share(lambda lo, hi: done.append(1 / lo), CUTS, Team(0))
    assert not done


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal to one thread here")
def test_who_interrupts_the_wait_finds_nobody_at_work():
    done, team, waiting = [], Team(2), threading.Event()

    def part(lo, hi):
        if threading.current_thread() is MAIN:
            waiting.set()                         # for the others: it has no other part to do
            return
        waiting.wait(10)
        time.sleep(0.05)                          # the caller is in its wait by now
        if not done:
            done.append("interrupted")
            signal.pthread_kill(MAIN.ident, signal.SIGINT)
        time.sleep(0.1)
        done.append((lo, hi))

    def taken(lo, hi):
        everybody.wait()
        part(lo, hi)

    for _ in range(3):
        everybody = threading.Barrier(3, timeout=10)
        done.clear()
        waiting.clear()
        with pytest.raises(KeyboardInterrupt):
            share(taken, CUTS, team)
        assert len(done) == 3                     # the interruption, and both parts of the others
    meet(team)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_interruptions_at_any_moment_lose_no_thread(monkeypatch):
    monkeypatch.setattr(xp_file, "threads", lambda: 3)
    monkeypatch.setattr(xp_file, "_team", lambda: team)
    team, x = Team(2), np.ones((2, 3 * xp_file.LEAST), "float32")

    class Now(Exception):
        pass

    def interrupt(*_):
        raise Now

    before, times = signal.signal(signal.SIGALRM, interrupt), random.Random(0)
    seen = 0
    try:
        for _ in range(200):
            try:
                signal.setitimer(signal.ITIMER_REAL, times.uniform(1e-4, 3e-3))
                while True:
                    xp_file.par(lambda lo, hi: x[:, lo:hi].sum(), x.shape[1])
            except Now:
                seen += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert seen == 200 and not sharing()
    meet(team)


def test_a_pass_within_a_part_uses_no_threads_and_a_pass_after_it_does():
    team, within = Team(2), []
    share(lambda lo, hi: within.append(sharing()), CUTS, team)
    assert within == 3 * [True] and not sharing()


def test_what_numpy_does_about_overflow_is_as_in_the_caller(monkeypatch):
    monkeypatch.setattr(xp_file, "threads", lambda: 2)
    big = np.zeros((2, 2 * xp_file.LEAST), "float32")
    for row in (0, 1):                            # that of the caller, or of another thread
        big[:] = 0
        big[row] = 3e38
        mask = np.ones(big.shape, bool)
        with np.errstate(all="ignore"):
            assert np.isinf(md.dropout(big, mask, 0.5)[row]).all()     # a warning is an error here
        with np.errstate(all="raise"), pytest.raises(FloatingPointError):
            md.dropout(big, mask, 0.5)


def test_a_thread_lets_its_arrays_go():
    def work():
        array = np.zeros(8)
        share(lambda lo, hi: array.__setitem__(slice(lo, hi), 1), CUTS, team)
        assert array[:6].all()
        return weakref.ref(array)

    team = Team(2)
    assert work()() is None
