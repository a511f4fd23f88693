"""How runs came about: the commit, the rule and the seeds of each call, in the record and told."""

import contextlib
import dataclasses
import subprocess

import pytest
from click.testing import CliRunner

from minidrop.claims import CLAIMS, Verdict, history, ledger
from minidrop.cli import main
from tests.test_claims import toy

pytestmark = pytest.mark.slow


def kept(claim, folder, **more):
    """What a record keeps of the calls, after one more."""
    ledger.run(claim, "quick", folder=folder, progress=False, **more)
    return ledger.read(ledger.path_of(claim, "quick", folder))["calls"]


@pytest.fixture(autouse=True)
def at(monkeypatch):
    """The commit of now; a list, to be changed."""
    now = ["abc"]
    monkeypatch.setattr(history, "commit", lambda: now[0])
    return now


def test_a_record_keeps_the_commit_the_rule_and_the_seeds_of_its_runs(tmp_path):
    claim = toy([])
    (call,) = kept(claim, tmp_path)
    assert call == {"seeds": 2, "commit": "abc", "rule": history.rule(claim), "runs": 0}
    assert kept(claim, tmp_path) == [call]                         # nothing was missing
    assert kept(claim, tmp_path, seeds=1) == [call]
    record = ledger.read(tmp_path / "toy-quick.json")
    assert history.told(record, claim) == [
        f"commit abc; rule {call['rule']}, which is that of now"]


def test_seeds_that_are_added_after_a_verdict_are_told(tmp_path):
    claim = toy([])
    kept(claim, tmp_path)
    calls = kept(claim, tmp_path, seeds=3)
    assert [(call["seeds"], call["runs"]) for call in calls] == [(2, 0), (3, 4)]
    lines = history.told(ledger.read(tmp_path / "toy-quick.json"), claim)
    assert len(lines) == 2 and lines[1].startswith(
        "seeds were added when a verdict could be seen: 2, then 3; ")


def test_fewer_seeds_or_none_that_was_whole_are_no_seeds_that_were_added(tmp_path):
    claim = toy([])
    record = {"calls": [{"seeds": seeds, "commit": None, "rule": history.rule(claim), "runs": runs}
                        for seeds, runs in ((2, 0), (3, 1), (1, 6))]}
    assert [line for line in history.told(record, claim) if "added" in line] == []
    record["calls"].append(record["calls"][0] | {"seeds": 4, "runs": 6})
    assert [line[:57] for line in history.told(record, claim) if "added" in line] == [
        "seeds were added when a verdict could be seen: 1, then 4;"]


def test_a_call_that_goes_on_is_no_new_one_unless_the_code_is_new(tmp_path, at):
    whole, calls = toy([]), []

    def run(arm, seed, settings, progress):
        calls.append(arm)
        if len(calls) in (2, 4):
            raise KeyboardInterrupt
        return whole.run(arm, seed, settings, progress)

    claim = toy([], run=run)
    for commit in ("abc", "abc", "def"):
        at[0] = commit
        with contextlib.suppress(KeyboardInterrupt):
            ledger.run(claim, "quick", folder=tmp_path, progress=False)
    record = ledger.read(tmp_path / "toy-quick.json")
    assert [(call["commit"], call["runs"]) for call in record["calls"]] == [("abc", 0), ("def", 2)]
    assert history.told(record, claim)[0].startswith("commit abc, then def; rule ")


def test_another_rule_or_other_code_that_judges_is_told(tmp_path):
    claim = toy([])
    kept(claim, tmp_path)
    record = ledger.read(tmp_path / "toy-quick.json")
    others = (dataclasses.replace(claim, rule=claim.rule | {"held": "a gain above 1"}),
              dataclasses.replace(claim, judge=lambda results, settings: Verdict("held", "", ())))
    for other in others:
        lines = history.told(record, other)
        assert lines[1] == (f"the rule, or the code that judges, is another now, "
                            f"{history.rule(other)}, than when the runs were begun")
        assert "of now" not in lines[0] and len(lines) == 2
    assert len({history.rule(one) for one in (claim, *others)}) == 3
    same = dataclasses.replace(claim, sentence="another", protocol="more words", measure="a score")
    assert history.rule(same) == history.rule(claim)


