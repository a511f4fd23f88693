"""By which code the runs of claims are made: what counts, what does not, and what records say."""

import importlib.util
import json
import math
import re
import sys
from functools import partial

import pytest
from click.testing import CliRunner

from minidrop.claims import CLAIMS, commands, fingerprint, ledger, stamps
from tests import anew
from tests.test_claims import toy

pytestmark = pytest.mark.slow

SHARED = '''
"""What claims share."""
FACTOR, UNREAD = 3, 4


def grow(x, by=FACTOR):
    """Make it larger."""
    return x * by


def network(x):
    return x
'''
CLAIM = '''
"""A claim."""
import functools
from pathlib import Path as SGD

from . import sample_shared
from .sample_shared import grow

SIZES = (1, 2)
WORD = "held"


class Net:
    """A network."""

    def forward(self):
        """What it gives."""
        return 5


def run(arm, seed, settings, progress):
    """One run."""
    def make(lr):
        return sample_shared.grow(lr) + grow(seed)

    other = {"a": helper, "b": network}[arm]
    both = network, sample_shared.network
    return {"score": other(make(len(SIZES))), "net": cached(seed), "both": both}


def helper(x):
    return Net().forward() + x if SGD else run


def network(x):
    return sample_shared.network(x)      # the names are equal, the functions are not


@functools.cache
def cached(x):
    return x


def judge(results, settings):
    return WORD


def made(lr):
    def one(arm, seed, settings, progress):
        return lr
    return one


rates = made(0.1)
first = functools.partial(run, progress=False)
tests = lambda arm, seed, settings, progress: helper(1)
'''


@pytest.fixture
def code(tmp_path, monkeypatch):
    """fingerprint of CLAIM.`name` with `old` replaced by `new` in either module, or in the text."""
    def of(old="", new="", name="run", claim=CLAIM, shared=SHARED):
        assert old in claim + shared
        parts = {"sample_shared": shared, "sample": claim}
        for stem, text in parts.items():
            path = tmp_path / f"{stem}{len([*tmp_path.iterdir()])}.py"
            path.write_text(text.replace(old, new) if old else text)
            spec = importlib.util.spec_from_file_location(f"minidrop.claims.{stem}", path)
            module = importlib.util.module_from_spec(spec)
            monkeypatch.setitem(sys.modules, spec.name, module)
            monkeypatch.setattr("minidrop.claims." + stem, module, raising=False)
            spec.loader.exec_module(module)
        return fingerprint.of(getattr(module, name))

    return of


@pytest.mark.parametrize("old, new", [
    ('"""One run."""', '"""A run, in other words."""'), ('    """Make it larger."""\n', ""),
    ('"""What it gives."""\n', '"""Something.\n\n        More.\n        """\n'),
    ("# the names are equal, the functions are not", "# other words"),
    ("    other = {", "\n\n    other = {\n        "), ("return WORD", "return 2"),
    ('WORD = "held"', 'WORD = "refuted"'), ("UNREAD = 3, 4", "UNREAD = 3, 5"),
    ('"""A claim."""\n', '"""A claim."""\nimport os\n'),
    ("lr\n    return one", "-lr\n    return one"),
    ("run, progress=False", "run, progress=True")])
def test_words_and_what_a_run_does_not_execute_do_not_count(code, old, new):
    assert code() == code(old, new)


@pytest.mark.parametrize("old, new", [
    ('return {"score"', 'return {"scores"'), ("+ grow(seed)", "- grow(seed)"),
    ("return x * by", "return x + by"), ("by=FACTOR", "by=2"),
    ("FACTOR, UNREAD = 3", "FACTOR, UNREAD = 2"), ("SIZES = (1, 2)", "SIZES = (1, 3)"),
    ("return 5", "return 6"), ("helper(x):", "helper(x, y=0):"),
    ('"a": helper, "b": network', '"a": network, "b": helper'),
    ("network, sample_shared.network", "sample_shared.network, network"),
    ("x if SGD else run", "x if Path else run"), ("functools.cache", "functools.lru_cache(3)"),
    ("sample_shared.network(x)", "network(x)"),
    ("return x\n\n\ndef judge", "return -x\n\n\ndef judge"),
    ("def network(x):\n    return x\n", "def network(x):\n    return 2\n")])
