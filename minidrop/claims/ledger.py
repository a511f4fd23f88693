"""Runs of a claim, kept in a JSON file as each is finished: a broken run goes on."""

import json
import os
import platform
import time
from pathlib import Path

from .. import __version__, xp
from ..arguments import count, describe
from ..files import alone

FOLDER = Path("minidrop-claims")
PUBLISHED = Path(__file__).parent / "results"


def path_of(claim, scale, folder=FOLDER):
    """The file that keeps the runs of a claim at a scale."""
    return Path(folder, f"{claim.name}-{scale}.json")


def run(claim, scale, seeds=None, folder=FOLDER, progress=True):
    """Do the runs that are still missing, seed by seed; {arm: [result of each seed]}.

    The file in `folder` is written after each of them; meanwhile it is ours alone.  ValueError for
    a scale that the claim has not, and for a file with runs under other settings or of a process
    that is at it now.
    """
    settings, path = _settings(claim, scale), path_of(claim, scale, folder)
    seeds = settings["seeds"] if seeds is None else count(seeds, "seeds")
    try:
        with alone(path):
            record = _begin(claim, scale, settings, path)
            _go_on(claim, record, seeds, path, progress)
    except BlockingIOError:
        raise ValueError(f"{claim.name} is being run at this scale, into {path}; wait for that run "
                         "to end, or run in another folder") from None
    return results(claim, record, seeds)


def _go_on(claim, record, seeds, path, progress):
    from tqdm import tqdm  # here, so that importing minidrop stays cheap

    done = {(r["arm"], r["seed"]) for r in record["runs"]}
    wanted = [(arm, seed) for seed in range(seeds) for arm in claim.arms]
    with tqdm(wanted, claim.name, unit="run", disable=not progress, dynamic_ncols=True,
              initial=len(done & {*wanted})) as bar:
        for arm, seed in wanted:
            if (arm, seed) in done:
                continue
            start = time.perf_counter()
            label = f"{arm}, seed {seed}" if progress else False
            result = claim.run(arm, seed, claim.scales[record["scale"]], label)
            record["runs"].append({"arm": arm, "seed": seed, "result": result,
                                   "seconds": round(time.perf_counter() - start, 1),
                                   "versions": versions()})
            write(path, record)
            bar.update()


def results(claim, record, seeds=None):
    """{arm: [result of each seed]} of a record, for the seeds that every arm has."""
    found = {(r["arm"], r["seed"]): r["result"] for r in record["runs"]}
    whole = [seed for seed in sorted({seed for _, seed in found})
             if all((arm, seed) in found for arm in claim.arms)][:seeds]
    if not whole:
        raise ValueError(f"{claim.name} has no seed of which every arm was run")
    return {arm: [found[arm, seed] for seed in whole] for arm in claim.arms}


def minutes(record):
    """How long all runs of a record took."""
    return sum(r["seconds"] for r in record["runs"]) / 60


def read(path):
    """The record in a file; ValueError where it is not one."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if {"claim", "scale", "settings", "runs"} <= record.keys():
            return record
    except (ValueError, AttributeError):
        pass
    raise ValueError(f"{path} is no record of a claim; remove it to start anew")


def write(path, record):
    """Put the record into a file, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    part.write_text(json.dumps(record, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    os.replace(part, path)


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


def _settings(claim, scale):
    if scale not in claim.scales:
        raise ValueError(f"scale must be one of {', '.join(claim.scales)}, got {describe(scale)}")
    return claim.scales[scale]


def _begin(claim, scale, settings, path):
    if not path.is_file():
        return {"claim": claim.name, "scale": scale, "settings": settings, "runs": []}
    return checked(claim, settings, read(path), path)


def checked(claim, settings, record, path):
    """The record, if its runs are of this claim under these settings; otherwise ValueError."""
    there = record["settings"]
    odd = [name for name in sorted(there.keys() | settings.keys())
           if there.get(name) != settings.get(name) and name != "seeds"]
    if record["claim"] != claim.name or odd:
        raise ValueError(f"{path} holds runs of {record['claim']} under other settings: "
                         f"{', '.join(odd) or 'another claim'}; move it away to start anew")
    return record
