"""The runs of a claim: one after another here, on several cores, or on a Dask cluster.

A run is seeded by itself and has the same bits on any number of threads, so that who does it, and
beside whom, changes nothing but the time; on a cluster `versions` say what a machine computes with.
"""

import concurrent.futures
import concurrent.futures.process
import contextlib
import os
import platform
import threading
import time
from typing import Any

from .. import __version__, xp
from ..placement import runs as placed

WAIT = 10                   # seconds for the first worker of a cluster
LOST = 60                   # seconds without any until it is given up
_alone = threading.Lock()   # of the runs that a process was sent, one at a time has all its threads


def each(claim, settings, wanted, jobs=1, dask=None, progress=False):
    """Do the runs `wanted`, [(arm, seed)]; gives each, as a record, as soon as it is finished.

    With `jobs` above 1 so many are done at once, in processes of their own; with `dask`, the
    address of a scheduler, by the workers there, one at a time each.  Where it is closed nothing
    more is begun, and processes on this machine are ended.  ValueError where joblib or Dask is not
    installed, where there is no cluster or no worker, and where a worker was killed.
    """
    if jobs == 1 and dask is None:
        for arm, seed in wanted:
            yield one(claim.run, arm, seed, settings, f"{arm}, seed {seed}" if progress else False)
        return
    if jobs > 1 and dask is not None:
        raise ValueError(f"jobs must be 1 where dask is given, whose workers are its own, got "
                         f"{jobs}")
    joblib = _joblib(dask)
    with _told(), _cluster(dask) if dask else _processes(jobs) as (options, threads):
        sent = joblib.delayed(_sent)
        parallel = joblib.Parallel(return_as="generator_unordered", batch_size=1,
                                   pre_dispatch="n_jobs", **options)
        with _closing(parallel(
                sent(claim.run, arm, seed, settings, threads, __version__, xp.asked())
                for arm, seed in wanted)) as finished:
            for record, there in finished:
                placed.update(there)
                yield record


def one(run, arm, seed, settings, label=False):
    """One run, as it is kept: what came out, how long it took, with which versions."""
    start = time.perf_counter()
    with xp.array_module().errstate(over="ignore", invalid="ignore"):    # `fit` tells of such rates
        result = run(arm, seed, settings, label)
    return {"arm": arm, "seed": seed, "result": result,
            "seconds": round(time.perf_counter() - start, 1), "versions": versions()}


def versions():
    """What results may depend on besides the settings; BLAS rounds as its kernel does."""
    from threadpoolctl import threadpool_info

    backend = {} if (there := xp.asked()) in (None, "numpy") else {
        "backend": f"{there} {xp.backend_module(there).__version__}"}
    kernels = {pool.get("architecture", "unknown") for pool in threadpool_info()
               if pool["user_api"] == "blas"}
    return {"minidrop": __version__, "python": platform.python_version(),
            "numpy": xp.array_module().__version__, "machine": platform.machine(),
            "blas": " and ".join(sorted(kernels))} | backend


