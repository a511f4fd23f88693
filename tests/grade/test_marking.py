"""Marking: what is right passes, what is wrong fails with its reason."""

import pytest

from minidrop.grade.exercise import exercise_named
from minidrop.grade.marking import exercise_of, mark
from minidrop.grade.process import Limits
from minidrop.grade.stub import solved, stub

pytestmark = pytest.mark.slow


def test_a_blank_stub_gets_no_points_and_each_task_says_its_name():
    exercise = exercise_named("dropout")
    marks = mark(stub(exercise), exercise)
    assert marks.points == 0 and marks.most == exercise.points
    for one in marks.marks:
        assert one.task in one.verdict.failure.said and one.verdict.failure.kind == "unwritten"


def test_a_task_that_is_right_is_paid_though_another_is_wrong():
    exercise = exercise_named("dropout")
    marks = mark(solved(exercise, draw_mask=None), exercise)
    assert [one.points for one in marks.marks[:2]] == [0, 2]


def test_a_function_that_fails_after_many_calls_costs_its_task_alone():
    exercise = exercise_named("dropout")
    text = solved(exercise)
    at = text.index("\n", text.index("def draw_mask(")) + 1
    text = text[:at] + "    CALLS.append(1)\n    if len(CALLS) > 2000: 1 / 0\n" + text[at:]
    marks = mark(text + "\n\nCALLS = []\n", exercise)
    assert marks.marks[0].verdict.failure.kind == "raised"
    assert [one.right for one in marks.marks] == [False] + [True] * (len(marks.marks) - 1)


def test_a_submission_says_what_it_is_for():
    assert exercise_of(stub(exercise_named("dropout"))) == "dropout"
    assert exercise_of("x = 1") is None and exercise_of(b"\xff") is None


@pytest.mark.parametrize("name, wrong", [
    ("source", None), ("source", 3), ("exercise", "dropout"), ("exercise", None), ("seed", -1),
    ("seed", "a"), ("limits", 3), ("points", {"none": 1}), ("points", [1]), ("watch", 3)])
def test_what_mark_cannot_take_is_named(name, wrong):
    right = {"source": "", "exercise": exercise_named("dropout")}
    with pytest.raises((TypeError, ValueError), match=f"^{name} must be "):
        mark(**right | {name: wrong})


@pytest.mark.parametrize("wrong", ["a", float("nan"), -3, True, None])
def test_points_that_are_no_number_are_named(wrong):
    with pytest.raises((TypeError, ValueError), match=r"^points\['dropout.1'\] must be "):
        mark("", exercise_named("dropout"), points={"dropout.1": wrong})


@pytest.mark.parametrize("name, wrong", [
    ("seconds", "a"), ("seconds", float("nan")), ("wall", -1), ("memory_mb", 0.5),
    ("output_kb", 0), ("answer_mb", None)])
def test_limits_that_cannot_be_are_named(name, wrong):
    with pytest.raises((TypeError, ValueError), match=f"^limits.{name} must be "):
        mark("", exercise_named("dropout"), limits=Limits(**{name: wrong}))
