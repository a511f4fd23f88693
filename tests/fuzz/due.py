"""What files say, read once more by what Python itself has: csv, tomllib, json and tokenize."""

import ast
import base64
import csv
import io
import json
import re
import tokenize
import tomllib
import unicodedata
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np

NO = (ValueError, TypeError, LookupError, AttributeError, RecursionError, SyntaxError, csv.Error)


def loaded(data):
    """What JSON there is in the bytes; None where there is none."""
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError):
        return None


def same(data, seeds, read=loaded):
    """Whether other bytes say what one of the seeds says, to the kinds of its numbers."""
    return any(repr(read(data)) == repr(read(seed)) for seed in seeds)


# --- times ----------------------------------------------------------------------------------------

def moment(given, zone=None):
    """A date with a time, from a text or from TOML; ValueError where its zone is not known."""
    when = datetime.fromisoformat(given.strip()) if isinstance(given, str) and ":" in given \
        else given
    if not isinstance(when, datetime) or when.utcoffset() is None and zone is None:
        raise ValueError(given)
    return when if when.utcoffset() is not None else when.replace(tzinfo=zone)


def csv_rows(data):
    """(student, exercise, time) of each row of a table."""
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    header, *lines = csv.reader(text, skipinitialspace=True)
    if {*header} - {"exercise"} != {"student", "time"}:
        raise ValueError(header)
    rows = [dict(zip(header, line, strict=True)) for line in lines if line]
    return [(row["student"], row.get("exercise", ""), row["time"]) for row in rows]


def toml_rows(table):
    """(student, exercise, time) of each in a table of TOML."""
    return [(student, exercise, came) for student, given in table.items() for exercise, came in (
        given if isinstance(given, dict) else {"": given}).items()]


def times(rows, exercise, zone=None):
    """{(student, exercise): the time as text}; ValueError for what is twice or of none."""
    if len({row[:2] for row in rows}) < len(rows) or not {row[1] for row in rows} <= {"", exercise}:
        raise ValueError(rows)
    return {(unicodedata.normalize("NFC", student), of): moment(came, zone).isoformat()
            for student, of, came in rows}


def found_or_none(read, data):
    """What `read` gives of the bytes; None where they are not right."""
    try:
        return read(data)
    except NO:
        return None


def metadata(data):
    """The time in Gradescope's file."""
    return moment(json.loads(data)["created_at"]).isoformat()


# --- courses --------------------------------------------------------------------------------------

def table(data):
    """The TOML in the bytes."""
    return tomllib.loads(data.decode("utf-8-sig"))


def course(data, tasks):
    """What a course file that is right says, with `tasks` {name: points} for its one exercise."""
    given = table(data)

    def at(path, default):
        inside, _, name = path.rpartition(".")
        return (given.get(inside, {}) if inside else given).get(name, default)

    zone = ZoneInfo(given["timezone"]) if "timezone" in given else None
    (name, asked), = given["exercises"].items()
    due, seconds = asked.get("deadline", at("deadline", None)), at("limits.seconds", 10)
    return {
        "title": at("title", ""), "seeds": (*at("marking.hidden_seeds", ()),),
        "loops": at("marking.loops", 1.0), "several": at("handed_in.several", "latest"),
        "time": at("handed_in.time", "modified"), "times": None,
        "extensions": times(toml_rows(given["extensions"]), name, zone)
        if "extensions" in given else None, "file_kb": at("limits.file_kb", 256),
        "exercises": {name: {"name": name, "points": tasks | asked.get("points", {}),
                             "deadline": due and moment(due, zone).isoformat()}},
        "penalty": {key: at(f"penalty.{key}", left_out) for key, left_out in (
            ("per", "day"), ("share", 0), ("points", 0), ("at_most", float("inf")),
            ("grace_minutes", 0))},
        "limits": (seconds, at("limits.memory_mb", 1024), at("limits.output_kb", 64),
                   at("limits.wall_seconds", max(60, 2 * seconds)), at("limits.answer_mb", 64)),
        "show": {"hints": at("show.hints", True), "hidden_inputs": at("show.hidden_inputs", False),
                 "results": at("show.results", "visible")}}


def without_words(data):
    """A course file's table but for what its title says, and how many points a period costs."""
    given = found_or_none(table, data) or {}
    penalty = given.get("penalty")
    if isinstance(given.get("title"), str):
        given["title"] = ""
    if isinstance(penalty, dict) and type(penalty.get("points")) is int \
            and 0 <= penalty["points"] < 100:
        penalty["points"] = 0
    return given


def told(value):
    """A course with its times as texts."""
    if isinstance(value, dict):
        return {key: told(one) for key, one in value.items()}
    return value.isoformat() if isinstance(value, datetime) else value


# --- submissions and answers ----------------------------------------------------------------------

def text(data):
    """The text of a file of Python."""
    coding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
    whole = data.decode(coding).removesuffix("\r")        # importlib waits for the \n behind it
    return whole.replace("\r\n", "\n").replace("\r", "\n")


HARMLESS = (ast.Module, ast.FunctionDef, ast.arguments, ast.arg, ast.Return, ast.If, ast.Name,
            ast.Load, ast.Store, ast.Assign, ast.Expr, ast.Import, ast.alias)


def harmless(data):
    """Whether the bytes are a short program of names, functions and ifs, which nobody refuses."""
    tree = found_or_none(lambda data: ast.parse(text(data)), data) if len(data) < 500 else None
    return tree is not None and all(isinstance(node, HARMLESS) and all(
        re.fullmatch("numpy" if (type(node), key) == (ast.alias, "name") else "[a-z]|np", word)
        for key in ("id", "arg", "name", "asname") if (word := getattr(node, key, None)))
        for node in ast.walk(tree))


def answer(data):
    """What an answer that is right holds."""
    there = json.loads(data)
    return [*value(there["stack"])] if "stack" in there else [*map(value, there["values"])]


def value(message):
    """The value that a message writes."""
    kind = next(key for key in message if key not in ("shape", "type"))
    inside = message[kind]
    if kind == "array":
        flat = np.frombuffer(base64.b64decode(inside), message["type"])
        return flat.reshape(message["shape"])
    if kind == "dict":
        return {value(key): value(one) for key, one in inside}
    return tuple(map(value, inside)) if kind == "tuple" else \
        tuple(inside) if kind == "numbers" else inside


def bits(value):
    """A value as text, with the bytes of its arrays."""
    if isinstance(value, np.ndarray | np.generic):
        return f"{value.dtype.str}{value.shape}{value.tobytes().hex()}"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{bits(key)}: {bits(one)}' for key, one in value.items())}}}"
    if isinstance(value, tuple | list):
        return f"{type(value).__name__}({', '.join(map(bits, value))})"
    return repr(value)
