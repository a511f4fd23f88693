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


def trouble(test, file, root=ROOT):
    """Why pytest would not run a test, in words; "" where it would."""
    if not (root / file).is_file():
        return f"{file} is not there"
    tree = ast.parse((root / file).read_text(encoding="utf-8"))
    here = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == test]
    if len(here) != 1:
        return f"{file} has {len(here)} tests named {test}"
    marks = [node.value for node in tree.body if isinstance(node, ast.Assign)
             and ast.unparse(node.targets[0]) == "pytestmark"]
    words = " ".join(map(ast.unparse, [*here[0].decorator_list, *marks, *here[0].body]))
    if left_out := re.search(r"\bmark\.(skip|xfail)\b|pytest\.(skip|xfail)\(", words):
        return f"{test} has {left_out[0]}"
    inside = [node for line in here[0].body for node in ast.walk(line)]
    asserts = [node for node in inside if isinstance(node, ast.Assert)
               and not isinstance(node.test, ast.Constant)]
    calls = [ast.unparse(node) for node in inside if isinstance(node, ast.Call)]
    holds = asserts or [call for call in calls
                        if re.match(r"(\w+\.)*(assert\w*|raises)\(", call) or "check=True" in call]
    return "" if holds else f"{test} asserts nothing"