def test_the_rule_of_runs_that_are_of_another_claim_is_that_of_the_other(tmp_path):
    claim = toy([])
    kept(claim, tmp_path)
    other = dataclasses.replace(claim, rule=claim.rule | {"held": "a loss"}, runs_of="toy")
    record = ledger.read(tmp_path / "toy-quick.json")
    assert history.told(record, other) == [
        f"commit abc; rule {history.rule(claim)} of toy, whose runs these are"]


def test_what_was_not_kept_is_said(tmp_path):
    claim = toy([])
    kept(claim, tmp_path)
    record = ledger.read(tmp_path / "toy-quick.json")
    del record["calls"]
    ledger.write(tmp_path / "toy-quick.json", record)
    assert history.told(record, claim) == [
        "by which commit and under which rule the runs were begun was not kept then"]
    (call,) = kept(claim, tmp_path, seeds=3)
    assert call["runs"] == 4
    record = ledger.read(tmp_path / "toy-quick.json")
    assert history.told(record, claim)[-1] == "how the first 4 runs came about was not kept"


@pytest.mark.parametrize("calls", [
    3, [3], [{}], [{"seeds": "2", "commit": None, "rule": "a", "runs": 0}],
    [{"seeds": 2, "commit": 5, "rule": "a", "runs": 0}],
    [{"seeds": 2, "commit": None, "rule": ["a"], "runs": 0}]])
def test_a_file_with_other_calls_is_no_record(tmp_path, calls):
    kept(toy([]), tmp_path)
    path = tmp_path / "toy-quick.json"
    record = ledger.read(path)
    ledger.write(path, record | {"calls": [{"seeds": 2, "commit": None, "rule": "a", "runs": 0}]})
    assert ledger.read(path)["calls"]
    ledger.write(path, record | {"calls": calls})
    with pytest.raises(ValueError, match="is no record of a claim; remove it to start anew"):
        ledger.read(path)


def test_it_is_told_where_the_verdict_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(CLAIMS, "toy", toy([]))
    for seeds in ("1", "2"):
        text = CliRunner().invoke(main, ["claims", "run", "toy", "--seeds", seeds]).output
    assert "\n  commit abc; rule " in text
    assert "\n  seeds were added when a verdict could be seen: 1, then 2; " in text
    assert "\n  seeds were added" in CliRunner().invoke(main, ["claims", "show", "toy"]).output


def test_the_commit_is_that_of_a_clean_folder_of_a_repository(tmp_path, monkeypatch):
    monkeypatch.undo()

    def git(*asked):
        found = subprocess.run(["git", "-C", tmp_path, "-c", "user.name=a", "-c",
                                "user.email=a@b.invalid", *asked], capture_output=True, text=True)
        assert not found.returncode, found.stderr
        return found.stdout.strip()

    code = tmp_path / "code"
    code.mkdir()
    (code / "a.py").write_text("1\n")
    assert history.commit(code) is None                            # no repository
    git("init", "-q")
    (tmp_path / "notes").write_text("beside it\n")
    git("add", "notes")
    git("commit", "-qm", "notes")
    assert history.commit(code) is None                            # it is not of the repository
    (tmp_path / ".gitignore").write_text("code\n")
    assert history.commit(code) is None                            # nor if it is ignored there
    (tmp_path / ".gitignore").unlink()
    git("add", "code")
    git("commit", "-qm", "code")
    assert history.commit(code) == git("rev-parse", "HEAD")
    (tmp_path / "notes").write_text("changed\n")
    assert history.commit(code) == git("rev-parse", "HEAD")        # what lies beside does not count
    (code / "a.py").write_text("2\n")
    assert history.commit(code) is None
    git("checkout", "-q", "code")
    (code / "b.py").write_text("3\n")
    assert history.commit(code) is None
    monkeypatch.setenv("PATH", "")
    assert history.commit(code) is None                            # no git
