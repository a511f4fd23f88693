"""`minidrop doctor --report`: what a report of a fault needs, and nobody's name in it."""

import json
import os
import platform
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from minidrop import doctor, fault_report, selftest
from minidrop.catalog import PACKAGE
from minidrop.cli import main
from minidrop.discreet import discreet
from minidrop.fast import choice
from minidrop.xp import threads

ABSOLUTE = re.compile(r"(?<![\w.~>A-Z])(/\w|[A-Za-z]:\\)")
PLANTED = ("zoe", "Quist", "turing", "example", "hunter2", "s3cr3t", "sesame", "8f3e", "3128")


@pytest.fixture
def stranger(monkeypatch, tmp_path):
    """A user with a name, a machine with a name, secrets, and folders with spaces."""
    threads.cache_clear()
    home = tmp_path / "home" / "Zoe Quist"
    folder = home / "my data"
    folder.joinpath("cifar-10-batches-bin").mkdir(parents=True)
    folder.joinpath("cifar-10-batches-bin/data_batch_1.bin").write_bytes(b"")
    for name, value in {
            "HOME": home, "USER": "zoe", "LOGNAME": "zoe", "HOSTNAME": "turing.example.org",
            "MINIDROP_DATA": folder, "MINIDROP_TOKEN": "hunter2", "MINIDROP_THREADS": "sesame",
            "HTTPS_PROXY": "http://zoe:s3cr3t@proxy.example.org:3128", "SOME_TOKEN": "s3cr3t",
            "CUDA_VISIBLE_DEVICES": "GPU-8f3e", "MINIDROP_CONV": "winograd,plain"}.items():
        monkeypatch.setenv(name, str(value))
    monkeypatch.setattr(platform, "node", lambda: "turing.example.org")
    monkeypatch.setattr(platform, "platform", lambda: "Linux-6.1-turing-x86_64")
    monkeypatch.setattr(doctor, "gpu", lambda: [("GPU", (
        f"none: {home}/lib, {PACKAGE}/gpu.py, /srv/Zoe's own/libcuda.so, D:\\zoe\\cuda; token "
        "s3cr3t, of zoe@example.org at http://turing:3128/x"))])
    yield home
    threads.cache_clear()


def printed(*options):
    result = CliRunner().invoke(main, ["doctor", *options])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_report_names_no_user_machine_path_or_secret(stranger):
    text = printed("--report")
    assert "31 lessons in lessons" in text or "in minidrop/_lessons" in text
    assert not [word for word in PLANTED if word.lower() in text.lower()], text
    assert not ABSOLUTE.search(text), text
    facts = dict(re.split(r"  +", line, maxsplit=1) for line in text.splitlines() if "  " in line)
    assert facts["GPU"].startswith("none: ~/lib, minidrop/gpu.py, <path>, <path>;")
    assert facts["GPU"].endswith("; token <secret>, of <address> at <address>")
    assert "cifar10 in $MINIDROP_DATA/cifar-10-batches-bin" in facts["data"]
    assert facts["Python"].endswith("Linux-6.1-<host>-x86_64")
    assert facts["MINIDROP_CONV"] == "winograd,plain" and facts["MINIDROP_DATA"] == "set"
    assert facts["MINIDROP_TOKEN"] == "set, and unknown to minidrop"
    assert "MINIDROP_THREADS must be a whole number of at least 1, got '<secret>'" in text


def test_what_the_doctor_tells_its_user_names_them_all(stranger):
    text = printed()                              # so that what was planted is there to be hidden
    assert all(word in text for word in ("Zoe Quist", "turing", "s3cr3t", "example", "sesame"))


def test_a_report_holds_what_is_asked_first(monkeypatch):
    facts = dict(fault_report.gathered())
    assert {"minidrop", "Python", "BLAS", "threads", "backend", "GPU", "data", "processor", "cores",
            "features", "packages"} <= set(facts)
    assert all(f"{name} " in facts["packages"] for name in ("numpy", "click", "safetensors"))
    exact = [found for what, found in facts.items() if what.startswith("exact: ")]
    assert len(exact) == len(selftest.CHECKS) and exact.count("right") >= len(exact) - 1
    assert json.loads(printed("--json")).keys() == facts.keys()


