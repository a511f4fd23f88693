"""Every exercise: what its author gave is marked, in processes, and has to pass or fail as it says.
"""

import functools

import numpy as np
import pytest

from minidrop import catalog, lesson
from minidrop.grade.exercise import exercise_names
from minidrop.grade.judges import difference
from minidrop.grade.prove import prove
from minidrop.grade.values import realised
from tests.grade import loaded

EXERCISES = {name: loaded(name) for name in exercise_names()}
TASKS = {task.name: task for exercise in EXERCISES.values() for task in exercise.tasks.values()}
SEEDS = range(1, 6)                               # of a lecturer, who keeps them hidden


@functools.cache
def proofs(exercise):
    return prove(EXERCISES[exercise])


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_what_is_right_passes_and_each_mistake_fails_for_its_reason(name):
    found = [proof for proof in proofs(name.partition(".")[0]) if proof.task == name]
    assert len(found) > 8 and not [proof for proof in found if not proof.holds]


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.key])
def test_hidden_inputs_tell_the_same_right_from_wrong(name):
    task = TASKS[name]
    for seed in SEEDS:
        inputs = task.inputs(seed)
        due = [task.key(*realised(arguments).values()) for arguments in inputs]
        for style, function in task.rights.items():
            assert not any(differences(function, inputs, due)), (style, seed)
        for reason, function in task.wrongs.items():
            with np.errstate(all="ignore"):
                assert any(differences(function, inputs, due)), (reason, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name, task in TASKS.items() if task.key])
def test_hidden_inputs_are_others_so_that_no_table_of_answers_passes(name):
    open_to_all = [repr(arguments) for arguments in TASKS[name].inputs()]
    for seed in SEEDS:
        assert {*map(repr, TASKS[name].inputs(seed))} - {*open_to_all}


def differences(function, inputs, due):
    answers = (function(*realised(arguments).values()) for arguments in inputs)
    return [difference(answer, one) for answer, one in zip(answers, due, strict=True)]


@pytest.mark.parametrize("name", EXERCISES)
def test_a_task_is_of_an_equation_and_its_exercise_of_a_lesson_that_is_written(name):
    exercise, stated = EXERCISES[name], equations().get(name, {})
    assert exercise.lesson in lesson.written() and exercise.title and exercise.tasks
    for task in exercise.tasks.values():
        assert task.equation
        assert task.name not in stated or task.equation == stated[task.name]
        assert 1 <= task.points <= 4
        assert task.title.endswith((".", "?")) and task.hint.endswith((".", "?"))
        assert task.title not in task.hint and task.hint not in task.wrongs


@functools.cache
def equations():
    return {name: catalog.formulas(name) for name in catalog.summaries()}


def test_names_are_of_one_task_and_functions_of_one_task_in_an_exercise():
    assert len(TASKS) == sum(len(exercise.tasks) for exercise in EXERCISES.values())
    for exercise in EXERCISES.values():
        functions = [task.function for task in exercise.tasks.values()]
        assert len(functions) == len(set(functions))


def test_single_precision_is_held_to_its_seven_digits_and_double_to_more():
    due = np.array([1.0, 100.0, 0.0])
    for error, single, double in ((5e-6, True, False), (5e-5, False, False), (1e-7, True, True)):
        off = due * (1 + error) + error / 1e3
        assert (not difference(off.astype("float32"), due)) == single
        assert (not difference(off, due)) == double


def test_several_results_may_come_as_a_tuple_a_list_or_one_array_and_none_may_miss():
    due = (np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    for got in (due, [*due], np.array(due)):
        assert not difference(got, due)
    assert difference(np.array(due[:1]), due).startswith("2 results are due, in this order, and 1")
    assert "one thing came" in difference(np.array(1.0), due)
    assert difference(due[::-1], due).startswith("result 1 of 2")


def test_text_and_nothing_are_no_numbers():
    for got in ("0.5", ["0.5"], None, (None,), {}, ((),)):
        assert difference(got, np.array(0.5)) and difference(got, np.array([0.5])), got
    assert difference("0.5", 0.5) == "an array of numbers is due, and str came"


CORE = "activations", "adam", "adjoints", "checks", "convolution", "dynamics", "mlp", "tape"


def test_every_technique_and_every_topic_of_the_core_has_a_task():
    techniques = {path.stem for place in catalog.PLACES
                  for path in (catalog.PACKAGE / place).glob("*.py")} & set(equations())
    assert len(techniques) > 30 and techniques | set(CORE) == set(EXERCISES)
