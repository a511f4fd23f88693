"""What `verify` is asked: the settings of `check`, and the words of the command line."""

import contextlib
import io
import json
import math
import re
from unittest import mock

import click

from minidrop.cli import main
from minidrop.verify import commands, run
from minidrop.verify.field import command
from minidrop.verify.techniques import NAMES, technique_named
from tests.fuzz.due import loaded
from tests.fuzz.target import Target
from tests.fuzz.texts import JSON_WORDS, meant

DROPOUT = technique_named("dropout")
FORMS = {option for name in NAMES for option in technique_named(name).options}
SETTINGS = {"technique", "seed", "fixed", "framework", "rate", "layout", "bind", "extra", "seconds"}
ELSEWHERE = ("torch", "keras", "jax")             # it takes seconds to import them


def drop(x, drop, inplace=False, *, training, rng):
    """What is asked about; nothing runs it."""
    return x


def unchecked(name):
    """A technique whose checks are left out, which comes after all settings are read."""
    return technique_named(name)._replace(checks=(), variants={})


# --- check(drop, **settings) ----------------------------------------------------------------------

def _settings(data):
    """Those in the bytes, a JSON object; {} where there is none."""
    given = loaded(data)
    given = {"technique": "dropout"} | (given if isinstance(given, dict) else {})
    if given.get("framework") in ELSEWHERE:
        given["framework"] = None
    return {name: value for name, value in given.items() if name not in ("watch", "impl")}


def _checked(data):
    with mock.patch.object(run, "technique_named", unchecked):
        report = run.check(drop, **_settings(data))
    return {"technique": report.technique, "form": {**report.options},
            "understood": {**report.understood}}


def _form(given):
    return {name: given[name] for name in given.keys() - SETTINGS}


def _wrong(given):
    """The names of the settings that are wrong, "option" for those of the technique's form."""
    number = type(given.get("seconds", 1)) in (int, float)
    fit = {"technique": given["technique"] in NAMES,
           "seed": type(seed := given.get("seed", 0)) is int and seed >= 0,
           "seconds": number and given.get("seconds", 1) >= 0,
           "rate": given.get("rate") in (None, "drop", "keep"),
           "layout": given.get("layout") in (None, "NCHW", "NHWC"),
           "framework": given.get("framework") in (None, "", "numpy", "minidrop")}
    fit |= {name: isinstance(given.get(name), dict | None) for name in ("bind", "extra", "fixed")}
    options = technique_named(given["technique"]).options if fit["technique"] else {}
    fit |= {name if name in options else "option": name in options and value in options[name]
            for name, value in _form(given).items() if fit["technique"]}
    return [name for name, right in fit.items() if not right]


def _faults(data):
    """What is wrong with the settings, and where more may be; nothing where that alone may be."""
    given = _settings(data)
    wrong = _wrong(given)
    return wrong and [*wrong, *(name for name in ("bind", "extra", "fixed") if given.get(name))]


def _checked_right(found, data):
    given = _settings(data)
    fit, form = not _wrong(given), _form(given)
    options = technique_named(given["technique"]).options if fit else {}
    plain = (given["technique"] == "dropout" and not given.get("extra")
             and given.get("bind") in (None, {}, {"drop": "p"}))
    if found is None:                             # what the arguments are for is another question
        return not (fit and plain)
    rate = {"drop": "keep rate" if given.get("rate") == "keep" else "rate"}
    if plain and found.get("understood") != UNDERSTOOD | rate:
        return False
    return fit and found["technique"] == given["technique"] and found["form"] == {
        name: form.get(name, values[0]) for name, values in options.items()}


UNDERSTOOD = {"x": "input", "drop": "rate", "training": "mode, true in training",
              "rng": "source of noise"}
ALL = {"technique": "dropout", "seed": 3, "rate": "keep", "layout": "NHWC", "framework": "numpy",
       "seconds": 0.5, "bind": {"drop": "p"}, "extra": {"inplace": True}, "fixed": {"p": 0.3},
       "scaling": "paper"}

# --- minidrop verify WORDS ------------------------------------------------------------------------


class Reached(Exception):
    """What the words of a command line come to."""


def _reach(*what):
    raise Reached(*what)


def _would_check(impl, name, *, watch, seed, seconds, rate, framework, layout, fixed, bind, extra,
                 **form):
    run._check(seed, seconds, rate, framework, watch, fixed=fixed, bind=bind, extra=extra)
    _reach("check", name, impl, {"seed": seed, "seconds": seconds, "rate": rate, "layout": layout,
                                 "framework": framework, "fixed": fixed, "bind": bind,
                                 "extra": extra, "form": form})