def test_all_that_a_run_executes_counts(code, old, new):
    assert code() != code(old, new)


def test_what_made_a_run_counts_too(code):
    assert code(name="rates") != code("made(0.1)", "made(0.2)", "rates")
    assert code(name="first") != code("progress=False)", "progress=True)", "first")
    assert code(name="first") != code("return 5", "return 6", "first")
    assert code(name="tests") != code("helper(1)", "helper(2)", "tests")
    assert code(name="tests") != code("return 5", "return 6", "tests")
    assert len({code(name=name) for name in ("run", "rates", "first", "tests")}) == 4


def test_where_a_function_stands_does_not_count(code):
    grow = SHARED[SHARED.index("def grow"):SHARED.index("def network")]
    moved = CLAIM.replace("from .sample_shared import grow", f"FACTOR = 3\n\n\n{grow}").replace(
        "sample_shared.grow", "grow")
    assert code() == code(claim=moved)
    assert code() != code(claim=moved.replace("FACTOR = 3", "FACTOR = 4"))


def test_a_run_must_be_a_function():
    with pytest.raises(TypeError, match="run of a claim must be a function or a partial of one, "
                                        "got str"):
        fingerprint.of("run")


@pytest.mark.parametrize("name", CLAIMS)
def test_every_claim_has_a_fingerprint_of_functions_that_can_be_read(name):
    found = {}
    fingerprint._text(CLAIMS[name].run, found, root=True)
    assert all("(body=" in text or ", body=" in text for text in found.values())
    assert not {"judge", "draw"} & {one.__name__ for one in found}


# --- records -------------------------------------------------------------------------------------

@pytest.mark.parametrize("path", sorted(ledger.PUBLISHED.glob("*.json")), ids=lambda p: p.stem)
def test_published_runs_are_of_the_claim_as_it_is_now(path):
    """If not: run it anew, or show that nothing changed (`minidrop claims stamp --help`)."""
    record = ledger.read(path)
    claim = CLAIMS[record["claim"]]
    assert path == ledger.path_of(claim, record["scale"], ledger.PUBLISHED)
    ledger.checked(claim, claim.scales[record["scale"]], record, path.name)
    found = ledger.results(claim, record)         # no run is without its pairs
    assert len(record["runs"]) == sum(map(len, found.values()))


def other(arm, seed, settings, progress):
    return {"score": 7}


def test_runs_of_other_code_are_left_alone(tmp_path):
    ledger.run(toy([]), "quick", seeds=1, folder=tmp_path, progress=False)
    path = tmp_path / "toy-quick.json"
    assert ledger.read(path)["code"] == fingerprint.of(toy([]).run) != fingerprint.of(other)
    kept = path.read_bytes()
    with pytest.raises(ValueError, match="toy-quick.json holds runs of toy by other code than "
                                         "this; move it away to start anew, or let `minidrop "):
        ledger.run(toy([], run=other), "quick", folder=tmp_path, progress=False)
    assert path.read_bytes() == kept
    path.write_text(kept.decode().replace('"code"', '"colour"'))
    with pytest.raises(ValueError, match="holds runs of toy by code that it does not name; move"):
        ledger.run(toy([]), "quick", folder=tmp_path, progress=False)


