"""Stubs: all that a student needs, nothing that tells the answer, and Python as it stands."""

import ast

import pytest

from minidrop import terminal
from minidrop.grade.exercise import SOLVED, body_of, exercise_names
from minidrop.grade.marking import exercise_of, readable
from minidrop.grade.stub import solved, stub
from tests.grade import loaded

QUICK = {"dropblock", "mlp", "mixup"}
NAMES = [pytest.param(name, marks=() if name in QUICK else pytest.mark.slow)
         for name in exercise_names()]


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_names_its_tasks_with_equation_and_loops_and_is_python(name):
    exercise = loaded(name)
    text = stub(exercise)
    assert exercise_of(text) == name and readable(text) == (text, "")
    assert max(map(len, text.splitlines())) <= 100
    functions = {node.name: node for node in ast.parse(text).body
                 if isinstance(node, ast.FunctionDef)}
    for task in exercise.tasks.values():
        doc = ast.get_docstring(functions[task.function], clean=True)
        points = "1 point" if task.points == 1 else f"{task.points:g} points"
        assert f"Task {task.name}, {points}." in doc
        assert " ".join(terminal.formula(task.equation).split()) in " ".join(doc.split())
        assert " ".join(body_of(task.spec).split()) in " ".join(doc.split())
        assert " ".join(task.title.split()) in " ".join(doc.split())
        assert task.name in ast.unparse(functions[task.function].body[-1])


@pytest.mark.parametrize("name", NAMES)
def test_a_stub_tells_no_mistake_and_no_answer(name):
    exercise = loaded(name)
    text = stub(exercise)
    assert "import minidrop" not in text
    for task in exercise.tasks.values():
        assert task.hint not in text and not any(reason in text for reason in task.wrongs)
        assert not any(body_of(function) in text for style, function in task.rights.items()
                       if style != SOLVED)


@pytest.mark.parametrize("name", NAMES)
def test_a_submission_put_together_holds_what_is_given_and_nothing_to_write(name):
    exercise = loaded(name)
    task = [*exercise.tasks.values()][-1]
    assert "NotImplementedError" not in solved(exercise)
    assert solved(exercise, **{task.function: None}).count("NotImplementedError") == 1
    wrong = [*task.wrongs.values()][0]
    assert readable(solved(exercise, **{task.function: wrong}))[1] == ""


def test_the_head_says_how_to_go_on():
    exercise = loaded("dropout")
    text = stub(exercise)
    assert f"{len(exercise.tasks)} tasks, {exercise.points:g} points" in text
    assert "minidrop grade check dropout.py" in text and "minidrop lesson dropout" in text
