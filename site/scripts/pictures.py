"""One picture for each technique, and drawings of networks: pictures/NAME.svg.

`alt(name)` says what a picture shows, `more(name)` which drawings belong to a technique as well.
The files drawn_*.py hold a function for each technique, called as it is: it draws on a sheet with
the library's own functions and seeds, and returns the alt text.
"""

import functools
import inspect

from scripts import (
    drawn_inputs,
    drawn_landscapes,
    drawn_networks,
    drawn_norms,
    drawn_results,
    drawn_steps,
    drawn_time,
    drawn_units,
    drawn_weights,
)
from scripts.drawn import Sheet

from minidrop import catalog

FOLDER = "pictures"
FILES = (drawn_units, drawn_inputs, drawn_weights, drawn_norms, drawn_time, drawn_networks,
         drawn_steps, drawn_results, drawn_landscapes)


def names():
    """The techniques, as the catalogue has them."""
    return [*catalog.summaries()]


def pages():
    """{path below site/pages: the picture} of every technique and every network."""
    shown = {*names()} | {f.__name__ for f, *_ in drawn_networks.NETWORKS.values()}
    if left := painters().keys() - shown:
        raise ValueError(f"a picture must belong to a technique or a network, got {min(left)}")
    svgs = {f"{FOLDER}/{name}.svg": drawn(name)[0] for name in names()}
    return svgs | {f"{FOLDER}/networks/{name}.svg": network(name)[0]
                   for name in drawn_networks.NETWORKS}


def painters():
    """{name: function} of all that can be drawn: the functions whose only argument is `sheet`."""
    return {name: f for file in FILES for name, f in vars(file).items()
            if inspect.isfunction(f) and f.__module__ == file.__name__ and name[0] != "_"
            and [*inspect.signature(f).parameters] == ["sheet"]}


def alt(name):
    """What the picture of a technique shows, in words."""
    return drawn(name)[1]


def more(name):
    """The other drawings of a technique: a list of (path below site/pages, alt text)."""
    return [(f"{FOLDER}/networks/{one}.svg", network(one)[1])
            for one in drawn_networks.MORE.get(name, ())]


def drawn(name):
    """(SVG, alt text) of the technique called `name`."""
    return _drawn(name)[:2]


def sheet(name):
    """The sheet of the technique called `name`, with the places of its texts."""
    return _drawn(name)[2]


@functools.cache
def _drawn(name):
    painter = painters().get(name)
    if painter is None:
        raise ValueError(f"{name} must have a picture: a function {name}(sheet) in one of the "
                         "files site/scripts/drawn_*.py, got none")
    return _painted(painter, Sheet(), name)


@functools.cache
def network(name):
    """(SVG, alt text, sheet) of the network drawing called `name`."""
    painter, width, height = drawn_networks.NETWORKS[name]
    return _painted(painter, Sheet(width, height), name)


def _painted(painter, card, name):
    words = painter(card)
    if not words:
        raise ValueError(f"the picture of {name} must have an alt text, got {words!r}")
    return card.svg(name.replace("_", " ")), words, card
