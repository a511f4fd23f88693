"""The readers of checkpoints, records, courses, times, submissions, answers and options."""

import ast
import dataclasses
import functools
import json
import math
import re
import struct
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import click
import numpy as np
from safetensors.numpy import save

import minidrop as md
from minidrop import checkpoint, files
from minidrop.claims import fingerprint, ledger
from minidrop.grade import coding, course, late, marking, process
from minidrop.verify import commands
from minidrop.verify.field import matrix
from tests.fuzz import due
from tests.fuzz.due import loaded
from tests.fuzz.target import CALLED, FOLDER, Target, path_of

# --- checkpoints ----------------------------------------------------------------------------------

def network():
    """One that draws, has momentum and is small."""
    return md.nn.Sequential(md.nn.Linear(2, 1), md.Dropout(0.5))


WEIGHT = "model/linear1.weight"                   # which lies in the file the other way round


def whole(facts):
    """The bytes of a checkpoint that says these facts, a text, with the digest that is due."""
    arrays = _saved()[0]
    arrays = arrays | {WEIGHT: arrays[WEIGHT].T.copy()}
    return files._steady(save(arrays, {"minidrop": facts, "digest": files._digest(arrays, facts)}))


@functools.cache
def _saved():
    """(arrays, facts) of a run of three steps, as a file has to hold them."""
    net, optimizer, kept = _run(Path(FOLDER.name, "saved"))
    for w in net.parameters():
        w.grad = np.ones_like(w.data)
    optimizer.step(net)
    arrays = {f"model/{path}": array for path, array in net.state_dict().items()}
    arrays |= {f"optimizer/{key}": array for key, array in optimizer.state_dict().items()}
    arrays |= {"history/losses": np.array([0.5, 0.25, 1.0]), "history/scores": np.array([])}
    return arrays, {"format": 5, "settings": json.loads(json.dumps(kept.settings)), "epochs": 1,
                    "step": 3, "frozen": [], "streams": _streams(kept)}


def _streams(kept):
    return {name: [*stream.state] for name, stream in kept._all_streams().items()}


def _run(path):
    net, optimizer = network().init(1), md.optim.SGD(lr=0.5, momentum=0.5)
    return net, optimizer, checkpoint.Checkpoint(path, net, optimizer, {"order": md.Stream(3, "o")},
                                                 {"epochs": 3}, 9)


def _file_right(found, data):
    """The arrays are the bytes at their places, and only what was written whole is read."""
    if found is None:
        return not _written_so(data)
    arrays, facts = found
    start = 8 + struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:start])
    for name, array in arrays.items():
        lo, hi = header[name]["data_offsets"]
        if array.T.tobytes() != data[start + lo:start + hi]:
            return False
    return json.loads(header["__metadata__"]["minidrop"]) == facts | AXES


def _written_so(data):
    """Whether it is a whole file of these facts, in whatever spaces."""
    try:
        header = json.loads(data[8:8 + struct.unpack_from("<Q", data)[0]])
        facts = header["__metadata__"]["minidrop"]
        return due.same(facts.encode(), [FACTS]) and whole(facts) == data
    except (*due.NO, struct.error):
        return False


def _resumed(data):
    """What a run goes on from."""
    path = path_of(CALLED, whole(data.decode(errors="replace")))
    net, optimizer, kept = _run(path)
    return _state(kept.resume(), net, optimizer, kept)


def _state(history, net, optimizer, kept):
    return {"history": history, "step": kept.step, "streams": _streams(kept),
            "frozen": [path for path, w in net.named_parameters() if not w.requires_grad],
            "weights": net.state_dict(), "optimizer": optimizer.state_dict()}


def _part(name):
    return {key.removeprefix(name): a for key, a in _saved()[0].items() if key.startswith(name)}


def _resumed_right(found, data):
    facts = loaded(data.decode(errors="replace").encode())
    if found is None:
        return not due.same(data, [FACTS])
    anew = facts["step"] == 0 and facts["settings"] != _saved()[1]["settings"]
    if anew:
        return due.bits(found) == due.bits(ANEW)
    np.testing.assert_equal([found.get("weights"), found.get("optimizer")],
                            [RESUMED["weights"], RESUMED["optimizer"]])
    epochs = facts["epochs"]
    return (found["history"] == (epochs, [0.5, 0.25, 1.0], []) and type(epochs) is int
            and found["step"] == facts["step"] == 3 and 0 <= epochs <= 3
            and {*found["frozen"]} == {*facts["frozen"]} and found["streams"] == facts["streams"])


