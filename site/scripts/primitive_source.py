"""What the source says of a primitive: its lines, its adjoints, who calls it, what tests it."""

import ast
import functools
import inspect
import itertools
import re
from pathlib import Path
from typing import NamedTuple

from minidrop import catalog

TESTS = catalog.PACKAGE.parent / "tests"
DRIVEN = TESTS / "test_primitives.py"


class Adjoint(NamedTuple):
    """The adjoint of one argument: its code, its line, and what it reads."""

    argument: str
    code: str
    line: int
    reads: tuple


def file_of(one):
    """The file that a primitive is registered in."""
    return Path(inspect.getsourcefile(one.forward)).resolve()


@functools.cache
def tree(path):
    """The syntax tree of a file, and its lines."""
    text = path.read_text(encoding="utf-8")
    return ast.parse(text), text.splitlines()


def functions(path):
    """{name: node} of the functions at the top of a file."""
    return {node.name: node for node in tree(path)[0].body if isinstance(node, ast.FunctionDef)}


def definition(one):
    """The node of the forward formula."""
    return functions(file_of(one))[one.forward.__name__]


def source(path, node):
    """The very lines of a node, moved to the left."""
    return inspect.cleandoc("\n" + "\n".join(tree(path)[1][node.lineno - 1:node.end_lineno]))


def without_docstring(path, node):
    """The lines of a function but for its docstring."""
    doc = node.body[0] if ast.get_docstring(node) else None
    skip = range(doc.lineno, doc.end_lineno + 1) if doc else ()
    numbers = range(node.lineno, node.end_lineno + 1)
    return "\n".join(tree(path)[1][i - 1] for i in numbers if i not in skip)


def statement(one):
    """The call `name.vjps(...)` that states the adjoints; ValueError where there is none."""
    for node in ast.walk(tree(file_of(one))[0]):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and (
                node.func.attr == "vjps" and isinstance(node.func.value, ast.Name)
                and node.func.value.id == one.forward.__name__):
            return node
    raise ValueError(f"primitive {one.name} states no adjoints: {one.forward.__name__}.vjps(...) "
                     f"is missing in {file_of(one).name}")


def arguments(one):
    """The names of the arguments that may have an adjoint."""
    return [arg.arg for arg in definition(one).args.args]


def adjoints(one):
    """The `Adjoint` of every argument that has one of its own."""
    path, found = file_of(one), []
    for name, node in zip(arguments(one), statement(one).args, strict=False):
        if isinstance(node, ast.Constant):        # None: this argument has none
            continue
        there = node if isinstance(node, ast.Lambda) else functions(path)[node.id]
        reads = [arg.arg for arg in there.args.args[1:] if not arg.arg.startswith("_")]
        shown = node.body if isinstance(node, ast.Lambda) else node
        text = ast.get_source_segment("\n".join(tree(path)[1]), shown)
        found.append(Adjoint(name, text, shown.lineno, tuple(reads)))
    return found


def helpers(one):
    """The named functions that the statement of the adjoints calls for: adjoint, joint, twin."""
    call = statement(one)
    named = [node.id for node in (*call.args, *(word.value for word in call.keywords))
             if isinstance(node, ast.Name)]
    return [functions(file_of(one))[name] for name in dict.fromkeys(named)]


def backends(one):
    """[("host" or "GPU", file)]: what its lines call of `fast` and of `device`."""
    path, seen = file_of(one), set()
    body, _ = tree(path)
    imported = {alias.asname or alias.name: (node.module, alias.name) for node in body.body
                if isinstance(node, ast.ImportFrom) and node.level == 2 and (
                    node.module or "").partition(".")[0] in ("fast", "device")
                for alias in node.names}
    waiting, reached = [one.forward.__name__, *(node.name for node in helpers(one))], set()
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        used = {node.id for node in ast.walk(functions(path)[name]) if isinstance(node, ast.Name)}
        waiting += used & functions(path).keys()
        seen |= used & imported.keys()
    words, files = {"fast": "host", "device": "GPU"}, set()
    for module, inner in (imported[name] for name in seen):
        inside = module if "." in module else f"{module}.{inner}"
        files.add((words[module.partition(".")[0]],
                   catalog.PACKAGE / f"{inside.replace('.', '/')}.py"))
    return sorted(files)


@functools.cache
def test_functions():
    """[(Test, its source, the text of its file)] of all tests that mention the primitives."""
    found = []
    for test in catalog.test_places(TESTS).values():
        text = test.path.read_text(encoding="utf-8")
        if "REGISTRY" in text or "minidrop.ops" in text or "from minidrop import ops" in text:
            body = text.splitlines()[test.number - 1:]
            end = next((i for i, line in enumerate(body[1:], 1) if line[:1].strip()), len(body))
            found.append((test, "\n".join(body[:end]), text))
    return found


def driven_tests():
    """The tests that the registry drives: each runs for every primitive."""
    lines = DRIVEN.read_text(encoding="utf-8").splitlines()
    return [test for test, _, _ in test_functions() if test.path == DRIVEN
            and any(line == "@EACH" for line in above(lines, test.number))]


def above(lines, number):
    """The lines directly above a line, up to an empty one."""
    return [*itertools.takewhile(str.strip, reversed(lines[:number - 1]))]


def named_tests(one):
    """The tests that name a primitive: in the registry, or imported from its file."""
    written, module = one.forward.__name__, one.forward.__module__
    inside = re.compile(rf"from {re.escape(module)} import (?:[^\n(]*|\([^)]*)\b{written}\b")
    named = re.compile(rf"REGISTRY\[[\"']{one.name}[\"']\]|\bops\.\w+\.{written}\b")
    called = re.compile(rf"\b{written}\(")
    return [test for test, body, text in test_functions()
            if named.search(body) or called.search(body) and inside.search(text)]


@functools.cache
def package_texts():
    """{file: text} of the package where it names the primitives, but for their own files."""
    files = [path for path in sorted(catalog.PACKAGE.rglob("*.py")) if path.parent.name != "ops"]
    found = {path: path.read_text(encoding="utf-8") for path in files}
    return {path: text for path, text in found.items() if "REGISTRY" in text or "ops" in text}


def users(one):
    """The files of the package that call a primitive, by its name in the registry or imported."""
    written, module = one.forward.__name__, one.forward.__module__.rpartition(".")[2]
    imported = re.compile(rf"from \.*ops\.{module} import (\([^)]*\)|[^\n]*)")
    within = re.compile(rf"from \.*ops import [^\n]*\b{module}\b")
    named, called = re.compile(rf"\b{written}\b"), re.compile(rf"\b{module}\.{written}\(")
    return [path for path, text in package_texts().items() if f'REGISTRY["{one.name}"]' in text
            or any(named.search(match[1]) for match in imported.finditer(text))
            or within.search(text) and called.search(text)]


def short(path):
    """A file's path within the package."""
    return path.relative_to(catalog.PACKAGE).as_posix()
