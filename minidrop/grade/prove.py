"""Prove an exercise: what is right passes, and each known mistake fails for its own reason."""

from itertools import zip_longest
from typing import NamedTuple

from .exercise import SOLVED
from .marking import mark
from .stub import solved, stub
from .values import size

RIGHTS, WRONGS, SMALL = 2, 3, 48                  # at least so many; at most so many numbers


class Proof(NamedTuple):
    """One thing that is asked of a task: does it hold, and what was found."""

    task: str
    what: str
    holds: bool
    said: str = ""


def prove(exercise, seed=0, watch=None):
    """Mark everything that an author gave for an exercise: a list of Proofs, task by task.

    The specification and every other right solution have to pass, which holds the specification
    against the key; the blank stub has to fail with the task's name, and each mistake with its
    reason as the hint, where it names a law by that law.  `watch(done, total)` is called after
    each submission.
    """
    proofs = {task.name: _asked(task) for task in exercise.tasks.values()}
    rounds = [*zip_longest(*map(_submissions, exercise.tasks.values()),
                           fillvalue=("right", SOLVED, None))]
    for done, given in enumerate(rounds, 1):
        marks = mark(_text(exercise, given, blank=done == 1), exercise, seed).marks
        for task, (kind, what, _), one in zip(exercise.tasks.values(), given, marks, strict=True):
            if (kind, what) != ("right", SOLVED) or done == 2:    # others only fill the round
                proofs[task.name].append(_held(task, kind, what, one.verdict.failure))
        if watch:
            watch(done, len(rounds))
    return [proof for name in proofs for proof in proofs[name]]


def _submissions(task):
    """(kind, what, function) of all that is marked for a task: nothing first, then what is right.
    """
    return [("blank", "", None),
            *(("right", style, function) for style, function in task.rights.items()),
            *(("wrong", reason, function) for reason, function in task.wrongs.items())]


def _text(exercise, given, blank):
    """A submission with one solution for each task."""
    if blank:
        return stub(exercise)
    pairs = zip(exercise.tasks.values(), given, strict=True)
    return solved(exercise, **{task.function: function for task, (_, _, function) in pairs
                               if function is not None})


def _asked(task):
    """Proofs of what is asked of a task before anything runs."""
    sizes = [size(arguments) for arguments in task.inputs()]
    rights, wrongs = len(task.rights) - 1, len(task.wrongs)
    return [
        Proof(task.name, "it gives points", task.points > 0, f"{task.points:g}"),
        Proof(task.name, f"its smallest input has at most {SMALL} numbers", sizes[0] <= SMALL,
              f"{sizes[0]}; then {sizes[1:]}"),
        Proof(task.name, f"{RIGHTS} right solutions beside the loops", rights >= RIGHTS,
              f"{rights}"),
        Proof(task.name, f"{WRONGS} known mistakes", wrongs >= WRONGS, f"{wrongs}")]


def _held(task, kind, what, failure):
    """The Proof that a submission was marked as it has to be."""
    if kind == "right":
        said = failure and f"{failure.said} (for {failure.arguments})"
        return Proof(task.name, f"right: {what}", failure is None, said or "passes")
    if kind == "blank":
        holds = failure is not None and task.name in failure.said
        return Proof(task.name, "the blank stub fails with the task's name", holds,
                     failure.said if failure else "it passes")
    if failure is None:
        return Proof(task.name, f"wrong: {what}", False, "it passes: the inputs do not show it")
    law, said = task.laws[what], failure.said
    if failure.law != law and law:
        return Proof(task.name, f"wrong: {what}", False,
                     f"it breaks the law {failure.law or failure.kind!r} and not {law!r}: {said}")
    return Proof(task.name, f"wrong: {what}", failure.hint == what,
                 said if failure.hint == what else f"the hint is {failure.hint!r}: {said}")
