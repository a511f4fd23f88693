"""The other end of process.py: the checks, in a process that may come to any end.

What is found goes to the parent as JSON, a line each, through what was stdout when the process
began; what the implementation itself writes there, or to stderr, goes to files.
"""

import json
import os
import sys
import tempfile
from contextlib import suppress

from .box import Box, told
from .places import Broken, found_at
from .report import FAILS
from .run import boxed, finding_of, manners_of, remarks_of, subject_of, variant_of
from .techniques import technique_named
from .versions import versions_of

MEMORY, FILE = 4 << 30, 256 << 20                 # bytes: beyond what is loaded; of one file


def main(job):
    """Do the checks `job["names"]`, and tell the parent of each."""
    line = Line()
    try:
        impl = found_at(job["impl"])
        technique = technique_named(job["technique"])
        box = boxed(impl, technique, job["options"], kind=Watched, **job["settings"])
    except Broken as error:
        line.send("broken", told(error.args[0]))
        return
    except (ValueError, TypeError) as error:
        line.send("usage", str(error))
        return
    box.line, box.failed, box.late = line, {*job["failed"]}, job["late"]
    line.send("ready", {"subject": subject_of(impl, box), "understood": box.adapter.understood(),
                        "versions": versions_of(impl, box.adapter.framework)})
    line.printed()                                # what was printed by importing is forgotten
    _limit()
    _work(line, job, box, technique)


def _work(line, job, box, technique):
    failures = []
    for one in technique.checks_for(box.options):
        if one.called not in job["names"]:
            continue
        line.send("begin", one.called)
        late, answers = box.late, box.answers
        finding = finding_of(box, one, job["seconds"])
        failures += [finding] if finding.word == FAILS else []
        line.collect(box, one.called)
        line.send("finding", {"finding": finding, "late": box.late > late,
                              "spent": box.chance.spent, "answers": box.answers - answers,
                              "failed": sorted(box.failed),
                              "manners": manners_of(box), "remarks": remarks_of(box)})
    if job["failed"] or failures:
        line.send("searching", None)
        if box.answers and not box.late and not job["dead"]:
            line.send("variant", variant_of(box, technique, failures, job["seconds"]))
    line.send("end", None)


class Watched(Box):
    """A box that says what it is about to try, so that a parent knows what was the last."""

    line: "Line | None" = None
    own_wall = False                              # the parent does, who may be paused

    def begin(self, *asked):
        """Tell it before it is tried."""
        super().begin(*asked)
        if self.line:
            self.line.send("input", self.last)


class Line:
    """The line to the parent: taken from stdout and stdin before anybody else can use them."""

    def __init__(self):
        self.owner, self.to = os.getpid(), os.dup(1)
        self.out = tempfile.TemporaryFile()       # noqa: SIM115  it lives as long as we do
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(self.out.fileno(), 1)             # stderr is a file of the parent's

    def send(self, kind, what):
        """Tell the parent; a child that the implementation forked ends here instead."""
        if os.getpid() != self.owner:
            os._exit(0)
        data = (json.dumps([kind, what], default=str) + "\n").encode()
        while data:
            data = data[os.write(self.to, data):]

    def printed(self):
        """{stream: what was written past Python's own streams}, since the last time."""
        written = {}
        with suppress(Exception):
            import ctypes

            ctypes.CDLL(None).fflush(None)        # what C has not written yet
        for stream in (sys.stdout, sys.stderr):
            with suppress(Exception):
                stream.flush()
        for name, number in (("stdout", 1), ("stderr", 2)):
            with suppress(OSError):
                size = os.lseek(number, 0, os.SEEK_END)
                os.lseek(number, 0, os.SEEK_SET)
                written[name] = os.read(number, 60), size
                os.ftruncate(number, 0)
                os.lseek(number, 0, os.SEEK_SET)
        return written

    def collect(self, box, check):
        """Add what was written past Python's own streams to what the box has kept."""
        for name, (head, size) in self.printed().items():
            if size:
                box.printed[name].write(head)
                box.printed[name].size += size - len(head)
        if box.printed["stdout"].size and not box.printed_at:
            box.printed_at = f"a call in the check: {check}"


def _limit():
    """Bound memory and files, where the system can: no implementation may take the machine."""
    with suppress(ImportError, ValueError, OSError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
        _lower(resource, resource.RLIMIT_FSIZE, FILE)
        with open("/proc/self/status", encoding="ascii") as status:
            loaded = next(int(line.split()[1]) << 10 for line in status if line[:7] == "VmData:")
        _lower(resource, resource.RLIMIT_DATA, loaded + MEMORY)


def _lower(resource, what, bound):
    soft, hard = resource.getrlimit(what)
    given = [one for one in (soft, hard, bound) if one != resource.RLIM_INFINITY]
    resource.setrlimit(what, (min(given), hard))
