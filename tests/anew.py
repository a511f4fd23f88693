"""A run of each published claim once more, by the code of now: does the same come out?

    python -m tests.anew [--jobs 2] [NAME]...

It is the run that took the least time, of which every number is compared but those that time
something.  By the bits of another processor, BLAS or NumPy a network learns otherwise, and what
comes out is another number among those of the seeds.
"""

import json
import sys

import click
from tqdm import tqdm

from minidrop.claims import CLAIMS, ledger
from minidrop.claims.stamps import NEAR, apart
from minidrop.claims.work import one

TIMED = {"ms", "cost"}                            # keys of results
ALL_TIMED = {"depth-time", "sample-cost"}         # claims of which nothing else is kept


def quickest(name):
    """(settings, run) of a claim's published record of the largest scale; None where none is."""
    for _, record in ledger.published(CLAIMS[name]):
        return record["settings"], min(record["runs"], key=lambda run: run["seconds"])
    return None


def untimed(result):
    """A result as JSON keeps it, without what it timed."""
    return json.loads(json.dumps({key: result[key] for key in result.keys() - TIMED}))


def again(name):
    """(name, which run, by which share it differs now)."""
    settings, then = quickest(name)
    now = one(CLAIMS[name].run, then["arm"], then["seed"], settings)
    return name, f"{then['arm']}, seed {then['seed']}", apart(
        untimed(then["result"]), untimed(now["result"]))


@click.command(help=__doc__)
@click.argument("names", nargs=-1)
@click.option("--jobs", default=1, show_default=True, help="How many are done at a time.")
def main(names, jobs):
    import joblib  # here, since the extra `test` brings it, and this file is read without, too

    names = names or [name for name in CLAIMS if name not in ALL_TIMED and quickest(name)]
    found = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(
        joblib.delayed(again)(name) for name in names)
    others = []
    for name, run, far in tqdm(found, total=len(names), desc="claims"):
        same = "the same" if far <= NEAR else f"another, by a share of {far:.1g}"
        tqdm.write(f"{name:20} {run:35} {same}")
        others += [name] * (far > NEAR)
    if others:
        sys.exit(f"another result: {', '.join(others)}")


if __name__ == "__main__":
    main()
