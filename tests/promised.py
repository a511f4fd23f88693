"""Tables of promises on pages, each row with the tests that hold it in its last column."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rows(page, title):
    """The cells of each row of the table under a title of a page."""
    part = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", page, re.M | re.S)
    lines = [line for line in part[1].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def named(cell):
    """[(test, file)] of the tests that a cell links to."""
    found = re.findall(r"`(test_\w+)`\]\(source/(tests/[\w/]+)\.md\)", cell)
    return [(test, f"{file}.py") for test, file in found]


OUT = {"skip", "skipif", "xfail", "importorskip"}


def trouble(test, file, root=ROOT):
    """Why pytest might not run a test, or need not fail it, in words; "" where there is nothing."""
    if not (root / file).is_file():
        return f"{file} is not there"
    top = ast.parse((root / file).read_text(encoding="utf-8")).body
    here = [node for node in top if isinstance(node, ast.FunctionDef) and node.name == test]
    if len(here) != 1:
        return f"{file} has {len(here)} tests named {test}"
    found = [left_out(node) for node in reached(here[0], top)]
    found += [left_out(node) for node in top if at_import(node)]
    if not any(map(holds, within(here[0].body))):
        found.append("nothing that it asserts")
    return next((f"{test} has {what}" for what in found if what), "")


def reached(start, top):
    """A test and, of any depth, what it names at the top of its file, but for other tests."""
    found, new = [], [start, *(node for node in top if "pytestmark" in made(node))]
    while new:
        found += new
        names = {name for node in new for name in used(node)}
        new = [node for node in top if node not in found and names & made(node)]
    return found


def made(node):
    """The names that a statement makes."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.ImportFrom) and node.module == "pytest":
        return {alias.asname or alias.name for alias in node.names}
    return local(node)


def used(node):
    """The names of others that a statement reads; the arguments of a test are its fixtures."""
    read = {name.id for name in ast.walk(node) if isinstance(name, ast.Name)} - local(node)
    return read | ({one.arg for one in node.args.args} if isinstance(node, ast.FunctionDef)
                   else set())


def local(node):
    """The names that are given something in a statement."""
    return {name.id for name in ast.walk(node) if isinstance(name, ast.Name)
            and isinstance(name.ctx, ast.Store)}


def at_import(node):
    """Whether a statement does more than to make functions, classes and marks."""
    calls = not isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom)
    marks = isinstance(node, ast.Assign) and "mark." in ast.unparse(node.value)
    return calls and not marks


def left_out(node):
    """What in a statement leaves tests out: a mark, a call, or an empty list of cases; or ""."""
    for part in ast.walk(node):
        words = ast.unparse(part) if isinstance(part, ast.Attribute | ast.ImportFrom) else ""
        if isinstance(part, ast.Attribute) and part.attr in OUT and re.search(
                r"(^|\.)(pytest|mark)\.\w+$", words):
            return words
        if isinstance(part, ast.ImportFrom) and OUT & {alias.name for alias in part.names}:
            return words
        if (isinstance(part, ast.Call) and ast.unparse(part.func).endswith("parametrize")
                and ast.unparse(part.args[1]) in ("[]", "()", "{}")):
            return ast.unparse(part)
    return ""


def within(body):
    """The nodes of a function's statements, and of functions in it that are used there."""
    inner = [node for line in body for node in ast.walk(line) if isinstance(node, ast.FunctionDef)]
    names = [name.id for line in body for name in ast.walk(line) if isinstance(name, ast.Name)]
    idle = {id(part) for node in inner if node.name not in names for part in ast.walk(node)}
    return [node for line in body for node in ast.walk(line) if id(node) not in idle]


def holds(node):
    """Whether it can fail: an assertion about something named, or a call that checks."""
    if isinstance(node, ast.Assert):
        return any(isinstance(part, ast.Name | ast.Call) for part in ast.walk(node.test))
    call = ast.unparse(node) if isinstance(node, ast.Call) else ""
    return bool(re.match(r"(\w+\.)*(assert\w*|raises)\(", call)) or "check=True" in call
