"""Every equation is computed or shown, every citation stated, every difference tested."""

import re
from pathlib import Path

import pytest

from minidrop import catalog

TESTS = Path(__file__).parent


def problems(package, tests):
    """What is wrong with the ties between docstrings, code and tests: one sentence each."""
    found, stated = [], {}
    techniques = catalog.techniques(package, tests)
    names = set(catalog.test_places(tests))
    for technique in techniques:
        stated |= {equation.tag: technique.name for equation in technique.equations}
        found += _docstring_problems(technique, package, names)
    for tag, line in [cited for path in sorted(package.rglob("*.py"))
                      for cited in catalog.citations(path)]:
        where = f"{line.path.name}:{line.number}"
        if tag not in stated:
            found.append(f"{where} cites ({tag}), which nobody states")
        if not line.code:
            found.append(f"{where} cites ({tag}) beside no code")
    prefixes = {tag.rpartition(".")[0] for tag in stated}
    for name in sorted(names):
        for prefix in prefixes:
            found += [f"test_{name} shows ({tag}), which nobody states"
                      for tag in catalog.tags_of(name, prefix) if tag not in stated]
    return found


def _docstring_problems(technique, package, names):
    where, tags = technique.path.name, [equation.tag for equation in technique.equations]
    written = catalog._TAG.findall(catalog.docstring(technique.path))
    prefix = written[0].rpartition(".")[0]
    if tags != [f"{prefix}.{k}" for k in range(1, len(written) + 1)]:
        yield f"{where}: tags must run {prefix}.1, {prefix}.2, ..., got {', '.join(written)}"
    for equation in technique.equations:
        if not equation.place or not equation.title:
            yield f"{where}: ({equation.tag}) needs a line above it, 'place: what it is'"
        if not equation.lines and not equation.tests:
            yield f"{where}: ({equation.tag}) is neither computed nor shown by a test"
    placed = catalog.place_of(technique.path, package) < len(catalog.PLACES)
    for labels in (("Paper", "Papers"), ("Where",), ("Symbols",), ("Without noise",), ("Differs",)):
        if placed and not any(technique.sections.get(label) for label in labels):
            yield f"{where}: the docstring has no '{labels[0]}'"
    for sentence in filter(None, technique.sections.get("Differs", "").split("\n")):
        shown = re.findall(r"test_(\w+)", sentence)
        if not shown or not names.issuperset(shown):
            yield f"{where}: no test shows this difference: {sentence[:60]}"


def test_every_equation_is_tied_both_ways():
    assert problems(catalog.PACKAGE, TESTS) == []


def test_there_is_something_to_tie():
    dropout = catalog.technique("dropout")
    assert [equation.tag for equation in dropout.equations] == [f"dropout.{k}" for k in range(1, 8)]
    assert {line.function for e in dropout.equations for line in e.lines} == {
        "dropout_mask", "dropout", "dropout_original", "dropout_original_expect"}


SOUND = '''r"""Halving: a technique for this test.

Paper    Nobody, nowhere.
Where    Units.
Symbols  $x$ input.

Nobody, page 1: a half
$$ y = x / 2 \\tag{half.1} $$
Nobody, page 2: twice that
$$ 2 y = x \\tag{half.2} $$

Without noise  The same.

Differs
- From everybody.  [test_half_2_doubles_back]
"""


def half(x):
    return x / 2                                  # Eq. (half.1)
'''
SOUND_TEST = "def test_half_2_doubles_back():\n    assert 2 * 0.5 == 1\n"


def planted(tmp_path, source=SOUND, test=SOUND_TEST):
    package, tests = tmp_path / "package", tmp_path / "tests"
    (package / "units").mkdir(parents=True)
    tests.mkdir()
    (package / "units" / "half.py").write_text(source)
    (tests / "test_half.py").write_text(test)
    return problems(package, tests)


def test_a_sound_technique_has_no_problems(tmp_path):
    assert planted(tmp_path) == []


@pytest.mark.parametrize("old, new, sentence", [
    ("# Eq. (half.1)", "", "(half.1) is neither computed nor shown"),
    ("# Eq. (half.1)", "# Eq. (half.1) and # Eq. (half.9)", "cites (half.9), which nobody states"),
    ("# Eq. (half.1)", "# Eq. (half.1), (half.9)", "cites (half.9), which nobody states"),
    ("    return x / 2 ", "    # Eq. (half.2)\n    return x / 2 ", "cites (half.2) beside no code"),
    ("tag{half.2}", "tag{half.3}", "tags must run half.1, half.2"),
    ("Nobody, page 2: twice that\n", "\n", "(half.2) needs a line above it"),
    ("Paper    Nobody, nowhere.\n", "", "has no 'Paper'"),
    ("Symbols  $x$ input.\n", "", "has no 'Symbols'"),
    ("Without noise  The same.\n", "", "has no 'Without noise'"),
    ("  [test_half_2_doubles_back]", "", "no test shows this difference"),
    ("[test_half_2_doubles_back]", "[test_half_2_gone]", "no test shows this difference"),
])
def test_a_planted_fault_in_a_technique_is_found(tmp_path, old, new, sentence):
    assert old in SOUND
    assert any(sentence in problem for problem in planted(tmp_path, SOUND.replace(old, new)))


@pytest.mark.parametrize("test, sentence", [
    ("def test_other():\n    assert True\n", "(half.2) is neither computed nor shown"),
    (SOUND_TEST + "def test_half_7_is_odd():\n    assert True\n", "test_half_7_is_odd shows"),
])
def test_a_planted_fault_in_the_tests_is_found(tmp_path, test, sentence):
    assert any(sentence in problem for problem in planted(tmp_path, test=test))


def test_a_citation_within_a_string_is_no_citation(tmp_path):
    source = SOUND.replace("# Eq. (half.1)", "") + 'TEXT = "# Eq. (half.1)"\n'
    assert any("(half.1) is neither" in problem for problem in planted(tmp_path, source))
