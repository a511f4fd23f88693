"""The stub of an exercise: the file a student starts from; and solutions put together for tests."""

import inspect
import textwrap

from .. import terminal
from .exercise import SOLVED, body_of, source_of

HEAD = '''r"""{title}

{count}, {points} points.  Write the body of each function, and try it as often as you like:

    minidrop grade check {name}.py

The lesson that leads here: minidrop lesson {lesson}
Loops are shown to say what is asked.  Whatever gives the right numbers passes, whichever way it is
written; array code says the same in a line or two.  numpy and Python's own modules of mathematics
may be imported, minidrop may not: it holds the answers.
"""

import numpy as np

EXERCISE = "{name}"
'''

TASK = '''

def {function}{signature}:
    r"""Task {name}, {points}.

{title}

{formula}

{text}As loops:

{loops}
    """
    raise NotImplementedError("{name}: {function} is not written yet")
'''


def stub(exercise):
    """The text of the file for a student."""
    count = f"{len(exercise.tasks)} task{'s' if len(exercise.tasks) > 1 else ''}"
    return _head(exercise, count) + "".join(_task(task) for task in exercise.tasks.values())


def solved(exercise, **given):
    """The text of a submission: `given` {function name: function or None}, the others solved."""
    parts = [_head(exercise, "solved")]
    for task in exercise.tasks.values():
        function = given.get(task.function, task.rights[SOLVED])
        parts.append(_task(task) if function is None
                     else "\n\n" + source_of(function, task.function) + "\n")
    return "".join(parts)


def _head(exercise, count):
    title = textwrap.fill(exercise.title, 100, initial_indent=" " * 4)[4:]
    head = HEAD.format(title=title, count=count, points=f"{exercise.points:g}",
                       name=exercise.name, lesson=exercise.lesson)
    for helper in exercise.helpers:
        lines = inspect.getsource(helper).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("def "))
        head += "\n\n" + "\n".join(lines[start:]) + "\n"
    return head


def _task(task):
    tag = f"({task.name})"
    formula = textwrap.wrap(terminal.formula(task.equation), 84 - len(tag)) or [""]
    formula[-1] += "    " + tag
    text, loops = textwrap.dedent(task.text), body_of(task.spec)
    indent = min(8, 100 - max(map(len, loops.splitlines())))
    return TASK.format(
        function=task.function, signature=inspect.signature(task.spec), name=task.name,
        points=f"{task.points:g} point{'s' * (task.points != 1)}",
        title=textwrap.fill(task.title, 100, initial_indent=" " * 4, subsequent_indent=" " * 4),
        formula=textwrap.indent("\n".join(formula), " " * 8),
        text=textwrap.indent(text + "\n\n" if text else "", " " * 4) + " " * 4,
        loops=textwrap.indent(loops, " " * indent))
