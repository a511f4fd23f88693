r"""An exercise and its tasks, as an author writes them.

    exercise = Exercise("dropout", lesson="dropout")

    @exercise.task("dropout.2", points=2, key=md.dropout, cases=cases, hint="Divide by 1 - p.")
    def inverted(x, mask, p):
        '''Scale what is kept while training.

        x is a floating array, mask of its shape and True where it keeps; p < 1.
        '''
        y = np.zeros(x.shape)
        for i in np.ndindex(x.shape):
            if mask[i]:
                y[i] = x[i] / (1 - p)
        return y

    @inverted.right("one line")
    def _(x, mask, p):
        return x * mask / (1 - p)

    @inverted.wrong("it is divided by p, the probability of dropping")
    def _(x, mask, p):
        return x * mask / p

The body of the task is its specification: naive loops, printed in the stub, and a right solution as
well.  `key` answers the same arguments, and is what a submission is held against.
"""

import ast
import functools
import inspect
import os
import runpy
import textwrap
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from .. import catalog, lesson
from .judges import same
from .values import size

SOLVED = "the specification"                      # the style of the loops in the stub


class Task:
    """One function to write; `name` is the tag of its equation where it has one."""

    def __init__(self, name, spec, points, key, cases, judge, equation, hint):
        self.name, self.spec, self.points = name, spec, points
        self.key, self.cases, self.judge = key, cases, judge
        self.equation, self.hint = equation, hint
        self.function = spec.__name__
        self.arguments = [*inspect.signature(spec).parameters]
        text = inspect.getdoc(spec) or ""
        self.title, _, rest = text.partition("\n")
        self.text = rest.strip()
        self.rights: dict[str, Any] = {SOLVED: spec}
        self.wrongs: dict[str, Any] = {}
        self.laws: dict[str, str] = {}            # which law a mistake breaks, where one is named

    def right(self, style):
        """Decorator: another right solution, in the named style; the grader has to pass it."""
        def keep(function):
            self.rights[style] = function
            return function
        return keep

    def wrong(self, reason, law=""):
        """Decorator: a known mistake.  The grader has to fail it, and to say `reason`.

        In a task that draws, `law` is the law that it breaks.
        """
        def keep(function):
            self.wrongs[reason] = function
            self.laws[reason] = law
            return function
        return keep

    def inputs(self, seed=0):
        """All inputs the task is tried on, the smallest first: dicts of arguments."""
        rng = np.random.default_rng([seed, zlib.crc32(self.name.encode())])
        return sorted((dict(zip(self.arguments, case, strict=True)) for case in self.cases(rng)),
                      key=size)


class Exercise:
    """The tasks on one subject; `lesson` is the lesson that leads to them."""

    def __init__(self, name, lesson, title=""):
        self.name, self.lesson, self.title = name, lesson, title
        self.tasks: dict[str, Task] = {}
        self.helpers: list[Any] = []

    def task(self, name, points, key, cases, hint, judge=None, equation=None):
        r"""Decorator: make a task of its specification.

        `name` is the tag of its equation (dropout.2); where the catalog has no such equation,
        `equation` is the formula in LaTeX.  `key(*arguments)` is what is due, `cases(rng)` yields
        tuples of arguments, `judge` compares (by default `same()`), and `hint` is a sentence that
        helps without telling the answer.
        """
        if name.partition(".")[0] != self.name:
            raise ValueError(f"a task of {self.name} is called {self.name}.NUMBER, got {name!r}")
        if name in self.tasks:
            raise ValueError(f"there is a task {name} already")
        if equation is None:
            equation = self.equations[name]

        def keep(spec):
            made = Task(name, spec, points, key, cases, judge or same(), equation, hint)
            self.tasks[name] = made
            return made
        return keep

    def given(self, function):
        """Decorator: a function that the stub brings along, for the tasks to use."""
        self.helpers.append(function)
        return function

    @functools.cached_property
    def equations(self):
        """{tag: LaTeX} of the technique of this name."""
        return catalog.formulas(self.name)

    @property
    def points(self):
        """The sum of the points of all tasks."""
        return sum(task.points for task in self.tasks.values())


def folder():
    """Where exercises lie: MINIDROP_EXERCISES, or among the lessons."""
    own = os.environ.get("MINIDROP_EXERCISES")
    return Path(own) if own else lesson.folder() / "exercises"


def exercise_names(where=None):
    """The names of all exercises, in alphabetical order."""
    return sorted(path.stem for path in Path(where or folder()).glob("*.py") if path.stem[0] != "_")


def exercise_named(name, where=None):
    """The exercise called `name`; ValueError where there is none."""
    path = Path(where or folder()) / f"{name}.py"
    if not path.is_file():
        raise ValueError(f"there is no exercise {name!r}; there are "
                         f"{', '.join(exercise_names(where))}")
    made = runpy.run_path(str(path), run_name=f"exercise_{name}")
    found = [value for value in made.values() if isinstance(value, Exercise)]
    if len(found) != 1 or found[0].name != name:
        raise ValueError(f"{path} has to make one Exercise({name!r}, ...)")
    found[0].title = found[0].title or (made["__doc__"] or name).partition("\n")[0]
    return found[0]


def source_of(function, name):
    """The source of a function, as one of another name and without its decorators."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function))).body[0]
    assert isinstance(tree, ast.FunctionDef)
    tree.name, tree.decorator_list = name, []
    return ast.unparse(tree)


def body_of(function):
    """The lines of a function's body without its docstring, as they are written."""
    lines = textwrap.dedent(inspect.getsource(function)).splitlines()
    tree = ast.parse("\n".join(lines)).body[0]
    assert isinstance(tree, ast.FunctionDef)
    first = tree.body[1 if ast.get_docstring(tree) else 0]
    return textwrap.dedent("\n".join(lines[first.lineno - 1:tree.end_lineno]))
