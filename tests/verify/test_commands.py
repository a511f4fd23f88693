"""The command line of verification: what can be verified, and one verdict."""

import json

import pytest
from click.testing import CliRunner

from minidrop.cli import main
from minidrop.verify import commands, run
from minidrop.verify.report import Finding, Report
from minidrop.verify.techniques import NAMES

pytestmark = pytest.mark.slow

PLACE = "tests.verify.implementations"


def call(*args, code=0):
    done = CliRunner().invoke(main, ["verify", *args])
    assert done.exit_code == code, done.output
    return done.output


def test_without_a_name_it_lists_what_can_be_verified():
    text = call()
    for name in NAMES:
        assert f"\n{name} " in f"\n{text}"
    assert len(text.splitlines()) == len(NAMES) + 4
    assert "minidrop verify dropout --impl torch.nn:Dropout" in text


@pytest.mark.parametrize("name", NAMES)
def test_without_an_implementation_it_says_what_is_checked(name):
    from minidrop import catalog

    text = call(name)
    assert max(map(len, text.splitlines())) <= 100 or name != "dropout"
    for tag in catalog.formulas(name):
        assert f"({tag})  " in text


def test_what_it_says_of_dropout():
    text = call("dropout")
    assert "Units are dropped with the probability p" in text
    assert "cannot be seen: about linear regression, not about a layer" in text
    assert "known variant: nothing is scaled in training (--form scaling=none)" in text


@pytest.mark.parametrize("args, sentence", [
    (["dropuot"], "did you mean 'dropout'?"),
    (["--impl", "a:b"], "say what a:b is to be: minidrop verify NAME --impl a:b"),
    (["dropout", "--impl", "ours"], "package.module:callable"),
    (["dropout", "--impl", "no_such.py:f"], "there is no file no_such.py"),
    (["dropout", "--impl", "a:b", "--bind", "drop"], "--bind takes NAME=VALUE, got 'drop'"),
    (["dropout", "--impl", "a:b", "--set", "=3"], "--set takes NAME=VALUE"),
    (["dropout", "--impl", "a:b", "--form", "scalign=paper"], "has no option 'scalign'"),
    (["dropout", "--impl", "a:b", "--form", "scaling=papre"], "scaling must be one of"),
    (["dropout", "--impl", "a:b", "--form", "seconds=3"], "has no option 'seconds'"),
    (["dropout", "--impl", "a:b", "--layout", "CHWN"], "CHWN"),
])
def test_a_wrong_question_is_answered_in_a_sentence(args, sentence):
    assert sentence in " ".join(call(*args, code=2).split())


@pytest.fixture
def asked(monkeypatch):
    """What `check` was asked, and a report in its place."""
    given = {}

    def check(impl, technique, *, watch, **settings):
        given.update(settings, impl=impl, technique=technique)
        watch(Finding("values", ("dropout.2",), "It scales", given.get("word", "holds"), "x"))
        if "error" in given:
            raise given["error"]
        return Report("dropout", "f", [Finding("values", ("dropout.2",), "It scales",
                                               given.get("word", "holds"), "x", "1", "2")])

    monkeypatch.setattr(run, "check", check)
    return given


def test_options_reach_the_check(asked):
    call("dropout", "--impl", "a:b", "--bind", "drop=p", "--set", "inplace=false", "--set",
         "name=ours", "--fixed", "p=0.3", "--form", "scaling=paper", "--rate", "keep",
         "--layout", "NHWC", "--seed", "3", "--seconds", "5", "--framework", "torch")
    assert asked == {"impl": "a:b", "technique": "dropout", "bind": {"drop": "p"}, "rate": "keep",
                     "extra": {"inplace": False, "name": "ours"}, "fixed": {"p": 0.3}, "seed": 3,
                     "scaling": "paper", "layout": "NHWC", "seconds": 5.0, "framework": "torch"}


def test_the_exit_code_is_the_verdict_and_the_report_can_be_kept(asked, tmp_path):
    assert "every equation that can be seen holds" in call("dropout", "--impl", "a:b")
    asked["word"] = "fails"
    text = call("dropout", "--impl", "a:b", "--json", str(tmp_path / "r.json"), code=1)
    assert "fails dropout.2" in text and "written: " in text
    assert json.loads((tmp_path / "r.json").read_text("utf-8"))["verdict"] == "fails dropout.2"
    text = call("dropout", "--impl", "a:b", "--json", str(tmp_path / "no" / "r.json"), code=2)
    assert "there is no folder" in text


@pytest.mark.parametrize("word, sentence", [("holds", "none had failed"),
                                            ("fails", "values failed")])
def test_ctrl_c_is_answered_with_what_was_found(asked, word, sentence):
    asked |= {"word": word, "error": KeyboardInterrupt()}
    text = call("dropout", "--impl", "a:b", code=130)
    assert "interrupted after 1 of " in text and sentence in text


def test_values_are_json_where_they_can_be():
    assert commands._pairs("--set", ["a=1", "b=x=y", "c=[2, 3]", "d="]) == {
        "a": 1, "b": "x=y", "c": [2, 3], "d": ""}


def test_an_implementation_is_held_against_the_equations():
    assert "tests.verify.implementations.dropout" in call("dropout", "--impl", f"{PLACE}:dropout")
    text = call("dropout", "--impl", f"{PLACE}:unscaled", code=1)
    assert "test-time scaling" in text and "--form scaling=paper" in text
    call("dropout", "--impl", f"{PLACE}:unscaled", "--form", "scaling=paper")
    assert "has no dropuot; did you mean dropout?" in call(
        "dropout", "--impl", f"{PLACE}:dropuot", code=2)


def test_an_unkind_question_is_answered_with_what_to_type(tmp_path):
    assert "minidrop verify dropout --impl torch.nn:Dropout" in call(
        "dropout", "torch.nn:Dropout", code=2)
    assert "minidrop verify NAME --impl torch.nn:Dropout" in call("torch.nn:Dropout", code=2)
    assert "did you mean torch.nn:Dropout?" in call("dropout", "--impl", "torch.nn.Dropout", code=2)
    path = tmp_path / "ours.py"
    path.write_text("raise SystemExit\ndef drop(x, p): pass\nclass Drop: pass\ndef _no(): pass\n")
    for place in (str(path), f"{path}:"):
        text = "".join(call("dropout", "--impl", place, code=2).split())
        assert f"as{path}:drop;thereisdrop,Drop" in text
    assert "there is no file" in call("dropout", "--impl", str(tmp_path / "no.py"), code=2)
    path.write_text("x = 1\n")
    assert "defines none" in call("dropout", "--impl", str(path), code=2)


def test_the_report_says_how_the_arguments_were_understood(tmp_path):
    text = call("dropout", "--impl", f"{PLACE}:dropout", "--json", str(tmp_path / "r.json"))
    assert "understood as x: input, p: rate, " in text
    assert "of another form: the equation belongs to a form that was not asked for" in text
    understood = json.loads((tmp_path / "r.json").read_text("utf-8"))["understood"]
    assert understood["x"] == "input" and understood["p"] == "rate"
