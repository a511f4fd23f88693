"""What a student reads about each known mistake: on a screen, with a call that can be copied."""

import io

import numpy as np
import pytest
from rich.cells import cell_len

from minidrop import terminal
from minidrop.grade.exercise import exercise_named, exercise_names
from minidrop.grade.judges import Failure, Fault, Verdict
from minidrop.grade.marking import Mark, Marks
from minidrop.grade.shown import call, drawing, literal, show
from minidrop.grade.values import Function, Rng, realised

SEED = 3
QUICK = "adjoints", "max_norm", "tape"            # of these all is looked at in every run


def page(marks, exercise, source=b"", **options):
    """What is printed of Marks, as plain text."""
    out = terminal.console(file=io.StringIO(), width=100, **options)
    show(out, marks, exercise, "mine.py", source, SEED)
    return out.file.getvalue()


def marked(task, function, inputs):
    """The Mark of a function that is called in this process."""
    def answers(arguments, times=1):
        try:
            with np.errstate(all="ignore"):
                return [function(*realised(arguments, i).values()) for i in range(times)]
        except Exception as error:
            raise Fault("raised", f"line 2: {type(error).__name__}: {error}") from None

    return Mark(task.name, 0.0, task.points, task.judge(task, answers, inputs))


@pytest.mark.parametrize("name", [
    pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
    for name in exercise_names()])
def test_every_mistake_fits_on_a_screen_and_its_call_can_be_copied(name):
    exercise = exercise_named(name)
    for task in exercise.tasks.values():
        inputs = task.inputs(SEED)
        for reason, function in task.wrongs.items():
            mark = marked(task, function, inputs)
            text = page(Marks(name, (mark,), "", 0.0), exercise)
            lines, failure = text.splitlines(), mark.verdict.failure
            assert len(lines) <= 40 and max(map(cell_len, lines)) <= 100, text
            assert f"({task.name})" in text and f"0 of {task.points:g} points" in text
            assert terminal.plain(reason).split()[-1] in text
            copied = call(failure, task, SEED)
            assert "\n".join(copied) in text
            _runs_with_the_same_arguments(copied, task, failure)


def _runs_with_the_same_arguments(copied, task, failure):
    seen = []
    space = {"np": np, task.function: lambda *given: seen.append(given)}
    exec("\n".join(copied), space)
    for one, other in zip(seen[0], realised(failure.arguments).values(), strict=True):
        if isinstance(one, np.random.Generator):
            assert one.random() == other.random()
        elif not callable(one):
            assert repr(one) == repr(other)


def test_one_line_for_what_is_right_or_not_begun_and_nothing_twice():
    exercise = exercise_named("dropout")
    task = exercise.tasks["dropout.2"]

    def one(kind, said):
        failure = Failure(task.inputs(SEED)[0], None, None, said, "A hint.", kind)
        return Mark(task.name, 0.0, 2, Verdict(12, 0, failure))

    right = Mark("dropout.1", 3.0, 3, Verdict(5, 5, None, ("it goes entry by entry",)))
    text = page(Marks("dropout", (right, one("unwritten", "x"), one("missing", "y")), "", 0.0),
                exercise)
    assert text.splitlines() == [
        "mine.py: dropout", "dropout.1  draw_mask: right, 3 of 3 points",
        "    it goes entry by entry", "dropout.2  apply_mask: not written yet, 0 of 2 points",
        "dropout.2  apply_mask: not in the file, 0 of 2 points", "", "3 of 7 points"]
    text = page(Marks("dropout", (one("raised", "NameError: q"),) * 2, "", 0.0), exercise)
    assert text.count("hint: A hint.") == 1
    assert "0 of 2 points\n    NameError: q, as above\n" in text


def test_the_line_of_the_file_is_shown():
    exercise = exercise_named("dropout")
    task = exercise.tasks["dropout.2"]
    failure = Failure(task.inputs(SEED)[0], None, 1.0, "line 2: NameError: q", "", "raised")
    marks = Marks("dropout", (Mark(task.name, 0.0, 2, Verdict(12, 0, failure)),), "", 0.0)
    assert "line 2: NameError: q (0 of 12 inputs are right)\n  │ return x / q" in page(
        marks, exercise, b"def f(x):\n    return x / q\n")
    marks = Marks("dropout", (), "line 9: minidrop may not be imported", 0.0)
    assert "nothing was run: line 9: minidrop may not be imported\n\n0 of 0" in page(
        marks, exercise, b"\xff")


@pytest.mark.parametrize("value", [
    np.array([[0.1, -2.0]]), np.float32([1.5]), np.ones((2, 2, 2), bool), np.zeros((0, 3)),
    np.int32([[1], [2]]), (1, (2.5,)), [np.ones(2), {"a": np.zeros(1)}], "text", None, True,
    np.arange(60.0).reshape(3, 20) / 7], ids=str)
def test_a_literal_is_the_value(value):
    again = eval(literal(value), {"np": np})
    assert repr(again) == repr(value) and type(again) is type(value)
    assert getattr(again, "dtype", 0) == getattr(value, "dtype", 0)
    assert "\n\n" not in literal(value)


def test_arguments_are_left_out_of_a_drawing_that_would_fill_the_screen():
    arguments = {f"x{i}": np.ones((10, 9)) / 3 for i in range(9)}
    lines = [line.plain for line in drawing(Failure(arguments, np.ones(3), np.zeros(3), ""), 96)]
    assert len(lines) <= 25 and lines[0].startswith("x0") and lines[-3].startswith("expected")


def test_streams_and_functions_are_written_as_the_submission_gets_them():
    rng = eval(literal(Rng(7)), {"np": np})
    assert rng.random() == realised({"rng": Rng(7)})["rng"].random()
    assert eval(literal(Function("lambda x: x + 1")))(2) == 3


def test_a_large_input_is_fetched_and_not_written_out():
    exercise = exercise_named("dropout")
    task = exercise.tasks["dropout.2"]
    inputs = task.inputs(SEED)
    failure = Failure(inputs[-1], None, None, "")
    copied = call(failure, task, SEED)
    assert copied[2] == "x, mask, p = task.inputs(3)[11].values()" and len(copied) == 4
    _runs_with_the_same_arguments(copied, task, failure)
