"""Functions that spell their mode as a text, or take all parameters in one dict, as cs231n's do.

`usual` gives them the signature that the others have: f(x, p, training).  Which words and keys they
know is told from the constants in their code.
"""

import functools
import inspect
from types import FunctionType

MODES, BUNDLES = ("mode", "phase"), ("param", "params", "config", "opts", "options")
TRAIN = ("train", "training", "fit")
TEST = ("test", "eval", "evaluation", "inference", "testing", "predict", "val")
RATES = ("p", "rate", "prob", "drop_prob", "dropout", "keep_prob", "keep")


def usual(function, parameters):
    """The function itself, or one of the usual signature that calls it; `spelled` says how.

    >>> def f(x, param):
    ...     return x * param["p"] if param["mode"] == "train" else x
    >>> usual(f, ("p",)).spelled
    {'p': 'param["p"]', 'training': 'param["mode"] = "train" or "test"'}
    """
    if not isinstance(function, FunctionType) or "mode" in parameters:
        return function
    known = [one for one in function.__code__.co_consts if isinstance(one, str)]
    names = inspect.signature(function).parameters
    words = [_first(TRAIN, known) or "train", _first(TEST, known) or "test"]
    for name, one in names.items():
        plain = name.lower()
        key = _first(MODES, known)
        if any(plain == end or plain.endswith(f"_{end}") for end in BUNDLES) and key \
                and one.default in (one.empty, None):
            return _unpacked(function, name, _first(RATES, known), key, words)
        if plain in MODES and (one.default in words or one.default in (one.empty, None)
                               and {*words} & {*known}):
            return _told(function, name, words)
    return function


def _first(words, known):
    return next((word for word in words if word in known), None)


def _told(function, name, words):
    """A function whose argument `name` is one of two words."""
    @functools.wraps(function)
    def told(*args, training=True, **given):
        return function(*args, **given, **{name: words[not training]})

    return _with(told, function, name, {
        "training": f'{name} = "{words[0]}" or "{words[1]}"'}, ("training",))


def _unpacked(function, name, rate, key, words):
    """A function whose argument `name` is a dict of its rate and its mode."""
    @functools.wraps(function)
    def unpacked(*args, training=True, **given):
        param = {key: words[not training]} | ({rate: given.pop(rate)} if rate in given else {})
        y = function(*args, **given, **{name: param})
        return y[0] if isinstance(y, tuple) else y           # what is beside it is for a backward

    shown = {rate: f'{name}["{rate}"]'} if rate else {}
    shown["training"] = f'{name}["{key}"] = "{words[0]}" or "{words[1]}"'
    return _with(unpacked, function, name, shown, (*([rate] if rate else []), "training"))


def _with(wrapper, function, name, shown, added):
    """The wrapper with the arguments `added`, by name, in the place of `name`."""
    kept = [one for other, one in inspect.signature(function).parameters.items() if other != name]
    rest = [one for one in kept if one.kind is one.VAR_KEYWORD]
    kind = inspect.Parameter.KEYWORD_ONLY
    new = [inspect.Parameter(one, kind, default=True if one == "training" else
                             inspect.Parameter.empty) for one in added]
    keyword = [one for one in kept if one.kind is kind]
    first = [one for one in kept if one not in rest and one not in keyword]
    wrapper.__signature__ = inspect.Signature([*first, *keyword, *new, *rest])
    wrapper.spelled = shown
    return wrapper