@pytest.mark.parametrize("text, shown", [
    ("~/a b/c, minidrop/tape.py", "~/a b/c, minidrop/tape.py"),
    ("got '/etc/passwd'; 1/2 of 3/4", "got '<path>'; 1/2 of 3/4"),
    ("see https://u:p@h.org/x?y=1 or me@h.org", "see <address> or <address>"),
    ("10.1.2.3:80 for 12.9.86 and 0.3.31.188.0", "<address>:80 for 12.9.86 and 0.3.31.188.0"),
    ("cc -I/srv/their/include", "cc -I<path>"),
    (r"in C:\Users\Me Too\x; \\host\share, e-5 /", r"in <path>; <path>, e-5 /"),
    ("no /srv/acme, inc/zoe/lib, /srv/a;b/zoe", "no <path>, <path>"),
    ("/srv/x, minidrop/gpu.py; lessons/a.py, ~/b, and 3/4",
     "<path>, minidrop/gpu.py; lessons/a.py, ~/b, and 3/4"),
    ("at file:///home/Zoe Quist/x, file:///C:/zoe", "at <path>, <path>"),
    ("cc -I/srv/zoe -isystem/opt/q", "cc -I<path>"), (r"\\?\C:\zoe; \\?\UNC\h\s", "<path>; <path>"),
    ("www.acme.org/zoe, 2001:db8::1 and fe80::1ff:fe23:4567:890a",
     "<address>, <address> and <address>"),
    ("Linux-5.15.167.4-generic, x[::2], x[1::2], a::b, ::1",
     "Linux-5.15.167.4-generic, x[::2], x[1::2], a::b, ::1"),
    ("1:2:3:4:5:6:7:8 at 12:30:45", "<address> at 12:30:45"),
    ("tests/x.py::test_a of std::vector, torch.nn:Dropout, tape.py:66",
     "tests/x.py::test_a of std::vector, torch.nn:Dropout, tape.py:66"),
])
def test_paths_and_addresses_are_shortened(text, shown):
    assert discreet(text) == shown


def test_a_longer_name_is_not_cut_in_two(monkeypatch):
    monkeypatch.setenv("HOME", "/home/an")
    monkeypatch.setenv("USER", "an")
    assert discreet("an answer in /home/anna/x") == "<user> answer in <path>"
    assert discreet("/home/an/x and An-x") == "~/x and <user>-x"


def test_every_variable_that_the_package_reads_is_known_to_the_report():
    read = {name for path in PACKAGE.rglob("*.py")
            for name in re.findall(r"environ(?:\.get\(|\[)\"(MINIDROP_\w+)\"",
                                   path.read_text(encoding="utf-8"))}
    assert "MINIDROP_CONV" in read and read <= set(fault_report.VARIABLES)
    assert all(re.fullmatch(fault_report.NAMES, name) for name in choice.STRATEGIES)


def test_what_is_not_exact_is_told_and_ends_nothing(monkeypatch):
    monkeypatch.setattr(selftest, "GOLDEN", "0")
    monkeypatch.setattr(selftest, "dropout", lambda x, mask, p: x * mask)
    monkeypatch.setattr(selftest, "save", lambda net, path: 1 // 0)
    found = dict(selftest.run())
    assert found["bits of a stream"] == "WRONG: e355e81e854e7f12"
    assert found["mean and variance over all masks"].startswith("WRONG: ")
    assert found["gradient under a mask"].startswith("WRONG: ")
    assert found["weights in a file"] == "ZeroDivisionError: integer division or modulo by zero"
    assert found["product of whole numbers"] == found["convolution of whole numbers"] == "right"


def test_a_user_whom_the_system_does_not_know_gets_a_report(monkeypatch):
    def unknown():
        raise KeyError("no such user")

    monkeypatch.setattr("getpass.getuser", unknown)
    monkeypatch.setattr(Path, "home", lambda: (_ for _ in ()).throw(RuntimeError("no home")))
    assert "<user>" not in discreet("here") and discreet(os.sep + "srv") == "<path>"
