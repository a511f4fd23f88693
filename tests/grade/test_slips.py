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
SMALL = 1e-3                                      # an epsilon, which may not be left out
ALIKE = {                                         # slips that change no result, and why
    *(("attentive_cutmix.2", f"features[image, c] {factor}")      # the order is the same
      for factor in ("* channels", "/ images", "/ h", "/ w")),
    ("smallify.7", "(1 - decay) / sign[i]"),                      # a sign is 1 or -1
    *(("snapshot.8", f"probs[m, n] {factor}")                     # the largest is the same
      for factor in ("* M", "/ N", "/ K")),
}
TASKS = {task.name: (exercise, task) for exercise in map(exercise_named, exercise_names())
         for task in exercise.tasks.values() if task.key}


def slips(source):
    """Sources with one sign turned, an epsilon or one line of a loop left out, or one size of an
    array in the place of another."""
    tree = ast.parse(source)
    if ast.get_docstring(tree.body[0]):
        del tree.body[0].body[0]
    sizes = sizes_in(tree)
    for k, node in enumerate(ast.walk(tree)):
        sign = node.ops[0] if isinstance(node, ast.Compare) else getattr(node, "op", None)
        lines = node.body if isinstance(node, ast.For | ast.If) else []
        if isinstance(getattr(node, "value", None), float) and 0 < node.value < SMALL:
            other = copy.deepcopy(tree)
            [*ast.walk(other)][k].value = 0.0
            yield ast.unparse(other)
        used = isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)
        for size in sizes.get(node.id, ()) if used else ():
            other = copy.deepcopy(tree)
            [*ast.walk(other)][k].id = size
            yield ast.unparse(other)
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


def sizes_in(tree):
    """{name: the others} of all sizes that one line takes from a shape: `N, C = x.shape`."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) \
                and ast.unparse(node.value).endswith("shape"):
            names = [one.id for one in node.targets[0].elts if isinstance(one, ast.Name)]
            found |= {name: [other for other in names if other != name] for name in names}
    return found


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
