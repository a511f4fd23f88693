"""Every reader of files from outside, given what nobody would write by mistake."""

import bz2
import gzip
import io
import json
import os
import signal
import struct
import tarfile
import zlib
from datetime import datetime, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from minidrop.data import formats
from minidrop.grade.process import Fault
from tests.fuzz import asked, images, target, texts
from tests.fuzz.__main__ import slice_of
from tests.fuzz.target import FOLDER, Target, remembered
from tests.fuzz.targets import TARGETS
from tests.limits import TooLong

pytestmark = pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="clocks of POSIX")
EACH, GUIDED = 220, 16_000      # inputs of each reader; and of all, as their lines lead to them
NUMBERS = [0, 1, 4, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]


def damaged(seeds, words):
    """Bytes of a right file, with up to five things done to them."""
    places = st.integers(0, max(map(len, seeds)))
    numbers = st.tuples(st.sampled_from(NUMBERS) | st.integers(0, 2**32 - 1),
                        st.sampled_from(["little", "big"])).map(lambda pair: pair[0].to_bytes(
                            4, pair[1]))
    pieces = st.binary(max_size=4) | numbers | st.sampled_from(words or (b"",))
    change = st.tuples(st.sampled_from([*CHANGES]), places, places, pieces)
    return st.tuples(st.sampled_from(seeds), st.lists(change, max_size=5)).map(changed)


CHANGES = {"over": lambda data, i, j, piece: data[:i] + piece + data[i + len(piece):],
           "into": lambda data, i, j, piece: data[:i] + piece + data[i:],
           "out": lambda data, i, j, piece: data[:min(i, j)] + data[max(i, j):],
           "near": lambda data, i, j, piece: data[:i] + data[i + len(piece):],
           "end": lambda data, i, j, piece: data[:i],
           "twice": lambda data, i, j, piece: data[:i] + data[j:j + 512] + data[i:]}


def changed(given):
    """The bytes, with the changes made."""
    data, changes = given
    for what, i, j, piece in changes:
        data = CHANGES[what](data, i % (len(data) + 1), j % (len(data) + 1), piece)
    return data


