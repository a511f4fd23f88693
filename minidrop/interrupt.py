"""Ctrl-C as a question that a loop answers where its state is whole."""

import signal
import threading


class Interrupt:
    """Within it the first Ctrl-C only sets `asked`; a second one raises KeyboardInterrupt at once.

    While `busy` is True (something is being written) further ones are not heard.  A question that
    nobody answered is raised on leaving.  Where Ctrl-C would not raise KeyboardInterrupt in the
    first place, in a thread or in a program that handles SIGINT itself, nothing is changed.

    >>> with Interrupt() as stop:
    ...     signal.raise_signal(signal.SIGINT)
    ...     answer, stop.asked = stop.asked, False
    >>> answer
    True
    """

    def __init__(self):
        self.asked = self.busy = self._heard = False

    def __enter__(self):
        main = threading.current_thread() is threading.main_thread()
        if main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
            signal.signal(signal.SIGINT, self._hear)
            self._heard = True
        return self

    def __exit__(self, kind, error, trace):
        if self._heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
            self._heard = False
        if self.asked and kind is None:
            raise KeyboardInterrupt

    def _hear(self, number, frame):
        if self.asked and not self.busy:
            raise KeyboardInterrupt
        self.asked = True
