"""Each equation that takes a mask, under every mask of a small shape, beside plain loops."""

import inspect
import math
from functools import partial

import numpy as np
import pytest

import minidrop as md
from minidrop.catalog import PLACES, functions, place_of, techniques
from minidrop.check import all_masks
from minidrop.functional import linear
from minidrop.xp import host, to_backend
from tests.plain import units, weights

MASKS = "mask", "masks", "gate", "seeds", "cells"
X = np.array([[1.5, -2.0, 0.5, 3.0], [-1.0, 2.5, 0.25, -0.75]])
MAPS, IMAGES = X.reshape(1, 2, 2, 2), X.reshape(2, 1, 2, 2)
W, B = X[:, :2], np.array([0.5, -0.25])
Y, ORDER = np.eye(2), np.array([1, 0])


def head(z):
    return linear(z, *(to_backend(part, md.xp.backend_of(z)) for part in (W, B)))


# {function: (shape of its masks, their name, the other arguments, of which lists are options)}
CASES = {
    "dropout": ((2, 4), "mask", {"x": X, "p": 0.3}),
    "dropout_original": ((2, 4), "mask", {"x": X}),
    "alpha_dropout": ((2, 4), "mask", {"x": X, "p": 0.3, "mean": 0.1, "var": 2.0}),
    "spatial_dropout": ((1, 2, 1, 1), "mask", {"x": MAPS, "p": 0.3}),
    "dropblock_mask": ((1, 1, 2, 3), "seeds", {"block": 2, "clipped": [False, True]}),
    "dropblock": ((1, 2, 2, 2), "mask", {"x": MAPS, "norm": ["batch", "sample", "none"]}),
    "multi_sample": ((2, 2, 2), "masks", {"h": X[:, :2], "p": 0.3}),
    "multi_sample_loss": ((2, 2, 2), "masks", {"head": head, "h": X[:, :2], "y": ORDER, "p": 0.3,
                                               "reduce": ["losses", "logits"]}),
    "dropconnect": ((2, 2, 2), "mask", {"x": X[:, :2], "w": W, "b": B}),
    "targeted_dropout": ((2, 2), "mask", {"w": W}),
    "stochastic_depth": ((2,), "gate", {"skip": X, "branch": X[::-1] * 2, "p": 0.3,
                                        "scaling": ["paper", "inverted", "none"]}),
    "cutout": ((2, 1, 2, 2), "mask", {"x": IMAGES, "fill": [0.0, 0.5]}),
    "flip": ((2,), "mask", {"x": IMAGES}),
    "attentive_cutmix": ((2, 2, 2), "cells", {"x": IMAGES, "y": Y, "order": ORDER})}
PLAIN = {name: getattr(units, name, None) or getattr(weights, name) for name in CASES}
PLAIN["multi_sample_loss"] = lambda head, **given: units.multi_sample_loss(w=W, b=B, **given)


def taken(name):
    """The arguments of a public function that are masks and have to be given."""
    parameters = inspect.signature(getattr(md, name)).parameters.values()
    return [one.name for one in parameters if one.name in MASKS and one.default is one.empty]


def test_every_function_of_a_technique_that_takes_a_mask_is_tried():
    public = [name for t in techniques() if place_of(t.path) < len(PLACES)
              for name in functions(t) if inspect.isfunction(getattr(md, name, None))]
    assert {name: masks for name in public if (masks := taken(name))} == {
        name: [mask] for name, (_, mask, _) in CASES.items()}


def forms(given):
    """The arguments with each of the options in the place of their list."""
    name = next((name for name, value in given.items() if isinstance(value, list)), None)
    return [given | {name: value} for value in given[name]] if name else [given]


def strayed(name, function, move=lambda array: array):
    """How many of all masks, in all forms, give other numbers than the loops."""
    shape, argument, given = CASES[name]
    number = 0
    for form in forms(given):
        there = {key: move(value) if isinstance(value, np.ndarray) else value
                 for key, value in form.items()}
        for mask in all_masks(math.prod(shape)).reshape(-1, *shape):
            found = function(**there, **{argument: move(mask)})
            due = PLAIN[name](**form, **{argument: mask})
            pairs = zip(found, due, strict=True) if isinstance(due, tuple) else [(found, due)]
            number += not all(np.allclose(host(md.tape.data_of(a)), b, 1e-12, 1e-12)
                              for a, b in pairs)
    return number


@pytest.mark.parametrize("name", CASES)
def test_the_equation_holds_for_every_mask(name, xp, backend):
    assert strayed(name, getattr(md, name), partial(to_backend, name=backend)) == 0


@pytest.mark.parametrize("name", CASES)
def test_an_equation_that_is_wrong_for_one_mask_is_noticed(name):
    shape, argument, given = CASES[name]
    last = all_masks(math.prod(shape))[-2].reshape(shape)

    def wrong(**given):
        mask = given[argument]
        return getattr(md, name)(**given | {argument: ~mask if (mask == last).all() else mask})

    assert strayed(name, wrong) == len(forms(given))