@pytest.mark.parametrize("name", TARGETS)
def test_what_is_right_is_read(name):
    for seed in TARGETS[name].seeds:
        TARGETS[name].hold(seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", TARGETS)
def test_what_is_damaged_is_read_rightly_or_refused_in_a_sentence(name):
    reader = TARGETS[name]

    @settings(max_examples=EACH, deadline=None, derandomize=True, database=None,
              suppress_health_check=[*HealthCheck])
    @given(damaged([*reader.seeds], reader.words))
    def held(data):
        reader.hold(data)

    with remembered():                            # begun once, it costs less
        held()


@pytest.mark.slow
def test_inputs_that_lead_to_other_lines_are_read_rightly_or_refused(tmp_path):
    pytest.importorskip("atheris")
    tried, fault = slice_of([*TARGETS], tmp_path, GUIDED, 1)
    assert fault == "" and tried >= GUIDED and not [*(tmp_path / "found").iterdir()]


# --- what was found, as small as it gets ----------------------------------------------------------

def element(kind, content, size=None):
    """An element of a MATLAB file."""
    return struct.pack("<II", kind, len(content) if size is None else size) + content \
        + bytes(-len(content) % 8)


def matrix(name=b"X", kind=9, sizes=(32, 32, 3, 2), content=bytes(6144), size=None):
    """A matrix of a MATLAB file, whose numbers say that they are of this size."""
    inside = b"".join([element(6, bytes([kind]) + bytes(7)),
                       element(5, struct.pack(f"<{len(sizes)}i", *sizes)), element(1, name),
                       element(2, content, size)])
    return element(14, inside)


def nested(depth):
    """A cell in a cell in a cell."""
    inside = b""
    for _ in range(depth):
        inside = element(14, element(6, bytes([1]) + bytes(7)) + element(5, b"\1\0\0\0" * 2)
                         + element(1, b"X") + inside)
    return inside


def deflated(plain):
    """An element that is another one, deflated."""
    packed = zlib.compress(plain)
    return struct.pack("<II", 15, len(packed)) + packed


HEADER = images.matlab(**images.TWO)[:128]
LABELLED = HEADER + deflated(matrix(b"y", sizes=(2, 1), content=b"\1\2"))
DEEP = b"[" * 100_000
FACTS = json.loads(texts.FACTS)
FOUND = [
    ("libsvm", b"1_0 1:0.5\n1 1:0\n"), ("libsvm", b"1 1:0.1_5\n1 1:0\n"),
    ("matlab", HEADER + nested(3000)), ("matlab", HEADER + deflated(nested(3000))),
    ("matlab", HEADER + matrix(size=2**32 - 8)),
    ("matlab", HEADER + deflated(matrix(size=2**32 - 8) + bytes(1 << 24))),
    ("matlab", LABELLED + deflated(matrix() + bytes(8))),
    ("matlab", images.OPEN[:132] + struct.pack("<I", struct.unpack("<I", images.OPEN[132:136])[0]
                                               - 4) + images.OPEN[136:]),     # 4 in what fills up
    ("matlab", HEADER + deflated(matrix(sizes=(2**31 - 1,) * 4))),
    ("matlab", LABELLED + deflated(matrix())[:-4] + bytes(4)),
    ("tar", images.tar({"type": b"S"})), ("tar", images.tar({"type": b"x"})),
    ("tar", images.tar({"type": b"L"}, inside={f"{i}": b"x" for i in range(1200)})),
    *(("resume", json.dumps(facts).encode()) for facts in (
        [], 3, {"format": 5}, {name: FACTS[name] for name in FACTS if name != "epochs"},
        FACTS | {"axes": 3}, FACTS | {"axes": {"model/linear1.weight": [0, 0]}},
        FACTS | {"axes": {"history/losses": [0, 1]}}, FACTS | {"settings": [1]},
        FACTS | {"step": 2}, FACTS | {"step": -1}, FACTS | {"epochs": 4}, FACTS | {"streams": {}},
        FACTS | {"streams": dict.fromkeys(FACTS["streams"], [-1, 0, 0])},
        FACTS | {"frozen": [[]]}, FACTS | {"frozen": ["nobody"]},
        FACTS | {"settings": {"two\nlines" * 99: "x" * 999}})),
    ("resume", DEEP), ("record", DEEP), ("matrix", DEEP), ("course", b"a = " + DEEP),
    ("times.toml", b"a = " + DEEP), ("metadata", DEEP), ("option", b"a=" + DEEP),
    ("option", b"a" * 5000),
    *(("record", json.dumps(texts.RECORD | change).encode()) for change in (
        {"settings": 3}, {"runs": 3}, {"runs": [3]}, {"runs": [{"arm": "with"}]},
        {"runs": [texts.RUNS[0] | {"arm": []}]}, {"runs": [texts.RUNS[0] | {"seed": "0"}]},
        {"runs": [texts.RUNS[0] | {"seconds": "1"}]}, {"claim": "two\nlines"},
        {"runs": texts.RUNS[:1]}, {"runs": [texts.RUNS[0] | {"seconds": 10**400}]},
        {"runs": [texts.RUNS[0] | {"seed": -1}]},
        {"runs": [texts.RUNS[0] | {"seconds": float("inf")}]}, {"settings": {"x" * 5000: 1}})),
    *(("matrix", json.dumps(texts.MATRIX | change).encode()) for change in (
        {"cells": 3}, {"cells": [3]}, {"cells": [{}]})),
    ("matrix", b'{"seed": 0, "seconds": 120.0, "finished": false}'),
    ("times.csv", b"student,time,exercise\nAda,," + b"x" * 5000 + b"\n"),
    ("course", b"[exercises.tiny]\n[extensions]\n" + b"x" * 5000 + b" = 1\n"),
    ("times.csv", b"x" * 5000), ("times.csv", b"student,time\n" + b"x" * 140_000 + b","),
    ("times.csv", b'"two\nlines"\n'),
    *(("verify", json.dumps(given).encode()) for given in (
        {"bind": {"drop": [1]}}, {"bind": {"drop": {}}}, {"technique": "l1"}, {"technique": []},
        *({name: "x" * 5000} for name in ("technique", "framework", "rate", "layout", "scaling")),
        {"x" * 5000: 1}, {"bind": {"drop": "x" * 5000}}, {"bind": {"x" * 5000: "p"}},
        {"seconds": 10**400}, {"seed": 10**400}, {"two\nlines": 1})),
    *(("command", data) for data in (
        b"", b"x" * 5000, b"two\nlines\n:", b"dropout\n" + b"z" * 5000, b"--seed\n" + b"9" * 5000,
        b"--" + b"bogus" * 900, b"dropout\n--impl\nx:y\n--json\n" + b"y" * 5000 + b"/a",
        b"dropout\n--impl\nx:y\n--form\n" + b"z" * 5000 + b"=1", b"--seconds\nnan",
        b"dropout\n--impl\nx:y\n--form\nscaling=other",
        b"dropout\n--impl\nx:y\n--seconds\nnan", b"dropout\n--impl", b"--help===")),
    *(("submission", data) for data in (b"if " + b"-" * 500 + b"1:\n pass\n", b"if a" + b"+a" * 900
                                        + b":\n pass\n", b"import numpy\nnumpy" + b".a" * 900,
                                        b"*a\n\r")),
    ("libsvm", b"10 1:-1 3:.5e101\n+1\n"),
]


@pytest.mark.parametrize("name, data", FOUND, ids=[f"{name}{i}" for i, (name, _)
                                                   in enumerate(FOUND)])
def test_what_was_found_is_mended(name, data):
    TARGETS[name].hold(data)


def bomb(size, kind=b"0"):
    """A .tar.gz that unpacks to so many zeros: a file, or the long name of one."""
    target = io.BytesIO()
    with gzip.open(target, "wb") as packed:
        member = tarfile.TarInfo("zeros")
        member.size, member.type = size, kind
        packed.write(member.tobuf(tarfile.GNU_FORMAT))
        packed.write(bytes(size))
    return target.getvalue()


@pytest.mark.parametrize("kind", [b"0", b"L", b"x"])
def test_an_archive_that_unpacks_to_far_more_is_left_alone(kind):
    data = bomb(1 << 24, kind)
    with remembered() as memory, pytest.raises(ValueError, match="there are more than 1,1"):
        images.unpacked("it.tar.gz", data, {"a": 5})
    assert memory.peak < 4 << 20


@pytest.mark.parametrize("plain, sentence", [
    (matrix(content=bytes(1 << 24), sizes=(1 << 24, 1)), "16,777,216 x 1 of uint8 under X"),
    (matrix() + bytes(1 << 24), "it is a damaged MATLAB file: a matrix says")])
def test_no_more_of_a_matrix_is_inflated_than_is_due(plain, sentence):
    data = LABELLED + deflated(plain)
    with remembered() as memory, pytest.raises(ValueError, match=sentence):
        formats.svhn(data, 2, "it")
    assert memory.peak < 1 << 20


def test_a_deflated_matrix_without_its_end_is_refused():
    packed = zlib.compress(matrix())[:-4]
    with pytest.raises(ValueError, match="it is a damaged MATLAB file: a matrix says"):
        formats.svhn(LABELLED + struct.pack("<II", 15, len(packed)) + packed, 2, "it")


@pytest.mark.parametrize("member", [
    {"name": "../a"}, {"name": "/a"}, {"name": "A"}, {"name": "a/"}, {"name": "a" * 5000},
    {"type": tarfile.SYMTYPE, "linkname": "/etc/passwd"},
    {"type": tarfile.LNKTYPE, "linkname": "b"}, {"type": tarfile.CHRTYPE},
    {"type": tarfile.FIFOTYPE}, {"type": tarfile.DIRTYPE},
    {"pax_headers": {"GNU.sparse.map": "0,0", "GNU.sparse.size": "5"}}], ids=str)
def test_nothing_but_a_file_of_its_own_name_is_taken_and_nothing_is_written(member, monkeypatch):
    data = images.tar(member, tarfile.PAX_FORMAT, {"a": b"first"})
    monkeypatch.setattr(tarfile, "bltn_open", None)         # how tarfile would write
    there = {"it.tar.gz", *os.listdir(FOLDER.name)}
    with pytest.raises(ValueError, match="it.tar.gz"):
        images.unpacked("it.tar.gz", gzip.compress(data, mtime=0), {"a": 5})
    assert {*os.listdir(FOLDER.name)} == there


# --- a reader that is wrong is noticed ------------------------------------------------------------

def nothing(value):
    """What a reader would give that read nothing of it."""
    if isinstance(value, np.ndarray):
        return value[:0]
    if isinstance(value, tuple):
        return tuple(map(nothing, value))
    return type(value)() if isinstance(value, dict | list | str | bytes) else None


def other(value):
    """What a reader would give that took one number, letter or entry for another."""
    if isinstance(value, np.ndarray):
        return value + 1
    if isinstance(value, dict):
        last = [*value][-1]
        return value | {last: other(value[last])}
    if isinstance(value, tuple | list):
        return type(value)((*value[:-1], other(value[-1]))) if value else [None]
    if isinstance(value, bytes | str):
        return value + value[:1] if value else None
    return 0 if value is None else value + (timedelta(1) if isinstance(value, datetime) else 1)


def refusing(reader):
    """`reader.read` where it refuses everything, in a right sentence."""
    def refuses(data):
        if not reader.errors:
            return "", "the file is refused"
        error, words = reader.errors[0], f"{reader.called[0]} is refused"
        raise error("output", words) if error is Fault else error(words)
    return refuses


SEEDS = [(name, seed) for name, reader in TARGETS.items() for seed in reader.seeds]
NAMED = [f"{name}{i}" for i, (name, _) in enumerate(SEEDS)]


@pytest.mark.parametrize("name, seed", SEEDS, ids=NAMED)
def test_a_reader_that_refuses_everything_is_noticed_by_each_file_that_is_right(name, seed):
    with pytest.raises(AssertionError):
        TARGETS[name]._replace(read=refusing(TARGETS[name])).hold(seed)


@pytest.mark.parametrize("wrong", [nothing, other])
@pytest.mark.parametrize("name, seed", SEEDS, ids=NAMED)
def test_a_reader_of_nothing_or_of_something_else_is_noticed(name, seed, wrong):
    found = wrong(TARGETS[name].read(seed))
    with pytest.raises(AssertionError):
        TARGETS[name]._replace(read=lambda data: found).hold(seed)


NEAR = {                    # for each reader a right file that is none of its seeds
    "idx": b"\0\0\x08\x02\0\0\0\x03\0\0\0\x02" + bytes(6), "cifar": bytes(3073),
    "libsvm": b"10 1:-1 3:.6e-1\n+1\n", "gz": gzip.compress(b"other", mtime=0),
    "matlab": images.OPEN.replace(images.STRIPES.tobytes("F"), bytes(6144)),
    "bz2": bz2.compress(b"other"), "tar": images.tar(inside={"a": b"other", "b": b"two others"}),
    "checkpoint": texts.whole(texts.FACTS.decode() + " "), "resume": texts.FACTS + b" ",
    "record": json.dumps(texts.RECORD).encode() + b" ",
    "matrix": json.dumps(texts.MATRIX).encode() + b"\n",
    "course": texts.OTHER.replace(b"points = 2", b"points = 3"),
    "times.csv": b"student, exercise, time\nAda, dropout, 2026-10-06T23:59:00+02:00\n",
    "times.toml": b'"Ada" = 2026-10-20T23:59:00Z\n',
    "metadata": b'{"created_at": "2026-10-06T23:59:00+02:00"}',
    "submission": texts.PLAIN.replace(b"return x", b"return p"),
    "answer": [*texts.ANSWERS][0] + b" ", "option": b"drop=q", "verify": b'{"seed": 4}',
    "command": b"l1"}


@pytest.mark.parametrize("name", TARGETS)
def test_a_reader_that_is_right_for_its_seeds_alone_is_noticed(name):
    reader, data = TARGETS[name], NEAR[name]
    assert data not in reader.seeds
    reader.hold(data)
    found = reader.read(data)
    for read in (refusing(reader), lambda data: nothing(found), lambda data: other(found)):
        with pytest.raises(AssertionError):
            reader._replace(read=read).hold(data)


@pytest.mark.parametrize("name, data", [
    *(("verify", json.dumps(given).encode()) for given in (
        {"seed": -1}, {"bind": 3}, {"seconds": "a"}, {"scaling": "z"}, {"zz": 1})),
    *(("command", asked.LINE.replace(*change)) for change in (
        (b"seed\n3", b"seed\nz"), (b"NHWC", b"z")))])
def test_a_refusal_that_is_of_another_setting_is_noticed(name, data):
    reader, sentence = TARGETS[name], "rate must be one of drop, keep, got the seed 3"
    reader.hold(data)
    with pytest.raises(AssertionError, match=sentence):
        reader._replace(read=raising(reader.errors[0](sentence))).hold(data)


def wrong(**changes):
    """A reader that gives bytes back, with something wrong about it."""
    right = Target("bytes", {b"abc": b"abc"}, bytes, lambda found, data: found in (None, data))
    return right._replace(**changes)


def endless(data):
    while True:
        pass


def large(data):
    return bytes(np.zeros(10_000)) and data


def raising(error):
    def read(data):
        raise error
    return read


NAME = target.CALLED


@pytest.mark.parametrize("read, error", [
    (lambda data: data[::-1], AssertionError), (lambda data: None, AssertionError),
    (large, AssertionError), (endless, TooLong), (raising(KeyError(NAME)), KeyError),
    (raising(RecursionError(NAME)), RecursionError), (raising(ValueError(NAME)), AssertionError)])
def test_a_reader_that_is_wrong_is_noticed(read, error, monkeypatch):
    monkeypatch.setattr(target, "SECONDS", 0.1)
    monkeypatch.setitem(target.ROOM, "bytes", (5000, 1))
    wrong().hold(b"abc")
    with pytest.raises(error):
        wrong(read=read).hold(b"abc")


@pytest.mark.parametrize("text", ["its name is not said", f"{NAME}s are not its name",
                                  f"{NAME}\nis", f"{NAME} " * 200])
def test_what_is_refused_is_refused_in_a_sentence_that_names_it(text):
    wrong(read=raising(ValueError(NAME))).hold(b"other bytes")
    with pytest.raises(AssertionError):
        wrong(read=raising(ValueError(text))).hold(b"other bytes")