def threads_each(jobs, cores=None):
    """How many threads each of `jobs` has, so that all of them together have the cores.

    >>> [threads_each(jobs, cores=8) for jobs in (1, 2, 3, 8, 9)]
    [8, 4, 2, 1, 1]
    """
    return max(1, (xp.threads() if cores is None else cores) // jobs)


def time_left(finished, missing, jobs):
    """Seconds until the runs `missing`, [(arm, seed)], are done, `jobs` at once; None if unknown.

    `finished` are records.  A run takes as long as those of its arm did on average, one of an arm
    that was never run as long as all did.

    >>> records = [{"arm": "a", "seconds": 10}, {"arm": "b", "seconds": 30}]
    >>> time_left(records, [("a", 1), ("b", 1), ("c", 1)], jobs=2)
    30.0
    """
    if not finished:
        return None
    took: dict = {}
    for record in finished:
        took.setdefault(record["arm"], []).append(record["seconds"])
    mean = sum(map(sum, took.values())) / len(finished)
    means = {arm: sum(seconds) / len(seconds) for arm, seconds in took.items()}
    return sum(means.get(arm, mean) for arm, _ in missing) / jobs


def _sent(run, arm, seed, settings, threads, version, backend):
    """A run in a process that was sent it: its record, and how many runs of `fit` were where."""
    if version != __version__:
        raise ValueError(f"the worker has minidrop {__version__}, and {version} sent the run; "
                         "install one version everywhere")
    with _alone, _threads(threads), xp.using(backend):
        before = placed.copy()
        record = one(run, arm, seed, settings)
        return record, placed - before


@contextlib.contextmanager
def _threads(number):
    """Within, minidrop and the BLAS have so many threads; None: as many as the Dask worker has."""
    from threadpoolctl import threadpool_limits

    if number is None:
        from distributed import get_worker

        number = get_worker().state.nthreads
    os.environ["MINIDROP_THREADS"] = str(number)
    for kept in (xp.threads, xp._team):
        kept.cache_clear()
    with threadpool_limits(number):
        yield


def _joblib(dask):
    """The package joblib; ValueError where it, or for a cluster Dask, is not installed."""
    try:
        import joblib
        if dask:
            import distributed  # noqa: F401
    except ImportError as error:
        raise ValueError(f"{'dask' if dask else 'jobs'} needs the package {error.name}; install it "
                         'with: pip install "minidrop[cluster]"') from None
    return joblib


@contextlib.contextmanager
def _closing(finished):
    """A generator of joblib, which warns where it is closed before its end."""
    import warnings

    try:
        yield finished
    finally:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            finished.close()


@contextlib.contextmanager
def _told():
    """Within, a worker that was killed is a ValueError, in one sentence."""
    try:
        yield
    except (concurrent.futures.process.BrokenProcessPool, concurrent.futures.CancelledError,
            _Killed) as error:
        raise ValueError(f"a worker was killed ({type(error).__name__}), most often for want of "
                         "memory; finished runs are kept, and the same command, perhaps with "
                         "fewer jobs, goes on") from None


class _Killed(Exception):
    """Dask gave a run up, since the workers that had it were killed."""


@contextlib.contextmanager
def _processes(jobs):
    """The options of joblib for `jobs` processes here, and the threads of each."""
    from joblib.externals.loky import get_reusable_executor

    try:
        yield {"n_jobs": jobs, "backend": "loky", "max_nbytes": None}, threads_each(jobs)
    finally:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)


@contextlib.contextmanager
def _cluster(address):
    """The options of joblib for the workers of a Dask scheduler, who know their threads."""
    from distributed import Client

    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ValueError(f"dask must be the address of a scheduler, such as tcp://host:8786, got "
                         f"{address!r} ({error})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError:
            raise ValueError(f"the Dask cluster at {address} has no workers; start them with: "
                             f"dask worker {address}") from None
        with _watched(backend := _backend(client)):
            yield {"backend": backend}, None


@contextlib.contextmanager
def _watched(backend):
    """Within, a cluster that has lost all its workers, and gets none, is given up."""
    ended = threading.Event()

    def watch():
        seen = time.monotonic()
        while not ended.wait(1) and time.monotonic() - seen < LOST:
            seen = time.monotonic() if backend.client.ncores() else seen
        if not ended.is_set():
            backend.give_up()

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        ended.set()
        watcher.join()


def _backend(client):
    """joblib's backend for Dask; it waits for ever where a worker was killed, and this one tells.

    A cluster of one core it would take for none at all, and compute here.
    """
    import joblib
    from distributed import KilledWorker

    with joblib.parallel_config("dask", client=client) as there:
        kind: Any = type(there["backend"])

    class Cluster(kind):
        def __init__(self, **options):
            super().__init__(**options)
            self.sent = []

        def effective_n_jobs(self, n_jobs):
            return max(2, len(self.client.ncores()))

        def submit(self, func, callback=None):
            future = super().submit(func, callback)
            future.add_done_callback(lambda done: done.exception() and callback(done))
            self.sent.append(future)
            return future

        def give_up(self):
            for future in self.sent:
                if not future.done():
                    future.set_exception(_Killed("no worker is left"))

        def retrieve_result_callback(self, out):
            if not isinstance(out, concurrent.futures.Future):
                return super().retrieve_result_callback(out)
            try:
                return out.result()
            except KilledWorker as error:
                raise _Killed(str(error)) from None

    return Cluster(client=client)
