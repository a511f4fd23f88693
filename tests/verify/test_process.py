"""An implementation in a process of its own may come to any end, and the run goes on."""

import gc
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from minidrop.verify import FAILS, HOLDS, UNSEEN, check
from minidrop.verify.clock import Awake, Clock, Late, limited, of_process
from minidrop.verify.places import Broken, found_at, place
from tests.verify import implementations

pytestmark = pytest.mark.slow

PLACE = "tests.verify.implementations"
FILE = Path(implementations.__file__)
POSIX = pytest.mark.skipif(os.name != "posix", reason="signals and groups of POSIX")


def words(report):
    return {one.check: one.word for one in report}


def test_a_place_is_a_module_or_a_file_and_a_path_of_names():
    assert found_at(f"{PLACE}:Holder.Inner.drop") is implementations.dropout
    assert found_at("math:sqrt")(4) == 2
    assert place(f"{FILE}:dropout") == (str(FILE), "dropout")


@pytest.mark.parametrize("text, sentence", [
    ("ours", "given as package.module:callable or path/to/file.py:callable, got 'ours'"),
    ("ours:", "given as package.module:callable"),
    ("ours:a b", "given as package.module:callable"),
    ("no/file.txt:f", "neither a module nor a file that ends in .py"),
    ("no_such_file.py:f", "there is no file no_such_file.py"),
    (f"{FILE.parent}/implementation.py:f", "did you mean implementations.py?"),
    ("no_such_module:f", "there is no module no_such_module where Python looks"),
    (f"{PLACE}.deeper:f", "there is no module"),
    (f"{PLACE}:dropuot", "has no dropuot; did you mean dropout?"),
    (f"{PLACE}:Holder.Outer", "Holder has no Outer; there is Inner"),
])
def test_a_wrong_place_is_answered_with_what_is_there(text, sentence):
    with pytest.raises(ValueError) as caught:
        found_at(text)
    assert sentence in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_is_imported_beside_its_neighbours_or_within_its_package(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "neighbour_of_ours.py").write_text("def f(x):\n    return x\n")
    (tmp_path / "json.py").write_text("from neighbour_of_ours import f\n")
    assert found_at(f"{tmp_path / 'json.py'}:f")(3) == 3 and "f" not in vars(sys.modules["json"])
    package = tmp_path / "packed_ours" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    (package.parent / "base.py").write_text("def g(x):\n    return x\n")
    (package / "layer.py").write_text("from ..base import g\n")
    assert found_at(f"{package / 'layer.py'}:g").__module__ == "packed_ours.base"


@pytest.mark.parametrize("text", ["raise SystemExit(3)", "1 / 0", "def f(:", "from os import nono"])
def test_what_an_import_raises_is_told_and_not_raised(tmp_path, monkeypatch, text):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "broken_ours.py").write_text(text)
    with pytest.raises(Broken):
        found_at(f"{tmp_path / 'broken_ours.py'}:f")


def test_what_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "needs_ours.py").write_text("import no_such_framework")
    with pytest.raises(ValueError, match="needs_ours.py needs no_such_framework, which is not"):
        found_at(f"{tmp_path / 'needs_ours.py'}:f")


def test_a_process_of_its_own_finds_what_this_one_finds():
    seen = []
    report = check(f"{PLACE}:unscaled", "dropout", watch=seen.append)
    here = check(implementations.unscaled, "dropout")
    assert report.json() == here.json() and seen == report.findings[:len(seen)]
    assert report.form == {"scaling": "paper"} and report.versions["numpy"]
    assert check(f"{PLACE}:unscaled", "dropout", scaling="paper").holds
    assert check(f"{FILE}:Holder.Inner.drop", "dropout").holds


@POSIX
@pytest.mark.parametrize("name, found", [
    ("segfault", "the process was ended by SIGSEGV"),
    ("exits", "the process ended itself with exit code 3"),
    ("killed", "the process was ended by SIGKILL"),
    ("aborts", "the process was ended by SIGABRT: terminate called"),
])
def test_a_death_is_the_finding_of_its_check_and_three_are_enough(name, found):
    report = check(f"{PLACE}:{name}", "dropout")
    assert [one.found for one in report.failures] == 3 * [found] and report.variant == ""
    assert all("p = 0.75" in one.input for one in report.failures)
    told = [*words(report).values()]
    last = max(at for at, word in enumerate(told) if word == FAILS)
    assert HOLDS in told[:last] and {*told[last + 1:-2]} == {UNSEEN}
    assert told[-2:] == [HOLDS, HOLDS]            # nothing was printed, and nobody moved


@POSIX
@pytest.mark.parametrize("name, clock", [
    ("stubborn", "by the wall clock"), ("in_c", "by the wall clock"),
    pytest.param("busy", "of computing", marks=pytest.mark.skipif(
        sys.platform != "linux", reason="of another process only Linux tells"))])
def test_a_hang_is_ended_from_outside(name, clock):
    report = check(f"{PLACE}:{name}", "dropout", seconds=0.5)
    first = report.failures[0]
    assert "p = 0.75" in first.input
    assert first.found.startswith("no answer in ") and first.found.endswith(f" s {clock}")


