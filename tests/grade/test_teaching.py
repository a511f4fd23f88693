"""The guide for lecturers: its plan holds every exercise, its minutes add up, its example works."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from minidrop import lesson
from minidrop.cli import main
from minidrop.grade.exercise import exercise_names
from tests.grade import loaded

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "site/pages/teaching.md").read_text(encoding="utf-8")
ROWS = [[cell.strip() for cell in row.split("|")[1:-1]]
        for row in re.findall(r"^\| \d.*", PAGE, re.M)]
LESSON, POINT = 40, 5                             # minutes


def test_the_plan_has_twelve_weeks_of_two_or_three_lessons_that_are_written():
    assert [row[0] for row in ROWS] == [str(week) for week in range(1, 13)]
    weeks = [row[1].split(", ") for row in ROWS]
    assert {len(week) for week in weeks} == {2, 3}
    lessons = [name for week in weeks for name in week]
    assert len(lessons) == len({*lessons}) == 27 and {*lessons} <= {*lesson.written()}


def test_every_exercise_is_in_the_week_of_its_lesson():
    planned = {name: row[1].split(", ") for row in ROWS for name in row[2].split(", ")}
    assert sorted(planned) == exercise_names()
    assert sum(len(row[2].split(", ")) for row in ROWS) == len(planned)
    for name, lessons in planned.items():
        assert loaded(name).lesson in lessons, name


def test_the_minutes_are_those_of_the_rule_that_is_given():
    assert f"{LESSON} for a lesson" in PAGE and f"{POINT} for every point" in PAGE
    for row in ROWS:
        points = sum(loaded(name).points for name in row[2].split(", "))
        lessons = len(row[1].split(", "))
        assert row[3] == f"{LESSON * lessons} + {POINT * points:g}", row[0]
        assert row[4], row[0]


def test_every_lesson_links_to_its_tasks_and_to_no_others():
    lessons = {name: loaded(name).lesson for name in exercise_names()}
    for name in lesson.written():
        text = lesson.path_of(name).read_text(encoding="utf-8")
        linked = re.findall(r"^# (?:## Exercises, and tasks:|and) `minidrop grade start ([\w ]+)`$",
                            text, re.M)
        ours = [known for known, where in lessons.items() if where == name]
        assert sorted(" ".join(linked).split()) == ours, name


@pytest.mark.slow
def test_the_example_of_a_new_task_is_proved(tmp_path):
    code, = re.findall(r"```python\n(.*?)```", PAGE, re.S)
    (tmp_path / "sequences.py").write_text(code, encoding="utf-8")
    proved = CliRunner().invoke(main, ["grade", "prove", str(tmp_path / "sequences.py")])
    assert proved.exit_code == 0, proved.output
    broken = code.replace("return x * (noise < p)", "return x * (noise >= p)")
    assert broken != code
    (tmp_path / "sequences.py").write_text(broken, encoding="utf-8")
    proved = CliRunner().invoke(main, ["grade", "prove", str(tmp_path / "sequences.py")])
    assert proved.exit_code == 1 and "it passes" in proved.output
