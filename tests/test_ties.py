"""Every equation is computed or shown, every citation stated, every difference tested."""

import sys
from pathlib import Path

import pytest

from minidrop import catalog

sys.path.insert(0, str(Path(__file__).parents[1] / "site"))
from scripts.ties import TESTS, problems, undeclared


def test_every_equation_is_tied_both_ways():
    assert problems(catalog.PACKAGE, TESTS) == []


def test_what_no_line_computes_is_declared_a_property(tmp_path):
    techniques = catalog.techniques()
    assert [*undeclared(techniques)] == []
    half = techniques[0]._replace(equations=(
        techniques[0].equations[0]._replace(tag="half.1", lines=()),
        techniques[0].equations[0]._replace(tag="half.2")))
    path = tmp_path / "declared.toml"
    path.write_text("[properties]\nhalf = [2, 3]\n")
    assert [*undeclared([half], path)] == [
        "no line computes (half.1) any more, and declared.toml declares no property",
        "declared.toml declares (half.2) a property, and a line computes it",
        "declared.toml declares (half.3), which nobody states"]


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
