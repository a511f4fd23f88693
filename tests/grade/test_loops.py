"""A remark, and no mistake: a right solution that goes entry by entry is told from array code."""

import ast
import inspect
import textwrap

import numpy as np
import pytest

from minidrop.grade import runner
from minidrop.grade.exercise import SOLVED, exercise_named, exercise_names
from minidrop.grade.judges import Fault
from minidrop.grade.marking import ENTRIES, by_loops, mark
from minidrop.grade.stub import solved
from minidrop.grade.values import largest, realised


def said(function, inputs, monkeypatch):
    """The remark on a function of this process."""
    function = inspect.unwrap(function)
    monkeypatch.setattr(runner, "NAME", function.__code__.co_filename)
    return by_loops(lambda arguments: runner.Lines().of(
        function, realised(arguments).values()), inputs)


def entry_by_entry(x):
    y = np.zeros(x.shape)
    for i in np.ndindex(x.shape):
        y[i] = x[i] + 1
    return y


def in_a_helper(x):
    return np.vectorize(lambda one: one + 1)(x)


def in_a_comprehension(x):
    return [one + 1 for one in x]


def array_code(x):
    return x + 1


def a_loop_of_any_size(x):
    for _ in range(7):
        x = x + 1
    return x - 6


def a_loop_over_rows(x):
    return np.array([one + 1 for one in x.reshape(-1, 5)])


@pytest.mark.parametrize("function, remarked", [
    (entry_by_entry, True), (in_a_helper, True), (in_a_comprehension, True), (array_code, False),
    (a_loop_of_any_size, False), (a_loop_over_rows, False)])
def test_a_line_for_each_entry_is_told_from_array_code(function, remarked, monkeypatch):
    inputs = [{"x": np.ones(5)}, {"x": np.ones(40)}]
    first = said(function, inputs, monkeypatch)
    assert bool(first) == remarked and first == said(function, inputs, monkeypatch)
    assert said(function, [{"x": np.ones(5)}, {"x": np.ones(5 + ENTRIES - 1)}], monkeypatch) == ""


def test_the_remark_counts(monkeypatch):
    inputs = [{"x": np.ones(5)}, {"x": np.ones(40)}]
    assert said(entry_by_entry, inputs, monkeypatch) == (
        "by loops: 70 lines more run for 35 entries more; array code runs as many lines for any "
        "size")


def test_what_cannot_be_counted_is_not_remarked_on():
    def late(arguments):
        raise Fault("late", "no answer")
    assert by_loops(late, [{"x": np.ones(5)}, {"x": np.ones(40)}]) == ""


@pytest.mark.slow
def test_most_specifications_are_remarked_on_and_nothing_without_a_loop(monkeypatch):
    loops = (ast.For, ast.While, ast.comprehension)
    remarked = []
    for name in exercise_names():
        for task in exercise_named(name).tasks.values():
            inputs = task.inputs()
            if largest(inputs[-1]) - largest(inputs[0]) < ENTRIES:
                continue
            for style, function in task.rights.items():
                found = said(function, inputs, monkeypatch)
                tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
                assert not found or any(isinstance(one, loops) for one in ast.walk(tree)), (
                    task.name, style, found)
                if style == SOLVED:
                    remarked.append(bool(found))
    assert sum(remarked) > 0.9 * len(remarked) > 30


@pytest.mark.slow
def test_a_submission_is_paid_in_full_and_told():
    exercise = exercise_named("dropout")
    task = exercise.tasks["dropout.2"]
    marks = [one for right in task.rights.values()
             for one in mark(solved(exercise, apply_mask=right), exercise).marks
             if one.task == task.name]
    assert [one.points for one in marks] == [task.points] * len(marks)
    assert [one.verdict.loops for one in marks] == [True] + [False] * (len(marks) - 1)
    assert marks[0].verdict.remarks[0].startswith("by loops: ") and not marks[1].verdict.remarks


@pytest.mark.slow
def test_what_is_changed_and_printed_is_told_with_its_task():
    exercise = exercise_named("dropout")
    lines = "    print('so far', x.shape)\n    x += 0.5\n    y = x * 0\n"
    text = solved(exercise).replace("    y = np.zeros(x.shape)\n", lines, 1)
    told = {one.task: one.verdict.remarks for one in mark(text, exercise).marks}
    assert told["dropout.2"] == ("apply_mask changes its argument x", "it prints: so far (1,)")
    assert not any("prints" in one for name in told if name != "dropout.2" for one in told[name])
