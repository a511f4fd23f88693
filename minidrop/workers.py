"""Threads that wait for a part of the work: waking one takes half of an executor's time.

A sweep over an array lasts about a millisecond, so that a tenth of one counts.  Threads and caller
take the parts of a task from one list until it is empty, so that nobody waits for who comes late.
Nobody keeps a list of who is free, so that an interruption, wherever it falls, loses no thread;
Python interrupts the main thread alone.
"""

import collections
import contextvars
import queue
import threading
import time
from typing import Any

_sharing = contextvars.ContextVar("sharing", default=False)


def sharing():
    """Whether this is a part of a task: a further task within would wait for the same threads."""
    return _sharing.get()


class Team:
    """`size` threads, each of which does what comes next, for ever."""

    def __init__(self, size):
        self.calls: queue.SimpleQueue = queue.SimpleQueue()
        for _ in range(size):
            threading.Thread(target=self._work, name="minidrop", daemon=True).start()

    def _work(self):
        while True:
            self.calls.get()()


class Task:
    """part(lo, hi) for all `cuts`, in the caller's context, np.errstate and all.

    Where there is nothing left in `cuts` and nobody `inside`, all is done.
    """

    def __init__(self, part, cuts):
        self.part, self.cuts = part, collections.deque(cuts)
        self.context, self.errors = contextvars.copy_context(), []
        self.context.run(_sharing.set, True)
        self.inside: list[Any] = []
        self.left: queue.SimpleQueue = queue.SimpleQueue()    # one entry for each who was inside

    def help(self):
        """What a thread does: parts, until there are none; errors are for the caller."""
        self.inside.append(None)
        try:
            self.do()
        except BaseException as error:
            self.cuts.clear()
            self.errors.append(error)
        self.inside.pop()
        self.left.put(None)

    def do(self):
        """Parts, until there are none."""
        self.context.copy().run(self._parts)

    def _parts(self):
        while self.cuts:
            try:
                lo, hi = self.cuts.popleft()
            except IndexError:                    # another one was faster
                return
            self.part(lo, hi)

    def wait(self):
        """Until nobody is inside, also if the wait is interrupted; what nobody began is left."""
        self.cuts.clear()
        try:
            while self.inside:
                self.left.get()
        finally:
            while self.inside:
                time.sleep(1e-3)


def share(part, cuts, team):
    """part(lo, hi) for all `cuts`, by the caller and by threads of the `team` that are free.

    Returns when nobody works on any, also after an error, and raises the first one.
    """
    task = Task(part, cuts)
    try:
        try:
            for _ in cuts[1:]:
                team.calls.put(task.help)
            task.do()
        finally:                                  # nothing goes on writing after an error
            task.wait()
    finally:                                      # an interruption may have come before the wait
        task.wait()
        task.part = None                          # who comes late holds none of its arrays
    for error in task.errors:
        raise error
