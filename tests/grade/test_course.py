"""The course file: what is right is read, and what is wrong is told with the key's path."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from minidrop.grade.course import course_of, example, read_course
from minidrop.grade.late import Penalty, Times, gradescope_time, moment, times_in
from tests.grade.class_of import SMALL

EXERCISES = "[exercises.dropout]\n"


@pytest.fixture(autouse=True)
def small_exercise(monkeypatch):
    monkeypatch.setenv("MINIDROP_EXERCISES", str(SMALL))


def read(tmp_path, text):
    path = tmp_path / "course.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_course(path)


def test_the_example_is_read_and_its_seeds_are_new_each_time(tmp_path):
    course, other = read(tmp_path, example()), read(tmp_path, example())
    assert len(course.seeds) == 2 and not set(course.seeds) & set(other.seeds)
    assert [*course.exercises] == ["dropout"] and course.most == 5
    asked = course.exercises["dropout"]
    assert asked.deadline.isoformat() == "2026-10-12T23:59:00+02:00"
    assert course.penalty == Penalty("day", 0.1, 0.0, 0.5, 10)
    assert course.limits == course_of(["dropout"]).limits and course.file_kb == 256


def test_what_is_left_out_is_as_without_a_file(tmp_path):
    assert read(tmp_path, EXERCISES) == course_of(["dropout"])
    assert read(tmp_path, b"\xef\xbb\xbf" + EXERCISES.encode()) == course_of(["dropout"])


def test_who_computes_for_long_may_wait_for_longer(tmp_path):
    for seconds, wall in ((10, 60), (100, 200)):
        text = f"{EXERCISES}[limits]\nseconds = {seconds}\n"
        assert read(tmp_path, text).limits.wall == wall


def test_points_of_tasks(tmp_path):
    course = read(tmp_path, EXERCISES + '[exercises.dropout.points]\n"dropout.2" = 7.5\n')
    assert course.exercises["dropout"].points == {"dropout.1": 3, "dropout.2": 7.5}


@pytest.mark.parametrize("text, sentence", [
    ("titel = 'x'\n", "titel is unknown; did you mean title?"),
    ("[penalty]\nshares = 0.1\n", "penalty.shares is unknown; did you mean share?"),
    ("[show]\nx = 1\n", "show.x is unknown; there are hints, hidden_inputs, results"),
    ("title = 3\n", "title must be a text, got int 3"),
    ("penalty = 3\n", "penalty must be a table, got int 3"),
    ("timezone = 'Europe/Zurick'\n", "timezone must be the name of a time zone; did you mean "
     "'Europe/Zurich'?, got 'Europe/Zurick'"),
    ("timezone = '../x'\n", "timezone must be the name of a time zone"),
    ("deadline = 2026-10-05T12:00:00\n", "deadline must say its time zone"),
    ("deadline = 2026-10-05\n", "deadline must be a date with a time, as 2026-10-05T23:59:00+02:00,"
     " got 2026-10-05"),
    ("deadline = 'tomorrow'\n", "deadline must be a date with a time"),
    ("deadline = 3\n", "deadline must be a date with a time"),
    ("timezone = 'Europe/Zurich'\ndeadline = 2026-10-25T02:30:00\n", "the clocks change"),
    ("timezone = 'Europe/Zurich'\ndeadline = 2026-03-29T02:30:00\n", "the clocks change"),
    ("[penalty]\nper = 'week'\n", "penalty.per must be one of 'day', 'hour', got 'week'"),
    ("[penalty]\nshare = 1.5\n", "penalty.share must be finite and in [0, 1], got 1.5"),
    ("[penalty]\nshare = 0.1\npoints = 1\n", "penalty must have share or points, and has both"),
    ("[penalty]\npoints = -1\n", "penalty.points must be finite and at least 0, got -1"),
    ("[penalty]\nshare = 0.1\nat_most = 2\n", "penalty.at_most must be finite and in [0, 1]"),
    ("[marking]\nhidden_seeds = 3\n", "marking.hidden_seeds must be a list of whole numbers"),
    ("[marking]\nhidden_seeds = [0]\n", "marking.hidden_seeds[0] must be a whole number of at "
     "least 1, got 0"),
    ("[marking]\nhidden_seeds = [5, 5]\n", "marking.hidden_seeds must be different"),
    ("[marking]\nloops = true\n", "marking.loops must be a number, got bool True"),
    ("[handed_in]\nseveral = 'first'\n", "handed_in.several must be one of 'latest', 'best'"),
    ("[handed_in]\ntime = 'mtime'\n", "handed_in.time must be 'modified', 'gradescope', or a file"),
    ("[handed_in]\ntime = 'none.csv'\n", "cannot be read: No such file"),
    ("extensions = 3\n", "extensions must be a table, got int 3"),
    ("[extensions]\nAda = 3\n", "extensions.Ada must be a date with a time"),
    ("[extensions]\nAda.dropuot = 2026-10-05T12:00:00Z\n", "extensions.Ada.dropuot: the course has "
     "no exercise 'dropuot'"),
    ("[limits]\nseconds = 10\nwall_seconds = 5\n", "limits.wall_seconds must be finite and at "
     "least 10, got 5"),
    ("[limits]\nseconds = 0\n", "limits.seconds must be finite and at least 0.1, got 0"),
    ("[limits]\nmemory_mb = 1.5\n", "limits.memory_mb must be a whole number"),
    ("[show]\nhints = 1\n", "show.hints must be True or False, got int 1"),
    ("[show]\nresults = 'never'\n", "show.results must be one of 'visible', 'hidden'"),
    ("[exercises.dropuot]\n", "exercises.dropuot is no exercise; did you mean dropout?"),
    ("[exercises.dropout.points]\n'dropout.9' = 1\n", "exercises.dropout.points.dropout.9 is "
     "unknown; did you mean dropout."),
    ("[exercises.dropout.points]\n'dropout.1' = -1\n", "exercises.dropout.points.dropout.1 must be "
     "finite and at least 0, got -1"),
    ("[exercises]\ndropout = 1\n", "exercises.dropout must be a table, got int 1"),
    ("title =\n", "line 1"),
    ("# nothing\n", ""),
    (b"title = '\xff'\n", "byte 9 is not UTF-8"),
])
def test_what_is_wrong_is_told_in_a_sentence(tmp_path, text, sentence):
    more = b"" if isinstance(text, bytes) or "exercises" in text else EXERCISES.encode()
    if text == "# nothing\n":
        more, sentence = b"", "exercises must name at least one"
    data = text if isinstance(text, bytes) else text.encode()
    with pytest.raises(ValueError) as told:
        read(tmp_path, data + more)
    assert sentence in str(told.value) and "course.toml" in str(told.value)
    assert "\n" not in str(told.value)


def test_a_course_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match="none.toml cannot be read: No such file"):
        read_course(tmp_path / "none.toml")


def test_moments():
    zurich = ZoneInfo("Europe/Zurich")
    assert moment(datetime(2026, 7, 1, 12), "x", zurich).utcoffset() == timedelta(hours=2)
    assert moment("2026-01-01 12:00", "x", zurich).utcoffset() == timedelta(hours=1)
    assert moment("2026-01-01T12:00Z", "x", zurich).utcoffset() == timedelta(0)


def test_what_is_late():
    due = datetime(2026, 10, 24, 12, tzinfo=ZoneInfo("Europe/Zurich"))     # the clocks change next
    by_day = Penalty("day", share=0.1, grace_minutes=10)
    for minutes, days in ((-9999, 0), (0, 0), (10, 0), (11, 1), (24 * 60, 1), (24 * 60 + 1, 2)):
        came = due.astimezone(UTC) + timedelta(minutes=minutes)
        assert by_day.begun(came, due) == days, minutes
        assert by_day.begun(came.astimezone(timezone(timedelta(hours=9))), due) == days
    same_hour = datetime(2026, 10, 25, 12, tzinfo=ZoneInfo("Europe/Zurich"))   # 25 hours later
    assert by_day.begun(same_hour, due) == 2 and Penalty("hour").begun(same_hour, due) == 25
    assert by_day.begun(None, due) == by_day.begun(same_hour, None) == 0


def test_what_is_lost():
    assert [Penalty(share=0.3, at_most=0.5).lost(10, n) for n in range(4)] == [0, 3, 5, 5]
    assert [Penalty(share=0.6).lost(10, n) for n in range(3)] == [0, 6, 10]
    assert [Penalty(points=3).lost(5, n) for n in range(3)] == [0, 3, 5]
    assert [Penalty(points=3, at_most=4).lost(50, n) for n in range(3)] == [0, 3, 4]
    assert Penalty().lost(10, 99) == 0


def test_times_in_a_table_and_in_toml(tmp_path):
    table, toml = tmp_path / "times.csv", tmp_path / "times.toml"
    table.write_text("student,exercise,time\nZoë,dropout,2026-10-05T12:00:00+02:00\n"
                     '"O\'Neill, S",,2026-10-06T12:00:00+02:00\n', encoding="utf-8")
    toml.write_text('"O\'Neill, S" = 2026-10-06T12:00:00+02:00\n"Zoë".dropout = '
                    "2026-10-05T12:00:00+02:00\n", encoding="utf-8")
    for path in (table, toml):
        times = times_in(path, ["dropout"])
        assert times.of("Zoe\u0308", "dropout").day == 5      # the same name, spelled otherwise
        assert times.of("O'Neill, S", "dropout").day == 6
        assert times.of("Zoë", "other") is None and times.of("Bo", "dropout") is None
        assert times.strangers(["Zoë", "Bo"]) == ["O'Neill, S"]


def test_a_time_for_an_exercise_goes_before_that_for_all():
    times = Times({("Ada", ""): 1, ("Ada", "dropout"): 2})
    assert times.of("Ada", "dropout") == 2 and times.of("Ada", "tape") == 1


@pytest.mark.parametrize("text, sentence", [
    ("name,time\n", "the columns have to be student, time"),
    ("", "got none"),
    ("student,time\nA,yesterday\n", "line 2 must be a date with a time"),
    ("student,time\nA,2026-10-05T12:00\n", "line 2 must say its time zone"),
    ("student,time\nA,2026-10-05T12:00Z,3\n", "line 2 must have 2 columns"),
    ("student,time,exercise\nA,2026-10-05T12:00Z\n", "line 2 must have 3 columns"),
    ("student,time\nA,2026-10-05T12:00Z\nA,2026-10-06T12:00Z\n", "line 3: there are two times"),
    ("student,time,exercise\nA,2026-10-05T12:00Z,x\n", "line 2: the course has no exercise 'x'"),
])
def test_wrong_times(tmp_path, text, sentence):
    (tmp_path / "times.csv").write_text(text, encoding="utf-8")
    with pytest.raises(ValueError) as told:
        read(tmp_path, '[handed_in]\ntime = "times.csv"\n' + EXERCISES)
    assert sentence in str(told.value) and "handed_in.time: " in str(told.value)


def test_no_times_are_known():
    assert Times({}).of("A", "dropout") is None


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"created_at": 3}', b"[" * 10**5])
def test_metadata_that_hold_no_time(data):
    with pytest.raises((ValueError, TypeError), match="submission_metadata.json"):
        gradescope_time(data)
