"""Threads that wait for a part of the work: waking one takes half of an executor's time.

A sweep over an array lasts about a millisecond, so that a tenth of one counts.  A thread waits on
its own lock, and whoever wants it waits on another; nothing else is between them.
"""

import threading
import time
from typing import Any


class Worker(threading.Thread):
    """A thread that does one part at a time.  Who takes its lock `free` may call `do` once."""

    def __init__(self):
        super().__init__(name="minidrop", daemon=True)
        self.free, self._given = threading.Lock(), threading.Lock()
        self._work: Any = None
        self._given.acquire()
        self.start()

    def do(self, part, lo, hi, done, ended):
        """Begin part(lo, hi); then add what it raised, or None, to `ended` and release `done`."""
        self._work = part, lo, hi, done, ended
        self._given.release()

    def run(self):
        """Wait for work, do it, say so, for ever."""
        while True:
            self._given.acquire()
            (part, lo, hi, done, ended), self._work = self._work, None
            try:
                part(lo, hi)
                ended.append(None)
            except BaseException as error:
                ended.append(error)
            del part                              # and with it the arrays that it works on
            self.free.release()
            done.release()
            del done, ended


def share(part, cuts, team):
    """part(lo, hi) for all `cuts`, the first by the caller, the others by those of `team` free.

    Returns when all are done, also after an error, and raises the first one.
    """
    own, waiting = cuts[:1], []
    ended: list[BaseException | None] = []
    try:
        for lo, hi in cuts[1:]:
            worker = next((one for one in team if one.free.acquire(blocking=False)), None)
            if worker is None:
                own.append((lo, hi))
                continue
            done = threading.Lock()
            done.acquire()
            worker.do(part, lo, hi, done, ended)
            waiting.append(done)
        for lo, hi in own:
            part(lo, hi)
    finally:                                      # nothing goes on writing after an error
        _wait(waiting, ended)
    for error in filter(None, ended):
        raise error


def _wait(waiting, ended):
    """Until all have ended, also if the wait is interrupted; a second interruption ends it."""
    try:
        for done in waiting:
            done.acquire()
    except KeyboardInterrupt:
        while len(ended) < len(waiting):
            time.sleep(1e-3)
        raise
