"""Lessons: percent-format scripts that are read, run and checked cell by cell."""

import os
from pathlib import Path
from typing import NamedTuple

from .terminal import console, print_code, print_markdown

# The course, in order.  A lesson's number is its place here and never changes.
ORDER = (
    "tape", "adjoints", "checks", "mlp", "overfitting", "dropout", "scaling", "ensembles",
    "gaussian", "convolution", "spatial", "dropblock", "paths", "dropconnect", "cutout", "mixing",
    "attention", "norms", "penalties", "multi_sample", "targeted", "rivals", "dynamics",
    "early_late", "snapshots", "implicit", "landscape", "speed", "gpu",
    "museum", "verify",
)


class Cell(NamedTuple):
    """A cell of a script: "markdown" or "code", its text, and the line it starts on, from 1."""

    kind: str
    text: str
    line: int


def smoke():
    """Whether lessons run in smoke mode (MINIDROP_SMOKE=1): everything is executed, but briefly."""
    return os.environ.get("MINIDROP_SMOKE") == "1"


def quick(full, small):
    """`full` in a real run, `small` in smoke mode.

    >>> quick(30, 1) == (1 if smoke() else 30)
    True
    """
    return small if smoke() else full


def folder():
    """Where the lessons lie: within the installed package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside, beside = package / "_lessons", package.parent / "lessons"
    return inside if inside.is_dir() else beside


def path_of(name):
    """The file of a lesson, whether it is written yet or not; ValueError for an unknown name."""
    if name not in ORDER:
        raise ValueError(f"name must be one of {', '.join(ORDER)}, got {name!r}")
    return folder() / f"{ORDER.index(name) + 1:02d}_{name}.py"


def written():
    """The names of the lessons that exist, in order."""
    return [name for name in ORDER if path_of(name).is_file()]


def title(name):
    """The first heading of a lesson."""
    source = path_of(name).read_text(encoding="utf-8")
    head = next(cell for cell in cells(source) if cell.kind == "markdown")
    return head.text.partition("\n")[0].lstrip("# ").strip()


def cells(source):
    """The cells of a percent-format script.

    >>> cells("# %% [markdown]\\n# # Title\\n# %%\\nx = 1\\n")[1]
    Cell(kind='code', text='x = 1\\n', line=4)
    """
    found, kind, start, lines = [], None, 1, source.splitlines(keepends=True)
    for i, line in enumerate([*lines, "# %%"]):
        if line.startswith("# %%"):
            text = "".join(lines[start - 1:i])
            if kind == "markdown":
                text = "".join(line[2:] or "\n" for line in text.splitlines(keepends=True))
            if kind and text.strip():
                found.append(Cell(kind, text, start))
            kind, start = "markdown" if "[markdown]" in line else "code", i + 2
    return found


def run(name, code=True):
    """Print and execute a lesson, cell by cell; an assertion that fails stops it with a traceback.

    With `code` False only the text and the output are shown.
    """
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, "blas"):            # a lesson's matrices are small
        _run(path_of(name), console(), code)


def _run(path, out, code):
    source = path.read_text(encoding="utf-8")
    namespace = {"__name__": "__main__", "__file__": str(path)}
    for cell in cells(source):
        if cell.kind == "markdown":
            out.print()
            print_markdown(out, cell.text)
            continue
        if code:
            out.print()
            print_code(out, cell.text.strip("\n"))
            out.print()
        padded = "\n" * (cell.line - 1) + cell.text    # so tracebacks name the file's own lines
        exec(compile(padded, str(path), "exec"), namespace)
