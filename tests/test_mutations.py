"""Wrong versions are made by rule, drawn by chance, and judged by the tests of their own file."""

import ast

import pytest

from minidrop.catalog import PACKAGE
from tests.mutants import __main__ as command
from tests.mutants import sample
from tests.mutants.changes import changes


def wrong(source):
    """{wrong version: of which kind} of a source."""
    return {change.of(source): change.kind for change in changes(source)}


@pytest.mark.parametrize("source, kind, versions", [
    ("a - b", "arithmetic", ["(a + b)"]),
    ("x @ w", "arithmetic", ["(x * w)"]),
    ("a < b < c", "comparison", ["(a < b <= c)", "(a < b >= c)", "(a <= b < c)", "(a >= b < c)"]),
    ("a is not b", "comparison", ["(a is b)"]),
    ("a in b", "comparison", ["(a not in b)"]),
    ("a and b", "boolean", ["(a or b)"]),
    ("not a", "sign", ["(a)"]),
    ("-a", "sign", ["(a)"]),
    ("~a", "sign", ["(a)"]),
    ("f(a, b, c)", "arguments", ["(f(a, c, b))", "(f(b, a, c))"]),
    ("f(a, a, k=b)", "arguments", []),
    ("xp.maximum(a, b)", "arguments", []),        # is the same the other way round
    ("a if b else c", "condition", ["(c if b else a)"]),
    ("a = 2", "number", ["a = (1)", "a = (3)"]),
    ("a = 0.5", "number", ["a = (-0.5)", "a = (1.5)"]),
    ("a = 1e300", "number", []),                  # one more is the same number
    ("a = True", "constant", ["a = (False)"]),
    ("if a: b", "condition", ["if (not (a)): b"]),
    ("while a: b", "condition", ["while (not (a)): b"]),
    ("@f\ndef g(): pass", "decorator", ["#\ndef g(): pass"]),
    ("@f(\n    a)\nclass B: pass", "decorator", ["#\nclass B: pass"]),
    ("def f(): return a", "return", ["def f(): return None"]),
    ("def f(): return None", "return", []),
    ("def f():\n    'text'\n    a += b", "statement", ["def f():\n    'text'\n    pass"]),
    ("def f(): raise A from None", "statement", ["def f(): pass"]),
    ("import a\na = b", "statement", []),         # without which nothing can be imported
    ("for a in b: break", "loop", []),
    ("def f():\n    for a in b: break", "loop", ["def f():\n    for a in b: continue"]),
    ("def f(a: 2 = 3) -> 4: pass", "number", ["def f(a: 2 = (2)) -> 4: pass",
                                              "def f(a: 2 = (4)) -> 4: pass"]),
    ("a = f'{b - 1}'", "arithmetic", []),
    ("e = 'é', a * b", "arithmetic", ["e = 'é', (a / b)"]),      # places are counted in bytes
])
def test_a_version_is_wrong_in_one_place(source, kind, versions):
    found = wrong(source)
    assert [*dict.fromkeys(version for version in found if found[version] == kind)] == versions
    for version in found:
        ast.parse(version)


def test_a_change_is_told_from_every_other_wherever_its_line_is():
    source = "def f(a):\n    return a - 1  # Eq. (a.1)\n\n\ndef g(a):\n    return a - 1\n"
    names = [change.name for change in changes(source, "a.py")]
    assert len({*names}) == len(names) == 8
    assert "a.py:f: return a - 1 [7] arithmetic: (a + 1)" in names
    assert [change.name for change in changes("\n\n" + source, "a.py")] == names


@pytest.mark.parametrize("file", sample.files())
def test_every_file_has_tests_of_its_own_and_its_names_are_refused_what_is_wrong(file):
    (*_, tests, examples), (*_, names) = sample.own_tests(file)
    root = PACKAGE.parent
    assert (root / tests).is_file() and (root / examples).is_file()
    text = (root / sample.ERRORS).read_text(encoding="utf-8")
    assert any(f'"{name}": (' in text for name in names.split(" or "))


def test_what_is_listed_as_changing_nothing_is_a_change_of_a_file_as_it_is():
    listed = sample.equivalent()
    for file in {name.partition(":")[0] for name in listed}:
        names = {change.name for change in changes((PACKAGE / file).read_text("utf-8"), file)}
        assert {name for name in listed if name.startswith(f"{file}:")} <= names
    assert all(len(reason) > 20 for reason in listed.values())


def test_a_longer_sample_begins_with_a_shorter_one_and_stays_when_others_come():
    names = [*map(str, range(100))]
    drawn = sample.draw(names, 30, seed=3)
    assert sample.draw(names, 10, seed=3) == drawn[:10]
    assert sample.draw(names, 30, seed=4) != drawn
    with_more = [name for name in sample.draw([*names, "more"], 30, seed=3) if name != "more"]
    assert with_more == drawn[:len(with_more)]
    assert {*sample.draw(names, 200)} == {*names}


def test_the_share_has_the_interval_of_clopper_and_pearson():
    records = [{"by": "a test"}] * 48 + [{"by": None}] * 2      # R: binom.test(48, 50)
    assert command.share(records) == ("48 of 50 noticed: 96.0%, 95 % interval 86.3% to 99.5% "
                                      "(Clopper and Pearson)")


@pytest.mark.slow
def test_a_wrong_version_is_noticed_and_a_right_one_is_not(tmp_path, monkeypatch):
    folder = command.clone(tmp_path / "clone")
    file = "weights/max_norm.py"
    path = folder / "minidrop" / file
    right = path.read_text(encoding="utf-8")
    due = command.untouched(file, folder)
    assert due["by"] is None
    one = next(change for change in changes(right, file) if change.kind == "return")
    assert command.tried(one, folder)["by"].startswith("FAILED tests/test_max_norm.py::")
    assert path.read_text(encoding="utf-8") == right
    monkeypatch.setattr(command, "SECONDS", 3)
    path.write_text("while True: pass\n", encoding="utf-8")
    assert command.judged(file, folder) == "out of time"
