"""Slips of the pen: every sign of a specification is turned, and the inputs of its task show it."""

import ast
import copy
import signal

import numpy as np
import pytest

from minidrop.grade.exercise import exercise_named, exercise_names, source_of
from minidrop.grade.judges import difference
from minidrop.grade.values import realised

pytestmark = pytest.mark.slow

TURNED = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
          ast.Pow: ast.Mult, ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt,
          ast.Eq: ast.NotEq}
ALIKE = {                                         # slips that change no result, and why
    ("attentive_cutmix.2", "features[image, c] * channels"),      # the order is the same
    ("smallify.7", "(1 - decay) / sign[i]"),                      # a sign is 1 or -1
    ("snapshot.8", "probs[m, n] * M"),                            # the largest is the same
    ("variational.12", "theta[i] ** 2 - 1e-08"),                  # it keeps a logarithm finite
}
TASKS = {task.name: (exercise, task) for exercise in map(exercise_named, exercise_names())
         for task in exercise.tasks.values() if task.key}


def slips(source):
    """Sources with one sign turned, or one line of a loop left out."""
    tree = ast.parse(source)
    if ast.get_docstring(tree.body[0]):
        del tree.body[0].body[0]
    for k, node in enumerate(ast.walk(tree)):
        sign = node.ops[0] if isinstance(node, ast.Compare) else getattr(node, "op", None)
        lines = node.body if isinstance(node, ast.For | ast.If) else []
        for i in [None] * (type(sign) in TURNED) + [*range(len(lines))]:
            other = copy.deepcopy(tree)
            there = [*ast.walk(other)][k]
            if i is not None:
                there.body[i] = ast.Pass()
            elif isinstance(there, ast.Compare):
                there.ops[0] = TURNED[type(sign)]()
            else:
                there.op = TURNED[type(sign)]()
            yield ast.unparse(other)


@pytest.fixture
def watched():
    """A slip may never end: what takes two seconds is seen."""
    def late(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("name", TASKS)
def test_no_slip_gives_the_right_answers(name, watched):
    exercise, task = TASKS[name]
    inputs, source = task.inputs(), source_of(task.spec, task.function)
    due = [task.key(*realised(arguments).values()) for arguments in inputs]
    space = {"np": np} | {helper.__name__: helper for helper in exercise.helpers}
    for slip in slips(source):
        assert seen(slip, task, inputs, due, space) or any(
            task == name and part in slip for task, part in ALIKE), slip


def seen(slip, task, inputs, due, space):
    exec(slip, space)
    signal.alarm(2)
    try:
        with np.errstate(all="ignore"):
            return any(difference(space[task.function](*realised(arguments).values()), one)
                       for arguments, one in zip(inputs, due, strict=True))
    except Exception:
        return True
    finally:
        signal.alarm(0)
