"""Records of runs that other code made: is what it computes the same as now?"""

import json
import math
import os
import subprocess
import sys

from . import fingerprint, ledger

NEAR = 1e-5                 # older code may have rounded last digits otherwise
THERE = """
import json, runpy, sys
from minidrop.claims import CLAIMS

name, fingerprint, settings = sys.argv[1:]
run, settings = CLAIMS[name].run, json.loads(settings)
found = ({arm: run(arm, 0, settings, False) for arm in CLAIMS[name].arms} if settings else
         runpy.run_path(fingerprint)["of"](run))
print(json.dumps(found))
"""


def stamp(claim, scale, checkout):
    """Give a published record the fingerprint of the code of now; a sentence that says why.

    ValueError where its runs are not of these settings, where they are by other code than that of
    the `checkout`, and where that does not compute the same.
    """
    path = ledger.path_of(claim, scale, ledger.PUBLISHED)
    if not path.is_file():
        raise ValueError(f"{claim.name} has no published runs of this scale; {path.name} is not in "
                         f"{path.parent}")
    record = ledger.read(path)
    ledger.like(claim, claim.scales[scale], record, path)
    now, then = fingerprint.of(claim.run), older(claim, checkout)
    if record.get("code", then) not in (then, now):
        raise ValueError(f"{path} holds runs by the code {record['code']}, and that of {checkout} "
                         f"is {then}")
    if now == then:
        why = f"the runs are by the code of now, {now}"
    elif (far := apart(older(claim, checkout, claim.scales["quick"]), results(claim))) <= NEAR:
        why = f"{then} and {now} give the same results of all arms at quick scale, with one seed"
        why += f", up to {far:.0e} of a number" * bool(far)
        record["verified"] = [*record.get("verified", ()), why]
    else:
        raise ValueError(f"the code of {checkout} gives other results of {claim.name} at quick "
                         "scale than this; its runs must be made anew")
    order = [*dict.fromkeys(["claim", "scale", "settings", "code", "verified", *record])]
    record |= {"code": now, "settings": claim.scales[scale]}    # of which seeds alone may be others
    ledger.write(path, {name: record[name] for name in order if name in record})
    return why


def results(claim):
    """What the first seed gives at quick scale, as JSON keeps it: {arm: result}."""
    settings = claim.scales["quick"]
    return json.loads(json.dumps({arm: claim.run(arm, 0, settings, False) for arm in claim.arms}))


def apart(a, b):
    """By which share two results differ most, in any of their numbers; infinite if in others.

    >>> apart({"error": [0.5, 1.0]}, {"error": [0.5, 1.01]}), apart([1, "a"], [1, "b"])
    (0.00990099, inf)
    """
    if isinstance(a, dict) and isinstance(b, dict) and len(a) == len(b):
        return max((apart(one, b.get(name)) for name, one in a.items()), default=0.0)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return max(map(apart, a, b), default=0.0)
    if a == b:
        return 0.0
    numbers = isinstance(a, int | float) and isinstance(b, int | float)
    return round(abs(a - b) / max(abs(a), abs(b)), 9) if numbers else math.inf


def older(claim, checkout, settings=None):
    """The fingerprint of a claim in a folder with other code; with `settings` what it gives."""
    found = subprocess.run(
        [sys.executable, "-c", THERE, claim.name, fingerprint.__file__, json.dumps(settings)],
        cwd=checkout, env=os.environ | {"PYTHONPATH": os.path.abspath(checkout)},
        capture_output=True, text=True)
    if found.returncode:
        last = (found.stderr.strip().splitlines() or ["it was killed"])[-1]
        raise ValueError(f"the claim {claim.name} cannot be tried in {checkout}: {last}")
    return json.loads(found.stdout.splitlines()[-1])
