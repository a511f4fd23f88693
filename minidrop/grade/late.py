"""Deadlines: when a submission came, how late that is, and what it costs."""

import csv
import io
import json
import math
import tomllib
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from ..arguments import describe
from ..files import short

PERIODS = {"day": timedelta(days=1), "hour": timedelta(hours=1)}
MODIFIED, GRADESCOPE = "modified", "gradescope"   # where a time may come from, beside a file


@dataclass(frozen=True)
class Penalty:
    """What a late submission loses for every day or hour that has begun since the deadline.

    `share` is a part of the points it reached, `points` are points; `at_most` bounds the sum of
    either.  Within `grace_minutes` after the deadline nothing is lost; after them the time counts
    from the deadline on.  A day is one of 24 hours, whatever the clocks do meanwhile.

    >>> Penalty("day", share=0.25, at_most=0.6).lost(20, 2)
    10.0
    >>> Penalty("hour", points=2, at_most=5).lost(20, 3)
    5
    """

    per: str = "day"
    share: float = 0.0
    points: float = 0.0
    at_most: float = math.inf
    grace_minutes: float = 0.0

    def begun(self, came, deadline):
        """How many days or hours have begun since the deadline when the submission came."""
        if came is None or deadline is None:
            return 0
        late = came.astimezone(UTC) - deadline.astimezone(UTC)
        if late <= timedelta(minutes=self.grace_minutes):
            return 0
        return math.ceil(late / PERIODS[self.per])

    def lost(self, reached, begun):
        """The points that are lost of those `reached`, where so many periods have `begun`."""
        if self.share:
            return reached * min(self.share * begun, self.at_most, 1.0)
        return min(self.points * begun, self.at_most, reached)


def moment(value, name, zone=None):
    """A date with a time as a datetime that knows its time zone; `zone` where it names none.

    >>> moment("2026-10-05T23:59:00+02:00", "deadline").isoformat()
    '2026-10-05T23:59:00+02:00'
    """
    if isinstance(value, str) and ":" in value:
        with suppress(ValueError):
            value = datetime.fromisoformat(value.strip())
    if not isinstance(value, datetime):
        kind = ValueError if isinstance(value, str | date) else TypeError
        raise kind(f"{name} must be a date with a time, as 2026-10-05T23:59:00+02:00, got "
                   f"{value.isoformat() if isinstance(value, date) else describe(value)}")
    if value.utcoffset() is not None:
        return value
    if zone is None:
        raise ValueError(f"{name} must say its time zone, as 2026-10-05T23:59:00+02:00, or the "
                         f"course its timezone, as \"Europe/Zurich\", got {value.isoformat()}")
    here = value.replace(tzinfo=zone)
    if here.utcoffset() != here.replace(fold=1).utcoffset():
        raise ValueError(f"{name} must say its offset, as 2026-10-05T23:59:00+02:00: the clocks "
                         f"change in that hour, got {value.isoformat()} in {zone}")
    return here


class Times:
    """When submissions came, by student and exercise; an empty exercise stands for all."""

    def __init__(self, given):
        self.given = {(same_name(student), exercise): came
                      for (student, exercise), came in given.items()}

    def of(self, student, exercise):
        """When a student's submission for an exercise came, or None where nothing is known."""
        name = same_name(student)
        return self.given.get((name, exercise), self.given.get((name, "")))

    def strangers(self, students):
        """The names that none of the students has."""
        known = {same_name(student) for student in students}
        return sorted({student for student, _ in self.given} - known)


def same_name(name):
    """A name as it is compared: letters with accents are written in two ways, and are one."""
    return unicodedata.normalize("NFC", name)


def times_in(path, exercises, zone=None):
    """The Times in a file: a table of CSV with the columns student, time and, if wanted, exercise;
    or TOML with a time, or a table of times by exercise, for each student."""
    path = Path(path)
    text = path.read_bytes().decode("utf-8-sig")
    rows = _toml_rows(tomllib.loads(text)) if path.suffix == ".toml" else _csv_rows(text)
    return _times(rows, exercises, zone)


def times_of(table, name, exercises, zone=None):
    """The Times in a table of TOML: a time, or a table of times by exercise, for each student."""
    if not isinstance(table, dict):
        raise TypeError(f"{name} must be a table, got {describe(table)}")
    return _times(_toml_rows(table, f"{name}."), exercises, zone)


def _times(rows, exercises, zone):
    found = {}
    for where, student, exercise, came in rows:
        if exercise and exercise not in exercises:
            raise ValueError(f"{where}: the course has no exercise {exercise!r}; it has "
                             f"{', '.join(exercises)}")
        if (student, exercise) in found:
            raise ValueError(f"{where}: there are two times of {student!r}"
                             + (f" for {exercise}" if exercise else ""))
        found[student, exercise] = moment(came, where, zone)
    return Times(found)


def _csv_rows(text):
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        columns = set(reader.fieldnames or ())
        if not {"student", "time"} <= columns or columns - {"student", "time", "exercise"}:
            raise ValueError("the columns have to be student, time and, if wanted, exercise, got "
                             f"{short(', '.join(reader.fieldnames or ())) or 'none'}")
        for row in reader:
            if None in row or None in row.values():
                raise ValueError(f"line {reader.line_num} must have {len(columns)} columns")
            yield f"line {reader.line_num}", row["student"], row.get("exercise", ""), row["time"]
    except csv.Error as error:                    # such as a field of more than 131,072 characters
        raise ValueError(f"line {reader.line_num}: {error}") from None


def _toml_rows(table, path=""):
    for student, given in table.items():
        for exercise, came in (given if isinstance(given, dict) else {"": given}).items():
            yield f"{path}{student}.{exercise}".rstrip("."), student, exercise, came


def gradescope_time(data):
    """When a submission came, from the bytes of Gradescope's submission_metadata.json."""
    try:
        found = json.loads(data)["created_at"]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise ValueError("submission_metadata.json must hold created_at") from None
    return moment(found, "created_at of submission_metadata.json")
