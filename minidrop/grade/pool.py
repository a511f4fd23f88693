"""Workers for a class: processes that mark, each at one submission at a time.

A worker that dies or hangs costs the submission it was at, and another one takes its place.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
from contextlib import suppress
from typing import Any

BOOT = ("import json, sys; sys.path[:] = json.loads(sys.stdin.readline()); "
        "from minidrop.grade.worker import main; main()")
GRACE = 3.0                                       # seconds to end what it is at


class Dead(Exception):
    """The worker gave no answer; the message says why."""


class Worker:
    """A process that answers jobs, as a context; it is begun anew where it has died."""

    def __init__(self):
        self.process: Any = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.end()

    def ask(self, job, seconds):
        """The answer to a job; Dead where none comes within so many seconds."""
        if self.process is None:
            self._begin()
        late = threading.Event()

        def stop():
            late.set()
            self._stop(process)

        process, timer = self.process, threading.Timer(seconds, stop)
        timer.start()
        try:
            with suppress(OSError):
                process.stdin.write((json.dumps(job) + "\n").encode())
                process.stdin.flush()
            line = process.stdout.readline()
        finally:
            timer.cancel()
        if not line.endswith(b"\n"):
            self.end()
            raise Dead(f"it took longer than {seconds:.0f} s" if late.is_set()
                       else "the process that marked it was ended")
        answer = json.loads(line)
        if "failed" in answer:
            raise Dead(f"the grader itself failed, {answer['failed']}")
        return answer

    def _begin(self):
        path = [os.path.abspath(one) for one in [*sys.path, ""]]
        threads = {name: os.environ.get(name, "1")
                   for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", BOOT], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, start_new_session=True, env=os.environ | threads)
        self.process.stdin.write((json.dumps(list(dict.fromkeys(path))) + "\n").encode())

    def _stop(self, process):
        """Ask it to end, with its submission; then end it."""
        with suppress(OSError):
            process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)
        with suppress(OSError):
            process.kill()

    def end(self):
        """End the process, and the submission it is at."""
        process, self.process = self.process, None
        if process is None:
            return
        self._stop(process)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            with suppress(OSError):
                pipe.close()


def answers(jobs, workers, seconds):
    """Yield (name, answer, seconds it took) of {name: job}, as they come; an answer may be Dead.

    `seconds(job)` is how long one may take.  Leaving the generator ends all workers.
    """
    todo: queue.Queue = queue.Queue()
    done: queue.Queue = queue.Queue()
    for item in jobs.items():
        todo.put(item)
    stop = threading.Event()
    several = [Worker() for _ in range(min(workers, len(jobs)))]

    def work(worker):
        with worker:
            while not stop.is_set():
                try:
                    name, job = todo.get_nowait()
                except queue.Empty:
                    return
                start = time.monotonic()
                try:
                    answer = worker.ask(job, seconds(job))
                except (Dead, ValueError, OSError) as error:
                    answer = Dead(str(error))
                done.put((name, answer, time.monotonic() - start))

    threads = [threading.Thread(target=work, args=(worker,), daemon=True) for worker in several]
    try:
        for thread in threads:
            thread.start()
        for _ in jobs:
            while True:
                try:
                    yield done.get(timeout=0.5)   # in steps, so that Ctrl-C is heard everywhere
                    break
                except queue.Empty:
                    continue
    finally:
        stop.set()
        for worker in several:
            if worker.process is not None:
                with suppress(OSError):
                    worker.process.terminate()
        for thread in threads:
            thread.join(2 * GRACE)
