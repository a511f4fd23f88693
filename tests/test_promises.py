"""The promises of site/pages/promises.md: each has tests, and those that had none are here."""

import ast
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import minidrop as md
from minidrop import files
from minidrop.catalog import PACKAGE
from minidrop.checkpoint import FORMAT
from minidrop.cli import main
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


@pytest.mark.slow
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
    (f"@pytest.mark.parametrize('x', argvalues=[])\n{RUNS}",
     "pytest.mark.parametrize('x', argvalues=[])"),
    (f"@unittest.skip('no')\n{RUNS}", "unittest.skip"),
    (f"{RUNS}\n    raise unittest.SkipTest", "unittest.SkipTest"),
    (f"from unittest import SkipTest as S\n{RUNS}\n    raise S",
     "from unittest import SkipTest as S"),
    ("def test_a():\n    try:\n        assert f()\n    except AssertionError:\n        g()",
     "try"),
    ("def test_a():\n    try:\n        assert f()\n    except:\n        pass", "try"),
    ("def test_a():\n    with suppress(AssertionError):\n        assert f()",
     "suppress(AssertionError)"),
    ("def test_a():\n    try:\n        f()\n    except ValueError:\n        g()\n    assert f()",
     ""),
    ("def test_a():\n    assert f() or True", "nothing that it asserts"),
    ("def test_a():\n    x = 1\n    assert x == x", "nothing that it asserts"),
    ("def test_a():\n    assert (f(), 1)", "nothing that it asserts"),
    ("def test_a():\n    if False:\n        assert f()", "nothing that it asserts"),
    ("def test_a():\n    for x in []:\n        assert f()", "nothing that it asserts"),
    ("def test_a():\n    with pytest.raises(Exception):\n        f()", "nothing that it asserts"),
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
BUILT_IN = {"eval", "exec", "compile", "__import__"}
MODULES = {"cffi", "cloudpickle", "ctypes", "dill", "marshal", "multiprocessing", "pickle", "pty",
           "runpy", "shelve", "subprocess"}
METHODS = {"import_module", "exec_module", "load_module", "Unpickler", "ProcessPoolExecutor",
           "read_pickle", "create_subprocess_exec", "create_subprocess_shell"}
CALLS = re.compile(r"(torch|joblib|jax|keras)\.load|builtins\.(eval|exec|compile|__import__)|"
                   r"os\.(system|popen|exec\w+|(posix_)?spawn\w*)")
TELLING = re.compile(r"(load|system|popen|exec\w*|(posix_)?spawn\w*|" + "|".join(
    BUILT_IN | METHODS) + r")\Z")                # the last parts of all these names
HINTS = {*BUILT_IN, *MODULES, *METHODS, "allow_pickle", ".load", "torch", "joblib", "jax",
         "keras", "os.", "import os", "from os"}
RUN = {                         # what executes code or starts processes, with what, and whose it is
    "lesson.py": ("exec, compile", "a lesson"),
    "grade/exercise.py": ("runpy", "an author's exercise"),
    "grade/values.py": ("eval", "an author's exercise"),
    "grade/runner.py": ("eval, exec, compile", "a submission, within its walls"),
    "grade/process.py": ("subprocess", "Python, with those walls"),
    "grade/pool.py": ("subprocess", "Python, to mark submissions at once"),
    "verify/places.py": ("importlib.import_module, spec.loader.exec_module",
                         "an implementation that is named"),
    "verify/process.py": ("subprocess", "Python, for that implementation"),
    "verify/field/wrappers.py": ("importlib.import_module", "a library of the field"),
    "verify/techniques/__init__.py": ("importlib.import_module", "a file of minidrop"),
    "operators.py": ("importlib.import_module", "who copies a primitive by pickle"),
    "xp.py": ("importlib.import_module", "SciPy's or CuPy's"),
    "data/files.py": ("importlib.import_module", "Python's gzip or bz2"),
    "claims/stamps.py": ("subprocess", "Python, on a checkout that is named"),
    "claims/history.py": ("subprocess", "git"),
    "allocator.py": ("ctypes", "a setting of glibc"),
    "bench/memory.py": ("ctypes", "Python's own allocators"),
    "grade/walls.py": ("ctypes, builtins.__import__", "the kernel's walls; Python's own import"),
    "verify/worker.py": ("ctypes", "the C library, to write what it holds"),
    "bench/worker.py": ("pickle, importlib.import_module, subprocess",
                        "what its own parent process asks for")}