@pytest.mark.skipif(sys.platform != "linux", reason="of another process only Linux tells")
def test_a_process_that_is_paused_is_not_failed():
    report = check(f"{PLACE}:paused", "dropout", seconds=1)    # 12 s by the wall, paused for 14
    assert not report.failures and words(report)["values"] == HOLDS, report


def test_time_is_that_of_computing_and_a_pause_is_not_counted():
    clock, awake = Clock(), Awake()
    time.sleep(0.3)
    assert clock.spent < 0.15 and clock.gone >= 0.3 and 0.85 < clock.left(1.0) <= 1.0
    assert clock.left(0.02) == 0                  # it slept for longer than WALL times that
    awake.before -= 100
    assert awake.look(0.5) == 1.0 and awake.look(0.5, stopped=True) == 1.0
    while clock.spent < 0.2:
        pass
    assert of_process(os.getpid())[0] in (None, pytest.approx(time.process_time(), abs=0.1))


def test_what_sleeps_for_long_or_computes_for_long_is_late():
    def spin():
        while True:
            pass

    for wait, wall in ((spin, False), (lambda: time.sleep(60), True)):
        with pytest.raises(Late) as caught, limited(0.1):
            wait()
        assert caught.value.wall == wall
    with limited(0.1, wall=False):                # another process looks at the clock
        time.sleep(1.5)


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux's")
def test_memory_is_bounded():
    report = check(f"{PLACE}:greedy", "dropout")
    assert any("MemoryError" in one.found for one in report.failures)
    assert words(report)["dtype"] == HOLDS


@POSIX
def test_floods_forks_and_readers_do_no_harm(capfd):
    report = check(f"{PLACE}:flood", "dropout")
    assert report.verdict == "fails prints"
    assert report.failures[0].input.startswith("a call in the check: ")
    assert report.failures[0].found.startswith(r"'flood\nflood") \
        and "bytes)" in report.failures[0].found
    assert check(f"{PLACE}:reads", "dropout").holds
    forked = check(f"{PLACE}:forks", "dropout")
    assert forked.holds and len(forked.findings) == len(report.findings)
    before = os.getcwd()
    assert check(f"{PLACE}:moves", "dropout").verdict == "fails folder" and os.getcwd() == before
    assert capfd.readouterr() == ("", "")


def running(text):
    """The processes whose command line holds `text`."""
    found = subprocess.run(["ps", "-A", "-o", "pid=,stat=,args="], capture_output=True, text=True)
    return [line for line in found.stdout.splitlines()
            if text in line and not line.split()[1].startswith("Z")]


@POSIX
def test_nothing_is_left_running_or_open():
    gc.collect()                                  # what earlier tests left may hold some
    threads, files = threading.active_count(), len(os.listdir("/dev/fd"))
    assert check(f"{PLACE}:children", "dropout").holds
    for name in ("dead", "forks"):
        check(f"{PLACE}:{name}", "dropout")
    assert running("time.sleep(600)") == [] and threading.active_count() == threads
    assert len(os.listdir("/dev/fd")) == files


@POSIX
def test_what_always_dies_gets_one_finding():
    [one] = check(f"{PLACE}:dead", "dropout").failures
    assert (one.check, one.found) == ("answer", "the process ended itself with exit code 7")


@pytest.mark.parametrize("text, found", [
    ("1 / 0", "ZeroDivisionError: division by zero"),
    ("import os; os._exit(5)", "the process ended itself with exit code 5"),
    ("raise SystemExit(3)", "SystemExit: 3"),
])
def test_an_import_that_fails_is_a_verdict(tmp_path, text, found):
    (tmp_path / "ours.py").write_text(text)
    report = check(f"{tmp_path / 'ours.py'}:f", "dropout")
    [one] = report.failures
    assert (one.check, one.found, one.due) == ("answer", found, "a module")
    assert report.verdict == "gives no answer"


def test_a_wrong_question_is_a_value_error():
    for settings, sentence in [({"framework": "caffe"}, "framework must be one of"),
                               ({"scaling": "no"}, "scaling must be one of"),
                               ({"extra": {"a": {1}}}, "as JSON has them")]:
        with pytest.raises(ValueError, match=sentence):
            check(f"{PLACE}:dropout", "dropout", **settings)
    with pytest.raises(ValueError, match="has no nothing"):
        check(f"{PLACE}:nothing", "dropout")


@POSIX
def test_it_works_from_a_bare_script_and_with_stdin_closed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from minidrop.verify import check\n"
                      f"print(check({f'{FILE}:dropout'!r}, 'dropout').holds)\n")
    for command in (f"{sys.executable} {script}", f"{sys.executable} {script} <&-"):
        done = subprocess.run(command, shell=True, cwd=tmp_path, capture_output=True, text=True,
                              env=os.environ | {"PYTHONPATH": os.getcwd()})
        assert (done.stdout, done.stderr) == ("True\n", "")
