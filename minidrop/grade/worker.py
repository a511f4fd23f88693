"""Marks submissions for a class, in a process beside the report's: a line of JSON each way.

The submission itself runs in a process of its own below this one; what this one says of it is text,
short, and the same in every run.
"""

import base64
import copy
import functools
import json
import os
import queue
import re
import signal
import sys
import threading
import time

from .exercise import exercise_named
from .marking import mark
from .process import Limits

ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def main():
    """Answer jobs until there are no more, or until whoever gave them is gone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))      # ends the submission on the way
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    jobs: queue.Queue = queue.Queue()
    threading.Thread(target=_read, args=(jobs, threading.get_ident()), daemon=True).start()
    try:
        while job := jobs.get():
            try:
                found = marked(base64.b64decode(job["source"]), job["exercise"],
                               tuple(job["seeds"]), Limits(*job["limits"]), job["folder"])
            except Exception as error:            # the grader's own mistake, or the machine's
                found = {"failed": plain(f"{type(error).__name__}: {error}")}
            answer.write(json.dumps(found) + "\n")
            answer.flush()
    finally:
        os._exit(0)                               # the other thread may be reading: do not wait


def _read(jobs, main_thread):
    for line in sys.stdin:
        jobs.put(json.loads(line))
    jobs.put(None)
    signal.pthread_kill(main_thread, signal.SIGTERM)             # also within a submission


def marked(source, name, seeds=(), limits=None, folder=None):
    """What is found of a submission: {"refused", "tasks", "seconds", "shown"}, as JSON can hold it.

    The inputs that students have come first, in a process that never meets a hidden one: whatever
    is said of them may be shown, and the seconds they took, `shown`.  The tasks that pass are tried
    on the inputs of each hidden seed.
    """
    start, exercise = time.monotonic(), _exercise(name, folder)
    first = mark(source, exercise, 0, limits)
    tasks = {one.task: _told(one, exercise, False) for one in first.marks}
    for seed in seeds:
        left = {name: exercise.tasks[name] for name, found in tasks.items() if found["right"]}
        if not left:
            break
        part = copy.copy(exercise)
        part.tasks = left
        for one in mark(source, part, seed, limits).marks:
            if not one.right:
                tasks[one.task] = _told(one, exercise, True)
    return {"refused": plain(first.refused), "tasks": tasks,
            "seconds": round(time.monotonic() - start, 3), "shown": round(first.seconds, 3)}


@functools.cache
def _exercise(name, folder):
    return exercise_named(name, folder)


def _told(one, exercise, hidden):
    """What is to be kept of a Mark."""
    failure = one.verdict.failure
    if failure is None:
        return {"right": True, "loops": one.verdict.loops}
    return {"right": False, "hidden": hidden, "kind": failure.kind, "said": plain(failure.said),
            "hint": plain(failure.hint),
            "known": failure.hint in exercise.tasks[one.task].wrongs}


def plain(text):
    """A text on one line, of at most 300 characters, without addresses, which differ in each run.

    >>> plain("<A at 0x7f3a5c1b2d30>\\nis wrong")
    '<A at 0x...> is wrong'
    """
    text = ADDRESS.sub("0x...", " ".join(str(text).split()))
    text = "".join(one if one.isprintable() else "?" for one in text)
    return text if len(text) <= 300 else text[:297] + "..."
