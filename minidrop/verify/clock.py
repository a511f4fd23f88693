"""How long something takes, in a way in which a busy machine or a pause accuses nobody.

What counts is the time that a process computes, on however many cores: CPU seconds, or what went by
if that is less.  What sleeps computes nothing, so there is a second, wider limit by the wall clock,
in which a pause of the whole process (Ctrl-Z) does not count.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager, suppress
from typing import Any

WALL = 10                                         # seconds by the wall clock for one of computing


class Stop(BaseException):
    """No time is left, or the user wants no more: never caught in the name of an implementation."""


class Late(Stop):
    """No time is left; `wall` where it is that of the wall clock."""

    def __init__(self, wall=False):
        super().__init__()
        self.wall = wall


class Interrupted(Stop, KeyboardInterrupt):
    """Ctrl-C, by the user; an implementation that raises KeyboardInterrupt does not raise this."""


class Clock:
    """Started when it is made: `spent` are the seconds of computing since then, `gone` all.

    >>> clock = Clock()
    >>> clock.spent <= clock.gone < 60, 59 < clock.left(60) <= 60
    (True, True)
    """

    def __init__(self):
        self.cpu, self.wall = time.process_time(), time.monotonic()

    @property
    def spent(self):
        """Seconds of computing, on several cores no more than went by."""
        return min(time.process_time() - self.cpu, self.gone)

    @property
    def gone(self):
        """Seconds by the wall clock."""
        return time.monotonic() - self.wall

    def left(self, seconds):
        """What is left of so many seconds of computing; 0 too where the wider limit is reached."""
        return max(0.0, seconds - self.spent) if self.gone < WALL * seconds else 0.0


class Awake:
    """A clock by the wall that is looked at every now and then, and stands still in pauses."""

    def __init__(self):
        self.seconds, self.before = 0.0, time.monotonic()

    def look(self, step, stopped=False):
        """Count what went by since the last look: about `step`, if nobody was `stopped`."""
        now = time.monotonic()
        self.seconds += 0.0 if stopped else min(now - self.before, 2 * step)
        self.before = now
        return self.seconds


@contextmanager
def limited(seconds, wall=True):
    """Late in the main thread after so many seconds of computing, and Interrupted there at Ctrl-C.

    With `wall` there is the wider limit by the wall clock too (clock.py).
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    clock, awake, done = Clock(), Awake(), threading.Event()
    step, main, late = min(max(seconds / 20, 0.005), 0.5), threading.get_ident(), list[Late]()

    def watch():                                  # a timer's signals would end somebody's sleep
        while not done.wait(step):
            gone = awake.look(step)
            if clock.spent >= seconds or wall and gone >= WALL * seconds:
                late.append(Late(wall=clock.spent < seconds))
                signal.pthread_kill(main, signal.SIGALRM)
                return

    def over(number, frame):
        if late and not done.is_set():
            raise late[0]
        if not late and callable(others := before[number]):
            others(number, frame)                 # somebody else's alarm

    def interrupt(number, frame):
        raise Interrupted

    ours: dict[int, Callable[[Any, Any], Any]] = {signal.SIGINT: interrupt} if \
        signal.getsignal(signal.SIGINT) is signal.default_int_handler else {}
    watcher = threading.Thread(target=watch, daemon=True)
    if hasattr(signal, "pthread_kill"):
        ours[signal.SIGALRM] = over
    before = {number: signal.getsignal(number) for number in ours}
    for number, handler in ours.items():
        signal.signal(number, handler)
    if over in ours.values():
        watcher.start()
    try:
        yield
    finally:
        done.set()
        if watcher.ident:
            watcher.join()
        for number, former in before.items():
            signal.signal(number, former)


def of_process(number):
    """(CPU seconds of another process, is it stopped?); (None, False) where that is not told."""
    with suppress(OSError, ValueError, IndexError), open(f"/proc/{number}/stat", "rb") as stat:
        state, *fields = stat.read().rpartition(b")")[2].split()
        ticks = int(fields[10]) + int(fields[11])                # in user and in system mode
        return ticks / os.sysconf("SC_CLK_TCK"), state in b"Tt"
    return None, False


class Patience:
    """How long a process may take for the task at hand: so many seconds, or WALL times by the wall.

    It is asked at every `step` whether it is `over`; then `wall` says which limit it was, and
    `waited` how much of that went into the last call, as told by `call`.
    """

    def __init__(self, number, seconds, grace, step):
        self.number, self.step, self.awake = number, step, Awake()
        self.limit, self.most = seconds + grace, WALL * seconds + grace
        self.began, self.mark, self.wall, self.waited = None, None, False, 0.0

    def call(self):
        """Another call has begun."""
        self.mark = None
        self.awake.look(self.step)

    def over(self):
        """Has it taken too long?"""
        cpu, stopped = of_process(self.number)
        now = cpu or 0.0, self.awake.look(self.step, stopped)
        self.began, self.mark = self.began or now, self.mark or now
        spent = min(now[0] - self.began[0], now[1])
        self.wall = now[1] >= self.most and spent < self.limit
        self.waited = now[self.wall] - self.mark[self.wall]
        return self.wall or spent >= self.limit