AXES = {"axes": {WEIGHT: [1, 0]}}
FACTS = json.dumps(_saved()[1] | AXES).encode()
SAVED = whole(FACTS.decode())
RESUMED = {"history": (1, [0.5, 0.25, 1.0], []), "step": 3, "frozen": [],
           "streams": _saved()[1]["streams"], "weights": _part("model/"),
           "optimizer": _part("optimizer/")}
_NET, _OPTIMIZER, _KEPT = _run(Path(FOLDER.name, "anew"))
ANEW = _state((0, [], []), _NET, _OPTIMIZER, _KEPT) | {"step": 0}

# --- records of claims, the matrix of verify ------------------------------------------------------

def _an_arm(arm, seed, settings, progress):
    return 1.0


CLAIM = SimpleNamespace(name="small", kept_as="small", arms=("with", "without"), run=_an_arm,
                        scales={"quick": {"seeds": 2, "epochs": 1}})
RUNS = [{"arm": arm, "seed": seed, "result": {"error": 0.5}, "seconds": 1.5, "versions": {}}
        for seed in range(2) for arm in CLAIM.arms]
RECORD = {"claim": "small", "scale": "quick", "settings": CLAIM.scales["quick"],
          "code": fingerprint.of(_an_arm), "runs": RUNS, "command": "minidrop claims run small"}


def _recorded(data):
    path = path_of(CALLED, data)
    record = ledger.checked(CLAIM, CLAIM.scales["quick"], ledger.read(path), path)
    return record, ledger.minutes(record), ledger.results(CLAIM, record)


def _record_right(found, data):
    there = loaded(data)
    if found is None:
        return not due.same(data, [json.dumps(RECORD).encode()])
    record, minutes, results = found
    runs = {(run["arm"], run["seed"]): run["result"] for run in there["runs"]}
    whole = [seed for seed in sorted({seed for _, seed in runs})
             if all((arm, seed) in runs for arm in CLAIM.arms)]
    return (repr(record) == repr(there) and math.isfinite(minutes) and minutes >= 0
            and math.isclose(60 * minutes, math.fsum(run["seconds"] for run in there["runs"]))
            and repr(results) == repr({arm: [runs[arm, seed] for seed in whole]
                                       for arm in CLAIM.arms}))


CELL = {"technique": "dropout", "library": "torch", "implementation": "torch.nn.Dropout"}
MATRIX = {"seed": 0, "seconds": 120.0, "finished": False, "cells": [CELL]}


def _begun(data):
    return [matrix.identity(cell) for cell in matrix.begun(path_of(CALLED, data), MATRIX)]


def _begun_right(found, data):
    return repr(found) == repr(due.found_or_none(_cells_due, data) or [])


def _cells_due(data):
    there = json.loads(data.decode())
    cells = [tuple(cell[key] for key in CELL) for cell in there["cells"]]
    return cells if there["finished"] is False and all(
        there.get(key) == MATRIX[key] for key in ("seed", "seconds")) else []


# --- courses, times, submissions, answers ---------------------------------------------------------

SMALL = Path(__file__).parents[1] / "grade" / "small"
EXAMPLE = course.EXAMPLE.format(file="course.toml", name="tiny", task="tiny.1", points=7, first=5,
                                second=11).encode()
