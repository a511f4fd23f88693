"""Threads that share work: every part is done once, whoever does it, and errors come back."""

import signal
import threading
import time
import weakref

import numpy as np
import pytest

from minidrop.workers import Worker, share

CUTS = [(0, 2), (2, 4), (4, 6)]


def test_every_part_is_done_once_and_by_all():
    done = []
    everybody = threading.Barrier(3, timeout=10)

    def part(lo, hi):
        everybody.wait()                          # only three threads at once come through
        done.append((lo, hi))

    share(part, CUTS, [Worker(), Worker()])
    assert sorted(done) == CUTS


def test_who_finds_nobody_free_does_it_alone():
    done, worker = [], Worker()
    assert worker.free.acquire(blocking=False)    # by somebody else
    share(lambda lo, hi: done.append((lo, hi, threading.current_thread())), CUTS, [worker])
    assert done == [(*cut, threading.current_thread()) for cut in CUTS]
    share(lambda lo, hi: done.append(lo), CUTS, [])
    assert done[3:] == [0, 2, 4]


@pytest.mark.parametrize("bad", CUTS)
def test_an_error_comes_back_when_all_are_done_and_the_thread_goes_on(bad):
    team, done = [Worker(), Worker()], []

    def part(lo, hi):
        if (lo, hi) == bad:
            raise KeyError(lo)
        done.append((lo, hi))

    for _ in range(2):
        done.clear()
        with pytest.raises(KeyError, match=str(bad[0])):
            share(part, CUTS, team)
        assert sorted(done) == [cut for cut in CUTS if cut != bad]


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="no signal to one thread here")
def test_who_interrupts_the_wait_still_finds_everything_done():
    done, team, begun = [], [Worker(), Worker()], threading.Event()
    main = threading.main_thread()

    def part(lo, hi):
        if threading.current_thread() is main:    # which has given the others theirs
            begun.set()
            return
        begun.wait(10)
        if (lo, hi) == CUTS[1]:
            signal.pthread_kill(main.ident, signal.SIGINT)
        time.sleep(0.05)
        done.append((lo, hi))

    for _ in range(2):
        done.clear()
        begun.clear()
        with pytest.raises(KeyboardInterrupt):
            share(part, CUTS, team)
        assert sorted(done) == CUTS[1:]
        assert not any(worker.free.locked() for worker in team)


def test_a_thread_lets_its_arrays_go():
    def work():
        array = np.zeros(8)
        share(lambda lo, hi: array.__setitem__(slice(lo, hi), 1), CUTS, team)
        assert array.sum() == 6
        return weakref.ref(array)

    team = [Worker(), Worker()]
    assert work()() is None
