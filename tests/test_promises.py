"""The promises of site/pages/promises.md: each has tests, and those that had none are here."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import minidrop as md
from minidrop import files
from minidrop.catalog import PACKAGE
from minidrop.checkpoint import FORMAT
from tests.kept import checkpoints, public
from tests.promised import ROOT, named, rows, trouble
from tests.test_house import import_nodes

PAGE = (ROOT / "site" / "pages" / "promises.md").read_text(encoding="utf-8")
PROMISED, OTHERS = rows(PAGE, "Promised"), rows(PAGE, "Not promised")
TESTS = sorted({one for cells in PROMISED for one in named(cells[-1])})


def test_every_promise_names_its_tests_and_every_other_row_its_reason():
    assert len(PROMISED) >= 15 and len(OTHERS) >= 8
    assert [cells[0] for cells in PROMISED if not named(cells[-1])] == []
    assert [cells[0] for cells in OTHERS if len(cells[-1].split()) < 8] == []


def test_every_test_of_a_promise_is_there_asserts_and_is_not_skipped():
    """But that of kills is where a system cannot fork, as the page says."""
    kills = "test_a_run_that_was_killed_again_and_again_ends_in_the_same_bits"
    assert len(TESTS) > 20 and [said for one in TESTS if (said := trouble(*one))] == [
        f"{kills} has pytest.mark.skipif"]
    assert f"where it was killed, on systems that can fork | [`{kills}`]" in PAGE


@pytest.mark.slow
def test_every_test_of_a_promise_is_collected():
    command = [sys.executable, "-m", "pytest", "-o", "addopts=", "--collect-only", "-q", "-m",
               "slow or not slow", *(f"{file}::{test}" for test, file in TESTS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    assert {re.split(r"[\[:]", line.partition("::")[2])[0] for line in done.stdout.splitlines()
            if "::" in line} == {test for test, _ in TESTS}
    assert "[NOTSET" not in done.stdout           # as pytest calls a test without cases


RUNS = "def test_a():\n    assert f()"


@pytest.mark.parametrize("text, said", [
    (RUNS, ""), (f"import numpy\n\n{RUNS} == skip.xfail", ""),
    ("def test_a():\n    assert_equal(f(), 1)", ""),
    ("def test_a():\n    with pytest.raises(ValueError):\n        f()", ""),
    ("def test_a():\n    def one():\n        assert f()\n    one()", ""),
    (f"leave = mark.skip\n\n{RUNS}", ""),        # used by another test
    ("def test_b():\n    assert f()", "0 tests named test_a"),
    (f"@pytest.mark.skip\n{RUNS}", "pytest.mark.skip"),
    (f"@pytest.mark.skipif(f(), reason='no')\n{RUNS}", "pytest.mark.skipif"),
    (f"from pytest import mark\n@mark.xfail\n{RUNS}", "mark.xfail"),
    (f"pytestmark = [pytest.mark.xfail]\n{RUNS}", "pytest.mark.xfail"),
    (f"leave = pytest.mark.skip\nout = leave\n@out\n{RUNS}", "pytest.mark.skip"),
    (f"pytest.importorskip('pooch')\n{RUNS}", "pytest.importorskip"),
    (f"pooch = pytest.importorskip('pooch')\n{RUNS}", "pytest.importorskip"),
    (f"if f():\n    pytest.skip('no', allow_module_level=True)\n{RUNS}", "pytest.skip"),
    (f"{RUNS}\n    pytest.skip('today')", "pytest.skip"),
    (f"from pytest import skip as leave\n{RUNS}\n    leave('today')",
     "from pytest import skip as leave"),
    ("def f():\n    pytest.skip('today')\n" + RUNS, "pytest.skip"),
    ("@pytest.fixture\ndef a():\n    pytest.skip('b')\ndef test_a(a):\n    assert a",
     "pytest.skip"),
    (f"@pytest.mark.parametrize('x', [])\n{RUNS}", "pytest.mark.parametrize('x', [])"),
    ("def test_a():\n    f()", "nothing that it asserts"),
    ("def test_a():\n    assert True", "nothing that it asserts"),
    ("def test_a():\n    assert 1 == 1", "nothing that it asserts"),
    ("def test_a():\n    def one():\n        assert f()", "nothing that it asserts"),
    ('def test_a():\n    """What we assert."""\n    f()', "nothing that it asserts")])
def test_a_promise_whose_test_may_not_run_or_fail_is_found(tmp_path, text, said):
    tmp_path.joinpath("test_x.py").write_text(text)
    assert trouble("test_a", "test_x.py", tmp_path).endswith(said)
    assert bool(trouble("test_a", "test_x.py", tmp_path)) == bool(said)
    assert trouble("test_a", "test_y.py", tmp_path) == "test_y.py is not there"


# --- no network, no code from files --------------------------------------------------------------

NETWORK = {"aiohttp", "ftplib", "http", "httpx", "pooch", "requests", "smtplib", "socket",
           "socketserver", "ssl", "urllib", "webbrowser", "xmlrpc", "distributed"}
REACH = {"data/files.py": {"pooch"}, "claims/work.py": {"distributed"}}     # on demand, in both
EXECUTE = {"eval", "exec", "compile", "__import__", "pickle.load", "pickle.loads", "marshal.load",
           "marshal.loads", "runpy.run_path", "runpy.run_module", "shelve.open"}
RUN = {                         # what executes code, and whose: of a user who names it
    "lesson.py": "a lesson", "grade/exercise.py": "an author's exercise",
    "grade/values.py": "an author's exercise", "grade/runner.py": "a submission, within its walls",
    "bench/worker.py": "what its own parent process asks for"}


def executing(text):
    """What a source text calls of those functions."""
    if not any(f"{name}(" in text for name in EXECUTE):
        return set()
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(text))
             if isinstance(node, ast.Call)}
    return calls & EXECUTE


def reaching(text):
    """The modules a source text imports, anywhere in it, that reach a network."""
    if not any(name in text for name in NETWORK):
        return set()
    tops = {name.split(".")[0] for node in import_nodes(text) for name in (
        [alias.name for alias in node.names] if isinstance(node, ast.Import) else
        [] if node.level else [node.module])}
    return tops & NETWORK


def where(look):
    """{file: what is found in it} of the whole package."""
    found = {path.relative_to(PACKAGE).as_posix(): look(path.read_text(encoding="utf-8"))
             for path in PACKAGE.rglob("*.py")}
    return {name: words for name, words in found.items()
            if words and not name.startswith("_lessons/")}


def test_only_data_and_clusters_import_what_reaches_a_network():
    assert where(reaching) == REACH
    assert reaching("def f():\n    from urllib.request import urlopen") == {"urllib"}


def test_only_code_that_the_user_names_is_executed():
    assert where(executing).keys() == RUN.keys()
    assert executing("net.eval(); re.compile('x')") == set()
    assert executing("if f(eval(text)): pickle.loads(x)") == {"eval", "pickle.loads"}


WATCHED = """
import sys
asked = []
sys.addaudithook(lambda event, args: asked.append((event, args)) if event in (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
    "urllib.Request", "webbrowser.open") else None)
