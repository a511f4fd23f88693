"""Roles: what an argument of somebody's function is for, told from its usual names.

A technique is called with arrays (x, y, w, ...) and parameters (p, block, ...); an implementation
also takes a mode and a source of noise.  `bind` says which of its arguments is which.
"""

import inspect
import re
from typing import Any, NamedTuple

from ..scalars import shown
from ..tape import Primitive

NAMES = {                   # role: usual names, without underscores and case
    "x": ("x", "input", "inputs", "a", "h", "array", "tensor", "activations", "features", "images",
          "img", "image", "data", "arr", "samples"),
    "y": ("y", "target", "targets", "label", "labels"),
    "w": ("w", "weight", "weights", "kernel", "gamma", "scale"),
    "b": ("b", "bias", "beta"),
    "running_mean": ("runningmean", "movingmean"),
    "running_var": ("runningvar", "movingvar", "runningvariance", "movingvariance"),
    "cells": ("cells", "cellmask", "patches", "attention"),
    "order": ("order", "perm", "permutation", "indices", "index", "partner", "partners"),
    "p": ("p", "rate", "prob", "dropprob", "droprate", "dropp", "dropout", "dropoutrate",
          "dropoutp", "dropoutprob", "pdrop", "ratio", "probability", "deathrate", "drop",
          "dropratio", "dropoutratio", "dropprobability", "dropoutprobability", "pdropout"),
    "keep": ("keep", "keepprob", "keeprate", "keepp", "q", "survival", "survivalprob",
             "survivalrate", "retain", "retainprob", "pkeep", "keepprobability", "keepratio", "kp"),
    "block": ("block", "blocksize", "bs"),
    "length": ("length", "size", "masksize", "holesize", "side"),
    "padding": ("padding", "pad"),
    "alpha": ("alpha",), "gamma": ("gamma",), "unit": ("unit",), "mode": ("mode",),
    "eps": ("eps", "epsilon"), "momentum": ("momentum",), "groups": ("groups", "numgroups"),
    "n_in": ("nin", "infeatures", "inputsize", "inputdim", "indim", "dimin"),
    "n_out": ("nout", "outfeatures", "units", "features", "outputsize", "outputdim", "outdim"),
    "channels": ("channels", "numfeatures", "numchannels", "features", "c", "dim", "inputsize"),
    "shape": ("shape", "normalizedshape"),
    "training": ("training", "train", "istraining", "istrain", "trainmode", "trainflg",
                 "trainflag", "trainingmode"),
    "evaluation": ("deterministic", "inference", "evaluation", "iseval", "eval", "test", "testing",
                   "userunningaverage"),
    "mask": ("mask", "noise", "keepmask", "noisemask", "u", "masks", "keepmasks"),
    "theta": ("theta", "mu", "mean", "weight", "weights", "w"),
    "log_sigma2": ("logsigma2", "logvar", "logvariance", "logsigma"),
    "h": ("h", "hidden", "features", "x", "input", "inputs"),
    "gradients": ("gradients", "grads", "g"), "lr": ("lr", "lr0", "learningrate", "eta", "baselr"),
    "weight_decay": ("weightdecay", "wd"), "decay": ("decay", "mu"), "limit": ("limit", "maxvalue"),
    "t": ("t", "iteration", "step"), "total": ("total", "totalsteps"),
    "cycles": ("cycles", "ncycles"), "probs": ("probs", "probabilities"),
    "alpha1": ("alpha1", "lrmax"), "alpha2": ("alpha2", "lrmin"), "first": ("first",),
    "sparsity": ("sparsity", "amount"), "cutoff": ("cutoff",), "cycle": ("cycle", "cyclelength"),
    "start": ("start", "swastart", "initial"), "end": ("end", "final"), "steps": ("steps",),
    "swa_lr": ("swalr",), "threshold": ("threshold",),
    "rng": ("rng", "generator", "gen", "stream"),
    "random_state": ("randomstate", "rs"),
    "key": ("key", "prngkey", "rngkey", "rngs"),
    "seed": ("seed",),
}
WORDS = {"p": "rate", "keep": "keep rate", "x": "input", "training": "mode, true in training",
         "evaluation": "mode, true in evaluation", "mask": "noise",
         **dict.fromkeys(("rng", "random_state", "key", "seed"), "source of noise")}
MODES, SOURCES = ("training", "evaluation"), ("rng", "random_state", "key", "seed")


class Binding(NamedTuple):
    """Which argument of a callable plays which role."""

    arguments: dict[str, str]                     # name of the argument: role, in their order
    required: frozenset[str]                      # names without a default
    positional: frozenset[str]                    # names that must be given by place
    first: int = 0                                # so many of them stand first in the signature
    keyword: frozenset[str] = frozenset()         # names that must be given by name
    unread: tuple[str, ...] = ()                  # names with a default, and without a role

    def roles(self):
        """The roles that are played."""
        return set(self.arguments.values())

    def called(self, given, leading=()):
        """(args, kwargs) of a call with `given`, by role; a role not given keeps its default.

        The roles `leading` go by place as long as they come first, as arrays do in all libraries;
        behind an argument that is left out, all go by name.
        """
        args: list = []
        kwargs: dict = {}
        for name, role in self.arguments.items():
            if role in given:
                in_place = (role in leading and not kwargs and name not in self.keyword
                            and self._follows(name, len(args)))
                if name in self.positional or in_place:
                    args.append(given[role])
                else:
                    kwargs[name] = given[role]
        return args, kwargs

    def _follows(self, name, number):
        """Is it the next argument of the signature, after so many that are given by place?"""
        return number < self.first and [*self.arguments][number] == name