OTHER = b'''timezone = "UTC"
deadline = 2026-10-05T23:59:00
[penalty]
per = "hour"
points = 2
at_most = 5
grace_minutes = 1
[handed_in]
time = "gradescope"
several = "best"
[marking]
loops = 0.5
[limits]
seconds = 2
wall_seconds = 9
memory_mb = 256
output_kb = 7
answer_mb = 3
file_kb = 5
[show]
hints = false
hidden_inputs = true
results = "hidden"
[extensions]
Ada = 2026-10-19T23:59:00
[exercises.tiny]
'''
ZURICH, TWO = ZoneInfo("Europe/Zurich"), timezone(timedelta(hours=2))
COURSES = {
    EXAMPLE: {
        "title": "Regularisation", "seeds": (5, 11), "loops": 1.0, "several": "latest",
        "time": "modified", "times": None, "extensions": {}, "file_kb": 256,
        "exercises": {"tiny": {"name": "tiny", "points": {"tiny.1": 7.0, "tiny.2": 2.0},
                               "deadline": datetime(2026, 10, 12, 23, 59, tzinfo=ZURICH)}},
        "penalty": {"per": "day", "share": 0.1, "points": 0.0, "at_most": 0.5, "grace_minutes": 10},
        "limits": process.Limits(seconds=10, memory_mb=1024, output_kb=64, wall=60, answer_mb=64),
        "show": {"hints": True, "hidden_inputs": False, "results": "visible"}},
    OTHER: {
        "title": "", "seeds": (), "loops": 0.5, "several": "best", "time": "gradescope",
        "times": None, "extensions": {("Ada", ""): datetime(2026, 10, 19, 23, 59, tzinfo=UTC)},
        "exercises": {"tiny": {"name": "tiny", "points": {"tiny.1": 3.0, "tiny.2": 2.0},
                               "deadline": datetime(2026, 10, 5, 23, 59, tzinfo=UTC)}},
        "penalty": {"per": "hour", "share": 0.0, "points": 2, "at_most": 5, "grace_minutes": 1},
        "limits": process.Limits(seconds=2, memory_mb=256, output_kb=7, wall=9, answer_mb=3),
        "file_kb": 5, "show": {"hints": False, "hidden_inputs": True, "results": "hidden"}}}


def plain(value):
    """A course as dicts."""
    if dataclasses.is_dataclass(value):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value.given if isinstance(value, late.Times) else value


TASKS = {"tiny.1": 3, "tiny.2": 2}


def _course_right(found, data):
    if found is None:
        return not due.same(data, COURSES, due.without_words)
    right = due.course(data, TASKS)
    if right["time"] not in ("modified", "gradescope"):     # a file, and what times are in it
        right["times"] = found["times"]
    return due.told(found) == right and math.isfinite(found["limits"].seconds)


TIMES = {b"student, exercise, time\nAda, dropout, 2026-10-05T23:59:00+02:00\n"
         b"Alan,,2026-10-06T01:00Z\n": {
             ("Ada", "dropout"): datetime(2026, 10, 5, 23, 59, tzinfo=TWO),
             ("Alan", ""): datetime(2026, 10, 6, 1, tzinfo=UTC)}}
TOML_TIMES = {b'"Ada" = 2026-10-19T23:59:00Z\n"Alan".dropout = 2026-10-19T22:59:00Z\n': {
    ("Ada", ""): datetime(2026, 10, 19, 23, 59, tzinfo=UTC),
    ("Alan", "dropout"): datetime(2026, 10, 19, 22, 59, tzinfo=UTC)}}


def _times(end):
    def read(data):
        path_of(CALLED + end, data)
        return course._times(CALLED + end, "handed_in.time", Path(FOLDER.name), ["dropout"],
                             None)[1].given
    return read


def _times_right(rows):
    def right(found, data):
        return due.told(found) == due.found_or_none(
            lambda data: due.times(rows(data), "dropout"), data)
    return right


def _toml_rows(data):
    return due.toml_rows(due.table(data))


PLAIN = b"import numpy as np\n\n\ndef f(x, p):\n    if p:\n        return x\n"
FINALLY = b"".join(b" " * i + b"try:\n" + b" " * i + b" a\n" + b" " * i + b"finally:\n"
                   for i in range(16)) + b" " * 16 + b"a\n"      # compiled, a is there 65,536 times
LATIN = b"# coding: latin-1\na = '\xe9'\n"


def _submission_right(found, data):
    text, refused = found
    if refused != "":
        return text == "" and re.match(r"(the file|line \d+:) [^\n]+\Z", refused) is not None \
            and not due.harmless(data)
    ast.parse(text)              # it may be no program; that is seen behind walls
    return text == due.text(data)


TOKEN = "of this call"
ANSWER = {"token": TOKEN, "printed": "", "cpu": 0.5}
VALUES = ({"w": np.eye(2, dtype="float32"), "n": (1, 2.5, None)}, "text", [True, np.arange(3)])


def _answered(data):
    return process._checked(lambda: coding.decode_all(process._answer(data, TOKEN), 1))


def _answer_right(found, data):
    if found is None:
        return not due.same(data, ANSWERS)
    there = json.loads(data)
    numbers = sum(_arrays(found))
    return len(found) == 1 and there["token"] == TOKEN and numbers <= 2 * len(data) \
        and due.bits(found) == due.bits(due.answer(data))


