"""The course file of a lecturer, in TOML: exercises, points, deadlines, seeds, limits.

Everything is checked when it is read; what is wrong is told in a sentence with the key's path.
"""

import difflib
import math
import secrets
import tomllib
import zoneinfo
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..arguments import count, describe, flag, number, option
from ..files import short
from .exercise import exercise_named, exercise_names
from .late import GRADESCOPE, MODIFIED, PERIODS, Penalty, Times, moment, times_in, times_of
from .process import Limits

VISIBILITY = ("visible", "hidden", "after_due_date", "after_published")    # Gradescope's words
SEVERAL = ("latest", "best")


@dataclass(frozen=True)
class Show:
    """What a student is shown: hints; what is said of hidden inputs; and when, on Gradescope."""

    hints: bool = True
    hidden_inputs: bool = False
    results: str = "visible"


@dataclass(frozen=True)
class Asked:
    """An exercise of a course: what its tasks are worth, in their order, and when it is due."""

    name: str
    points: dict
    deadline: Any = None

    @property
    def most(self):
        """The points there are."""
        return sum(self.points.values())


@dataclass(frozen=True)
class Course:
    """How a class is marked."""

    exercises: dict
    title: str = ""
    seeds: tuple = ()                             # inputs are drawn for each; students see none
    loops: float = 1.0                            # what a right solution with loops is worth
    several: str = "latest"                       # of several files for one exercise
    time: str = MODIFIED                          # where the time of a submission is read
    times: Times | None = None                    # or the times that were read in a file
    extensions: Times | None = None               # deadlines of single students
    penalty: Penalty = field(default_factory=Penalty)
    limits: Limits = field(default_factory=Limits)
    file_kb: int = 256
    show: Show = field(default_factory=Show)

    @property
    def most(self):
        """The points there are."""
        return sum(asked.most for asked in self.exercises.values())


def course_of(names, where=None):
    """The course without a file: the exercises called `names`, with their own points."""
    return Course({name: _asked(name, Keys({}, name), None, where) for name in names})


def read_course(path, where=None):
    """The Course in a TOML file; ValueError in one sentence for whatever is wrong in it.

    `where` is the folder of the exercises, if not the usual one.
    """
    path = Path(path)
    try:
        text = path.read_bytes().decode("utf-8-sig")
        return _course(Keys(tomllib.loads(text)), path.parent, where)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: byte {error.start} is not UTF-8") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {short(error, 500)}") from None


class Keys:
    """A table of the file: each key is taken once, and what is left at the end is unknown."""

    def __init__(self, given, path=""):
        if not isinstance(given, dict):
            raise TypeError(f"{path} must be a table, got {describe(given)}")
        self.left, self.path, self.known = dict(given), path, []

    def name(self, key):
        """The path of a key, as in penalty.share."""
        return f"{self.path}.{key}" if self.path else key

    def take(self, key, check, default, *allowed):
        """The value of a key, checked; `default` where it is not given."""
        self.known.append(key)
        if key not in self.left:
            return default
        return check(self.left.pop(key), self.name(key), *allowed)

    def table(self, key):
        """The table below a key, as Keys; empty where it is not given."""
        self.known.append(key)
        return Keys(self.left.pop(key, {}), self.name(key))

    def end(self):
        """ValueError for a key that nobody took."""
        for key in self.left:
            near = difflib.get_close_matches(key, self.known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(self.known)}"
            raise ValueError(f"{self.name(key)} is unknown; {hint}")


