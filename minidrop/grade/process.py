"""A submission in a process of its own: called from here, with limits, and ended with all it began.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from .judges import Fault
from .runner import decode, encode
from .values import Function, Rng

RUNNER = Path(__file__).with_name("runner.py")


class Limits(NamedTuple):
    """What a submission may take: CPU seconds of one task, memory in all, what it may print."""

    seconds: float = 10.0
    memory_mb: int = 1024
    output_kb: int = 64


class Submission:
    """The text of a submission, as a context; a process is begun when it is called, and again when
    the last one has died."""

    def __init__(self, source, limits=None):
        self.source, self.limits = source, limits or Limits()
        self.process: Any = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()

    def call(self, function, arguments, times=1):
        """What `times` calls of a function return, as a list; Fault where it does not answer."""
        if self.process is None:
            self._begin()
        given = {name: _coded(value) for name, value in arguments.items()}
        answer = self._ask({"function": function, "arguments": given, "times": times})
        if "fault" in answer:
            raise Fault(answer["fault"], answer["said"])
        return [decode(one) for one in answer["values"]]

    def _begin(self):
        self.process = subprocess.Popen(
            [sys.executable, "-I", str(RUNNER)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True)
        answer = self._ask({"source": self.source})
        if "fault" in answer:
            raise Fault(answer["fault"], answer["said"])

    def _ask(self, message):
        with suppress(BrokenPipeError):
            self.process.stdin.write((json.dumps(message) + "\n").encode())
            self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            self.end()
            raise Fault("died", "the process ended itself")
        return json.loads(line)

    def end(self):
        """End the process, and all it began."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()
        self.process = None


def _coded(value):
    if isinstance(value, Rng):
        return {"rng": value.seed}
    if isinstance(value, Function):
        return {"function": value.source}
    return encode(value)