def _arrays(value):
    if isinstance(value, np.ndarray):
        assert value.dtype.kind in "biuf"
        yield value.size
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _arrays(one)
    else:
        assert value is None or isinstance(value, bool | int | float | str)


ANSWERS = {json.dumps(ANSWER | {"values": [coding.encode(value)]}).encode(): [value]
           for value in VALUES}


# --- what verify is told --------------------------------------------------------------------------

def _option(data):
    return commands._pairs(CALLED, [data.decode(errors="replace")])


def _option_right(found, data):
    text = data.decode(errors="replace")
    if found is None:
        return not all(text.partition("=")[:2])
    name, _, value = text.partition("=")
    return repr(found) == repr({name: meant(value)})


def meant(text):
    """A value of the command line: JSON where it is that, else the text."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


JSON_WORDS = (b"NaN", b"-Infinity", b"1e999", b"null", b"[]", b"{}", b'""', b"-1", b"true",
              b'"\\ud800"', b"[" * 3000, b"9" * 5000, b"1.5", b'"x"', b"3", b"2")
TARGETS = (
    Target("checkpoint", {SAVED: _saved()}, lambda data: files.read(path_of(CALLED, data)),
           _file_right, words=(b"F64", b"I64", b"BF16", b"F8_E4M3", b"BOOL", *JSON_WORDS)),
    Target("resume", {FACTS: RESUMED}, _resumed, _resumed_right, words=JSON_WORDS),
    Target("record", {json.dumps(RECORD).encode(): (
        RECORD, 0.1, {arm: [{"error": 0.5}] * 2 for arm in CLAIM.arms})}, _recorded, _record_right,
        called=(CALLED, f"{CLAIM.name} has"), words=JSON_WORDS),    # or the claim, where arms lack
    Target("matrix", {json.dumps(MATRIX).encode(): [("dropout", "torch", "torch.nn.Dropout")]},
           _begun, _begun_right, words=JSON_WORDS),
    Target("course", COURSES, lambda data: plain(course.read_course(path_of(CALLED, data), SMALL)),
           _course_right, words=(
               b"inf", b"nan", b"-1", b"0", b"[[", b"]]", b"=", b'"', b"1979-05-27",
               b"9999-12-31T23:59:59Z", b"'../../etc/passwd'", b"[" * 3000)),
    Target("times.csv", TIMES, _times(".csv"), _times_right(due.csv_rows),
           words=(b'"', b",", b"\0", b"\r", b"0001-01-01T00:00Z", b"9999-12-31T23:59-23:59")),
    Target("times.toml", TOML_TIMES, _times(".toml"), _times_right(_toml_rows),
           words=(b"=", b".", b"[a]", b"[" * 3000, b"{}", b"1979-05-27")),
    Target("metadata", {b'{"created_at": "2026-10-05T23:59:00+02:00"}': datetime(
        2026, 10, 5, 23, 59, tzinfo=TWO)}, late.gradescope_time,
        lambda found, data: due.told(found) == due.found_or_none(due.metadata, data),
        errors=(TypeError, ValueError), called=("submission_metadata.json",), words=JSON_WORDS),
    Target("submission", {
        PLAIN: (PLAIN.decode(), ""), LATIN: (LATIN.decode("latin-1"), ""),
        b"*a\n": ("*a\n", ""), FINALLY: (FINALLY.decode(), "")},
           marking.readable, _submission_right, errors=(), words=(
               b"-" * 500, b"+a" * 500, b".a" * 400, b"if ", b"\0", b"# coding: utf-7\n", b"(" * 99,
               b"# coding: rot13\n", b"# coding: idna\n", b"\xef\xbb\xbf", b"f'{", b"import os\n",
               b"np.load", b"match x:\n case ", b"lambda:", b"__class__", b"async ", b"\x0c")),
    Target("answer", ANSWERS, _answered, _answer_right, errors=(process.Fault,),
           called=("answer",), words=(b'"stack"', b'"array"', b'"dict"', b'"tuple"', b'"shape"',
                                      b"<f8", b"|O", b"|V9", b"<M8", b"<c16", *JSON_WORDS)),
    Target("option", {b"drop=p": {"drop": "p"}, b"inplace=false": {"inplace": False},
                      b'p={"a": [1, 2.5]}': {"p": {"a": [1, 2.5]}}}, _option, _option_right,
           errors=(click.UsageError,), words=(b"=", *JSON_WORDS)),
)
