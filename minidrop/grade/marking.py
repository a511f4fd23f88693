"""Mark one submission: each task by its judge, in a process that does not know what is due."""

import math
import re
import time
from importlib.util import decode_source
from typing import NamedTuple

from ..arguments import count, describe, number, takes
from .exercise import Exercise
from .judges import Failure, Fault, Verdict
from .process import Limits, Submission
from .refuse import refusals
from .values import largest

REFUSED = "refused"
ENTRIES = 8                                       # fewer tell nothing of how lines grow


class Mark(NamedTuple):
    """The mark of one task: `points` of `most`, and its verdict."""

    task: str
    points: float
    most: float
    verdict: Verdict

    @property
    def right(self):
        """Whether all inputs were right."""
        return self.verdict.failure is None


class Marks(NamedTuple):
    """The marks of a submission; `refused` says why it was not run at all, "" where it was."""

    exercise: str
    marks: tuple
    refused: str
    seconds: float

    @property
    def points(self):
        """The points of all tasks."""
        return sum(mark.points for mark in self.marks)

    @property
    def most(self):
        """The points there are."""
        return sum(mark.most for mark in self.marks)


def mark(source, exercise, seed=0, limits=None, points=None, watch=None):
    """Mark a submission, a text or bytes, for an exercise.

    `seed` chooses the inputs, `limits` are those of `Limits`, `points` {task name: points} others
    than the exercise's, and `watch` is called with each Mark.  Whatever the submission does, this
    returns Marks.
    """
    if not isinstance(source, str | bytes):
        raise TypeError(f"source must be the text or the bytes of a file, got {describe(source)}")
    if not isinstance(exercise, Exercise):
        raise TypeError(f"exercise must be an Exercise, as exercise_named gives it, got "
                        f"{describe(exercise)}")
    count(seed, "seed", least=0, most=math.inf)
    takes(watch, "watch", "mark")
    if not isinstance(limits, Limits | None):
        raise TypeError(f"limits must be Limits, got {describe(limits)}")
    if not isinstance(points, dict | None) or not {*(points or {})} <= exercise.tasks.keys():
        raise ValueError(f"points must be a dict by names of tasks, got {describe(points)}")
    for name, value in (points or {}).items():
        number(value, f"points[{name!r}]")
    begun, worth = time.monotonic(), {name: task.points for name, task in exercise.tasks.items()}
    worth |= points or {}
    text, refused = readable(source)
    marks = []
    with Submission(text, limits or Limits()) as submission:
        for name, task in exercise.tasks.items():
            verdict = _refused(refused, task) if refused else _judged(task, submission, seed)
            marks.append(Mark(name, worth[name] if verdict.failure is None else 0.0, worth[name],
                              verdict))
            if watch:
                watch(marks[-1])
    return Marks(exercise.name, tuple(marks), refused, time.monotonic() - begun)


def readable(source):
    """(text, "") of a submission that may run, ("", the reason) of one that may not."""
    if isinstance(source, bytes):
        try:
            source = decode_source(source)        # as Python reads files: marks, codings, line ends
        except UnicodeDecodeError as error:
            return "", f"the file is not text: byte {error.start} is not {error.encoding.upper()}"
        except (SyntaxError, LookupError) as error:
            return "", f"the file is not text: {_byte(source) or error}"
    try:
        found = refusals(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        said = getattr(error, "msg", None) or str(error) or "too deep for its parser"
        line = getattr(error, "lineno", None)
        return "", f"the file is not Python: {f'line {line}: ' if line else ''}{said}"
    return ("", f"line {found[0][0]}: {found[0][1]}") if found else (source, "")


def _byte(source):
    """What is not UTF-8, which a file is that does not say what else."""
    try:
        source.decode()
    except UnicodeDecodeError as error:
        return f"byte {error.start} is not UTF-8"
    return ""


def _judged(task, submission, seed):
    def call(arguments, times=1):
        return submission.call(task.function, arguments, times)

    remarks, printed = len(submission.remarks), len(submission.printed)
    inputs = task.inputs(seed)
    try:
        verdict = task.judge(task, call, inputs)
    except Fault as fault:                        # where a judge does not expect one
        verdict = Verdict(len(inputs), 0, Failure(inputs[0], None, None, fault.said, task.hint,
                                                  fault.kind))
    said = submission.remarks[remarks:]
    if text := submission.printed[printed:].strip():
        said.append(f"it prints: {text.splitlines()[0][:80]}")
    if verdict.failure:
        return verdict._replace(remarks=(*verdict.remarks, *said))
    loops = by_loops(lambda arguments: submission.lines(task.function, arguments), inputs)
    return verdict._replace(remarks=(*verdict.remarks, *said, *filter(None, [loops])),
                            loops=bool(loops))


def by_loops(lines, inputs):
    """A sentence where a line more runs for each entry more in the largest array; "" elsewhere.

    `lines(arguments)` is how many lines a call runs.
    """
    small, large = (pick(inputs, key=largest) for pick in (min, max))
    entries = largest(large) - largest(small)
    if entries < ENTRIES:
        return ""
    try:
        more = lines(large) - lines(small)
    except Fault:                                 # counting takes longer, and may take too long
        return ""
    return "" if more < entries else (f"by loops: {more} lines more run for {entries} entries "
                                      "more; array code runs as many lines for any size")


def _refused(reason, task):
    inputs = task.inputs()
    return Verdict(len(inputs), 0, Failure(inputs[0], None, None, reason, "", REFUSED))


def exercise_of(source):
    """The name of the exercise that a submission is for: its line `EXERCISE = "dropout"`, or None.

    The line is enough: the rest may be no Python.

    >>> exercise_of('EXERCISE = "dropout"')
    'dropout'
    """
    source = source.encode() if isinstance(source, str) else source
    found = re.search(rb"""^EXERCISE *= *["'](\w+)["']""", source, re.M)
    return found and found[1].decode()


__all__ = ["Fault", "Mark", "Marks", "exercise_of", "mark", "readable"]