def _course(keys, folder, where):
    title, zone = keys.take("title", _text, ""), keys.take("timezone", _zone, None)
    deadline = keys.take("deadline", moment, None, zone)
    marking, handed = keys.table("marking"), keys.table("handed_in")
    penalty = _penalty(keys.table("penalty"))
    given = keys.table("exercises")
    extensions = keys.take("extensions", _anything, None)
    limits, file_kb = _limits(keys.table("limits"))
    show = _show(keys.table("show"))
    keys.end()
    if not given.left:
        raise ValueError("exercises must name at least one, as [exercises.dropout]")
    exercises = {}
    for name in list(given.left):
        if name not in (known := exercise_names(where)):
            near = difflib.get_close_matches(name, known, n=1)
            raise ValueError(f"{given.name(name)} is no exercise; " + (
                f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"))
        exercises[name] = _asked(name, given.table(name), zone, where, deadline)
    seeds = marking.take("hidden_seeds", _seeds, ())
    loops = marking.take("loops", number, 1.0, 0.0, 1.0)
    marking.end()
    several = handed.take("several", option, "latest", SEVERAL)
    time, times = handed.take("time", _times, (MODIFIED, None), folder, exercises, zone)
    handed.end()
    if extensions is not None:
        extensions = times_of(extensions, "extensions", exercises, zone)
    return Course(exercises, title, seeds, loops, several, time, times, extensions, penalty, limits,
                  file_kb, show)


def _anything(value, name):
    return value


def _asked(name, keys, zone, where, deadline=None):
    tasks = exercise_named(name, where).tasks
    deadline = keys.take("deadline", moment, deadline, zone)
    given = keys.table("points")
    keys.end()
    points = {task: given.take(task, number, float(tasks[task].points)) for task in tasks}
    given.end()
    return Asked(name, points, deadline)


def _penalty(keys):
    per = keys.take("per", option, "day", [*PERIODS])
    share, points = keys.take("share", number, 0.0, 0.0, 1.0), keys.take("points", number, 0.0)
    if share and points:
        raise ValueError(f"{keys.path} must have share or points, and has both")
    most = keys.take("at_most", number, math.inf, 0.0, 1.0 if share else math.inf)
    grace = keys.take("grace_minutes", number, 0.0)
    keys.end()
    return Penalty(per, share, points, most, grace)


def _limits(keys):
    plain = Limits()
    seconds = keys.take("seconds", number, plain.seconds, 0.1)
    memory = keys.take("memory_mb", count, plain.memory_mb, 128)
    output, size = keys.take("output_kb", count, plain.output_kb), keys.take("file_kb", count, 256)
    wall = keys.take("wall_seconds", number, max(plain.wall, 2 * seconds), seconds)
    answer = keys.take("answer_mb", count, plain.answer_mb)
    keys.end()
    return Limits(seconds, memory, output, wall, answer), size


def _show(keys):
    plain = Show()
    shown = Show(keys.take("hints", flag, plain.hints),
                 keys.take("hidden_inputs", flag, plain.hidden_inputs),
                 keys.take("results", option, plain.results, VISIBILITY))
    keys.end()
    return shown


def _text(value, name):
    if not isinstance(value, str):
        raise TypeError(f"{name} must be a text, got {describe(value)}")
    return value


def _zone(value, name):
    try:
        return zoneinfo.ZoneInfo(_text(value, name))
    except (KeyError, ValueError, OSError):
        near = difflib.get_close_matches(value, zoneinfo.available_timezones(), n=1)
        hint = f"did you mean {near[0]!r}?" if near else "one is called 'Europe/Zurich'"
        raise ValueError(f"{name} must be the name of a time zone; {hint}, got {value!r}"
                         ) from None


def _seeds(value, name):
    if not isinstance(value, list):
        raise TypeError(f"{name} must be a list of whole numbers, got {describe(value)}")
    seeds = tuple(count(one, f"{name}[{i}]", most=math.inf) for i, one in enumerate(value))
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"{name} must be different from each other")
    return seeds


def _times(value, name, folder, exercises, zone):
    if _text(value, name) in (MODIFIED, GRADESCOPE):
        return value, None
    if Path(value).suffix not in (".csv", ".toml"):
        raise ValueError(f"{name} must be {MODIFIED!r}, {GRADESCOPE!r}, or a file whose name ends "
                         f"in .csv or .toml, got {value!r}")
    try:
        return value, times_in(folder / value, exercises, zone)
    except OSError as error:
        raise ValueError(f"{name}: {folder / value} cannot be read: {error.strerror}") from None
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"{name}: {folder / value}: {short(error, 500)}") from None


EXAMPLE = '''# How a class is marked: minidrop grade report FOLDER --course {file}
# Everything but the exercises may be left out.

title = "Regularisation"
timezone = "Europe/Zurich"      # of the times that name none
deadline = 2026-10-05T23:59:00  # of all exercises that have none of their own; nothing: no deadline

[penalty]                       # of a submission that is late
per = "day"                     # or "hour"; what counts is how many have begun
share = 0.1                     # of the points it reached; or points = 1
at_most = 0.5                   # in all, as a share or in points
grace_minutes = 10              # nothing is lost within them

[handed_in]
# Where the time of a submission is read.  "modified": the file's own time, which its owner can set
# as he likes.  "gradescope": submission_metadata.json, with the files in submission/ beside it.
# "times.csv": a file beside this one with the columns student, exercise, time; or times.toml.
time = "modified"
several = "latest"              # of several files for one exercise; or "best"

[marking]
# Besides the inputs that `minidrop grade check` tries, others are drawn for each of these seeds,
# and all have to be right.  Keep them to yourself: these were drawn for you.
hidden_seeds = [{first}, {second}]
loops = 1.0                     # what a right solution that goes entry by entry is worth, where the
                                # inputs of a task are large enough to tell

[limits]                        # of a submission
seconds = 10                    # of computing for each task
wall_seconds = 60               # of the clock, if it waits instead of computing
memory_mb = 1024
answer_mb = 64                  # how large an answer may be
output_kb = 64                  # what it may print
file_kb = 256                   # how large its file may be

[show]                          # to the student, in results.json
hints = true
hidden_inputs = false           # what came and what is due for inputs of the hidden seeds
results = "visible"             # or "hidden", "after_due_date", "after_published": Gradescope's

[extensions]                    # deadlines of single students: for all exercises, or for some
# "Ada Lovelace" = 2026-10-19T23:59:00
# "Alan Turing".{name} = 2026-10-19T23:59:00

[exercises.{name}]               # one such table for each exercise
deadline = 2026-10-12T23:59:00
[exercises.{name}.points]        # of tasks that are worth more or less than in the exercise
"{task}" = {points:g}
'''


def example(file="course.toml", name="dropout"):
    """The text of a course file with everything that may stand in it, and seeds of its own."""
    task = next(iter(exercise_named(name).tasks.values()))
    first, second = (secrets.randbelow(2**62) + 1 for _ in range(2))
    return EXAMPLE.format(file=file, name=name, task=task.name, points=task.points, first=first,
                          second=second)
