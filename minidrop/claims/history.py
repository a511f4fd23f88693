"""How the runs of a record came about: each call that made some, its commit, its rule, its seeds.

A rule that was changed after a run, and seeds that were added after a verdict could be seen, are
told wherever the verdict is.
"""

import hashlib
import itertools
import json
import subprocess
from pathlib import Path

from . import fingerprint

CODE = Path(__file__).parents[1]


def note(record, claim, seeds):
    """Add to a record that runs of so many seeds are begun, but where its last call goes on."""
    calls = record.setdefault("calls", [])
    call = {"seeds": seeds, "commit": commit(), "rule": rule(claim), "runs": len(record["runs"])}
    if not calls or calls[-1] | {"runs": 0} != call | {"runs": 0}:
        calls.append(call)


def sound(calls):
    """Whether this can be what a record keeps of its calls; TypeError or LookupError where not."""
    return all(type(call["seeds"]) is type(call["runs"]) is int and isinstance(call["rule"], str)
               and isinstance(call["commit"], str | None) for call in calls)


def commit(folder=CODE):
    """The commit of the code in a folder; None without a repository or git, or if changed."""
    def git(*asked):
        return subprocess.run(["git", "-C", str(folder), *asked], capture_output=True, text=True,
                              timeout=30, check=True).stdout.strip()

    try:
        tracked = git("ls-files", "--", ".")
        clean = not git("status", "--porcelain", "--", ".")
        return git("rev-parse", "HEAD") if tracked and clean else None
    except (OSError, subprocess.SubprocessError):
        return None


def rule(claim):
    """The fingerprint of what a verdict comes from: the words of a rule, and the code of it."""
    text = json.dumps([claim.rule, fingerprint.of(claim.judge)])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def told(record, claim):
    """Lines on how the runs came about; one that says so where it was not kept."""
    calls, now = record.get("calls", []), rule(claim)
    if not calls:
        return ["by which commit and under which rule the runs were begun was not kept then"]
    rules = [*dict.fromkeys(call["rule"] for call in calls)]
    commits = [*dict.fromkeys(call["commit"] or "(none, or changed code)" for call in calls)]
    of = f" of {claim.runs_of}, whose runs these are" * bool(claim.runs_of)
    lines = [f"commit {', then '.join(commits)}; rule {', then '.join(rules)}{of}"
             + (", which is that of now" if rules == [now] else "")]
    if rules != [now] and not claim.runs_of:
        lines.append(f"the rule, or the code that judges, is another now, {now}, than when "
                     f"{'some' if now in rules else 'the'} runs were begun")
    lines += [f"seeds were added when a verdict could be seen: {before['seeds']}, then "
              f"{call['seeds']}; intervals of 95 % are of a number of seeds that is fixed before"
              for before, call in itertools.pairwise(calls)
              if call["seeds"] > before["seeds"] and call["runs"] >= len(claim.arms)]
    if calls[0]["runs"]:
        lines.append(f"how the first {calls[0]['runs']} runs came about was not kept")
    return lines
