"""Runs of a claim, kept in a JSON file as each is finished: a broken run goes on."""

import contextlib
import json
import time
from pathlib import Path

from ..arguments import count, describe
from ..files import alone, clear, put, short
from . import fingerprint, history
from .work import each, time_left

FOLDER = Path("minidrop-claims")
PUBLISHED = Path(__file__).parent / "results"
BAR = "{desc}: {n_fmt} of {total_fmt} runs |{bar}| {elapsed}{postfix}"


def path_of(claim, scale, folder=FOLDER):
    """The file that keeps the runs of a claim at a scale."""
    return Path(folder, f"{claim.kept_as}-{scale}.json")


def run(claim, scale, seeds=None, folder=FOLDER, progress=True, jobs=1, dask=None):
    """Do the runs that are still missing, seed by seed; {arm: [result of each seed]}.

    `jobs` and `dask` say who does them (`work.each`); the results are the same.  The file in
    `folder` is written here after each of them; meanwhile it is ours alone.  ValueError for a scale
    that the claim has not, and for a file with runs under other settings, by other code, or of a
    process that is at it now.
    """
    settings, path = _settings(claim, scale), path_of(claim, scale, folder)
    seeds, jobs = count(settings["seeds"] if seeds is None else seeds, "seeds"), count(jobs, "jobs")
    try:
        with alone(path):
            clear(path)
            record = _begin(claim, scale, settings, path)
            first = settings.get("first_seed", 0)
            wanted = [(arm, first + i) for i in range(seeds) for arm in claim.arms]
            _go_on(claim, record, wanted, path, progress, jobs, dask)
    except BlockingIOError:
        raise ValueError(f"{claim.name} is being run at this scale, into {path}; wait for that run "
                         "to end, or run in another folder") from None
    return results(claim, record, seeds)


def _go_on(claim, record, wanted, path, progress, jobs, dask):
    from tqdm import tqdm  # here, so that importing minidrop stays cheap

    done = {(r["arm"], r["seed"]) for r in record["runs"]}
    missing, place = [pair for pair in wanted if pair not in done], _places(claim)
    if not missing:
        return
    history.note(record, claim, len({seed for _, seed in wanted}))
    each_of = each(claim, claim.scales[record["scale"]], [*missing], jobs, dask, progress)
    with (tqdm(total=len(wanted), desc=claim.name, disable=not progress, dynamic_ncols=True,
               initial=len(wanted) - len(missing), bar_format=BAR) as bar,
          contextlib.closing(each_of) as finished):
        start, work = time.perf_counter(), 0.0
        bar.set_postfix_str(_left(record, missing, jobs))
        for one in finished:
            record["runs"] = sorted([*record["runs"], one], key=place)
            write(path, record)
            missing.remove((one["arm"], one["seed"]))
            work += one["seconds"]                # a cluster does as many at once as it likes
            at_once = max(jobs, work / (time.perf_counter() - start))
            bar.set_postfix_str(_left(record, missing, at_once), refresh=False)
            bar.update()


def _places(claim):
    """The order of the runs in a file, whoever was finished first: by seed, then by arm."""
    arms = {arm: i for i, arm in enumerate(claim.arms)}
    return lambda one: (one["seed"], arms.get(one["arm"], len(arms)))


def _left(record, missing, jobs):
    """What the bar says of the runs that remain."""
    seconds = time_left(record["runs"], missing, jobs)
    if seconds is None:
        return "time left: known after a run"
    return f"about {seconds / 60:.0f} min left" if seconds > 90 else f"about {seconds:.0f} s left"


def results(claim, record, seeds=None):
    """{arm: [result of each seed]} of a record, for the seeds that every arm has."""
    found = {(r["arm"], r["seed"]): r["result"] for r in record["runs"]}
    whole = [seed for seed in sorted({seed for _, seed in found})
             if all((arm, seed) in found for arm in claim.arms)][:seeds]
    if not whole:
        raise ValueError(f"{claim.name} has no seed of which every arm was run")
    return {arm: [found[arm, seed] for seed in whole] for arm in claim.arms}


def published(claim):
    """(scale, record) of the runs that come with minidrop, the largest first."""
    for scale, settings in reversed(claim.scales.items()):
        path = path_of(claim, scale, PUBLISHED)
        if path.is_file():
            yield scale, checked(claim, settings, read(path), path)


def minutes(record):
    """How long all runs of a record took."""
    return sum(r["seconds"] for r in record["runs"]) / 60


def read(path):
    """The record in a file; ValueError where it is not one."""
    try:
        record = json.loads(Path(path).read_text(encoding="utf-8"))
        if isinstance(record["claim"], str) and isinstance(record["settings"], dict) \
                and "scale" in record and all(map(_is_run, record["runs"])) \
                and history.sound(record.get("calls", [])):
            return record
    except (ValueError, TypeError, LookupError, RecursionError):
        pass
    raise ValueError(f"{path} is no record of a claim; remove it to start anew")


def _is_run(one):
    return (isinstance(one["arm"], str) and type(one["seed"]) is int and "result" in one
            and one["seed"] >= 0 and 0 <= one["seconds"] < 1e9)


def write(path, record):
    """Put the record into a file, whole or not at all."""
    put(path, (json.dumps(record, indent=1, allow_nan=False) + "\n").encode())


def _settings(claim, scale):
    if scale not in claim.scales:
        raise ValueError(f"scale must be one of {', '.join(claim.scales)}, got {describe(scale)}")
    return claim.scales[scale]


def _begin(claim, scale, settings, path):
    if not path.is_file():
        return {"claim": claim.kept_as, "scale": scale, "settings": settings,
                "code": fingerprint.of(claim.run), "runs": [],
                "command": f"minidrop claims run {claim.kept_as} --scale {scale}"}
    return checked(claim, settings, read(path), path)


def checked(claim, settings, record, path):
    """The record, if its runs are of this claim, settings and code; otherwise ValueError."""
    like(claim, settings, record, path)
    if record.get("code") != fingerprint.of(claim.run):
        by = "other code than this" if "code" in record else "code that it does not name"
        raise ValueError(f"{path} holds runs of {claim.name} by {by}; move it away to start anew, "
                         "or let `minidrop claims stamp --help` show that nothing changed")
    return record


def like(claim, settings, record, path):
    """ValueError unless the runs of a record are of this claim under these settings."""
    there = record["settings"]
    odd = [name for name in sorted(there.keys() | settings.keys())
           if there.get(name) != settings.get(name) and name != "seeds"]
    if record["claim"] != claim.kept_as or odd:
        raise ValueError(f"{path} holds runs of {short(record['claim'])} under other settings: "
                         f"{short(', '.join(odd)) or 'another claim'}; move it away to start anew")
