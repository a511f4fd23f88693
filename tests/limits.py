"""An end to what has none: TooLong where something takes more time than it may."""

import contextlib
import signal


class TooLong(BaseException):
    """It takes longer than it may; no `except Exception` takes this for an answer."""


@contextlib.contextmanager
def limited(seconds, wall=False):
    """TooLong after so many seconds of computing, however busy the machine is.

    With `wall` they are those of the clock on the wall, which count while it waits, too.
    """
    number, clock = ((signal.SIGALRM, signal.ITIMER_REAL) if wall
                     else (signal.SIGPROF, signal.ITIMER_PROF))

    def stop(*_):
        raise TooLong(f"{seconds:g} s{' of computing' * (not wall)} were not enough")

    before = signal.signal(number, stop)
    signal.setitimer(clock, seconds)
    try:
        yield
    finally:
        signal.setitimer(clock, 0)
        signal.signal(number, before)
