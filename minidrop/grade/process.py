"""A submission in a process of its own: called from here, with limits, and ended with all it began.

What the process answers is read as if an enemy had written it.
"""

import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..arguments import count, number
from .coding import decode_all, encode
from .judges import Fault
from .values import Function, Rng

RUNNER = Path(__file__).with_name("runner.py")
MARK = "MINIDROP_SUBMISSION"
THREADS = ("OMP", "OPENBLAS", "MKL", "VECLIB_MAXIMUM", "NUMEXPR")
LOADER = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT")     # some Pythons need them
PARTS = 2_000_000                                 # numbers, texts and lists in one answer
ENDED = {"SIGPROF": "late", "SIGXCPU": "late", "SIGALRM": "late", "SIGKILL": "memory",
         "SIGXFSZ": "output"}


class Limits(NamedTuple):
    """What a submission may take: seconds of computing for one task, memory in all, what it may
    print, seconds of waiting, and how large an answer may be."""

    seconds: float = 10.0
    memory_mb: int = 1024
    output_kb: int = 64
    wall: float = 60.0
    answer_mb: int = 64


class Submission:
    """The text of a submission, as a context; a process is begun at once, and again when the last
    one has died.  `remarks` are sentences on what is no mistake, `printed` is what it printed."""

    def __init__(self, source, limits=None):
        self.source, self.limits = source, limits or Limits()
        for name, value in self.limits._asdict().items():
            (number if name in ("seconds", "wall") else count)(value, f"limits.{name}")
        self.late = f"no answer after {self.limits.seconds:g} seconds of computing"
        self.process: Any = None
        self.remarks: list[str] = []
        self.printed, self.broken = "", ("", "")
        self.task, self.cpu, self.waited = "", 0.0, 0.0

    def __enter__(self):
        if self.source:
            self._begin()
        return self

    def __exit__(self, *error):
        self.end()

    def call(self, function, arguments, times=1):
        """What `times` calls of a function return, as a list; Fault where it does not answer."""
        def read(answer):
            values = decode_all(answer, times)
            for name in [*answer.get("changed", [])]:
                self._remark(f"{function} changes its argument {str(name)[:80]}")
            return values
        return self._called(read, function=function, arguments=arguments, times=times, lines=False)

    def lines(self, function, arguments):
        """How many lines of the submission a call runs; Fault where it does not answer."""
        return self._called(lambda answer: int(answer["lines"]), function=function,
                            arguments=arguments, times=1, lines=True)

    def _called(self, read, function, arguments, **how):
        if function != self.task:
            self.task, self.cpu, self.waited = function, 0.0, 0.0
        if self.broken[0]:
            raise Fault(*self.broken)
        try:
            if self.process is None:
                self._begin()
            if not self.ready:
                self._start()
            answer = self._ask(how | {"function": function, "arguments": {
                name: _coded(value) for name, value in arguments.items()}})
            return _checked(lambda: read(answer))
        except Fault as fault:
            if fault.kind in ("late", "output") or self.process.poll() is not None:
                self.end()
            raise

    def _remark(self, said):
        if said not in self.remarks and len(self.remarks) < 20:
            self.remarks.append(said)

    def _start(self):
        """Hear how it went to run the file itself; a file that fails is not tried again."""
        try:
            self.cpu += self._hear()["cpu"]
        except Fault as fault:
            self.broken = (fault.kind, fault.said)
            raise
        self.ready = True

    def _begin(self):
        self.mark, self.ready, self.rest = secrets.token_hex(16), False, b""
        self.token = secrets.token_hex(8)
        self.folder = tempfile.TemporaryDirectory(prefix="minidrop-")
        own: Any = {"start_new_session": True} if os.name == "posix" else {
            "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-B", "-X", "utf8", str(RUNNER),
             str(Path(np.__file__).parents[1])], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, cwd=self.folder.name, env={
                **{name: os.environ[name] for name in LOADER if name in os.environ},
                **{f"{name}_NUM_THREADS": "1" for name in THREADS}, MARK: self.mark}, **own)
        self.chunks: queue.Queue = queue.Queue(8)
        self.stop = threading.Event()
        self.reader = threading.Thread(target=_read, daemon=True, args=(
            self.process.stdout, self.chunks, self.stop))
        self.reader.start()
        self._send({"source": self.source, "token": self.token, **self.limits._asdict()})

    def _send(self, message):
        with suppress(OSError):                   # it may be dead: then nothing is heard of it
            self.process.stdin.write((json.dumps(message) + "\n").encode())
            self.process.stdin.flush()

    def _ask(self, message):
        if self.cpu >= self.limits.seconds:       # by calls of which each was short
            raise Fault("late", self.late)
        self.token = secrets.token_hex(8)
        self._send(message | {"token": self.token,
                              "seconds": max(0.1, self.limits.seconds - self.cpu)})
        answer = self._hear()
        self.cpu += answer["cpu"]
        return answer

    def _hear(self):
        """The answer to the last message; Fault where it tells of one, or is none."""
        since = time.monotonic()
        self.most = _computed(self.process.pid) + self.limits.seconds + 3   # 2 end it from within
        try:
            line = self._line(since + self.limits.wall - self.waited)
        finally:
            self.waited += time.monotonic() - since
        answer = _checked(lambda: _answer(line, self.token))
        self.printed += answer["printed"][:max(0, (self.limits.output_kb << 10)
                                               - len(self.printed))]
        if "fault" in answer:
            raise Fault(str(answer["fault"])[:20], str(answer["said"])[:400])
        return answer

    def _line(self, until):
        most, last = self.limits.answer_mb << 20, until + 9 * self.limits.wall
        parts, size = [], 0
        while True:
            chunk = self._chunk(until)
            if chunk is None and _computed(self.process.pid) > self.most:
                raise Fault("late", self.late)
            if chunk is None and time.monotonic() >= until:
                if time.monotonic() >= last or not _at_work(self.process.pid):
                    raise Fault("late", f"no answer after {self.limits.wall:g} seconds, though "
                                "little was computed: it waits for something")
                until += 1.0                      # the machine is busy with others
            elif chunk == b"":
                raise Fault(*self._death())
            elif chunk is not None:
                end = chunk.find(b"\n")
                parts.append(chunk if end < 0 else chunk[:end])
                size += len(parts[-1])
                if size > most:
                    raise Fault("output", f"the answer is larger than {self.limits.answer_mb} MB")
                if end >= 0:
                    self.rest = chunk[end + 1:]
                    return b"".join(parts)

    def _chunk(self, until):
        """What comes next: None for nothing as yet, no bytes where nothing more will come."""
        if self.rest:
            rest, self.rest = self.rest, b""
            return rest
        try:
            return self.chunks.get(timeout=max(0.0, min(0.2, until - time.monotonic())))
        except queue.Empty:                       # it may be dead, and another hold its pipe
            return b"" if self.process.poll() is not None and self.chunks.empty() else None

    def _death(self):
        code = self.process.wait()
        if code >= 0:
            return "died", f"the process ended itself with exit code {code}"
        try:
            name = signal.Signals(-code).name
        except ValueError:
            name = f"signal {-code}"
        kind = ENDED.get(name, "died")
        return kind, {
            "late": self.late, "memory": "the system ended the process: it took too much memory",
            "output": "it wrote to a file"}.get(kind, f"the process was ended by {name}")

    def end(self):
        """End the process, and all it began."""
        if self.process is None:
            return
        self.stop.set()
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()
        end_marked(self.mark)
        self.reader.join(1.0)                     # whoever is left may hold the pipe
        for stream in (self.process.stdin, self.process.stdout)[:1 + (not self.reader.is_alive())]:
            with suppress(OSError):
                stream.close()
        with suppress(OSError):
            self.folder.cleanup()
        self.process = None