def _words(data):
    return data.replace(b"\0", b"").decode(errors="replace").split("\n")


def _commanded(data):
    nowhere = io.StringIO()
    with contextlib.ExitStack() as stack:
        for place, name, told in (
                (run, "check", _would_check), (command, "field", lambda *given: _reach(
                    "field", *given)), (commands, "_names", lambda: _reach("names")),
                (commands, "_describe", lambda name: _reach("describe", name))):
            stack.enter_context(mock.patch.object(place, name, told))
        for redirected in (contextlib.redirect_stdout, contextlib.redirect_stderr):
            stack.enter_context(redirected(nowhere))
        try:
            main.main(["verify", *_words(data)], prog_name="minidrop", standalone_mode=False)
        except Reached as reached:
            return reached.args
    return ("help",)


def _commanded_right(found, data):
    if found is None:
        return not _plain_words(_words(data))
    said = {part for word in _words(data) for part in (word, word.partition("=")[2])}
    kind, *rest = found
    if kind != "check":
        return kind in ("help", "names", "field") or rest[0] in NAMES and rest[0] in said
    name, impl, given = rest
    pairs = [pair for key in ("fixed", "bind", "extra", "form") for pair in given[key].items()]
    return (name in NAMES and {name, impl} <= said and given["layout"] in ("NCHW", "NHWC")
            and given["rate"] in (None, "drop", "keep")
            and (given["seed"], given["seconds"]) == (_last(said, int, given["seed"], 0),
                                                      _last(said, float, given["seconds"], 30.0))
            and all(any(one.partition("=")[0] == key and repr(meant(one.partition("=")[2]))
                        == repr(value) for one in said) for key, value in pairs))


def _plain_words(words):
    """Whether they are a technique alone, or one to try with a seed."""
    named = [re.sub(r"\d{1,9}", "N", word, flags=re.A) for word in words[1:]]
    return words[0] in NAMES and named in ([], ["--impl", "ours:drop", "--seed", "N"])


def _changed(data):
    """What a refusal names where one option's value is another than in LINE; else nothing."""
    words, line = _words(data), _words(LINE)
    odd = [i for i, (a, b) in enumerate(zip(words, line, strict=False)) if a != b]
    if len(words) != len(line) or len(odd) != 1 or line[odd[0]][:2] == "--" or odd == [0]:
        return ()
    option = line[odd[0] - 1][2:]
    return (option, *FORMS, "option") if option == "form" else (option,)


def _last(said, kind, found, default):
    """`found`, if that is the default or one of the numbers that are said."""
    numbers = {default}
    for word in said:
        with contextlib.suppress(ValueError):
            numbers.add(kind(word))
    return found if found in numbers and not math.isnan(found) else None


OPTIONS = [option for one in commands.verify.params for option in one.opts if option[:2] == "--"]
LINE = (b"dropout --impl ours:drop --seed 3 --rate=keep --bind drop=p --set inplace=false --fixed "
        b"p=0.3 --form scaling=paper --layout NHWC --framework numpy --seconds 0.5").replace(
            b" ", b"\n")
COMMANDS = {
    LINE: ("check", "dropout", "ours:drop", {
        "seed": 3, "seconds": 0.5, "rate": "keep", "layout": "NHWC", "framework": "numpy",
        "fixed": {"p": 0.3}, "bind": {"drop": "p"}, "extra": {"inplace": False},
        "form": {"scaling": "paper"}}),
    b"max_norm": ("describe", "max_norm"), b"--help": ("help",), b"--seed\n4": ("names",),
    b"--field\nl1\n--jobs=2\n--seed\n5": ("field", "l1", None, None, 2, False, {"seed": 5}, [])}

TARGETS = (
    Target("verify", {
        b"{}": {"technique": "dropout", "form": {"scaling": "inverted", "draws": "entry"},
                "understood": UNDERSTOOD},
        json.dumps(ALL).encode(): {
            "technique": "dropout", "form": {"scaling": "paper", "draws": "entry"},
            "understood": UNDERSTOOD | {"drop": "keep rate"}}},
           _checked, _checked_right, errors=(ValueError, TypeError),
           called=(*SETTINGS, *FORMS, "option", "argument"), faults=_faults,
           words=(*(json.dumps(name).encode() for name in sorted(SETTINGS | FORMS)),
                  *JSON_WORDS)),
    Target("command", COMMANDS, _commanded, _commanded_right, errors=(click.ClickException,),
           called=("[Oo]ption", "argument", "minidrop verify", "File name too long", *SETTINGS,
                   *FORMS, *(option[2:] for option in OPTIONS)), faults=_changed,
           words=(b"\n", b"=", *(option.encode() for option in OPTIONS), *JSON_WORDS)),
)