RUN = '''
def run(arm, seed, settings, progress):
    """A run."""
    return {"score": 1 + seed + settings["gain"] * (arm == "b")}
'''


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Claim toy, run by the code RUN; stamped(text): what the stamp says of a checkout of text."""
    monkeypatch.setattr(ledger, "PUBLISHED", tmp_path / "results")
    folder = tmp_path / "checkout" / "minidrop" / "claims"
    folder.mkdir(parents=True)
    (folder.parent / "__init__.py").touch()
    spec = importlib.util.spec_from_file_location("minidrop.claims.toy", tmp_path / "toy.py")
    (tmp_path / "toy.py").write_text(RUN)
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    claim = toy([], run=module.run)
    monkeypatch.setitem(CLAIMS, "toy", claim)
    ledger.run(claim, "standard", folder=ledger.PUBLISHED, progress=False)
    path = ledger.path_of(claim, "standard", ledger.PUBLISHED)

    def stamped(text, code=None, verified=()):
        (folder / "__init__.py").write_text(
            f"from types import SimpleNamespace\n{text}\n"
            "CLAIMS = {'toy': SimpleNamespace(run=run, arms=('a', 'b'))}\n")
        record = ledger.read(path)
        record |= {"code": code, "verified": [*verified]}
        record["settings"]["seeds"] += 1          # as where there were more once
        ledger.write(path, {name: value for name, value in record.items() if value})
        result = CliRunner().invoke(commands.claims, ["stamp", str(tmp_path / "checkout"), "toy"])
        return result.output, json.loads(path.read_text())

    return stamped


def test_runs_of_the_same_code_get_its_fingerprint(published):
    text, record = published(RUN.replace("A run.", "Other words."))
    own = fingerprint.of(CLAIMS["toy"].run)
    assert text == f"toy: the runs are by the code of now, {own}\n"
    assert record["code"] == own and "verified" not in record
    assert [*record][:4] == ["claim", "scale", "settings", "code"]
    assert record["settings"] == CLAIMS["toy"].scales["standard"]


def test_runs_of_other_code_with_the_same_results_say_so(published):
    text, record = published(RUN.replace("seed + settings", "0 + seed + settings"))
    own = fingerprint.of(CLAIMS["toy"].run)
    assert record["code"] == own and f"toy: {record['verified'][0]}\n" == text
    assert f" and {own} give the same results of all arms at quick scale, with one seed" in text
    assert [*record][:5] == ["claim", "scale", "settings", "code", "verified"]
    record = published(RUN.replace("seed + settings", "0 + seed + settings"), own, ["as before"])[1]
    assert record["verified"] == ["as before", text[5:-1]]


def test_last_digits_that_differ_are_told(published):
    assert "with one seed, up to 1e-06 of a number\n" in published(
        RUN.replace("seed + ", "1e-6 + seed + "))[0]
    assert stamps.apart({"a": [1, 2]}, {"a": [1, 2.5]}) == 0.2
    for other in ({"b": [1, 2]}, {"a": [1]}, {"a": None}, [1, 2], {"a": [1, 2], "b": 3}):
        assert stamps.apart({"a": [1, 2]}, other) == stamps.apart(other, {"a": [1, 2]}) == math.inf


@pytest.mark.parametrize("old, new, code, message", [
    ("seed + ", "1e-4 + seed + ", None, "gives other results of toy at quick scale than this"),
    ("seed + ", "1 + seed + ", None, "gives other results of toy at quick scale than this"),
    ("seed + ", "nothing + ", None, "cannot be tried in .*: NameError: name 'nothing' is not"),
    ("seed + ", "seed + ", "0" * 16, "holds runs by the code 0000000000000000, and that of ")])
def test_runs_that_are_not_shown_to_be_the_same_are_left_alone(published, old, new, code, message):
    text, record = published(RUN.replace(old, new), code)
    assert text.startswith("Error: ") and re.search(message, text)
    assert record.get("code") == code and "verified" not in record


def test_what_is_not_published_or_of_other_settings_is_told(published, monkeypatch):
    monkeypatch.setitem(CLAIMS, "toy", toy([], scales=toy([]).scales | {
        "standard": {"gain": 9, "seeds": 1}}))
    assert "under other settings: gain" in published(RUN)[0]
    with pytest.raises(ValueError, match="toy has no published runs of this scale; toy-quick.json"):
        stamps.stamp(CLAIMS["toy"], "quick", ".")


def test_a_run_that_gives_another_result_now_is_told(monkeypatch):
    pytest.importorskip("joblib")
    settings, then = anew.quickest("half")

    def again(run, arm, seed, given, extra):
        assert (run, arm, seed, given) == (CLAIMS["half"].run, then["arm"], then["seed"], settings)
        accuracy = [one + extra for one in then["result"]["accuracy"]]
        return {"result": {"accuracy": accuracy, "ms": 3}}

    for extra, code, said in ((0.0, 0, "the same"), (0.001, 1, "another, by a share of 0.0")):
        monkeypatch.setattr(anew, "one", partial(again, extra=extra))
        done = CliRunner().invoke(anew.main, ["half"])
        assert done.exit_code == code and said in done.stdout