def executing(text):
    """What a source text imports or names that executes code or starts processes.

    To import a module whose name stands there is what `import` does, and is not counted.
    """
    if not any(hint in text for hint in HINTS):
        return set()
    whole = called(text)
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(
        node, ast.Call) or TELLING.match(last := getattr(node, "attr", getattr(node, "id", "")))
        or last in whole]
    calls = [node for node in nodes if isinstance(node, ast.Call)]
    plain = {id(one.func) for one in calls if one.args and isinstance(one.args[0], ast.Constant)
             and ast.unparse(one.func).endswith("import_module")}
    found = imported(text) & MODULES | {name for name in whole.values() if CALLS.fullmatch(name)}
    found |= {ast.unparse(node) for node in nodes if isinstance(node, ast.Name | ast.Attribute)
              and id(node) not in plain and executes(ast.unparse(node), whole)}
    return found | {ast.unparse(one.func) for one in calls if unpickles(one)}


def called(text):
    """{name: what it was imported as a name of, with its module} of a source text."""
    return {alias.asname or alias.name.split(".")[0]:
            f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else
            alias.name if alias.asname else alias.name.split(".")[0]
            for node in import_nodes(text) if not getattr(node, "level", 0) for alias in node.names}


def executes(name, whole):
    """Whether a name, in full once its first part is, is of what executes or starts something."""
    first, dot, rest = name.partition(".")
    full = whole.get(first, first) + dot + rest
    return (name in BUILT_IN or full.rpartition(".")[2] in METHODS
            or bool(CALLS.fullmatch(full)))


def unpickles(call):
    """Whether a call may allow pickles: by its name, by place, or by what cannot be read here."""
    given = [one for one in call.keywords if one.arg == "allow_pickle"]
    numpys = re.fullmatch(r"(np|numpy)\.load", ast.unparse(call.func)) and (
        len(call.args) > 2 or any(one.arg is None for one in call.keywords))
    return bool(numpys) or any(ast.unparse(one.value) != "False" for one in given)


def imported(text):
    """The modules, by the first part of their names, that a source text imports anywhere in it."""
    return {name.split(".")[0] for node in import_nodes(text) for name in (
        [alias.name for alias in node.names] if isinstance(node, ast.Import) else
        [] if node.level else [node.module])}


def reaching(text):
    """The modules a source text imports, anywhere in it, that reach a network."""
    if not any(name in text for name in NETWORK):
        return set()
    return imported(text) & NETWORK


def where(look):
    """{file: what is found in it} of the whole package."""
    found = {path.relative_to(PACKAGE).as_posix(): look(path.read_text(encoding="utf-8"))
             for path in PACKAGE.rglob("*.py")}
    return {name: words for name, words in found.items()
            if words and not name.startswith("_lessons/")}


def test_only_data_and_clusters_import_what_reaches_a_network():
    assert where(reaching) == REACH
    assert reaching("def f():\n    from urllib.request import urlopen") == {"urllib"}


@pytest.mark.slow
def test_only_code_that_the_user_names_is_executed():
    assert where(executing) == {name: {*calls.split(", ")} for name, (calls, _) in RUN.items()}


@pytest.mark.parametrize("text, called", [
    ("net.eval(); re.compile('x'); np.load(f, allow_pickle=False); json.load(f)", set()),
    ("importlib.import_module('cupy'); files.load(f); os.path.join(a)", set()),
    ("if f(eval(text)): pass", {"eval"}),
    ("importlib.import_module(name)", {"importlib.import_module"}),
    ("from importlib import import_module\nimport_module(f())", {"import_module"}),
    ("spec.loader.exec_module(module)", {"spec.loader.exec_module"}),
    ("np.load(f, allow_pickle=True)", {"np.load"}), ("np.load(f, allow_pickle=x)", {"np.load"}),
    ("def f():\n    import pickle as p\n    p.Unpickler(f)", {"pickle", "p.Unpickler"}),
    ("torch.load(f)", {"torch.load"}), ("joblib.load(f)", {"joblib.load"}),
    ("import shelve", {"shelve"}), ("from pickle import loads", {"pickle"}),
    ("from subprocess import run", {"subprocess"}), ("os.system(x)", {"os.system"}),
    ("from os import system", {"os.system"}), ("import os as o\no.popen(x)", {"o.popen"}),
    ("import builtins as b\nb.exec(x)", {"b.exec"}), ("builtins.exec(x)", {"builtins.exec"}),
    ("np.load(f, None, True)", {"np.load"}), ("np.load(f, **more)", {"np.load"}),
    ("from torch import load", {"torch.load"}), ("pandas.read_pickle(f)", {"pandas.read_pickle"}),
    ("x = exec", {"exec"}), ("map(eval, texts)", {"eval"}), ("import ctypes", {"ctypes"}),
    ("asyncio.create_subprocess_exec(x)", {"asyncio.create_subprocess_exec"}),
    ("map(import_module, names)", {"import_module"}),
    ("os.execv(x, y)", {"os.execv"}), ("from runpy import run_module", {"runpy"})])
