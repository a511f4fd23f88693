"""Roles: what an argument of somebody's function is for, told from its usual names.

A technique is called with arrays (x, y, w, ...) and parameters (p, block, ...); an implementation
also takes a mode and a source of noise.  `bind` says which of its arguments is which.
"""

import inspect
from typing import Any, NamedTuple

NAMES = {                   # role: usual names, without underscores and case
    "x": ("x", "input", "inputs", "a", "h", "array", "tensor", "activations", "features", "images",
          "img", "image", "data", "arr", "samples"),
    "y": ("y", "target", "targets", "label", "labels"),
    "w": ("w", "weight", "weights", "kernel"),
    "b": ("b", "bias"),
    "cells": ("cells", "cellmask", "patches", "attention"),
    "order": ("order", "perm", "permutation", "indices", "index", "partner", "partners"),
    "p": ("p", "rate", "prob", "dropprob", "droprate", "dropp", "dropout", "dropoutrate",
          "dropoutp", "dropoutprob", "pdrop", "ratio", "probability", "deathrate"),
    "keep": ("keep", "keepprob", "keeprate", "keepp", "q", "survival", "survivalprob",
             "survivalrate", "retain", "retainprob", "pkeep", "keepprobability"),
    "block": ("block", "blocksize", "bs"),
    "length": ("length", "size", "masksize", "holesize", "side"),
    "padding": ("padding", "pad"),
    "alpha": ("alpha",), "gamma": ("gamma",), "unit": ("unit",), "mode": ("mode",),
    "training": ("training", "train", "istraining", "istrain", "trainmode"),
    "evaluation": ("deterministic", "inference", "evaluation", "iseval", "eval", "test", "testing"),
    "mask": ("mask", "noise", "keepmask", "noisemask", "u"),
    "eps": ("eps", "epsilon"), "momentum": ("momentum",), "groups": ("groups", "numgroups"),
    "running_mean": ("runningmean", "movingmean"),
    "running_var": ("runningvar", "runningvariance", "movingvar", "movingvariance"),
    "gradients": ("gradients", "grads", "g"), "lr": ("lr", "lr0", "learningrate", "eta", "baselr"),
    "weight_decay": ("weightdecay", "wd"), "decay": ("decay", "mu"), "limit": ("limit", "maxvalue"),
    "t": ("t", "iteration", "step"), "total": ("total", "totalsteps"),
    "cycles": ("cycles", "ncycles"), "probs": ("probs", "probabilities"),
    "rng": ("rng", "generator", "gen", "stream"),
    "random_state": ("randomstate", "rs"),
    "key": ("key", "prngkey", "rngkey", "rngs"),
    "seed": ("seed",),
}
MODES, SOURCES = ("training", "evaluation"), ("rng", "random_state", "key", "seed")
_ROLE = {name: role for role, names in NAMES.items() for name in names}


class Binding(NamedTuple):
    """Which argument of a callable plays which role."""

    arguments: dict[str, str]                     # name of the argument: role, in their order
    required: frozenset[str]                      # names without a default
    positional: frozenset[str]                    # names that must be given by place

    def roles(self):
        """The roles that are played."""
        return set(self.arguments.values())

    def called(self, given, leading=()):
        """(args, kwargs) of a call with `given`, by role; a role not given keeps its default.

        The roles `leading` go by place as long as they come first, as arrays do in all libraries.
        """
        args: list = []
        kwargs: dict = {}
        for name, role in self.arguments.items():
            if role in given:
                if name in self.positional or role in leading and not kwargs:
                    args.append(given[role])
                else:
                    kwargs[name] = given[role]
        return args, kwargs


def bind(function, wanted, renamed=None, skip=(), also=()):
    """The Binding of `function`, whose arguments may play the roles `wanted`, a mode or a source.

    `also` are further roles, which only a name (or `renamed`) gives to an argument.

    `renamed` says outright which role an argument plays, {"drop": "p"}.  An argument without a
    default whose name says nothing takes the first role of `wanted` that is left; ValueError where
    there is none.  Names in `skip` are not looked at.
    """
    renamed, strangers = dict(renamed or {}), []
    arguments: dict[str, str] = {}
    signature = inspect.signature(function)
    allowed = (*wanted, *also, *MODES, *SOURCES, *(("keep",) if "p" in wanted else ()))
    for name, parameter in signature.parameters.items():
        if name in skip or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        role = renamed.get(name) or _role(name, allowed)
        if role and role not in arguments.values():
            arguments[name] = role
        elif parameter.default is parameter.empty:
            arguments[name] = ""
            strangers.append(name)
    if unknown := set(renamed) - set(signature.parameters):
        raise ValueError(f"bind names {', '.join(sorted(unknown))}, and the arguments are "
                         f"{', '.join(signature.parameters)}")
    left = [role for role in wanted if role not in arguments.values()
            and not (role == "p" and "keep" in arguments.values())]
    for name in strangers:
        if not left:
            raise ValueError(f"what the argument {name} is for cannot be told from its name; say "
                             f"bind={{{name!r}: ROLE}}, one of {', '.join(allowed)}")
        arguments[name] = left.pop(0)
    named = signature.parameters
    return Binding(arguments,
                   frozenset(name for name in arguments if named[name].default is inspect._empty),
                   frozenset(name for name in arguments
                             if named[name].kind is inspect.Parameter.POSITIONAL_ONLY))


def _role(name, allowed):
    plain = name.replace("_", "").lower()
    if name in allowed:
        return name
    role: Any = _ROLE.get(plain)
    return role if role in allowed else None
