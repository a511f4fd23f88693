"""Which files are changed, by which tests each is judged, and the sample that is drawn."""

import ast
import hashlib
import tomllib
from pathlib import Path

from minidrop.catalog import PACKAGE
from tests.mutants.changes import changes

PLACES = ("units", "weights", "paths", "inputs", "schedules", "noise.py", "tape.py")
EQUIVALENT = Path(__file__).parent / "equivalent.toml"    # changes that change nothing, and why
ERRORS = "tests/test_errors.py"                   # every function's refusals


def files():
    """The files that are changed, as paths within the package."""
    found = [path for place in PLACES for path in (
        [PACKAGE / place] if place.endswith(".py") else sorted((PACKAGE / place).glob("[!_]*.py")))]
    return [path.relative_to(PACKAGE).as_posix() for path in found]


def own_tests(file):
    """Arguments for pytest, one run after the other: the file of tests that has the name of this
    file, with the examples in it; and what ERRORS knows of its public names."""
    body = ast.parse((PACKAGE / file).read_text(encoding="utf-8")).body
    names = [node.name for node in body
             if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"]
    return [["-m", "not slow and not site", f"tests/test_{Path(file).stem}.py", f"minidrop/{file}"],
            ["-m", "slow", ERRORS, "-k", " or ".join(names)]]


def equivalent():
    """{name of a change: why no test can notice it}."""
    return tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))


def population():
    """{name: change}: every change of every file, but for those that change nothing."""
    known = equivalent()
    return {change.name: change for file in files()
            for change in changes((PACKAGE / file).read_text(encoding="utf-8"), file)
            if change.name not in known}


def draw(names, count, seed=0):
    """`count` of the names, each as likely as any other; a longer sample begins with a shorter one,
    and a change that comes or goes moves no other."""
    return sorted(names, key=lambda name: digest(f"{seed} {name}".encode()))[:count]


def digest(data):
    """What tells bytes from any others."""
    return hashlib.sha256(data).hexdigest()[:16]


def stamp(file, root=PACKAGE.parent):
    """What tells a file and its tests from what they were."""
    paths = [root / "minidrop" / file, root / own_tests(file)[0][2], root / ERRORS]
    return digest(b"".join(path.read_bytes() for path in paths))