def bind(function, wanted, renamed=None, skip=(), also=()):
    """The Binding of `function`, whose arguments may play the roles `wanted`, a mode or a source.

    `also` are further roles, which only a name gives to an argument.  `renamed` says outright which
    role an argument plays, {"drop": "p"}.  An argument without a default whose name says nothing
    takes the first role of `wanted` that is left; ValueError where there is none.  Names in `skip`
    are not looked at.
    """
    renamed, strangers = dict(renamed or {}), []
    arguments: dict[str, str] = {}
    signature = signature_of(function)
    allowed = (*wanted, *also, *MODES, *SOURCES, *(("keep",) if "p" in wanted else ()))
    for name, parameter in signature.parameters.items():
        if name in skip or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        free = [role for role in allowed if role not in arguments.values()]
        if role := renamed.get(name) or _role(name, free):
            arguments[name] = role
        elif parameter.default is parameter.empty:
            arguments[name] = ""
            strangers.append(name)
    if unknown := set(renamed) - set(signature.parameters):
        raise ValueError(f"bind names {', '.join(sorted(unknown))}, and the arguments are "
                         f"{', '.join(signature.parameters)}")
    for name, role in renamed.items():
        if role not in allowed and (not isinstance(role, str) or role not in NAMES):
            raise ValueError(f"bind says that {name} is {shown(role)}, which is none of "
                             f"{', '.join(allowed)}")
    left = [role for role in wanted if role not in arguments.values()
            and not (role == "p" and "keep" in arguments.values())]
    for name in strangers:
        if not left:
            raise ValueError(f"what the argument {name} is for cannot be told from its name; say "
                             f"bind={{{name!r}: ROLE}}, one of {', '.join(allowed)}")
        arguments[name] = left.pop(0)
    named = signature.parameters
    order = [name for name in named if name not in skip]
    first = next((i for i, name in enumerate(order) if name not in arguments), len(order))

    def of_kind(kind):
        return frozenset(name for name in arguments if named[name].kind is kind)

    return Binding(arguments,
                   frozenset(name for name in arguments if named[name].default is inspect._empty),
                   of_kind(inspect.Parameter.POSITIONAL_ONLY), first,
                   of_kind(inspect.Parameter.KEYWORD_ONLY),
                   tuple(name for name, one in named.items()
                         if not (name in arguments or name in skip or _rest(one))))


def _role(name, free):
    plain = name.replace("_", "").lower()
    return name if name in free else next(
        (role for role, names in NAMES.items() if plain in names and role in free), None)


def signature_of(function):
    """The signature of a callable; told by its docstring where Python knows none.

    ValueError, with what to do about it, where neither tells.

    >>> signature_of(lambda x, p: x)
    <Signature (x, p)>
    """
    try:
        signature = inspect.signature(
            function.forward if isinstance(function, Primitive) else function)
        if isinstance(function, type) and "__init__" in vars(function) and all(
                _rest(one) for one in signature.parameters.values()):
            unbound = inspect.signature(vars(function)["__init__"])
            return unbound.replace(parameters=[*unbound.parameters.values()][1:])
        return signature
    except (TypeError, ValueError):
        if stated := _of_schema(function) or _stated(function):
            return stated
        name = getattr(function, "__name__", type(function).__name__)
        raise ValueError(f"the arguments of {name} cannot be told from outside; wrap it, as in "
                         f"lambda x, p, training: {name}(x, p, training)") from None


def _of_schema(function):
    """The signature that TorchScript wrote down, or None."""
    schema = getattr(function, "schema", None)
    if schema is None:
        return None
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    return inspect.Signature([
        inspect.Parameter(one.name, kind, default=one.default_value if one.has_default_value()
                          else inspect.Parameter.empty)
        for one in schema.arguments if one.type.kind() != "ClassType"])     # a module itself


def _stated(function):
    """The signature in the first line of a docstring, as "dropout(input, p=0.5)", or None."""
    name = re.escape(getattr(function, "__name__", ""))
    line = re.match(rf"\s*{name}\(([^()]*)\)", getattr(function, "__doc__", None) or "")
    parts = [part.strip() for part in line[1].split(",")] if line and name else []
    kind: Any = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = []
    for part in parts:
        if part == "*":
            kind = inspect.Parameter.KEYWORD_ONLY
        elif word := re.match(r"[A-Za-z_]\w*", part):
            optional = "=" in part or "Optional" in part or part.endswith("None")
            parameters.append(inspect.Parameter(
                word[0], kind, default=None if optional else inspect.Parameter.empty))
        else:
            return None
    return inspect.Signature(parameters) if parameters else None


def _rest(parameter):
    return parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