def test_what_executes_code_or_starts_processes_is_found(text, called):
    assert executing(text) == called


WATCH = """
import os, sys
def note(event):
    with open(os.environ["ASKED"], "a") as file:
        file.write(event + chr(10))
note("begun")
sys.addaudithook(lambda event, args: note(event) if event in (
    "socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto",
    "urllib.Request", "webbrowser.open") else None)
"""
TRAINED = """
import minidrop as md
net = md.nn.Sequential(md.nn.Linear(64, 8), md.Dropout(0.5), md.nn.Linear(8, 10)).init(0)
md.fit(net, md.optim.SGD(0.1), md.data.digits(), 1, checkpoint="run", progress=False)
md.save(net, "weights"); md.load(net, "weights")
"""
COMMANDS = ["doctor --report", "show dropout", "data list", "claims list", "lesson dropout",
            "verify dropout --impl minidrop:Dropout", "grade start dropout",
            "grade check dropout.py", "train mlp digits --epochs 1", "vectors vectors dropout",
            "equations dropout",
            "bench b --blocks 1" + " --against torch" * bool(find_spec("torch"))]
CALLED = """
import sys
from click.testing import CliRunner
from minidrop.cli import main
for command in sys.argv[1:]:
    result = CliRunner().invoke(main, command.split())
    assert result.exit_code == command.startswith("grade check"), result.output    # nothing solved
"""
PLANTED = "import socket; socket.socket(type=socket.SOCK_DGRAM).connect(('127.0.0.1', 9))"


def asked(folder, text, *commands):
    """What a Python asks of the network, and those it starts, but for a submission's: events."""
    folder.joinpath("sitecustomize.py").write_text(WATCH)
    path = [str(folder), str(PACKAGE.parent), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-c", text, *commands], text=True, cwd=folder, capture_output=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path), "ASKED": str(folder / "asked"),
                          "MPLBACKEND": "Agg", "MINIDROP_SMOKE": "1"})
    assert done.returncode == 0, done.stderr
    return folder.joinpath("asked").read_text().split()


@pytest.mark.slow
@pytest.mark.parametrize("planted, events", [("", []), (PLANTED, ["socket.connect"])])
def test_training_showing_and_reporting_ask_no_network(tmp_path, planted, events):
    assert asked(tmp_path, TRAINED + planted) == ["begun", *events]


@pytest.mark.slow
def test_no_command_but_to_fetch_asks_a_network(tmp_path):
    """With the processes that verify and bench start, which are watched too."""
    events = asked(tmp_path, CALLED, *COMMANDS)
    assert {*events} == {"begun"} and len(events) > 3
    assert {command.split()[0] for command in COMMANDS} == set(main.commands)


@pytest.mark.slow
def test_what_a_started_process_asks_is_seen(tmp_path):
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-P', '-c', {PLANTED!r}])"
    assert asked(tmp_path, child) == ["begun", "begun", "socket.connect"]


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


# --- files ----------------------------------------------------------------------------------------

WRITERS = {                 # file: what writes in it, with the reason why it is not files.put
    "files.py": {"path.open", "lock.open", "left.open", "path.with_name(name).open"},   # put itself
    "data/files.py": {"open"},                            # pooch renames it when it is right
    "plots.py": {"figure.savefig"},                       # into memory
    "exits.py": {"os.open"}, "grade/runner.py": {"os.open"},      # os.devnull
}


def writing(text):
    """The calls in a source text that write a file, or open one to write it."""
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return {ast.unparse(one.func) for one in calls if writes(one)}


def writes(call):
    """Whether a call is named as what writes files, or is an `open` that does not only read."""
    name = ast.unparse(call.func).rpartition(".")[2]
    if name != "open":
        return name in {"write_text", "write_bytes", "savefig", "tofile", "save_file", "savez",
                        "savetxt", "imsave"} or ast.unparse(call.func) in ("np.save", "json.dump")
    place = isinstance(call.func, ast.Name)       # of the mode: open(path, mode), path.open(mode)
    named = [one.value for one in call.keywords if one.arg == "mode"]
    flags = ast.unparse(call)
    return "O_WRONLY" in flags or "O_RDWR" in flags or any(
        isinstance(one, ast.Constant) and {*one.value} & {*"wxa+"}
        for one in (*call.args[place:place + 1], *named))


