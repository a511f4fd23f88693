"""What lessons print and draw: each is run in a kernel, and again once it or the package changed.

What was found is kept in build/cache/lessons, so an unchanged lesson costs nothing.
"""

import asyncio
import functools
import hashlib
import json
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from minidrop import lesson

ROOT = Path(__file__).parents[2]
CACHE = ROOT / "build" / "cache" / "lessons"
AT_ONCE = 2
ALONE = ("speed", "gpu")                          # they measure times
READ = ("numpy", "matplotlib", "ipykernel", "scipy", "threadpoolctl", "torch", "torchvision",
        "timm", "keras", "cupy-cuda12x")          # what lessons import, if it is there
SECONDS = 600                                     # a cell that takes longer is given up
# As `minidrop lesson` runs one: on one thread of BLAS; what a cell ends with is not shown.
BEFORE = """import numpy, threadpoolctl
threadpoolctl.threadpool_limits(1, "blas")
get_ipython().ast_node_interactivity = "none"
"""
AFTER = """import os
print(sum(os.times()[:4]))
"""
FIGURE = re.compile(r"^figure: (\S+)\n", re.M)
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
PLACE = re.compile(r"Cell In\[(\d+)\], line (\d+)")


class Output(NamedTuple):
    """What a code cell printed, and the names of the figures that it saved."""

    text: str
    figures: tuple


class Executed(NamedTuple):
    """The outputs of a lesson's code cells, its seconds of processor time, {figure's name: PNG}."""

    outputs: tuple
    seconds: float
    figures: dict


@functools.cache
def results():
    """{name: Executed} of all written lessons; a ValueError tells of all that failed."""
    names, state = lesson.written(), package_state()
    kept = {name: stored(name, key(lesson.path_of(name), state)) for name in names}
    due = [name for name in names if kept[name] is None]
    if due:
        kept |= asyncio.run(_all(due, state))
    return kept


def package_state(package=ROOT / "minidrop"):
    """A hash of all that lessons may read: the package, this file, and the versions of READ."""
    files = [path for path in sorted(package.rglob("*")) if path.is_file()
             and "__pycache__" not in path.parts and "_lessons" not in path.parts]
    found = hashlib.sha256(repr(_versions()).encode())
    for path in [*files, Path(__file__)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        found.update(f"{os.path.relpath(path, package)} {content}\n".encode())
    return found.hexdigest()


def _versions():
    from importlib.metadata import PackageNotFoundError, version

    def there(name):
        try:
            return version(name)
        except PackageNotFoundError:
            return "not there"

    return sys.version, *map(there, READ)


def key(path, state):
    """The name under which what a lesson does is kept: it changes with whatever may change that."""
    return hashlib.sha256(f"{state} {lesson.smoke()}".encode() + path.read_bytes()).hexdigest()


def _place(name):
    return CACHE / (f"{name}-smoke" if lesson.smoke() else name)


def stored(name, due):
    """The `Executed` that is kept under the key `due`, or None."""
    try:
        found = json.loads((_place(name) / "outputs.json").read_text(encoding="utf-8"))
        if found["key"] != due:
            return None
        outputs = tuple(Output(text, tuple(figures)) for text, figures in found["outputs"])
        return Executed(outputs, found["seconds"],
                        {figure: (_place(name) / f"{figure}.png").read_bytes()
                         for output in outputs for figure in output.figures})
    except (FileNotFoundError, json.JSONDecodeError, KeyError, TypeError):
        return None                               # half of it is there: it is run again


def store(name, due, done):
    """Keep an `Executed` under the key `due`, in place of what was there."""
    place = _place(name)
    new = place.with_name(place.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    for figure, png in done.figures.items():
        (new / f"{figure}.png").write_bytes(png)
    found = {"key": due, "seconds": done.seconds, "outputs": done.outputs}
    (new / "outputs.json").write_text(json.dumps(found), encoding="utf-8")
    shutil.rmtree(place, ignore_errors=True)
    new.rename(place)


async def _all(names, state):
    """Run lessons, a few at once; those that ran are kept even if others fail."""
    from tqdm import tqdm

    gate, failed, done = asyncio.Semaphore(AT_ONCE), [], {}
    with tqdm(names, desc="lessons", unit="lesson") as bar:
        async def one(name):
            async with gate:
                path = lesson.path_of(name)
                due = key(path, state)            # as it is now: it may change while it runs
                try:
                    done[name] = await execute(path)
                    store(name, due, done[name])
                except ValueError as error:
                    failed.append(str(error))
                bar.set_postfix_str(name)
                bar.update()

        await asyncio.gather(*(one(name) for name in names if name not in ALONE))
        for name in ALONE:
            if name in names:
                await one(name)
    if failed:
        raise ValueError("\n".join(sorted(failed)))
    return done


async def execute(path):
    """Run one lesson in a kernel of its own; ValueError with its name and line where it fails."""
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
    from nbformat import v4

    code = [cell for cell in lesson.cells(path.read_text(encoding="utf-8")) if cell.kind == "code"]
    notebook = v4.new_notebook(cells=[v4.new_code_cell(text)
                                      for text in (BEFORE, *(cell.text for cell in code), AFTER)])
    with tempfile.TemporaryDirectory() as folder:
        paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        settings = {"MPLBACKEND": "Agg", "IPYTHONDIR": folder, "PYTHONPATH": paths}
        client = NotebookClient(notebook, timeout=SECONDS, kernel_name="python3",
                                resources={"metadata": {"path": folder}},
                                extra_arguments=["--IPKernelApp.log_level=ERROR"])
        try:
            await client.async_execute(env=surroundings() | settings)
        except CellExecutionError as error:
            raise ValueError(_told(path, code, error)) from None
        except (CellTimeoutError, DeadKernelError) as error:
            raise ValueError(f"lessons/{path.name}: {str(error).splitlines()[0]}") from None
        *outputs, seconds = (printed(cell, path) for cell in notebook.cells[1:])
        figures = {figure: (Path(folder) / "minidrop-figures" / f"{figure}.png").read_bytes()
                   for output in outputs for figure in output.figures}
    return Executed(tuple(outputs), round(float(seconds.text), 1), figures)


def surroundings():
    """The environment of a kernel: this one's, without what would steer minidrop or the figures."""
    return {name: value for name, value in os.environ.items() if name != "MATPLOTLIBRC"
            and (not name.startswith("MINIDROP_") or name == "MINIDROP_SMOKE")}


def printed(cell, path):
    """What a cell that was run has printed; progress bars, which go to stderr, are left out."""
    if any(output.output_type != "stream" for output in cell.outputs):
        raise ValueError(f"lessons/{path.name}: a cell shows what it does not print: "
                         f"{cell.source.strip().splitlines()[-1]}")
    text = "".join(output.text for output in cell.outputs if output.name == "stdout")
    return Output(FIGURE.sub("", text), tuple(Path(found).stem for found in FIGURE.findall(text)))


def _told(path, code, error):
    """One sentence about a cell that failed: the lesson, its line, what is there, the error."""
    places = PLACE.findall(COLOURS.sub("", error.traceback))
    said = f"{error.ename}: {COLOURS.sub('', error.evalue)}".rstrip(": ")
    if not places:
        return f"lessons/{path.name}: {said}"
    count, line = map(int, places[-1])            # the deepest of the lesson's own lines
    number = code[count - 2].line + line - 1 if count > 1 else 0
    there = path.read_text(encoding="utf-8").splitlines()[number - 1].strip()
    return f"lessons/{path.name}, line {number}: {said}\n    {there}"
