"""The readers of checkpoints, records, courses, times, submissions, answers and options."""

import functools
import json
import math
import struct
from pathlib import Path
from types import SimpleNamespace

import click
import numpy as np
from safetensors.numpy import save

import minidrop as md
from minidrop import checkpoint, files
from minidrop.claims import fingerprint, ledger
from minidrop.grade import coding, course, late, marking, process
from minidrop.verify import commands
from minidrop.verify.field import matrix
from tests.fuzz.target import FOLDER, Target, path_of


def loaded(data):
    """What JSON there is in the bytes; None where there is none."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


# --- checkpoints ----------------------------------------------------------------------------------

def network():
    """One that draws, has momentum and is small."""
    return md.nn.Sequential(md.nn.Linear(2, 1), md.Dropout(0.5))


def whole(facts):
    """The bytes of a checkpoint that says these facts, a text, with the digest that is due."""
    arrays, own = _saved()
    return files._steady(save(arrays, {"minidrop": facts, "digest": files._digest(arrays, facts)}))


@functools.cache
def _saved():
    """(arrays, facts) of a run of three steps."""
    net, optimizer, kept = _run(path_of("saved", b""))
    kept.path.unlink()
    kept.resume()
    for w in net.parameters():
        w.grad = np.ones_like(w.data)
    optimizer.step(net)
    kept.save(1, [0.5, 0.25, 1.0], [])
    arrays, facts = files.read(kept.path)
    return arrays | {"model/linear1.weight": arrays["model/linear1.weight"].T.copy()}, facts


def _run(path):
    net, optimizer = network().init(1), md.optim.SGD(lr=0.5, momentum=0.5)
    return net, optimizer, checkpoint.Checkpoint(path, net, optimizer, {"order": md.Stream(3, "o")},
                                                 {"epochs": 3}, 9)


def _file_right(found, data):
    """The arrays are the bytes at their places, and only what was written whole is read."""
    if found is None:
        return data != SAVED
    arrays, facts = found
    start = 8 + struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8:start])
    for name, array in arrays.items():
        lo, hi = header[name]["data_offsets"]
        if array.T.tobytes() != data[start + lo:start + hi]:
            return False
    facts = facts | {"axes": {"model/linear1.weight": [1, 0]}}
    return json.loads(header["__metadata__"]["minidrop"]) == facts


def _resumed(data):
    path = path_of("it", whole(data.decode(errors="replace")))
    net, optimizer, kept = _run(path)
    return kept.resume(), net, optimizer, kept


def _resumed_right(found, data):
    facts = loaded(data)
    if found is None:
        return data != FACTS
    (epochs, losses, scores), net, optimizer, kept = found
    if facts["step"] == 0 and facts["settings"] != kept.settings:
        return (epochs, losses, scores) == (0, [], [])      # begun anew
    return ((epochs, losses, scores) == (facts["epochs"], [0.5, 0.25, 1.0], [])
            and type(epochs) is int and kept.step == facts["step"] == 3 and 0 <= epochs <= 3
            and {path for path, w in net.named_parameters() if not w.requires_grad}
            == {*facts["frozen"]} and {name: [*stream.state] for name, stream in
                                       kept._all_streams().items()} == facts["streams"])


FACTS = json.dumps(_saved()[1] | {"axes": {"model/linear1.weight": [1, 0]}}).encode()
SAVED = whole(FACTS.decode())

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
    path = path_of("it", data)
    record = ledger.checked(CLAIM, CLAIM.scales["quick"], ledger.read(path), path)
    return record, ledger.minutes(record), ledger.results(CLAIM, record)


def _record_right(found, data):
    there = loaded(data)
    if found is None:
        return data != json.dumps(RECORD).encode()
    record, minutes, results = found
    return record == there and math.isfinite(minutes) and minutes >= 0 and all(
        {"arm": arm, "result": result} in [{"arm": run["arm"], "result": run["result"]}
                                           for run in there["runs"]]
        for arm, some in results.items() for result in some) and results.keys() == {*CLAIM.arms}


CELL = {"technique": "dropout", "library": "torch", "implementation": "torch.nn.Dropout"}
MATRIX = {"seed": 0, "seconds": 120.0, "finished": False, "cells": [CELL]}


def _begun(data):
    return [matrix.identity(cell) for cell in matrix.begun(path_of("it", data), MATRIX)]


def _begun_right(found, data):
    there = loaded(data)
    return found == ([tuple(cell[key] for key in CELL) for cell in there["cells"]] if found else [])


# --- courses, times, submissions, answers ---------------------------------------------------------

SMALL = Path(__file__).parents[1] / "grade" / "small"
EXAMPLE = course.EXAMPLE.format(file="course.toml", name="tiny", task="tiny.1", points=3, first=5,
                                second=7)
TIMES = (b"student, exercise, time\nAda, dropout, 2026-10-05T23:59:00+02:00\n"
         b"Alan,,2026-10-06T01:00Z\n")
TOML_TIMES = b'"Ada" = 2026-10-19T23:59:00Z\n"Alan".dropout = 2026-10-19T23:59:00Z\n'


def _course_right(found, data):
    if found is None:
        return data != EXAMPLE.encode()
    return found.exercises.keys() <= {"tiny"} and found.most >= 0 and all(
        asked.deadline is None or asked.deadline.utcoffset() is not None
        for asked in found.exercises.values()) and math.isfinite(found.limits.seconds)


def _times(end):
    def read(data):
        path_of(f"it{end}", data)
        return course._times(f"it{end}", "handed_in.time", Path(FOLDER.name), ["dropout"], None)[1]
    return read


def _times_right(found, data):
    if found is None:
        return data not in (TIMES, TOML_TIMES)
    return all(when.utcoffset() is not None and exercise in ("", "dropout")
               for (_, exercise), when in found.given.items())


def _submission_right(found, data):
    text, refused = found
    if refused:
        return text == "" and "\n" not in refused
    compile(text, "it", "exec")
    return isinstance(text, str)


TOKEN = "of this call"
ANSWER = {"token": TOKEN, "printed": "", "cpu": 0.5}
VALUES = ({"w": np.eye(2, dtype="float32"), "n": (1, 2.5, None)}, "text", [True, np.arange(3)])


def _answered(data):
    return process._checked(lambda: coding.decode_all(process._answer(data, TOKEN), 1))


def _answer_right(found, data):
    if found is None:
        return data not in ANSWERS
    there = json.loads(data)
    numbers = sum(_arrays(found))
    return len(found) == 1 and there["token"] == TOKEN and numbers <= 2 * len(data)


def _arrays(value):
    if isinstance(value, np.ndarray):
        assert value.dtype.kind in "biuf"
        yield value.size
    elif isinstance(value, dict | list | tuple):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _arrays(one)
    else:
        assert value is None or isinstance(value, bool | int | float | str)


ANSWERS = tuple(json.dumps(ANSWER | {"values": [coding.encode(value)]}).encode()
                for value in VALUES)


def _option(data):
    return commands._pairs("it", [data.decode(errors="replace")])


def _option_right(found, data):
    text = data.decode(errors="replace")
    if found is None:
        return not all(text.partition("=")[:2])
    name, _, value = text.partition("=")
    try:
        return [*found.values()] == [json.loads(value)] or "NaN" in value
    except (ValueError, RecursionError):
        return found == {name: value}


JSON_WORDS = (b"NaN", b"-Infinity", b"1e999", b"null", b"[]", b"{}", b'""', b"-1", b"true",
              b'"\\ud800"', b"[" * 3000, b"9" * 5000, b"1.5", b'"x"', b"3", b"2")
OF_JSON = {"words": JSON_WORDS, "times": 200}
TARGETS = (
    Target("checkpoint", (SAVED,), lambda data: files.read(path_of("it", data)), _file_right,
           words=(b"F64", b"I64", b"BF16", b"F8_E4M3", b"BOOL", *JSON_WORDS)),
    Target("resume", (FACTS,), _resumed, _resumed_right, **OF_JSON),
    Target("record", (json.dumps(RECORD).encode(),), _recorded, _record_right,
           most=1 << 22, **OF_JSON),
    Target("matrix", (json.dumps(MATRIX).encode(),), _begun, _begun_right, **OF_JSON),
    Target("course", (EXAMPLE.encode(),),
           lambda data: course.read_course(path_of("it", data), SMALL), _course_right, times=200,
           words=(b"inf", b"nan", b"-1", b"0", b"[[", b"]]", b"=", b'"', b"1979-05-27",
                  b"9999-12-31T23:59:59Z", b"'../../etc/passwd'", b"[" * 3000)),
    Target("times.csv", (TIMES,), _times(".csv"), _times_right, times=200,
           words=(b'"', b",", b"\0", b"\r", b"0001-01-01T00:00Z", b"9999-12-31T23:59-23:59")),
    Target("times.toml", (TOML_TIMES,), _times(".toml"), _times_right, times=200,
           words=(b"=", b".", b"[a]", b"[" * 3000, b"{}", b"1979-05-27")),
    Target("metadata", (b'{"created_at": "2026-10-05T23:59:00+02:00"}',), late.gradescope_time,
           lambda found, data: found is None or found.utcoffset() is not None,
           errors=(TypeError, ValueError), called="submission_metadata.json", **OF_JSON),
    Target("submission", (b"import numpy as np\n\n\ndef f(x, p):\n    if p:\n        return x\n",
                          b"# coding: latin-1\na = '\xe9'\n"), marking.readable, _submission_right,
           errors=(), times=2000, words=(
               b"-" * 500, b"+a" * 500, b".a" * 400, b"if ", b"\0", b"# coding: utf-7\n", b"(" * 99,
               b"# coding: rot13\n", b"# coding: idna\n", b"\xef\xbb\xbf", b"f'{", b"import os\n",
               b"np.load", b"match x:\n case ", b"lambda:", b"__class__", b"async ", b"\x0c")),
    Target("answer", ANSWERS, _answered, _answer_right, errors=(process.Fault,),
           called="", times=200, words=(b'"stack"', b'"array"', b'"dict"', b'"tuple"', b'"shape"',
                                        b"<f8", b"|O", b"|V9", b"<M8", b"<c16", *JSON_WORDS)),
    Target("option", (b"drop=p", b'inplace=false', b'p={"a": [1, 2.5]}'), _option, _option_right,
           errors=(click.UsageError,), times=200, words=(b"=", *JSON_WORDS)),
)