def test_files_are_written_by_what_leaves_the_old_one_until_the_new_one_is_whole():
    assert where(writing) == WRITERS


@pytest.mark.parametrize("text, found", [
    ("path.write_text(x)", {"path.write_text"}), ("open(path, 'wb')", {"open"}),
    ("path.open('w')", {"path.open"}), ("open(path, mode='a')", {"open"}),
    ("figure.savefig(path)", {"figure.savefig"}), ("np.save(path, x)", {"np.save"}),
    ("os.open(path, os.O_RDWR)", {"os.open"}), ("os.open(path, os.O_RDONLY)", set()),
    ("open(path)", set()), ("open('wax', 'rb')", set()), ("put(path, x)", set())])
def test_what_writes_a_file_is_found(text, found):
    assert writing(text) == found


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
    ("md.f(x, y=)", "md.f(x, y, z=)", ["md.f: y has no default"]),
    ("md.f(x, p=0.5)", "md.f(x, p=0.1)", ["md.f: p is 0.1 where it is left out, and was 0.5"]),
    ("md.f(x, p='a')", "md.f(x, p='a', q='b')", []),
    ("md.f(x, p=(1,2))", "md.f(x, p=(1,2))", []),
    ("md.C", "md.C", []), ("md.C.f(x)", "md.C.g(x)", ["md.C.f is gone"]),
    ("$ minidrop fit DATA --lr", "$ minidrop fit DATA [TO] --lr --seed=0", []),
    ("$ minidrop fit DATA --lr", "$ minidrop fit DATA", ["$ minidrop fit takes no --lr"]),
    ("$ minidrop fit DATA --lr", "$ minidrop run DATA --lr", ["$ minidrop fit is gone"]),
    ("$ minidrop fit [DATA]", "$ minidrop fit DATA", ["$ minidrop fit needs DATA"]),
    ("$ minidrop fit DATA", "$ minidrop fit [DATA]", []),
    ("$ minidrop fit A", "$ minidrop fit A B", ["$ minidrop fit needs B"]),
    ("$ minidrop fit A B", "$ minidrop fit B [A]", ["$ minidrop fit takes no A in place 1",
                                                  "$ minidrop fit takes no B in place 2"]),
    ("$ minidrop fit [A]", "$ minidrop fit", ["$ minidrop fit takes no A in place 1"]),
    ("$ minidrop fit --lr=0.1", "$ minidrop fit --lr=0.1 --decay=0.1", []),
    ("$ minidrop fit --lr=0.1", "$ minidrop fit --lr=0.2",
     ["$ minidrop fit has 0.2 where --lr is left out, and had 0.1"]),
    ("$ minidrop fit --lr", "$ minidrop fit --lr=0.2",
     ["$ minidrop fit has 0.2 where --lr is left out, and had nothing"])])
def test_what_breaks_a_call_is_told(old, new, said):
    assert list(public.broken([old], [new])) == said


def test_arguments_are_read_with_their_kinds_and_defaults():
    assert public.taken(lambda x, p=1, *, seed, **more: 0) == "(x, p=1, *, seed, **more)"
    assert public.taken(lambda *masks, p=(1, "a"), f=len: 0) == "(*masks, p=(1,'a'), f=len)"
    assert public.taken(md.relu) == "(x)" and public.taken(md.nn) == ""


def test_methods_are_kept_of_the_class_that_brings_them():
    kept = public.FILE.read_text(encoding="utf-8").splitlines()
    assert {"minidrop.Module.init(seed)", "minidrop.Dropout(p, scaling='inverted')",
            "minidrop.Tensor.backward(g=None)", "minidrop.Interval.high", "minidrop.Dropout.p",
            "minidrop.optim.Adam.beta1", "minidrop.nn.Conv2d.weight"} <= {*kept}
    assert not any("Dropout.init" in line or "._" in line or "AdamW.beta1" in line
                   for line in kept)


def test_options_are_kept_with_what_they_are_where_they_are_left_out():
    line, = public.commands(main.commands["train"], "minidrop train")
    assert line.startswith("$ minidrop train MODEL DATA --augment ") and " --epochs=3 " in line
    assert " --seed=0 " in line and " --dropout " in line and "UNSET" not in line
