"""Every command ends with a code of the table and, where something went wrong, one sentence."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from minidrop import files
from minidrop.cli import main
from minidrop.exits import CODES

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "site/pages/command-line.md"


def leaves(group=main, before=()):
    """Every command that is no group, as words."""
    for name, one in group.commands.items():
        if isinstance(one, click.Group):
            yield from leaves(one, (*before, name))
        else:
            yield (*before, name)


LEAVES = [*leaves()]
NAMES = {" ".join(words) for words in LEAVES}


def run(*args):
    result = CliRunner().invoke(main, args, prog_name="minidrop")
    return result.exit_code, result.output


def test_the_table_of_exit_codes_is_that_of_the_code():
    rows = re.findall(r"^\| (\d+) \| ([^|]+) \|", PAGE.read_text(encoding="utf-8"), re.M)
    assert {int(code): what for code, what in rows} == CODES
    told = " ".join(run("--help")[1].split())
    assert all(f"{code} {what}" in told for code, what in CODES.items())


@pytest.mark.parametrize("words", LEAVES, ids=" ".join)
def test_a_wrong_option_is_answered_by_every_command(words):
    code, text = run(*words, "--nonsense")
    assert code == 2 and re.search("No such option:? '?--nonsense", text), text


WRONG = {
    "lesson": ("droput",), "show": ("droput",), "equations": ("droput",), "bench": ("techniqes",),
    "claims run": ("dropot",), "claims show": ("dropot",), "claims stamp": (".", "dropot"),
    "data fetch": ("mnits",), "data check": ("mnits",), "grade start": ("droput",),
    "grade check": ("NOWHERE.py",), "grade prove": ("droput",), "train": ("lent", "digits"),
    "verify": ("droput",), "vectors": ("nowhere", "droput"), "claims list": ("nobody",),
    "grade report": ("NOWHERE",), "grade autograder": ("--root", "NOWHERE"),
    "grade course": ("NOWHERE/there/x.toml",)}
NAMELESS = {"data list", "doctor"}                # which take no name
NOT_NEAR = {"claims list", "grade check", "grade report", "grade autograder", "grade course"}


@pytest.mark.parametrize("name", sorted(NAMES - NAMELESS))
def test_a_wrong_name_is_answered_by_every_command(name):
    code, text = run(*name.split(), *WRONG[name])
    assert code == 2 and text.count("Error: ") == 1 and "Traceback" not in text
    assert "did you mean" in text or name in NOT_NEAR, text


INTERRUPTED = {
    "lesson": ("dropout", "lesson.run", "start again with: minidrop lesson dropout"),
    "show": ("dropout", "cli._show_technique", ""),
    "equations": ("dropout", "terminal.formula", ""),
    "bench": ("a", "bench.steps.run", "nothing is written"),
    "claims list": ("", "claims.commands.by_paper", ""),
    "claims run": ("dropout", "claims.ledger.run", "no run was finished, and the same command"),
    "claims show": ("dropout", "claims.commands._scales", ""),
    "claims stamp": (". dropout", "claims.stamps.stamp", ""),
    "data list": ("", "data.files.whereabouts", ""),
    "data fetch": ("mnist", "data.files.find", "what is whole stays, and the same command goes on"),
    "data check": ("mnist", "data.files.present", ""),
    "grade start": ("dropout", "grade.stub.stub", ""),
    "grade check": ("dropout.py", "grade.marking.mark", "interrupted after 0 of"),
    "grade prove": ("dropout", "grade.prove.prove", "interrupted after 0 of"),
    "grade report": (".", "grade.report.grade_class", "to go on: minidrop grade report ."),
    "grade course": ("x.toml", "grade.course.example", ""),
    "grade autograder": ("--root .", "grade.report.grade_one", "to go on: minidrop grade autog"),
    "train": ("mlp digits", "models.commands.fit", "nothing is saved; with --checkpoint PATH"),
    "verify": ("dropout --impl minidrop:Dropout", "verify.run.check", "interrupted after 0 of"),
    "vectors": ("here dropout", "verify.vectors.write", ""),
    "doctor": ("", "doctor.report", "")}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_ctrl_c_is_130_in_every_command_and_tells_what_is_kept(name, tmp_path, monkeypatch):
    def interrupted(*args, **named):
        raise KeyboardInterrupt

    args, where, words = INTERRUPTED[name]
    monkeypatch.chdir(tmp_path)
    Path("dropout.py").write_text('EXERCISE = "dropout"\n')
    module, _, function = where.rpartition(".")
    __import__(f"minidrop.{module}")
    monkeypatch.setattr(sys.modules[f"minidrop.{module}"], function, interrupted)
    code, text = run(*name.split(), *args.split())
    assert code == 130 and "Error: " in text and "interrupted" in text and words in text, text


def test_a_set_that_is_nowhere_says_what_to_download(tmp_path, monkeypatch):
    monkeypatch.setenv("MINIDROP_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code, text = run("train", "lenet", "mnist")
    assert code == 1 and text.startswith("Error: MNIST needs ")
    assert "`minidrop data fetch mnist` downloads it" in text
    code, text = run("data", "check", "mnist")
    assert (code, text) == (1, "absent  MNIST: minidrop data fetch mnist\n")


# --- processes, with something wrong around them -------------------------------------------------

class Server:
    """Commands, each in a process of its own that imports nothing anew (tests/ends.py)."""

    def __init__(self, folder, *flags, **env):
        self.folder, there = folder, {**os.environ, "PYTHONPATH": str(ROOT), **env}
        there = {name: value for name, value in there.items() if value is not None}
        as_owner = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen(            # root, too, shall obey modes of files
            [*as_owner, sys.executable, *flags, "-m", "tests.ends"], text=True, cwd=ROOT, env=there,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __call__(self, *args, cwd=None, out=None, most=None, **env):
        """(exit code, stdout, stderr) of a command line."""
        out_file, err_file = self.folder / "out.txt", self.folder / "err.txt"
        for file in (out_file, err_file):
            file.unlink(missing_ok=True)
        asked = {"args": [*map(str, args)], "cwd": str(cwd or self.folder), "err": str(err_file),
                 "out": str(out or out_file), "most": most, "env": env}
        self.process.stdin.write(json.dumps(asked) + "\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        texts = [file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
                 for file in (out_file, err_file)]
        return code, *texts

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def serve(tmp_path_factory):
    """A server for each set of flags and variables, kept for the tests of this file."""
    there = {}

    def server(*flags, **env):
        key = flags, *sorted(env.items())
        if key not in there:
            there[key] = Server(tmp_path_factory.mktemp("ends"), *flags, **env)
        return there[key]

    yield server
    for one in there.values():
        one.close()


@pytest.fixture
def ends(serve):
    return serve()


def in_a_sentence(code, err):
    lines = err.strip().splitlines()
    return (code == 1 and lines[-1].startswith("Error: ") and "Traceback" not in err
            and "Exception ignored" not in err)


TALKING = [("--help",), ("--version",), ("train", "--help"), ("lesson",), ("show",),
           ("show", "dropout"), ("equations", "dropout"), ("claims", "show", "dropout"),
           ("data", "list"), ("verify", "dropout"), ("grade",), ("doctor",)]


@pytest.mark.slow
@pytest.mark.parametrize("args", TALKING, ids=" ".join)
def test_output_that_nobody_reads_or_that_has_no_room(ends, args):
    code, _, err = ends(*args, out="/dev/full")
    assert in_a_sentence(code, err)
    assert err == "Error: the output: No space left on device\n"
    assert ends(*args, out="closed") == (141, "", "")


WRITING = [("vectors", "here", "dropout"), ("grade", "start", "dropout"), ("grade", "course"),
           ("show", "lenet", "--graph"), ("lesson", "tape"), ("claims", "run", "targeted"),
           ("train", "mlp", "digits", "--epochs", "1", "--checkpoint", "here"),
           ("train", "mlp", "digits", "--epochs", "1", "--cycles", "1", "--snapshots", "here"),
           ("verify", "max_norm", "--impl", "minidrop:max_norm", "--json", "here.json"),
           ("grade", "report", "class")]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["full", "read-only"])
@pytest.mark.parametrize("args", WRITING, ids=lambda args: " ".join(args[:3]))
def test_what_cannot_be_written_is_said_and_leaves_no_half_file(ends, args, how, tmp_path):
    (tmp_path / "class" / "ann").mkdir(parents=True)
    (tmp_path / "class" / "ann" / "dropout.py").write_text('EXERCISE = "dropout"\n')
    whole = tmp_path / "here.json"                # `verify --json here.json` would replace it
    whole.write_text("whole")
    before = {path.name for path in tmp_path.rglob("*")}
    if how == "read-only":
        tmp_path.chmod(0o555)
    elif args[0] == "claims":
        pytest.skip("its first run takes long: tests/test_claims.py has one that is short")
    code, _, err = ends(*args, cwd=tmp_path, out="/dev/null", MINIDROP_SMOKE="1",
                        most=800 if how == "full" else None)
    tmp_path.chmod(0o755)
    assert in_a_sentence(code, err), (code, err)
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()} - before
    assert left == set() and whole.read_text() == "whole", left


HOMELESS = {"HOME": None, "XDG_CACHE_HOME": None, "MPLCONFIGDIR": None, "XDG_CONFIG_HOME": None}
PLACES = {"no HOME": HOMELESS, "a HOME that is nowhere": HOMELESS | {"HOME": "/nowhere"},
          "a cache that is no folder": HOMELESS | {"XDG_CACHE_HOME": "/dev/null"}}


@pytest.mark.slow
@pytest.mark.parametrize("where", PLACES)
@pytest.mark.parametrize("args", [("doctor",), ("data", "list"), ("data", "check"),
                                  ("show", "lenet", "--graph")], ids=" ".join)
def test_a_home_is_not_needed(serve, where, args):
    server = serve(**PLACES[where])
    code, out, err = server(*args)
    assert code == 0 and out and "Traceback" not in err, err


@pytest.mark.slow
def test_a_cache_that_cannot_be_written_is_said(ends, tmp_path):
    tmp_path.chmod(0o555)
    code, _, err = ends("data", "fetch", "mnist", XDG_CACHE_HOME=str(tmp_path / "cache"))
    tmp_path.chmod(0o755)
    assert in_a_sentence(code, err) and str(tmp_path / "cache") in err


SAYING = [("train", "--help"), ("lesson",), ("lesson", "tape"), ("show", "dropout"),
          ("show", "lenet"), ("claims", "show", "dropout"), ("data", "list"), ("grade",),
          ("verify", "max_norm", "--impl", "minidrop:max_norm"), ("doctor",),
          ("train", "mlp", "digits", "--epochs", "1"), ("vectors", "here", "dropout")]
AROUND = {"20 columns of ASCII": ((), {"COLUMNS": "20", "LC_ALL": "C", "PYTHONUTF8": "0",
                                       "PYTHONCOERCECLOCALE": "0"}),
          "no assertions, and warnings are errors": (("-OO", "-W", "error"), {})}


@pytest.mark.slow
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("args", SAYING, ids=lambda args: " ".join(args[:2]))
def test_commands_do_the_same_whatever_is_around_them(serve, around, args):
    flags, env = AROUND[around]
    code, out, err = serve(*flags, **env)(*args, MINIDROP_SMOKE="1")
    assert code == 0 and out and "Traceback" not in err, err


@pytest.mark.slow
def test_ctrl_c_in_a_real_run_is_130_and_the_same_command_goes_on(tmp_path):
    command = [sys.executable, "-m", "minidrop", "train", "mlp", "digits", "--epochs", "400",
               "--checkpoint", "run"]
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, cwd=tmp_path, env=env, text=True, stderr=subprocess.PIPE,
                          stdout=subprocess.DEVNULL) as child:
        end = time.monotonic() + 120
        while not ((tmp_path / "run").is_file() and files.read(tmp_path / "run")[1]["step"]):
            assert child.poll() is None and time.monotonic() < end
            time.sleep(0.05)
        child.send_signal(signal.SIGINT)
        err = child.communicate(timeout=60)[1]
    assert child.returncode == 130 and "Traceback" not in err
    assert err.rstrip().endswith("the same command goes on from run")
