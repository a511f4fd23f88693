"""What a student reads about a submission that was marked."""

import re

import numpy as np
from rich.text import Text

from .. import terminal
from .picture import beside, pictures, signs
from .prove import size
from .values import Function, Rng

LITERAL, DRAWN = 8, 24                            # lines that an input may take, and a drawing
WORDS = {"unwritten": "not written yet", "missing": "not in the file"}
LAWS = {"law": ("", "one of your draws"), "rng": ("at first", "the second time")}


def show(out, marks, exercise, path, source, seed=0):
    """Print Marks: task by task, then the points and what to do next."""
    lines = source.decode(errors="replace").splitlines()
    out.print(Text(f"{path}: {exercise.name}", "bold"))
    if marks.refused:
        out.print(Text(f"nothing was run: {marks.refused}", "red"))
        _line_of_file(out, marks.refused, lines)
    said: set[str] = set()
    space = False
    for mark in () if marks.refused else marks.marks:
        space = _mark(out, mark, exercise.tasks[mark.task], path, lines, seed, said, space)
    out.print(Text(f"\n{marks.points:g} of {marks.most:g} points",
                   "bold green" if marks.points == marks.most else "bold"))


def _mark(out, mark, task, path, lines, seed, before, space):
    """Print the mark of one task: a line where it is right, or not begun; else a screen, and True.

    `before` has what was said of tasks before: it is not explained twice.
    """
    failure = mark.verdict.failure
    word = "right" if failure is None else WORDS.get(failure.kind, "wrong")
    brief = word != "wrong" or failure.kind != "wrong" and failure.said in before
    if space or not brief:
        out.print()
    out.print(Text.assemble(
        (f"{task.name}  {task.function}: ", "bold"),
        (word, "green" if failure is None else "red" if word == "wrong" else "yellow"),
        f", {mark.points:g} of {mark.most:g} points"))
    for remark in mark.verdict.remarks:
        out.print(Text(f"    {remark}", "dim"))
    if brief:
        if word == "wrong":
            out.print(Text(f"    {failure.said}, as above"))
        return False
    before.add(failure.said)
    out.print(Text(task.title))
    terminal.print_formula(out, rf"{task.equation} \tag{{{task.name}}}")
    counted = f" ({mark.verdict.right} of {mark.verdict.tried} inputs are right)"
    out.print(Text(failure.said + counted * (mark.verdict.tried > 1), "red"))
    _line_of_file(out, failure.said, lines)
    out.print()
    for line in drawing(failure, out.width - 4, out.encoding):
        out.print(Text("    " * bool(line)) + line, overflow="ignore", no_wrap=True)
    out.print(Text(f"the smallest input that fails, to be tried in `python -i {path}`:"))
    for line in call(failure, task, seed):        # at the margin, to be copied as it is
        out.print(Text(line, "cyan"), overflow="ignore", no_wrap=True, crop=False)
    if failure.hint:
        out.print(Text.assemble(("hint: ", "bold yellow"), terminal.plain(failure.hint)))
    return True


def _line_of_file(out, said, lines):
    """Print the line of the student's file that a sentence is about."""
    found = re.search(r"\bline (\d+)", said)
    if found and 0 < int(found[1]) <= len(lines) and lines[int(found[1]) - 1].strip():
        terminal.print_code(out, lines[int(found[1]) - 1].strip()[:90])


def drawing(failure, width, encoding="utf-8"):
    """Lines with the arguments of a Failure, what is expected and what came; then an empty one."""
    names = LAWS.get(failure.law if failure.law == "rng" else failure.kind, ("expected", "got"))
    arguments, results = pictures(failure, signs(encoding), names)
    while arguments or results:
        lines = beside([*arguments, *results], width)
        if arguments and results and len(lines) > 1 + max(len(one.lines) for one in
                                                          (*arguments, *results)):
            lines = [*beside(arguments, width), Text(), *beside(results, width)]
        if len(lines) <= DRAWN or not arguments:
            return [*lines, Text()]
        arguments.pop()
    return []


def call(failure, task, seed=0):
    """Lines of Python that call the function of a task with the arguments of a Failure."""
    written, short, arguments = [], [], failure.arguments
    if size(arguments) > 200:
        return _call_of_large(failure, task, seed)
    for name, value in arguments.items():
        text = literal(value, len(name) + 3)
        if isinstance(value, Rng | Function) or "np." in text or len(text) > 40:
            written.append(f"{name} = {text}")
        else:
            short.append((name, text))
    if short:
        names, texts = (", ".join(texts) for texts in zip(*short, strict=True))
        written.append(f"{names} = {texts}")
    lines = "\n".join(written).splitlines()
    if len(lines) > LITERAL:
        return _call_of_large(failure, task, seed)
    return [*lines, f"{task.function}({', '.join(arguments)})"]


def _call_of_large(failure, task, seed):
    """The same, for arguments that would fill a screen."""
    names = ", ".join(failure.arguments)
    number = _number_of(failure.arguments, task.inputs(seed))
    return ["from minidrop.grade import exercise_named",
            f'task = exercise_named("{task.name.partition(".")[0]}").tasks["{task.name}"]',
            f"{names} = task.inputs({seed or ''})[{number}].values()",
            *(f"{name} = {literal(value)}" for name, value in failure.arguments.items()
              if isinstance(value, Rng | Function)),
            f"{task.function}({names})"]


def literal(value, indent=0):
    """A value as Python writes it.

    >>> literal((np.array([0.5, 1.0]), {"p": 0.1}))
    "(np.array([0.5, 1. ]), {'p': 0.1})"
    >>> literal(Rng(7))
    'np.random.default_rng([7, 0])'
    """
    if isinstance(value, Rng):
        return f"np.random.default_rng([{value.seed}, 0])"
    if isinstance(value, Function):
        return value.source
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key!r}: {literal(one)}' for key, one in value.items())}}}"
    if isinstance(value, tuple | list):
        left, right = "()" if isinstance(value, tuple) else "[]"
        comma = "," if isinstance(value, tuple) and len(value) == 1 else ""
        return left + ", ".join(map(literal, value)) + comma + right
    if isinstance(value, np.ndarray):
        if not value.size:
            return f"np.zeros({value.shape})"
        text = np.array2string(value, 88 - indent, separator=", ", threshold=10**9,
                               floatmode="unique", formatter={"bool": str},
                               prefix=" " * (indent + 9))
        text = "\n".join(line for line in text.splitlines() if line)
        kind = "" if value.dtype.name in ("float64", "int64", "bool") else f", np.{value.dtype}"
        return f"np.array({text}{kind})"
    return repr(value.item() if isinstance(value, np.generic) else value)


def _number_of(arguments, inputs):
    """Which of all inputs these arguments are."""
    texts = [[literal(value) for value in given.values()] for given in (arguments, *inputs)]
    return texts[1:].index(texts[0])
