"""The matrix of the whole field: run cell by cell, kept as JSON, and gone on with."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ...files import put
from .libraries import entries, installed, keras_backend, verified

SECONDS = 120.0                                   # for a check, and to find a name for what fails
STORED = Path(__file__).parents[1] / "field.json"


class Stopped(Exception):
    """Raised in a thread whose cell is no longer wanted."""


def stored():
    """The matrix that comes with the package: that of a real run."""
    return json.loads(STORED.read_text(encoding="utf-8"))


def run(technique=None, target=None, jobs=1, seed=0, seconds=SECONDS, library=None, watch=None):
    """Verify everything that is installed; the matrix as a dict of what JSON can hold.

    It is written to the file `target` after every cell.  Where that holds the beginning of a run
    with the same versions and settings, the run goes on from there.  `watch` is called with each
    cell, and with None at its beginning.  KeyboardInterrupt leaves what is there.
    """
    there = installed()
    matrix = {"seed": seed, "seconds": seconds, "libraries": there,
              "keras on": keras_backend() if there["keras"] else None, "finished": False,
              "cells": []}
    wanted = entries(technique, library)
    order = [(name, where, entry.title) for name, where, entry in wanted]
    matrix["cells"] = [cell for cell in begun(target, matrix) if identity(cell) in order]
    known = {identity(cell) for cell in matrix["cells"]}
    waiting = [one for one, which in zip(wanted, order, strict=True)
               if there[one[1]] and which not in known]

    lock = threading.Lock()

    def add(cell):
        with lock:
            matrix["cells"].append(cell)
            matrix["cells"].sort(key=lambda one: order.index(identity(one)))
            write(matrix, target)
            if watch:
                watch(cell)

    if watch:
        watch(None, total=len(waiting), known=len(known))
    _work(waiting, jobs, seed, seconds, add)
    matrix["finished"] = True
    write(matrix, target)
    return matrix


def identity(cell):
    """What tells a cell from others."""
    return cell["technique"], cell["library"], cell["implementation"]


def begun(target, matrix):
    """The cells of an interrupted run, if `target` holds one with the same versions."""
    if target is None or not Path(target).is_file():
        return []
    try:
        before = json.loads(Path(target).read_text(encoding="utf-8"))
        same = before["finished"] is False and all(map(identity, before["cells"])) and all(
            before.get(key) == matrix[key] for key in matrix if key not in ("finished", "cells"))
    except (OSError, ValueError, TypeError, AttributeError, LookupError, RecursionError):
        return []
    return before["cells"] if same else []


def write(matrix, target):
    """Write it whole, or not at all."""
    if target is not None:
        put(Path(target), (json.dumps(matrix, indent=1, ensure_ascii=False) + "\n").encode())


def _work(waiting, jobs, seed, seconds, add):
    """Verify each in a process of its own, and `add` its cell."""
    stop = threading.Event()

    def one(job):
        def watch(finding):
            if stop.is_set():
                raise Stopped

        name, library, entry = job
        add(verified(name, library, entry, seed, seconds, watch))

    if jobs == 1:                                 # Ctrl-C ends the cell at hand at once
        for job in waiting:
            one(job)
        return
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for future in as_completed([pool.submit(one, job) for job in waiting]):
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=False, cancel_futures=True)
            raise
