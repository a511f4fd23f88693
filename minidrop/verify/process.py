"""An implementation in a process of its own, which may crash, hang, print, or end as it likes.

The checks run in a worker (worker.py) that tells of each finding as it comes.  Where it dies, or
is silent for too long, that is the finding of the check at hand, and another worker goes on with
the next one.  What a worker started is ended with it, except what has left its process group.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from typing import Any

from .clock import Patience
from .report import FAILS, Finding
from .technique import ENOUGH, fails, not_tried, overdue

IMPORTING, GRACE, STEP = 120.0, 2.0, 0.1          # seconds: for an import; beyond a limit; a look
BOOT = ("import json, sys; job = json.loads(sys.stdin.readline()); sys.path[:] = job['path']; "
        "from minidrop.verify.worker import main; main(job)")


class Dead(Exception):
    """The worker is no more; the message says how it ended."""


class Worker:
    """One worker, as a context: within it `messages`, after it nothing of it is left."""

    process: Any

    def __init__(self, job):
        path = [os.path.abspath(one) for one in [*sys.path, ""]]
        try:
            self.text = json.dumps(job | {"path": list(dict.fromkeys(path))}) + "\n"
        except TypeError as error:
            raise ValueError(f"for a process of its own all settings are as JSON has them: {error}"
                             ) from None
        self.errors = tempfile.TemporaryFile()    # noqa: SIM115  closed in __exit__
        self.lines: queue.Queue = queue.Queue()

    def __enter__(self) -> "Worker":
        own: Any = {"start_new_session": True} if os.name == "posix" else {
            "creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, **own)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        with suppress(OSError):                   # it may be dead already
            self.process.stdin.write(self.text.encode())
            self.process.stdin.close()
        return self

    def __exit__(self, *error):
        if os.name == "posix":
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait()
        self.reader.join(1.0)                     # whoever left the group may hold the pipe
        if not self.reader.is_alive():
            self.process.stdout.close()
        self.errors.close()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)
        self.lines.put(None)

    def patience(self, seconds):
        """So much time from now on."""
        return Patience(self.process.pid, seconds, GRACE, STEP)

    def message(self, patience):
        """The next (kind, content); Dead where the worker is, TimeoutError where it takes long."""
        while True:
            try:
                line = self.lines.get(timeout=STEP)
            except queue.Empty:
                if patience.over():
                    raise TimeoutError from None
                if self.process.poll() is None or not self.lines.empty():
                    continue
                line = None                       # dead, and somebody it left holds the pipe
            if line is None or not line.endswith(b"\n"):
                raise Dead(self._end())
            return json.loads(line)

    def _end(self):
        code = self.process.wait()
        self.errors.seek(0)
        last = self.errors.read(10_000).decode(errors="replace").strip().splitlines() or [""]
        said = f": {last[0][:100]}" if last[0] else ""
        if code >= 0:
            return f"the process ended itself with exit code {code}{said}"
        with suppress(ValueError):
            return f"the process was ended by {signal.Signals(-code).name}{said}"
        return f"the process was ended by signal {-code}{said}"


class Course:
    """The course of all checks of one implementation, through as many workers as it takes.

    `settings` are those of `check`; `watch` is called with each Finding.  Then `findings`,
    `manners` and the other attributes hold what was found, and `broken` what importing it raised.
    """

    def __init__(self, impl, technique, options, settings, seconds, watch=None):
        self.technique, self.options = technique, technique.form(options)
        self.seconds, self.watch = seconds, watch
        self.job = {"impl": impl, "technique": technique.name, "options": options,
                    "settings": settings, "seconds": seconds}
        self.subject, self.broken, self.versions, self.understood = impl, "", {}, {}
        self.findings, self.manners, self.remarks = [], {}, []
        self.variant: tuple[str, dict] = "", {}
        self.spent, self.answers, self.late, self.dead = 0.0, 0, 0, 0
        self.failed: list[str] = []               # as in a Box

    def run(self):
        """Go through all checks; ValueError where the question makes no sense."""
        waiting = [*self.technique.checks_for(self.options)]
        while waiting and not self.broken:
            if self.late >= ENOUGH:
                self._add(not_tried(waiting.pop(0), self.options))
                continue
            with Worker(self.job | {
                    "names": [one.called for one in waiting], "failed": self.failed,
                    "late": self.late, "dead": self.dead}) as worker:
                waiting = self._follow(worker, waiting)

    def _follow(self, worker, waiting):
        """Hear a worker to its end; the checks that are left."""
        ready, last, spent, patience = False, "no input", self.spent, worker.patience(IMPORTING)
        try:
            while self.late < ENOUGH:
                kind, what = worker.message(patience)
                if kind == "usage":
                    raise ValueError(what)
                if kind == "broken":
                    self.broken = what
                if kind in ("end", "broken"):
                    return []
                if kind == "input":
                    last = what
                    patience.call()
                elif kind == "variant":
                    self.variant = (what[0], what[1])
                else:                             # ready, begin, finding, searching
                    ready, last, patience = True, "no input", worker.patience(self.seconds)
                if kind == "ready":
                    self.subject, self.versions = what["subject"], what["versions"]
                    self.understood = what["understood"]
                elif kind == "finding":
                    waiting = waiting[1:]
                    self._told(what, spent)
            return waiting
        except TimeoutError:
            outcome = overdue(last, patience.waited, self.seconds, patience.wall)
        except Dead as end:
            outcome = fails(last, str(end), "an array")
        if not (ready or self.findings):
            self.broken = outcome.found
        elif waiting:                             # else it died when everything was said
            self.late, self.dead = self.late + 1, self.dead + 1
            self._add(waiting[0].finding(outcome, self.options))
        return waiting[1:]

    def _told(self, what, spent):
        self.late += what["late"]
        self.answers, self.failed = self.answers + what["answers"], what["failed"]
        self.spent = spent + what["spent"]
        self.remarks = what["remarks"] or self.remarks
        for one in map(_finding, what["manners"]):
            before = self.manners.get(one.check)
            if before is None or before.word != FAILS:
                self.manners[one.check] = one
        self._add(_finding(what["finding"]))

    def _add(self, finding):
        self.findings.append(finding)
        if self.watch:
            self.watch(finding)


def _finding(values):
    finding = Finding(*values)
    return finding._replace(tags=tuple(finding.tags))