def end_marked(mark):
    """End what left the group of its process; found by its environment, where there is /proc."""
    for _ in range(100):                          # a fork may win some races
        found = False
        for place in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mark.encode() in place.read_bytes():
                    found = True
                    os.kill(int(place.parent.name), signal.SIGKILL)
        if not found:
            return


def _read(stream, chunks, stop):
    """Read what comes, a little ahead of who listens."""
    chunk: Any = True
    while chunk and not stop.is_set():
        chunk = b""
        with suppress(OSError, ValueError):
            chunk = os.read(stream.fileno(), 1 << 18)
        while not stop.is_set():
            with suppress(queue.Full):
                chunks.put(chunk, timeout=0.2)
                break


def _answer(line, token):
    if sum(map(line.count, (b",", b"[", b"{"))) > PARTS:
        raise Fault("output", f"the answer has more than {PARTS} parts: return arrays")
    answer = json.loads(line)
    if answer["token"] != token or not isinstance(answer["printed"], str) \
            or not 0 <= answer["cpu"] < 1e6:
        raise ValueError
    return answer


def _checked(read):
    try:
        return read()
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError,
            MemoryError, StopIteration, IndexError):
        raise Fault("output", "what came is no answer: nothing else may write to the grader"
                    ) from None


def _at_work(pid):
    """Whether a process runs, or would if a processor were free; False where nobody can say."""
    with suppress(OSError, IndexError):
        return _state(pid)[0] == "R"
    return False


def _computed(pid):
    """The seconds that a process has computed, if its limits do not hold; 0 where nobody can say.
    """
    with suppress(OSError, IndexError):
        return sum(map(int, _state(pid)[11:13])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def _state(pid):
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()


def _coded(value):
    if isinstance(value, Rng):
        return {"rng": value.seed}
    if isinstance(value, Function):
        return {"function": value.source}
    return encode(value)