PLANTED
import minidrop as md
from click.testing import CliRunner
from minidrop.cli import main
for command in (["doctor", "--report"], ["show", "dropout"], ["data", "list"], ["claims"]):
    result = CliRunner().invoke(main, command)
    assert result.output and result.exception is None or command == ["claims"], result
net = md.nn.Sequential(md.nn.Linear(64, 8), md.Dropout(0.5), md.nn.Linear(8, 10)).init(0)
md.fit(net, md.optim.SGD(0.1), md.data.digits(), 1, checkpoint="run", progress=False)
md.save(net, "weights"); md.load(net, "weights")
print(len(asked))
"""


@pytest.mark.slow
@pytest.mark.parametrize("planted, count", [("", 0), (
    "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))", 1)])
def test_training_showing_and_reporting_ask_no_network(tmp_path, planted, count):
    path = os.pathsep.join([str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run([sys.executable, "-c", WATCHED.replace("PLANTED", planted)], text=True,
                          cwd=tmp_path, capture_output=True, env=os.environ | {"PYTHONPATH": path})
    assert (done.returncode, done.stdout.strip()) == (0, str(count)), done.stderr


# --- files of earlier releases -------------------------------------------------------------------

DIGESTS = {5: "e24adcaedf17edf8"}              # of the weights that each format's file holds


def formats():
    """The formats of which files are kept."""
    return sorted(int(path.name.partition("-")[2]) for path in Path(
        checkpoints.FOLDER).glob("weights-*"))


def test_files_of_every_format_are_kept():
    assert formats() == sorted(DIGESTS) and formats()[-1] == FORMAT   # python -m tests.kept


@pytest.mark.parametrize("form", formats())
def test_weights_of_every_format_load_with_their_bits(form):
    net = md.load(checkpoints.network(), checkpoints.FOLDER / f"weights-{form}")
    assert checkpoints.digest(net) == DIGESTS[form]
    assert checkpoints.digest(net.init(6)) != DIGESTS[form]
    md.load(net, checkpoints.FOLDER / f"run-{form}")           # a run's weights, too


@pytest.mark.parametrize("form", formats())
def test_a_kept_run_goes_on_or_is_refused_by_its_format(form, tmp_path):
    kept, path, steps = checkpoints.FOLDER / f"run-{form}", tmp_path / "run", []
    path.write_bytes(kept.read_bytes())
    net = checkpoints.network()
    if form != FORMAT:
        with pytest.raises(ValueError, match=f"is of format {form}, and this minidrop reads"):
            checkpoints.run(net, path)
        assert path.read_bytes() == kept.read_bytes()
        return
    history = checkpoints.run(net, path, lambda step, net, loss: steps.append(step))
    assert steps == [*range(checkpoints.BROKEN + 1, checkpoints.STEPS)]
    assert len(history.loss) == checkpoints.STEPS and np.isfinite(history.loss).all()
    assert files.read(path)[1]["step"] == checkpoints.STEPS


# --- public names --------------------------------------------------------------------------------

def test_every_call_of_public_names_that_was_right_is_right():
    """What is new is added by `python -m tests.kept`."""
    kept, now = public.FILE.read_text(encoding="utf-8").splitlines(), public.names()
    assert list(public.broken(kept, now)) == []
    assert [line for line in now if line not in kept] == []


@pytest.mark.parametrize("old, new, said", [
    ("md.f(x, p=)", "md.f(x, p=, seed=)", []),
    ("md.f(x, p=)", "md.f(x=, p=)", []),
    ("md.f(x, p=)", "md.f(x, *, p=)", ["md.f: p is no longer in place 2"]),
    ("md.f(x, p=)", "md.f(p=, x)", ["md.f: x is no longer in place 1",
                                    "md.f: p is no longer in place 2"]),
    ("md.f(x, p=)", "md.f(x, p)", ["md.f: p has no default"]),
    ("md.f(x, p=)", "md.f(x, q=)", ["md.f: p is no longer in place 2", "md.f: p= is not taken"]),
    ("md.f(x, *, p=)", "md.f(x, *, q=)", ["md.f: p= is not taken"]),
    ("md.f(x)", "md.f(x, y)", ["md.f: y has to be given"]),
    ("md.f(x)", "md.g(x)", ["md.f is gone"]),
    ("md.C", "md.C", []),
    ("$ minidrop train DATA --lr", "$ minidrop train --lr --seed DATA", []),
    ("$ minidrop train DATA --lr", "$ minidrop train DATA", ["$ minidrop train takes no --lr"]),
    ("$ minidrop train DATA --lr", "$ minidrop fit DATA --lr", ["$ minidrop train is gone"])])
def test_what_breaks_a_call_is_told(old, new, said):
    assert list(public.broken([old], [new])) == said


def test_arguments_are_read_with_their_kinds():
    assert public.taken(lambda x, p=1, *, seed, **more: 0) == "(x, p=, *, seed, **more)"
    assert public.taken(lambda *masks, p=1: 0) == "(*masks, p=)"
