"""Draw wrong versions of the techniques, the streams and the tape, and run their own tests on each.

    python -m tests.mutants --count 500 --jobs 2 mutants.json

Each is planted in a clone of what is committed.  Broken off and called again it goes on: what is in
the file already is tried again only where the changed file or its tests have changed since.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import click
from scipy.stats import binomtest
from tqdm import tqdm

from minidrop.catalog import PACKAGE
from minidrop.files import put

from .sample import draw, own_tests, population, stamp

SECONDS, WALL = 60, 900                           # of the processor, and of a clock if it sleeps
GOAL = 0.95                                       # of all must be noticed, or it ends with 1
MEMORY = 8 << 30                                  # bytes
START = """import resource, sys, pytest
resource.setrlimit(resource.RLIMIT_CPU, (int(sys.argv[1]), int(sys.argv[1]) + 5))
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[2]), int(sys.argv[2])))
sys.exit(pytest.main(sys.argv[3:]))"""
OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
FAILED = (1, 2)                                   # by pytest: a test, or what it imports


def git(*asked):
    """What git says of this repository."""
    return subprocess.run(["git", *asked], cwd=PACKAGE.parent, capture_output=True, text=True,
                          check=True).stdout


def clone(folder):
    """What is committed, in a folder of its own, compiled so that a change is seen at once."""
    subprocess.run(["git", "clone", "-q", PACKAGE.parent, folder], check=True)
    subprocess.run([sys.executable, "-m", "compileall", "-q", "--invalidation-mode", "checked-hash",
                    "minidrop"], cwd=folder, check=True)
    return folder


def ran(arguments, folder):
    """(exit code, what was printed) of pytest in a clone; no code where its time ran out."""
    env = os.environ | {"PYTHONPATH": str(folder), "MPLBACKEND": "Agg", "OMP_NUM_THREADS": "1",
                        "OPENBLAS_NUM_THREADS": "1"}
    limits = str(SECONDS), str(MEMORY)
    process = subprocess.Popen([sys.executable, "-c", START, *limits, *OPTIONS, *arguments],
                               cwd=folder, env=env, text=True, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, start_new_session=True)
    try:
        printed, _ = process.communicate(timeout=WALL)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return None, ""
    except BaseException:                         # Ctrl-C: nothing is left running
        os.killpg(process.pid, signal.SIGKILL)
        raise
    out_of_time = process.returncode in (-signal.SIGXCPU, -signal.SIGKILL)
    return (None if out_of_time else process.returncode), printed


def judged(file, folder):
    """By what the tests of a file, as it lies in the clone, notice that it is wrong; or None."""
    for arguments in own_tests(file):
        code, printed = ran(arguments, folder)
        if code is None:
            return "out of time"
        if code in FAILED or code < 0:
            lines = [line for line in printed.splitlines() if line.startswith(("FAILED", "ERROR"))]
            return lines[0].split(" - ")[0] if lines else f"exit code {code}"
        if code:
            raise RuntimeError(f"pytest did not run {arguments}:\n{printed}")
    return None


def tried(change, folder):
    """The record of a change: the tests of its file were run on the wrong version."""
    path = folder / "minidrop" / change.file
    right = path.read_text(encoding="utf-8")
    path.write_text(change.of(right), encoding="utf-8")
    try:
        by = judged(change.file, folder)
    finally:
        path.write_text(right, encoding="utf-8")
    return {"name": change.name, "by": by, "stamp": stamp(change.file, folder)}


def untouched(file, folder):
    """The record of a file as it is: its tests must hold, or else they would notice anything."""
    if by := judged(file, folder):
        raise click.ClickException(f"{file} fails its tests as it is: {by}")
    return {"name": f"{file}: as it is", "by": None, "stamp": stamp(file, folder)}


def share(records):
    """How many were noticed, as text, with the exact interval of the share of all changes."""
    noticed = sum(record["by"] is not None for record in records)
    result = binomtest(noticed, len(records))
    low, high = result.proportion_ci(0.95, method="exact")
    return (f"{noticed} of {len(records)} noticed: {noticed / len(records):.1%}, "
            f"95 % interval {low:.1%} to {high:.1%} (Clopper and Pearson)")


def known(path):
    """{name: record} of a file that an earlier call wrote, without what has changed since."""
    records = json.loads(path.read_text()) if path.exists() else []
    return {record["name"]: record for record in records
            if record["stamp"] == stamp(record["name"].partition(":")[0])}


def run(tasks, done, path, jobs):
    """Add the records of {name: task(clone)} that are not in `done`, and keep `path` up to date."""
    left = {name: task for name, task in tasks.items() if name not in done}
    jobs = min(jobs, len(left))
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(jobs or 1) as pool:
        free = queue.SimpleQueue()
        for job in range(jobs):
            free.put(clone(Path(folder) / str(job)))

        def one(task):
            at = free.get()
            try:
                return task(at)
            finally:
                free.put(at)

        for record in tqdm(pool.map(one, left.values()), total=len(left)):
            done[record["name"]] = record
            put(path, json.dumps([*done.values()], indent=1).encode())


@click.command(help=__doc__)
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--count", default=500, show_default=True, help="How many are drawn.")
@click.option("--seed", default=0, show_default=True)
@click.option("--jobs", default=1, show_default=True, help="How many are tried at a time.")
@click.option("--only", default="", help="Files whose path holds this, such as units/dropout.py.")
def main(path, count, seed, jobs, only):
    if git("status", "--porcelain", "--", "minidrop", "tests"):
        raise click.ClickException("commit what was changed first: clones hold what is committed")
    every = {name: change for name, change in population().items() if only in change.file}
    sample = [every[name] for name in draw(every, count, seed)]
    tasks = {f"{file}: as it is": partial(untouched, file)
             for file in sorted({change.file for change in sample})}
    tasks |= {change.name: partial(tried, change) for change in sample}
    done = known(path)
    run(tasks, done, path, jobs)
    records = [done[change.name] for change in sample]
    for change, record in zip(sample, records, strict=True):
        if record["by"] is None:
            print(f"minidrop/{change.file}:{change.line}: {change.code}\n"
                  f"    {change.old!r} -> {change.new!r} ({change.kind}), named {change.name!r}")
    print(share(records))
    if sum(record["by"] is not None for record in records) < GOAL * len(records):
        sys.exit(1)


if __name__ == "__main__":
    main()
