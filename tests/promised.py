"""Tables of promises on pages, each row with the tests that hold it in its last column.

`trouble` reads a test without running it.  It sees marks, skips, assertions that are caught or
cannot fail for their form, and parts that never run for theirs.  What only running would show, as a
`return` too early or a loop over what is empty by then, it does not see.
"""

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


OUT = {"skip", "skipif", "xfail", "importorskip", "SkipTest", "skipIf", "skipUnless", "skipTest",
       "expectedFailure"}
CAUGHT = {"AssertionError", "Exception", "BaseException"}


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
    if isinstance(node, ast.ImportFrom) and node.module in ("pytest", "unittest"):
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
                r"(^|\.)(pytest|mark|unittest|case|self)\.\w+$", words):
            return words
        if isinstance(part, ast.ImportFrom) and OUT & {alias.name for alias in part.names}:
            return words
        if isinstance(part, ast.Call) and ast.unparse(part.func).endswith("parametrize") and any(
                map(empty, [*part.args[1:2], *(one.value for one in part.keywords)])):
            return ast.unparse(part)
        if catches(part):
            return ast.unparse(part).partition(":")[0]
    return ""


def empty(node):
    """Whether an expression is a list, tuple or dict of nothing."""
    return ast.unparse(node) in ("[]", "()", "{}")


def catches(node):
    """Whether what is asserted within it may be caught there, so that nothing fails."""
    if isinstance(node, ast.Try):
        return any(isinstance(part, ast.Assert) for line in node.body for part in ast.walk(line)
                   ) and any(one.type is None or CAUGHT & said(one.type) for one in node.handlers)
    return (isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress")
            and any(CAUGHT & said(one) for one in node.args))


def said(node):
    """The names in an expression."""
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}


def within(body):
    """The nodes of a function's statements, and of functions in it that are used there."""
    inner = [node for line in body for node in ast.walk(line) if isinstance(node, ast.FunctionDef)]
    names = [name.id for line in body for name in ast.walk(line) if isinstance(name, ast.Name)]
    idle = {id(part) for node in inner if node.name not in names for part in ast.walk(node)}
    idle |= {id(part) for line in body for node in ast.walk(line) if never(node)
             for below in node.body for part in ast.walk(below)}
    return [node for line in body for node in ast.walk(line) if id(node) not in idle]


def never(node):
    """Whether the body of an `if`, `while` or `for` never runs, whatever there is."""
    if isinstance(node, ast.If | ast.While):
        return isinstance(node.test, ast.Constant) and not node.test.value
    return isinstance(node, ast.For) and empty(node.iter)


def constant(test):
    """Whether what is asserted is right whatever there is, for its form alone."""
    if isinstance(test, ast.BoolOp) and isinstance(test.op, ast.Or):
        return any(isinstance(one, ast.Constant) and one.value for one in test.values)
    if isinstance(test, ast.Compare) and isinstance(test.ops[0], ast.Eq | ast.Is | ast.LtE):
        return ast.unparse(test.left) == ast.unparse(test.comparators[0]) and not any(
            isinstance(part, ast.Call) for part in ast.walk(test))
    return isinstance(test, ast.Tuple) and bool(test.elts)


def holds(node):
    """Whether it can fail: an assertion about something named, or a call that checks."""
    if isinstance(node, ast.Assert):
        return not constant(node.test) and any(
            isinstance(part, ast.Name | ast.Call) for part in ast.walk(node.test))
    call = ast.unparse(node) if isinstance(node, ast.Call) else ""
    return bool(re.match(r"(\w+\.)*(assert\w*|raises(?!\((Base)?Exception\)))\(", call)
                ) or "check=True" in call
