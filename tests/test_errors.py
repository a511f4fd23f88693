"""Whatever a user can get wrong is answered where it enters, by an error that names the argument.

The public names drive this file: each function and constructor lists, for every argument, values
that are wrong, and one call that is right.
"""

import inspect
import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import minidrop as md
from minidrop import nn
from minidrop.check import GradientError
from minidrop.tape import Primitive
from minidrop.xp import backend_of

pytestmark = pytest.mark.slow
PROPERTY = settings(max_examples=5, deadline=None, derandomize=True, database=None,
                    suppress_health_check=[HealthCheck.function_scoped_fixture])

X = np.ones((4, 3), "float32")
LABELS = np.array([0, 1, 2, 0])
MASK = np.array([True, False, True])


def test_a_type_of_another_library_is_told_with_its_name():
    Tensor = type("Tensor", (), {"__module__": "torch", "__repr__": lambda self: "x" * 70})
    with pytest.raises(TypeError, match=r"NumPy or CuPy array or a Tensor, got torch\.Tensor$"):
        md.dropout(Tensor(), np.ones(3, bool), 0.5)
    Linear = type("Linear", (), {"__module__": "torch.nn", "__repr__": lambda self: "Linear(3, 4)"})
    with pytest.raises(TypeError, match=r"net must be a Module, got torch\.Linear\(3, 4\)$"):
        md.evaluate(Linear(), (X, LABELS))


def net():
    return nn.Linear(3, 3).init(0)


def noisy():
    return nn.Sequential(net(), md.Dropout(0.5).init(0))


def example():
    """A Tensor that needs a gradient, and one made from it."""
    x = md.Tensor([1.0], requires_grad=True)
    return x, x * 2


# --- what is wrong -------------------------------------------------------------------------------

def values(*those):
    return st.sampled_from(those)


THINGS = values(None, "three", b"3", 1j, [None], {"a": 1}, object, math.sin)
NO_NUMBER = THINGS | values([0.5], np.ones(2), True)
NEGATIVE = st.floats(max_value=0.0, exclude_max=True)
NO_SIZE = NO_NUMBER | NEGATIVE | values(math.nan, -1)
NO_RATE = NO_SIZE | st.floats(min_value=1.0, exclude_min=True) | values(2)
NO_MEMORY = NO_RATE | values(1, 1.0)
NO_PLACE = THINGS | values(-1, 0.5, 2.0, math.nan, True)
NO_MEAN = NO_NUMBER | values(math.nan, math.inf)
NO_FLAG = THINGS | values(0, 1, "True", np.ones(2))
NO_COUNT = THINGS | values(1.5, 2.0, math.nan, True, [1], np.ones(2)) | st.integers(max_value=0)
NO_SHAPE = THINGS | values(-1, 1.5, (2, -1), (2, 1.0), ("a",), np.ones(2), math.nan)
NO_RNG = THINGS | values(0.5, math.nan, [1], np.ones(2), np.random.default_rng(0), X)
NO_FLOATS = THINGS | values(1, 2.0, [1.0, 2.0], LABELS, LABELS > 0, md.Tensor([1, 2]))
NO_LABELS = THINGS | values(1.0, [0, 1, 2, 0], LABELS[:3], LABELS[:, None], X[:3])
NO_MASK = THINGS | values(0.5, [True], X / 2, np.ones((2, 3), bool), np.ones((1, 4, 3), bool),
                          np.ones((4, 2), bool), np.zeros((4, 0), bool))
NO_MODEL = THINGS | values(X, net, [nn.ReLU()], nn.Linear)
NO_FUNCTION = values(None, "loss", 3.0, X)
NO_DATA = THINGS | values(X, (X,), (X, LABELS, X), (X, LABELS[:3]), (X[:0], LABELS[:0]), (X, None),
                          (LABELS, LABELS), (X.tolist(), LABELS), (X, LABELS.tolist()))
NO_PARAMS = THINGS | values(1.0, [], [1.0], [X, LABELS], [X, "w"], LABELS, net())
NO_BETAS = NO_RATE | values(0.9, (0.9,), (0.9, 1.0), (-0.1, 0.9), (0.9, "b"), (0.9, math.nan))
EMPTY = X[:0]
NO_FLAT = NO_FLOATS | values(X, X[0, :0], X[0] * math.nan, X[0] * math.inf)
NO_GRADS = THINGS | values(1.0, [], [1.0], [X], [X[0], LABELS], LABELS, X[0], EMPTY, X[:, :0],
                           X[None], X * math.nan, X * math.inf)
NO_VECTOR = values("w", 1.0, X, X[0, :2], [1.0, 1.0, 1.0])
NO_WEIGHT = values("w", 1.0, X[:, :2], X[None], [1.0, 1.0, 1.0], LABELS[:3])
NO_AXES = values(None, "0", 2, -3, (), (0, 0), (0, -2), 0.5, (0, 1.0))
IMAGES = np.ones((2, 4, 5, 5), "float32")
MAPS = np.ones((2, 4, 1, 1), bool)
SAMPLES = np.ones((2, 2, 4, 1, 1), bool)
FILTERS = np.ones((6, 2, 3, 3), "float32")
NO_IMAGES = NO_FLOATS | values(X, IMAGES[0], IMAGES[:, :0], IMAGES[..., :0])
NO_ROWS = NO_FLOATS | values(X[0], X, IMAGES[:2])
NO_ORDER = THINGS | values([0, 1], LABELS, np.zeros(2), np.array([0, 2]), np.array([-1, 0]))
NO_BOX = THINGS | values(1, X, (0.5, 1), (0, 0.5, 1, 2), (0, None))
NO_PAIR = NO_COUNT | values((2, 0), (1, 2, 3), (1.5, 1), ("a", "b"))
NO_PADDING = THINGS | values(-1, 1.5, (1, -1), (0, 0, 0), math.nan)
NO_STRIDE = values("three", b"3", 1j, [None], {"a": 1}, 0, -1, 1.5, (1, 0), (1, 2, 3))
CENTERS = np.array([[0, 4], [3, 2]])
NO_LENGTH = THINGS | values(-1, 1.5, True, [1], math.nan)
NO_FILL = values(None, "three", b"3", 1j, [None], {"a": 1}, object, math.nan, True, (), X)
LAYER_POOLS = {"size": NO_PAIR, "padding": NO_PADDING, "stride": NO_STRIDE}
POOLS = {"x": NO_IMAGES, "size": NO_PAIR | values(6, (1, 9)), "padding": NO_PADDING | values(2),
         "stride": NO_STRIDE}

RATES_IN_TIME = {"p": NO_RATE, "cutoff": THINGS | values(-1, 6, 0.5, 2.0, math.nan, True),
                 "total": NO_COUNT | values(1), "kind": THINGS | values("Linear", "")}
CYCLES = {"t": NO_COUNT | values(6, range(6), range(1, 7), LABELS, LABELS[:0], X, X > 0),
          "total": NO_COUNT, "cycles": NO_COUNT | values(6)}
STRETCH = {"beta": NO_SIZE | values(0), "gamma": NO_NUMBER | values(0.0, 0.5, math.nan, -math.inf),
           "zeta": NO_SIZE | values(0.5, 1, math.inf)}
NO_SCORES = THINGS | values(0.5, [], [1], [1, 2, 3], [1, math.nan], [1, math.inf], [[1, 2]], X[:2])
NO_REGION = THINGS | values("Valid", "")

PROBS = np.array([[[0.5, 0.25, 0.25], [0.25, 0.5, 0.25]], [[0.75, 0.25, 0], [0.25, 0.75, 0]]])
NO_PROBS = NO_FLOATS | values(X, PROBS[0], PROBS * 2, PROBS - 1, PROBS[:0], PROBS * math.nan)
NO_ANSWERS = THINGS | values(1, [0, 1], X, LABELS, LABELS[:2] > 0, LABELS[:2] - 1, LABELS[:2] + 2)
PLANE = md.Plane(*(nn.Linear(3, 3).init(seed) for seed in range(3)))
FREE = "any value is right"
WRONG = {
    "Dropout": ({"p": 0.5}, {"p": NO_RATE, "scaling": THINGS | values("Inverted", "")}),
    "mean_interval": ({"values": [1.0, 2.0]},
                      {"values": THINGS | values(1.0, [], [1.0], [1.0, math.nan], ["a", "b"]),
                       "level": NO_RATE | values(0, 1)}),
    "student": ({"degrees": 4}, {"degrees": NO_COUNT, "level": NO_RATE | values(0, 1)}),
    "AlphaDropout": ({"p": 0.5}, {"p": NO_RATE, "mean": NO_MEAN, "var": NO_SIZE | values(0)}),
    "FeatureAlphaDropout": ({"p": 0.5},
                            {"p": NO_RATE, "mean": NO_MEAN, "var": NO_SIZE | values(0)}),
    "GaussianDropout": ({"p": 0.5}, {"p": NO_RATE | values(1, 1.0)}),
    "DropBlock": ({"p": 0.1, "block": 3},
                  {"p": NO_RATE, "block": NO_COUNT | values((3, 3)), "seeds": NO_REGION,
                   "shared": NO_FLAG, "norm": THINGS | values("Batch", "")}),
    "SpatialDropout": ({"p": 0.5}, {"p": NO_RATE}),
    "GroupNorm": ({"groups": 2, "channels": 4},
                  {"groups": NO_COUNT | values(3, 8), "channels": NO_COUNT | values(3),
                   "eps": NO_SIZE, "affine": NO_FLAG}),
    "InstanceNorm": ({"channels": 3}, {"channels": NO_COUNT, "eps": NO_SIZE, "affine": NO_FLAG}),
    "LayerNorm": ({"shape": 3}, {"shape": NO_SHAPE, "eps": NO_SIZE, "affine": NO_FLAG}),
    "Module": ({}, {}),
    "Noise": ({}, {}),
    "Parameter": ({"shape": (2,), "rule": md.uniform},
                  {"shape": NO_SHAPE, "rule": NO_FUNCTION, "decay": NO_FLAG}),
    "Stream": ({"seed": 0}, {"seed": NO_RNG, "name": values(None, 3, b"drop", ["drop"]),
                             "backend": THINGS | values("jax", "")}),
    "Tensor": ({"data": 1.0}, {"data": THINGS, "requires_grad": NO_FLAG}),
    "accuracy": ({"logits": X, "labels": LABELS},
                 {"logits": NO_FLOATS | values(EMPTY, X[0], X[None], X[:, :0]),
                  "labels": NO_LABELS}),
    "alpha_affine": ({"p": 0.5}, {"p": NO_RATE, "mean": NO_MEAN, "var": NO_SIZE | values(0)}),
    "alpha_dropout": ({"x": X, "mask": MASK, "p": 0.5},
                      {"x": NO_FLOATS, "mask": NO_MASK, "p": NO_RATE, "mean": NO_MEAN,
                       "var": NO_SIZE | values(0)}),
    "all_masks": ({"n": 2}, {"n": (THINGS | values(-1, 21, 2.0, math.nan))}),
    "attention": ({"q": X, "k": X, "v": X}, {name: NO_FLOATS | values(X[0], EMPTY, X[None])
                                            for name in "qkv"}),
    "attention_weights": ({"q": X, "k": X}, {name: NO_FLOATS | values(X[0], EMPTY, X[None])
                                             for name in "qk"}),
    "BatchNorm": ({"channels": 3}, {"channels": NO_COUNT, "eps": NO_SIZE, "affine": NO_FLAG,
                                    "momentum": NO_RATE.filter(lambda k: k is not None)}),
    "batch_norm": ({"x": X}, {"x": NO_FLOATS | values(EMPTY, X[:1], X[0], np.ones((1,) * 6)),
                              "mean": NO_VECTOR, "var": NO_VECTOR, "weight": NO_VECTOR,
                              "bias": NO_VECTOR, "eps": NO_SIZE}),
    "swa": ({"average": X, "w": X, "n": 1},
            {"average": NO_PARAMS, "w": NO_PARAMS | values(X[:3], [X, X]), "n": NO_PLACE}),
    "swa_rates": ({"lr": 0.1, "swa_lr": 0.05, "total": 5, "start": 4},
                  {"lr": NO_SIZE, "swa_lr": NO_SIZE, "total": NO_COUNT | values(3),
                   "start": NO_COUNT | values(6)}),
    "ema": ({"average": X, "w": X, "mu": 0.9},
            {"average": NO_PARAMS, "w": NO_PARAMS | values(X[:3], [X, X]), "mu": NO_MEMORY}),
    "ema_corrected": ({"average": X, "mu": 0.9, "t": 1},
                      {"average": NO_PARAMS, "mu": NO_MEMORY, "t": NO_COUNT}),
    "fge_rates": ({"alpha1": 0.1, "alpha2": 0.01, "total": 5, "cycle": 4},
                  {"alpha1": NO_SIZE, "alpha2": NO_SIZE | values(0.2), "total": NO_COUNT,
                   "cycle": NO_COUNT | values(1, 3)}),
    "fge_steps": ({"total": 5, "cycle": 4},
                  {"total": NO_COUNT | values(1), "cycle": NO_COUNT | values(1, 3)}),
    "SWA": ({"net": net(), "start": 1, "every": 1},
            {"net": NO_MODEL, "start": NO_COUNT, "every": NO_COUNT}),
    "EMA": ({"net": net(), "mu": 0.9},
            {"net": NO_MODEL, "mu": NO_MEMORY, "start": NO_COUNT, "every": NO_COUNT,
             "kind": THINGS | values("zero", "", True)}),
    "batch_norm_statistics": ({"net": net(), "x": X},
                              {"net": NO_MODEL, "x": NO_FLOATS | values(EMPTY, X[0]),
                               "batch_size": NO_COUNT, "noisy": NO_FLAG}),
    "bernoulli": ({"rng": 0, "q": 0.5, "shape": 3},
                  {"rng": NO_RNG, "q": NO_RATE, "shape": NO_SHAPE}),
    "AttentiveCutMix": ({"extractor": net(), "n": 2},
                        {"extractor": NO_MODEL, "n": NO_COUNT, "classes": NO_COUNT}),
    "attention_cells": ({"features": IMAGES, "n": 25},
                        {"features": NO_IMAGES | values(IMAGES * math.nan),
                         "n": NO_COUNT.filter(lambda n: n is not False and n != 0) | values(26)}),
    "attentive_cutmix": ({"x": IMAGES, "y": X[:2], "cells": IMAGES[:, 0] > 0, "order": LABELS[:2]},
                         {"x": NO_IMAGES, "y": NO_ROWS, "order": NO_ORDER,
                          "cells": THINGS | values(True, IMAGES[:, 0], IMAGES > 0, IMAGES[0] > 0,
                                                   IMAGES[:, 0, 1:] > 0, IMAGES[:, 0, :0] > 0)}),
    "coin": ({"rng": 0, "q": 0.5}, {"rng": NO_RNG, "q": NO_RATE}),
    "avg_pool2d": ({"x": IMAGES, "size": 2}, POOLS),
    "beta": ({"rng": 0, "a": 1.0, "b": 1.0},
             {"rng": NO_RNG, "a": NO_SIZE | values(0, 1e308), "b": NO_SIZE | values(0, 1e308),
              "shape": NO_SHAPE.filter(lambda shape: shape is not None)}),
    "conv2d": ({"x": IMAGES, "weight": FILTERS, "bias": FILTERS[:, 0, 0, 0], "groups": 2},
               {"x": NO_IMAGES, "groups": NO_COUNT | values(3, 4),
                "weight": THINGS | values(1.0, X, FILTERS[0], FILTERS[:, :1], FILTERS[:5],
                                          FILTERS.repeat(2, -1), FILTERS.tolist()),
                "bias": values("b", 1.0, X, X[0], FILTERS[:1, 0, 0, 0]),
                "stride": NO_PAIR, "padding": NO_PADDING}),
    "crop": ({"x": IMAGES, "offsets": np.full((2, 2), 4)},
             {"x": NO_IMAGES, "padding": NO_PADDING | values((4, 4)),
              "offsets": THINGS | values(4, [[4, 4], [4, 4]], LABELS, np.full((2, 2), 4.0),
                                         np.full((2, 2), 9), np.full((2, 2), -1))}),
    "crop_offsets": ({"rng": 0, "n": 3},
                     {"rng": NO_RNG, "n": THINGS | values(-1, 1.5, math.nan),
                      "padding": THINGS | values(-1, 1.5, math.nan)}),
    "cross_entropy": ({"logits": X, "target": LABELS},
                      {"logits": NO_FLOATS | values(EMPTY, X[0], X[None], X[:, :0]),
                       "target": NO_LABELS | values(LABELS + 1, LABELS - 1, LABELS > 0),
                       "label_smoothing": NO_RATE}),
    "CutMix": ({}, {"alpha": NO_SIZE, "classes": NO_COUNT}),
    "cutmix": ({"x": IMAGES, "y": X[:2], "box": (0, 1, 0, 5), "order": LABELS[:2]},
               {"x": NO_IMAGES, "y": NO_ROWS, "order": NO_ORDER,
                "box": NO_BOX | values((0, 1, 2), (0, 1, 2, 6), (2, 1, 0, 5), (-1, 1, 0, 5))}),
    "cutmix_box": ({"weight": 0.5, "center": (0, 4), "height": 4, "width": 5},
                   {"weight": NO_RATE, "height": NO_COUNT, "width": NO_COUNT,
                    "center": NO_BOX | values((0, 1, 2), (4, 0), (0, 5), (-1, 0))}),
    "cutmix_center": ({"rng": 0, "height": 4, "width": 5},
                      {"rng": NO_RNG, "height": NO_COUNT, "width": NO_COUNT}),
    "Cutout": ({"length": 2}, {"length": NO_LENGTH, "fill": NO_FILL}),
    "cutout": ({"x": IMAGES, "mask": IMAGES[:, :1] > 0},
               {"x": NO_IMAGES, "mask": NO_MASK.filter(lambda m: m is not MASK),
                "fill": NO_FILL | values((0, 1), [0.0] * 5)}),
    "cutout_centers": ({"rng": 0, "n": 3, "height": 5, "width": 5},
                       {"rng": NO_RNG, "n": THINGS | values(-1, 1.5, math.nan), "height": NO_COUNT,
                        "width": NO_COUNT}),
    "cutout_mask": ({"centers": CENTERS, "length": 2, "height": 5, "width": 5},
                    {"centers": THINGS | values([[1, 2]], CENTERS[0], CENTERS[:, :1], CENTERS + 2,
                                                CENTERS - 1, CENTERS * 1.0),
                     "length": NO_LENGTH, "height": NO_COUNT | values(3),
                     "width": NO_COUNT | values(4)}),
    "Dynamics": ({"net": net(), "data": (X, LABELS), "steps": [0], "batch_size": 2},
                 {"net": NO_MODEL, "data": NO_DATA, "loss": NO_FUNCTION, "seed": NO_RNG,
                  "steps": THINGS | values(3, 1.5, [], [-1], [1.5], "3", X),
                  "batches": NO_COUNT | values(1), "batch_size": NO_COUNT | values(5),
                  "reference": NO_DATA.filter(lambda pair: pair is not None)}),
    "dropblock": ({"x": IMAGES, "mask": IMAGES > 0},
                  {"x": NO_IMAGES | values(IMAGES[:0]), "norm": THINGS | values("Batch", ""),
                   "mask": THINGS | values(0.5, [True], IMAGES / 2, IMAGES[:, :3] > 0)}),
    "dropblock_drop_map": ({"p": 0.1, "block": 2, "height": 3, "width": 4},
                           {"p": NO_RATE, "block": NO_COUNT | values(4), "height": NO_COUNT,
                            "width": NO_COUNT, "seeds": NO_REGION}),
    "dropblock_mask": ({"seeds": IMAGES > 0, "block": 2},
                       {"seeds": NO_FLOATS.filter(lambda s: not isinstance(s, np.ndarray))
                        | values(X > 0, IMAGES, LABELS, IMAGES[..., :0] > 0),
                        "block": NO_COUNT, "clipped": NO_FLAG}),
    "dropblock_rate": ({"p": 0.1, "block": 2, "height": 3, "width": 4},
                       {"p": NO_RATE, "block": NO_COUNT | values(4), "height": NO_COUNT,
                        "width": NO_COUNT}),
    "dropblock_seeds": ({"rng": 0, "shape": (2, 3, 4, 5), "p": 0.1, "block": 2, "seeds": "all"},
                        {"rng": NO_RNG, "shape": NO_SHAPE | values(3, (2, 3, 4)), "p": NO_RATE,
                         "block": NO_COUNT | values(5), "seeds": NO_REGION, "shared": NO_FLAG}),
    "DropConnect": ({"n_in": 3, "n_out": 2, "p": 0.5},
                    {"n_in": NO_COUNT, "n_out": NO_COUNT, "p": NO_RATE, "samples": NO_COUNT,
                     "inference": THINGS | values("Gaussian", ""),
                     "activation": values("relu", 3.0, X, lambda: 0), "bias": NO_FLAG,
                     "per": THINGS | values("row", ""), "drop_bias": NO_FLAG}),
    "dropconnect": ({"x": X, "w": X, "b": X[:, 0], "mask": np.ones((4, 4, 3), bool)},
                    {"x": NO_FLOATS | values(X[0], X[:, :2]), "w": NO_FLOATS | values(X[0]),
                     "b": values("b", 1.0, X, X[0]),
                     "mask": THINGS | values(0.5, [True], X / 2, np.ones((2, 3), bool),
                                             np.ones((3, 4, 3), bool), np.ones((4, 1, 4, 3), bool)),
                     "bias_mask": values("b", 0.5, [True], X / 2, np.ones((2, 4), bool))}),
    "dropconnect_mask": ({"rng": 0, "batch": 2, "w_shape": (2, 3), "p": 0.5},
                         {"rng": NO_RNG, "p": NO_RATE, "per": THINGS | values("row", ""),
                          "batch": THINGS | values(-1, 1.5, math.nan),
                          "w_shape": NO_SHAPE | values(3, (3,), (2, 3, 4))}),
    "dropconnect_moments": ({"x": X, "w": X, "b": X[:, 0], "p": 0.5},
                            {"x": NO_FLOATS | values(X[0], X[:, :2]), "p": NO_RATE,
                             "w": NO_FLOATS | values(X[0]), "b": values("b", 1.0, X, X[0]),
                             "drop_bias": NO_FLAG}),
    "dropout": ({"x": X, "mask": MASK, "p": 0.5}, {"x": NO_FLOATS, "mask": NO_MASK, "p": NO_RATE}),
    "dropout_mask": ({"rng": 0, "shape": 3, "p": 0.5},
                     {"rng": NO_RNG, "shape": NO_SHAPE, "p": NO_RATE}),
    "dropout_original": ({"x": X, "mask": MASK}, {"x": NO_FLOATS, "mask": NO_MASK}),
    "dropout_original_expect": ({"x": X, "p": 0.5}, {"x": NO_FLOATS, "p": NO_RATE}),
    "early": ({"p": 0.1, "cutoff": 2, "total": 5}, RATES_IN_TIME),
    "evaluate": ({"net": net(), "data": (X, LABELS)},
                 {"net": NO_MODEL, "data": NO_DATA, "loss": NO_FUNCTION, "batch_size": NO_COUNT}),
    "exact_moments": ({"f": lambda mask: mask, "shape": 2, "p": 0.5},
                      {"f": NO_FUNCTION, "shape": NO_SHAPE, "p": NO_RATE}),
    "fit": ({"net": net(), "optimizer": md.optim.SGD(0.0), "data": (X, LABELS), "epochs": 1},
            {"net": NO_MODEL, "optimizer": THINGS | values(0.1, md.optim.SGD), "data": NO_DATA,
             "epochs": NO_COUNT, "loss": NO_FUNCTION, "batch_size": NO_COUNT,
             "batch": values("cut", 3.0, X, md.Mixup, md.CutMix), "penalty": values("l2", 3.0, X),
             "project": values("clip", 3.0, X),
             "recorder": values("print", 3.0, X, [3.0], [None], md.Snapshots),
             "schedules": values("lr", [("lr", [0.1])], {"lr": 0.1}, {"lr": "a"}, {"lr": None},
                                 {"lr": [0.1, 0.1]}, {"lr": [math.nan]}, {"momentun": [0.1]}),
             "checkpoint": values(3, 2.5, [], {}), "seed": NO_RNG, "progress": FREE,
             "backend": values("cuda", "", 3, X, ["numpy"])}),
    "from_dlpack": ({"x": X}, {"x": THINGS | values([1.0], 2.0, X.astype(">f4"), X * 1j)}),
    "largest_curvature": ({"net": net(), "data": (X, LABELS)},
                          {"net": NO_MODEL, "data": NO_DATA, "loss": NO_FUNCTION,
                           "batch_size": NO_COUNT, "iterations": NO_COUNT | values(1),
                           "tolerance": NO_SIZE, "rng": NO_RNG}),
    "random_sharpness": ({"net": net(), "data": (X, LABELS), "radius": 0.5, "draws": 2, "rng": 0},
                         {"net": NO_MODEL, "data": NO_DATA, "radius": NO_SIZE | values(math.inf),
                          "draws": NO_COUNT | values(1), "rng": NO_RNG, "loss": NO_FUNCTION,
                          "normalise": THINGS | values("Filter", ""), "batch_size": NO_COUNT}),
    "flat": ({"arrays": [X]}, {"arrays": NO_PARAMS}),
    "flip": ({"x": IMAGES, "mask": np.array([True, False])},
             {"x": NO_IMAGES, "mask": THINGS | values(True, [True, False], LABELS > 0,
                                                      np.ones(2), np.array([0, 1]))}),
    "flip_crop": ({"rng": 0, "x": IMAGES, "y": LABELS, "padding": 4},
                  {"rng": NO_RNG, "x": NO_IMAGES, "y": FREE,
                   "padding": NO_PADDING | values((4, 4)), "mirror": NO_FLAG}),
    "full_gradient": ({"net": net(), "data": (X, LABELS)},
                      {"net": NO_MODEL, "data": NO_DATA, "loss": NO_FUNCTION,
                       "batch_size": NO_COUNT}),
    "fold": ({"windows": IMAGES[..., None, None], "shape": (2, 4, 5, 5)},
             {"windows": NO_FLOATS | values(IMAGES, IMAGES[:1, ..., None, None]),
              "shape": NO_SHAPE | values((2, 4, 5), (2, 4, 6, 5)), "stride": NO_PAIR | values(2),
              "padding": NO_PADDING | values(1)}),
    "flip_mask": ({"rng": 0, "n": 3}, {"rng": NO_RNG, "n": THINGS | values(-1, 1.5, math.nan)}),
    "gaussian": ({"rng": 0, "shape": 3}, {"rng": NO_RNG, "shape": NO_SHAPE}),
    "gaussian_dropout": ({"x": X, "noise": X},
                         {"x": NO_FLOATS, "noise": NO_FLOATS | values(X[:2], X[None], X[:, :2])}),
    "gaussian_noise": ({"rng": 0, "shape": 3, "p": 0.5},
                       {"rng": NO_RNG, "shape": NO_SHAPE, "p": NO_RATE | values(1, 1.0)}),
    "global_avg_pool2d": ({"x": IMAGES}, {"x": NO_IMAGES}),
    "grad": ({"y": example()[1], "xs": example()[0]},
             {"y": THINGS | values(X, 1.0, md.Tensor([1.0])),
              "xs": THINGS | values(X, 1.0, [X], md.Tensor([1.0])),
              "g": values("g", 1.0, np.ones(2), [1.0], md.Tensor(1.0)), "create_graph": NO_FLAG}),
    "gradcheck": ({"f": md.tanh, "inputs": X},
                  {"f": NO_FUNCTION, "inputs": NO_FLOATS, "order": THINGS | values(0, 3, 1.5),
                   "step": NO_SIZE | values(0), "tolerance": NO_SIZE, "seed": NO_RNG}),
    "gelu": ({"x": X}, {"x": NO_FLOATS, "approximate": THINGS | values("exact", "", True)}),
    "gradient_direction_error": ({"grads": X, "reference": X[0]},
                                 {"grads": NO_GRADS | values(0 * X, X[:, :2]),
                                  "reference": NO_FLAT | values(0 * X[0], X[0, :2])}),
    "gradient_direction_variance": ({"grads": X}, {"grads": NO_GRADS | values(0 * X, X[:1])}),
    "gradient_norm": ({"grads": X}, {"grads": NO_GRADS}),
    "group_norm": ({"x": X, "groups": 1},
                   {"x": NO_FLOATS | values(X[0], X[:, :0], X[:, :1]),
                    "groups": NO_COUNT | values(2, 3, 6),
                    "weight": NO_VECTOR, "bias": NO_VECTOR, "eps": NO_SIZE}),
    "instance_norm": ({"x": IMAGES[:, [0, 0, 0]]},
                      {"x": NO_FLOATS | values(X, X[0], IMAGES[..., :0], IMAGES[..., :1, :1]),
                       "weight": NO_VECTOR, "bias": NO_VECTOR, "eps": NO_SIZE}),
    "integers": ({"rng": 0, "high": 10, "shape": 3},
                 {"rng": NO_RNG, "high": NO_COUNT | values(2**32 + 1), "shape": NO_SHAPE}),
    "apply_max_norm": ({"net": net(), "limit": 1.0},
                       {"net": NO_MODEL, "limit": NO_SIZE | values(0, math.inf),
                        "pattern": values(None, 3, b"*", ["*"], "nothing", "*.bias")}),
    "L0": ({"layer": net()}, {"layer": NO_MODEL | values(nn.ReLU()), "start": NO_MEAN,
                              "gates": THINGS | values("unit", ""), **STRETCH}),
    "expected_l0": ({"net": md.L0(net()).init(0)}, {"net": NO_MODEL | values(net())}),
    "hard_concrete": ({"u": X / 2, "log_alpha": X},
                      {"u": NO_FLOATS | values(X[0], X[:, :1]),
                       "log_alpha": NO_FLOATS | values(X[0]), **STRETCH}),
    "hard_concrete_expect": ({"log_alpha": X}, {"log_alpha": NO_FLOATS, "gamma": STRETCH["gamma"],
                                                "zeta": STRETCH["zeta"]}),
    "hard_concrete_noise": ({"rng": 0, "shape": 3}, {"rng": NO_RNG, "shape": NO_SHAPE}),
    "hard_concrete_nonzero": ({"log_alpha": X}, {"log_alpha": NO_FLOATS, **STRETCH}),
    "l0_penalty": ({"strength": 1.0, "examples": 10},
                   {"strength": NO_SIZE | values(math.inf), "examples": NO_COUNT}),
    "l1": ({"params": [X]}, {"params": NO_PARAMS}),
    "l2": ({"params": [X]}, {"params": NO_PARAMS}),
    "ambiguity": ({"probs": PROBS, "y": LABELS[:2]},
                  {"probs": NO_PROBS, "y": NO_ANSWERS, "loss": THINGS | values("Brier", "")}),
    "correlation": ({"probs": PROBS}, {"probs": NO_PROBS | values(np.ones((2, 3, 2)) / 2)}),
    "disagreement": ({"probs": PROBS}, {"probs": NO_PROBS}),
    "error_overlap": ({"probs": PROBS, "y": LABELS[:2]},
                      {"probs": NO_PROBS, "y": NO_ANSWERS, "per": THINGS | values("Union", "")}),
    "leave_one_out": ({"probs": PROBS, "y": LABELS[:2]},
                      {"probs": NO_PROBS | values(PROBS[:1]), "y": NO_ANSWERS,
                       "loss": THINGS | values("Brier", "")}),
    "SnapshotEnsemble": ({"members": [net(), net()]},
                         {"members": THINGS | values(net(), [], [net, net], [X], nn.Linear)}),
    "average_probabilities": ({"probs": PROBS}, {"probs": NO_PROBS}),
    "majority_vote": ({"probs": PROBS}, {"probs": NO_PROBS}),
    "cyclic": ({"t": 1, "total": 5, "cycles": 2, "f": abs},
               {**CYCLES, "f": NO_FUNCTION | values(lambda: 0)}),
    "cyclic_cosine": ({"t": 1, "total": 5, "cycles": 2, "lr0": 0.1}, {**CYCLES, "lr0": NO_SIZE}),
    "snapshot_steps": ({"total": 5, "cycles": 2},
                       {"total": CYCLES["total"], "cycles": CYCLES["cycles"]}),
    "barrier": ({"shares": [0, 0.5, 1], "values": [1.0, 2.0, 1.0]},
                {"shares": THINGS | values(0.5, [0, 1], [0, 0.5, 2], [0, 1, math.nan]),
                 "values": THINGS | values(0.5, [1, 2], [1, 2, None], [0, 1, math.nan])}),
    "interpolate": ({"a": net(), "b": net(), "share": 0.5},
                    {"a": NO_MODEL | values(nn.Linear(2, 3).init(0)), "share": NO_MEAN,
                     "b": NO_MODEL | values(nn.Linear(2, 3).init(0), noisy())}),
    "interpolation_curve": ({"a": net(), "b": net(), "data": (X, LABELS), "shares": [0.5]},
                            {"a": NO_MODEL, "b": NO_MODEL | values(noisy()), "data": NO_DATA,
                             "shares": THINGS | values(0.5, [], [math.nan], [None]),
                             "loss": NO_FUNCTION, "batch_size": NO_COUNT,
                             "statistics": NO_FLOATS.filter(lambda x: x is not None)}),
    "Plane": ({"a": np.eye(3)[0], "b": np.eye(3)[1], "c": np.eye(3)[2]},
              {"a": NO_FLOATS | values(X, np.ones(3), np.ones(2)),
               "b": NO_FLOATS | values(X, np.eye(3)[0], np.ones(2), net()),
               "c": NO_FLOATS | values(X, np.eye(3)[0], np.array([0.5, 0.5, 0]), net())}),
    "loss_surface": ({"net": net(), "plane": PLANE, "data": (X, LABELS), "grid": ([0.0], [0.0]),
                      "progress": False},
                     {"net": NO_MODEL | values(noisy(), nn.Linear(2, 3).init(0)),
                      "plane": THINGS | values(X, md.Plane), "data": NO_DATA, "loss": NO_FUNCTION,
                      "grid": THINGS | values(3, [0.0], ([0.0], None), ([0.0], [math.nan]),
                                              ([0.0], []), ([0.0],) * 3),
                      "statistics": NO_FLOATS.filter(lambda x: x is not None),
                      "batch_size": NO_COUNT, "progress": NO_FLAG}),
    "WeightPath": ({"net": net(), "steps": [0, 3]},
                   {"net": NO_MODEL,
                    "steps": THINGS | values(3, 1.5, [], [-1], [1.5], "3", X)}),
    "cost": ({"model": net(), "x": X, "repeats": 1},
             {"model": NO_MODEL, "x": NO_FLOATS | values(X[:, :2]), "repeats": NO_COUNT}),
    "compress": ({"model": noisy()}, {"model": NO_MODEL}),
    "nn.shrink": ({"model": net(), "state": net().state_dict()},
                  {"model": NO_MODEL, "state": THINGS | values({"weight": 3})}),
    "magnitude_mask": ({"w": X, "sparsity": 0.5, "unit": False},
                       {"w": NO_FLOATS | values(X[0], EMPTY, X * math.nan), "sparsity": NO_RATE,
                        "unit": NO_FLAG}),
    "prune": ({"model": nn.Sequential(net(), net()), "sparsity": 0.5, "unit": False},
              {"model": NO_MODEL | values(net()), "sparsity": NO_RATE, "unit": NO_FLAG,
               "scope": THINGS | values("Row", ""),
               "pattern": values(3, b"*", ["*"], "nothing")}),
    "hessian_product": ({"loss": example()[1], "params": [example()[0]], "direction": [X[0, :1]]},
                        {"loss": THINGS | values(X, md.Tensor(X), 1.0),
                         "params": THINGS | values(X, [], [X], [md.Tensor([1.0])]),
                         "direction": THINGS | values(X, [], [X], [1.0], [X[0, :1]] * 2)}),
    "removal_damage": ({"model": net(), "data": (X, LABELS), "removed": {"weight": X[:3]}},
                       {"model": NO_MODEL, "data": NO_DATA, "loss": NO_FUNCTION,
                        "removed": THINGS | values([X], {}, {"w": X[:3]}, {"weight": X},
                                                   {"weight": 1.0}),
                        "batch_size": NO_COUNT}),
    "pruning_damage": ({"model": nn.Sequential(net(), net()), "data": (X, LABELS), "sparsity": 0.5,
                        "unit": False},
                       {"model": NO_MODEL | values(net()), "data": NO_DATA, "unit": NO_FLAG,
                        "sparsity": NO_RATE, "scope": THINGS | values("Row", ""),
                        "pattern": values(3, b"*", ["*"], "nothing"), "loss": NO_FUNCTION,
                        "batch_size": NO_COUNT}),
    "pruning_curve": ({"model": nn.Sequential(net(), net()), "data": (X, LABELS), "shares": [0.5],
                       "unit": False},
                      {"model": NO_MODEL | values(net()), "data": NO_DATA, "unit": NO_FLAG,
                       "shares": THINGS | values(0.5, [], [2], [math.nan], [None]),
                       "scope": THINGS | values("Row", ""), "loss": NO_FUNCTION,
                       "pattern": values(3, b"*", ["*"], "nothing"), "batch_size": NO_COUNT}),
    "max_norm": ({"w": X, "limit": 1.0}, {"w": NO_FLOATS | values(X[0], EMPTY, np.float32(1)),
                                          "limit": NO_SIZE | values(0, math.inf)}),
    "late": ({"p": 0.1, "cutoff": 2, "total": 5}, RATES_IN_TIME),
    "layer_norm": ({"x": X, "shape": 3},
                   {"x": NO_FLOATS | values(X[:, :2]),
                    "shape": NO_SHAPE | values((), 4, (3, 4), (1, 3)),
                    "weight": NO_VECTOR, "bias": NO_VECTOR, "eps": NO_SIZE}),
    "linear": ({"x": X, "weight": X, "bias": X[:, 0]},
               {"x": NO_FLOATS | values(X[0], X[:, :2], EMPTY.T),
                "weight": THINGS | values(1.0, X[0], X[:, :2], X[None], X.tolist()),
                "bias": values("b", 1.0, X, X[0], X[:1, 0], X[:, 0].tolist())}),
    "gradual_sparsity": ({"start": 0, "end": 1, "total": 5},
                         {"start": NO_RATE, "end": NO_RATE, "total": NO_COUNT,
                          "steps": values("three", 1.5, 0, -1, 6, math.nan),
                          "first": values("three", 1.5, -1, 5, 6, math.nan)}),
    "linear_ramp": ({"start": 0, "end": 1, "total": 5},
                    {"start": NO_NUMBER | values(math.nan), "end": NO_NUMBER | values(math.inf),
                     "total": NO_COUNT,
                     "steps": values("three", 1.5, 0, -1, 6, math.nan)}),
    "log_softmax": ({"x": X}, {"x": NO_FLOATS | values(np.float32(1), X[:, :0])}),
    "max_pool2d": ({"x": IMAGES, "size": 2}, POOLS),
    "MultiSampleDropout": ({"head": net(), "p": 0.5, "m": 2},
                           {"head": NO_MODEL | values(md.Dropout(0.5)), "p": NO_RATE, "m": NO_COUNT,
                            "flip": NO_FLAG, "padding": THINGS | values(-1, 1.5, math.nan),
                            "inference": THINGS | values("all", "")}),
    "multi_sample": ({"h": IMAGES, "masks": SAMPLES, "p": 0.5},
                     {"h": NO_FLOATS | values(np.float32(1), X), "p": NO_RATE,
                      "masks": NO_MASK | values(SAMPLES[0], SAMPLES[:0], SAMPLES[:, :1, :2]),
                      "flips": values("three", 1j, True, X, SAMPLES[:, 0], [[True] * 2] * 2),
                      "shifts": values("three", 1j, 1, X, SAMPLES, [[[0, 0]] * 2] * 2)}),
    "multi_sample_cross_entropy": ({"logits": X[None], "target": LABELS},
                                   {"logits": NO_FLOATS | values(X[0], X[None, None], X[None, :0]),
                                    "target": NO_LABELS, "reduce": THINGS | values("mean", ""),
                                    "label_smoothing": NO_RATE}),
    "multi_sample_flips": ({"rng": 0, "shape": (2, 3, 4, 4), "m": 2},
                           {"rng": NO_RNG, "shape": NO_SHAPE | values(3, (2, 3)), "m": NO_COUNT}),
    "multi_sample_loss": ({"head": net(), "h": X, "y": LABELS, "masks": MASK & (X > 0)[None],
                           "p": 0.5},
                          {"head": NO_FUNCTION | values(nn.Linear), "h": NO_FLOATS | values(X[0]),
                           "y": NO_LABELS, "masks": THINGS | values(X > 0, MASK, X[None] / 2),
                           "p": NO_RATE, "reduce": THINGS | values("mean", ""),
                           "loss": NO_FUNCTION, "flips": values("three", 1j, X),
                           "shifts": values("three", 1j, X)}),
    "multi_sample_masks": ({"rng": 0, "shape": 3, "p": 0.5, "m": 2},
                           {"rng": NO_RNG, "shape": NO_SHAPE, "p": NO_RATE, "m": NO_COUNT}),
    "multi_sample_shifts": ({"rng": 0, "shape": (2, 3, 4, 4), "m": 2},
                            {"rng": NO_RNG, "shape": NO_SHAPE | values(3, (2, 3)), "m": NO_COUNT,
                             "padding": THINGS | values(-1, 1.5, math.nan)}),
    "mc_moments": ({"model": noisy(), "x": X, "passes": 2},
                   {"model": NO_MODEL | values(net()), "x": NO_FLOATS | values(EMPTY),
                    "passes": NO_COUNT, "tau": NO_SIZE.filter(lambda k: k is not None)}),
    "mc_precision": ({"p": 0.5, "length": 1.0, "n": 10, "decay": 0.1},
                     {"p": NO_RATE, "length": NO_SIZE, "n": NO_COUNT,
                      "decay": NO_SIZE | values(0)}),
    "mc_predict": ({"model": noisy(), "x": X, "passes": 2},
                   {"model": NO_MODEL | values(net()), "x": NO_FLOATS | values(EMPTY),
                    "passes": NO_COUNT}),
    "mini_batch_gradients": ({"net": net(), "batches": [(X, LABELS)]},
                             {"net": NO_MODEL, "loss": NO_FUNCTION,
                              "batches": values(None, "three", b"3", 1j, {"a": 1}, 3.0)}),
    "Mixup": ({}, {"alpha": NO_SIZE, "classes": NO_COUNT, "per": THINGS | values("row", "")}),
    "mixup": ({"x": IMAGES, "y": X[:2], "weight": 0.5, "order": LABELS[:2]},
              {"x": NO_FLOATS | values(np.float32(1), IMAGES[:0], IMAGES[..., :0]), "y": NO_ROWS,
               "weight": NO_RATE | values(X[0], X[:2] / 2, LABELS[:2], 2 * X[0, :2]),
               "order": NO_ORDER}),
    "mixup_weight": ({"rng": 0, "alpha": 1.0},
                     {"rng": NO_RNG, "alpha": NO_SIZE,
                      "n": values("three", 1j, {"a": 1}, object, -1, 1.5)}),
    "model_distance": ({"params": X[0], "params0": X[1]},
                       {"params": NO_FLAT | values(X[0, :2]),
                        "params0": NO_FLAT | values(X[:, 0])}),
    "mse_loss": ({"y": X, "target": X},
                 {"y": NO_FLOATS | values(X[0], EMPTY),
                  "target": THINGS | values(1.0, X[0], X[:, :1])}),
    "one_hot": ({"labels": LABELS, "classes": 3},
                {"labels": THINGS | values(1, [0, 1], X, LABELS[:, None], LABELS > 0, LABELS - 1),
                 "classes": NO_COUNT | values(2), "dtype": values("int64", int, bool)}),
    "normalise": ({"x": X, "axes": 0},
                  {"x": NO_FLOATS | values(EMPTY), "axes": NO_AXES, "eps": NO_SIZE,
                   "weight": NO_WEIGHT, "bias": NO_WEIGHT,
                   "known": values("three", 1j, 1.0, (), (X, X), (X[:1],), X[:1])}),
    "noise_on": ({"model": net()}, {"model": NO_MODEL}),
    "patches": ({"x": IMAGES, "size": 5}, {"x": NO_IMAGES | values(IMAGES[..., 1:]),
                                           "size": NO_PAIR | values(2, (5, 2))}),
    "permutation": ({"rng": 0, "n": 3}, {"rng": NO_RNG, "n": THINGS | values(-1, 1.5, math.nan)}),
    "relu": ({"x": X}, {"x": values(None, "three", {}, [None])}),
    "selu": ({"x": X}, {"x": NO_FLOATS}),
    "sigmoid": ({"x": X}, {"x": values(None, "three", {}, [None])}),
    "softmax": ({"x": X}, {"x": NO_FLOATS | values(np.float32(1), X[:, :0])}),
    "exp": ({"x": X}, {"x": values(None, "three", {}, [None])}),
    "log": ({"x": X * X + 1}, {"x": values(None, "three", {}, [None])}),
    "sqrt": ({"x": X * X + 1}, {"x": values(None, "three", {}, [None])}),
    "tanh": ({"x": X}, {"x": values(None, "three", {}, [None])}),
    "unfold": ({"x": IMAGES, "size": 2}, POOLS | {"padding": NO_PADDING}),
    "spatial_dropout": ({"x": IMAGES, "mask": MAPS, "p": 0.5},
                        {"x": NO_FLOATS | values(X, IMAGES[0, 0]), "p": NO_RATE,
                         "mask": NO_MASK | values(MAPS[0], MAPS[:, :3], IMAGES > 0)}),
    "StochasticDepth": ({"branch": net(), "p": 0.5},
                        {"branch": NO_MODEL, "p": NO_RATE, "mode": THINGS | values("rows", ""),
                         "skip": NO_MODEL.filter(lambda m: m is not None),
                         "scaling": THINGS | values("Paper", "")}),
    "TargetedDropout": ({"layer": net(), "gamma": 0.5, "alpha": 0.5, "unit": False},
                        {"layer": NO_MODEL.filter(lambda m: not isinstance(m, nn.Linear)),
                         "gamma": NO_RATE, "alpha": NO_RATE, "unit": NO_FLAG, "prune": NO_FLAG}),
    "targeted_candidates": ({"w": X, "gamma": 0.5, "unit": False},
                            {"w": NO_FLOATS | values(X[0], EMPTY, np.float32(1)), "gamma": NO_RATE,
                             "unit": NO_FLAG}),
    "targeted_dropout": ({"w": X, "mask": X > 0},
                         {"w": NO_FLOATS | values(X[0]), "mask": NO_MASK | values(X[0] > 0)}),
    "targeted_ramp": ({"gamma": 0.5, "alpha": 0.5, "total": 5},
                      {"gamma": NO_RATE, "alpha": NO_RATE, "total": NO_COUNT,
                       "steps": values("three", 1.5, 0, -1, 6, math.nan)}),
    "targeted_mask": ({"rng": 0, "candidates": X > 0, "alpha": 0.5, "unit": False},
                      {"rng": NO_RNG, "alpha": NO_RATE, "unit": NO_FLAG | values(True),
                       "candidates": THINGS | values(True, [[True]], X, X[0] > 0, LABELS)}),
    "path_gate": ({"rng": 0, "batch": 3, "p": 0.5, "mode": "row"},
                  {"rng": NO_RNG, "batch": THINGS | values(-1, 1.5, math.nan), "p": NO_RATE,
                   "mode": THINGS | values("rows", "")}),
    "stochastic_depth": ({"skip": X, "branch": X, "gate": True, "p": 0.5},
                         {"skip": NO_FLOATS | values(X[0], X[:, :1], EMPTY), "p": NO_RATE,
                          "branch": NO_FLOATS | values(X[0], X[:, :1], EMPTY),
                          "gate": NO_MASK | values(1, 0, MASK),
                          "scaling": THINGS | values("Paper", "")}),
    "stochastic_depth_expect": ({"skip": X, "branch": X, "p": 0.5},
                                {"skip": NO_FLOATS | values(X[0], X[:, :1], EMPTY), "p": NO_RATE,
                                 "branch": NO_FLOATS | values(X[0], X[:, :1], EMPTY),
                                 "scaling": THINGS | values("Paper", "")}),
    "survival": ({"block": 2, "blocks": 3, "q_last": 0.5},
                 {"block": NO_COUNT | values(4), "blocks": NO_COUNT | values(1),
                  "q_last": NO_RATE, "rule": THINGS | values("linear", "")}),
    "spatial_dropout_mask": ({"rng": 0, "shape": (2, 3, 4), "p": 0.5},
                             {"rng": NO_RNG, "shape": NO_SHAPE | values(3, (2, 3), (1,) * 6),
                              "p": NO_RATE}),
    "Smallify": ({"layer": net()},
                 {"layer": NO_MODEL | values(nn.ReLU()), "start": THINGS | values("Uniform", ""),
                  "decay": NO_RATE | values(1), "threshold": NO_SIZE | values(math.inf)}),
    "sign_variance": ({"sign": X, "mean": X, "variance": X, "decay": 0.9},
                      {"sign": NO_FLOATS | values(X[0]), "mean": NO_FLOATS | values(X[0], X[:2]),
                       "variance": NO_FLOATS | values(X[0], X[:2]), "decay": NO_RATE}),
    "smallify_fold": ({"net": md.Smallify(net()).init(0)}, {"net": NO_MODEL | values(net())}),
    "smallify_penalty": ({"switch": 0.1, "weight": 0.1},
                         {"switch": NO_SIZE | values(math.inf), "weight": NO_SIZE,
                          "power": THINGS | values(0, 3, 1.5)}),
    "smallify_step": ({"net": md.Smallify(net()).init(0)}, {"net": NO_MODEL | values(net())}),
    "Variational": ({"layer": net()},
                    {"layer": NO_MODEL | values(nn.ReLU()), "start": NO_MEAN, "threshold": NO_MEAN,
                     "local": NO_FLAG}),
    "local_reparameterisation": ({"mean": X, "variance": X, "noise": X},
                                 {"mean": NO_FLOATS | values(X[0]),
                                  "variance": NO_FLOATS | values(X[0], X[:, :1]),
                                  "noise": NO_FLOATS | values(X[:2], X[None])}),
    "variational_kl": ({"log_alpha": X},
                       {"log_alpha": NO_FLOATS, "approximation": THINGS | values("Kingma", "")}),
    "variational_log_alpha": ({"theta": X, "log_sigma2": X},
                              {"theta": NO_FLOATS | values(X[0]),
                               "log_sigma2": NO_FLOATS | values(X[0])}),
    "variational_penalty": ({"examples": 10},
                            {"examples": NO_COUNT, "scale": NO_SIZE | values(math.inf),
                             "warm_up": values("three", 3, 1.5, (1,), (3, 3), (4, 1), (-1, 3),
                                               (0, 1.5), (1, 2, 3))}),
    "uniform": ({"rng": 0, "shape": 3}, {"rng": NO_RNG, "shape": NO_SHAPE}),
    "regime": ({"none": [1, 2], "standard": [1, 3], "early": [2, 2], "late": [1, 1]},
               {"none": NO_SCORES, "standard": NO_SCORES, "better": THINGS | values("more", ""),
                "early": NO_SCORES.filter(lambda scores: scores is not None),
                "late": NO_SCORES.filter(lambda scores: scores is not None),
                "level": NO_RATE | values(0, 1)}),
    "nn.GELU": ({}, {"approximate": THINGS | values("exact", "", True)}),
    "nn.AvgPool2d": ({"size": 2}, LAYER_POOLS),
    "nn.Conv2d": ({"n_in": 4, "n_out": 6, "size": 3, "groups": 2},
                  {"n_in": NO_COUNT | values(3), "n_out": NO_COUNT | values(5), "size": NO_PAIR,
                   "stride": NO_PAIR, "padding": NO_PADDING, "groups": NO_COUNT | values(3),
                   "bias": NO_FLAG}),
    "nn.MaxPool2d": ({"size": 2}, LAYER_POOLS),
    "nn.MultiHeadAttention": ({"width": 4, "heads": 2},
                              {"width": NO_COUNT | values(3), "heads": NO_COUNT | values(3, 8)}),
    "nn.PatchEmbedding": ({"n_in": 1, "width": 2, "patch": 2},
                          {"n_in": NO_COUNT, "width": NO_COUNT, "patch": NO_PAIR,
                           "size": NO_PAIR.filter(lambda k: k is not None)}),
    "nn.PositionEmbedding": ({"tokens": 3, "width": 2}, {
        "tokens": NO_COUNT, "width": NO_COUNT, "class_token": NO_FLAG}),
    "nn.TokenLinear": ({"n_in": 2, "n_out": 3}, {"n_in": NO_COUNT, "n_out": NO_COUNT}),
    "nn.Linear": ({"n_in": 2, "n_out": 3}, {"n_in": NO_COUNT, "n_out": NO_COUNT, "bias": NO_FLAG}),
    "nn.constant": ({"value": 0}, {"value": NO_NUMBER | values(math.nan, math.inf)}),
    "nn.fan_in_uniform": ({"fan_in": 3}, {"fan_in": NO_COUNT}),
    "nn.glorot_uniform": ({"fan_in": 3, "fan_out": 2}, {"fan_in": NO_COUNT, "fan_out": NO_COUNT}),
    "nn.he_normal": ({"fan_in": 3}, {"fan_in": NO_COUNT}),
    "nn.normal": ({"deviation": 0.02}, {"deviation": NO_SIZE | values(math.inf)}),
    "optim.Adam": ({}, {"lr": NO_SIZE, "betas": NO_BETAS, "eps": NO_SIZE | values(0, 1e-300),
                        "weight_decay": NO_SIZE}),
    "optim.AdamW": ({}, {"lr": NO_SIZE, "betas": NO_BETAS, "eps": NO_SIZE | values(0, 1e-300),
                         "weight_decay": NO_SIZE}),
    "optim.cosine": ({"lr": 0.1, "total": 5},
                     {"lr": NO_SIZE, "total": NO_COUNT, "floor": NO_SIZE | values(0.2)}),
    "optim.cosine_restarts": ({"lr": 0.1, "total": 5, "period": 2},
                              {"lr": NO_SIZE, "total": NO_COUNT, "period": NO_COUNT,
                               "growth": NO_COUNT, "floor": NO_SIZE | values(0.2)}),
    "optim.step_decay": ({"lr": 0.1, "total": 5, "milestones": [2]},
                         {"lr": NO_SIZE, "total": NO_COUNT, "factor": NO_SIZE,
                          "milestones": values(None, "3", 3, 2.5, [1.5], [-1], [2, 2], [6])}),
    "optim.warmup": ({"schedule": [0.1, 0.1], "steps": 2},
                     {"schedule": values(None, "3", 0.1, [math.nan], ["a"], [-0.1], {}, [[0.1]]),
                      "steps": THINGS | values(1.5, -1, 3), "start": NO_RATE}),
    "optim.SGD": ({"lr": 0.1}, {"lr": NO_SIZE, "momentum": NO_RATE, "nesterov": NO_FLAG,
                                "weight_decay": NO_SIZE}),
}
ELSEWHERE = {
    "Snapshots": "writes files, in test_snapshots.py",
    "load_snapshots": "reads files, in test_snapshots.py",
    "load": "reads files, in test_manners.py", "save": "writes files, in test_manners.py",
    "Forbid": "takes nothing", "Record": "a double, in test_check.py",
    "Interval": "a plain tuple", "MCMoments": "a plain tuple", "MCPrediction": "a plain tuple",
    "Regime": "a plain tuple", "Damage": "a plain tuple", "Cost": "a plain tuple",
    "PruningCurve": "a plain tuple", "Ambiguity": "a plain tuple",
    "Contribution": "a plain tuple", "InterpolationCurve": "a plain tuple",
    "Curvature": "a plain tuple", "RandomSharpness": "a plain tuple",
    "LossSurface": "a plain tuple", "Shadow": "a plain tuple",
    "WeightAverage": "abstract, checked by SWA and EMA",
    "pruned": "a context, checked by pruning_curve",
    "nn.evaluation": "a context, checked by evaluate and mc_predict",
    "nn.modes_kept": "a context, checked by fit",
    "Replay": "a double, in test_check.py", "no_grad": "takes nothing", "tune": "takes nothing",
    "scaled": "read by fit's schedules", "train_step": "one step of a loop, checked by fit",
    "nn.Sequential": "in test_nn.py", "nn.NotInitialised": "an error",
    "optim.Optimizer": "abstract", "nn.OnWeights": "abstract, in test_on_weights.py",
    "nn.Wrapped": "abstract, in test_on_weights.py",
    "nn.Flatten": "takes nothing", "nn.ReLU": "takes nothing",
    "nn.GlobalAvgPool2d": "takes nothing",
    "nn.Sigmoid": "takes nothing", "nn.Tanh": "takes nothing", "nn.SELU": "takes nothing",
    "nn.Softmax": "takes nothing", "nn.LogSoftmax": "takes nothing", "nn.Identity": "takes nothing",
    "nn.FirstToken": "takes nothing", "nn.MeanToken": "takes nothing",
}
UNNAMED = {"exp", "log", "relu", "sigmoid", "sqrt", "tanh"}   # one argument, NumPy's own TypeError


def public(module, prefix=""):
    things = [(name, getattr(module, name)) for name in dir(module) if name[0] != "_"]
    return {prefix + name: thing for name, thing in things if callable(thing)
            and getattr(thing, "__module__", "minidrop").startswith("minidrop")}


PUBLIC = public(md) | {name: thing for module in (nn, md.optim)
                       for name, thing in public(module, f"{module.__name__[9:]}.").items()
                       if getattr(md, name.split(".")[1], None) is not thing
                       and thing.__module__.startswith(module.__name__)}


def call(name, arguments):
    if name == "gradcheck":
        arguments = dict(arguments)
        return md.gradcheck(arguments.pop("f"), arguments.pop("inputs"), **arguments)
    if name == "hessian_product":
        x, y = example()                          # one of them may be replaced by what is wrong
        right, (loss, params, v) = WRONG[name][0], arguments.values()
        return md.hessian_product(y if loss is right["loss"] else loss,
                                  [x] if params is right["params"] else params, v)
    if name == "grad" and arguments.keys() == {"y", "xs"}:
        x, y = example()                          # one of them may be replaced by what is wrong
        right = WRONG["grad"][0]
        return md.grad(y if arguments["y"] is right["y"] else arguments["y"],
                       x if arguments["xs"] is right["xs"] else arguments["xs"])
    thing = PUBLIC[name]
    if [*arguments][:1] == ["rng"] or isinstance(thing, Primitive):     # by place, not by name
        return thing(*arguments.values())
    return thing(**arguments)


# --- the tests -----------------------------------------------------------------------------------

def test_every_public_name_is_tried():
    assert PUBLIC.keys() == WRONG.keys() | ELSEWHERE.keys()


@pytest.mark.parametrize("name", WRONG)
def test_every_argument_is_tried_and_the_right_call_works(name):
    right, wrong = WRONG[name]
    call(name, right)
    thing = PUBLIC[name]
    thing = thing.forward if isinstance(thing, Primitive) else thing
    assert set(inspect.signature(thing).parameters) == set(wrong)


TRIALS = [(name, argument) for name, (_, wrong) in WRONG.items() for argument in wrong
          if wrong[argument] is not FREE]


@pytest.mark.parametrize("name, argument", TRIALS)
@PROPERTY
@given(choice=st.data())
def test_a_wrong_argument_is_an_error_that_names_it(name, argument, choice):
    right, wrong = WRONG[name]
    value = choice.draw(wrong[argument])
    with pytest.raises((ValueError, TypeError)) as caught:
        call(name, {**right, argument: value})
    message = str(caught.value)
    named = rf"\b{argument}\b|is not callable|labels|depends on nothing|not subscriptable"
    assert name in UNNAMED or re.search(named, message), message
    assert "\n" not in message


def test_an_uninitialised_model_is_named_and_not_its_insides(xp):
    x = xp.ones((2, 3), "float32")
    layer = nn.Linear(3, 3)
    for use in (lambda: layer(x), lambda: layer.weight.dtype, lambda: layer.weight.T,
                lambda: layer.weight.sum(), lambda: md.evaluate(layer, (x, x[:, 0]))):
        with pytest.raises(nn.NotInitialised, match=r"call model\.init\(seed\) once"):
            use()


MIXED = {
    "swa": lambda a, b: md.swa(a, b, 1), "ema": lambda a, b: md.ema(a, b, 0.9),
    "cutmix": lambda a, b: md.cutmix(a[:, None, None], a, (0, 1, 0, 1), b[:, 0].astype("int64")),
    "attentive_cutmix": lambda a, b: md.attentive_cutmix(
        a[:, None, None], a, b[:, None] > 0, a[:, 0].astype("int64")),
    "conv2d": lambda a, b: md.conv2d(a.reshape(1, 1, 4, 3), b.reshape(1, 1, 4, 3)),
    "linear": lambda a, b: md.linear(a, b[:, :3]),
    "linear with bias": lambda a, b: md.linear(a, a, b[:, 0]),
    "cross_entropy": lambda a, b: md.cross_entropy(a, b / 3),
    "mse_loss": lambda a, b: md.mse_loss(a, b),
    "dropconnect": lambda a, b: md.dropconnect(a, a, a[:, 0], b[:, None] > 0),
    "dropout": lambda a, b: md.dropout(a, b > 0, 0.5),
    "targeted_dropout": lambda a, b: md.targeted_dropout(a, b > 0),
    "dropout_original": lambda a, b: md.dropout_original(a, b > 0),
    "multi_sample": lambda a, b: md.multi_sample(a, b[None] > 0, 0.5),
    "multi_sample_loss": lambda a, b: md.multi_sample_loss(
        lambda x: x, a, (b[:, 0] > 0).astype("int64"), a[None] > 0, 0.5),
    "flips": lambda a, b: md.multi_sample(a[:, None, None], a[None, :, None, None] > 0, 0.5,
                                          b[None, :, 0] > 0),
    "stochastic_depth": lambda a, b: md.stochastic_depth(a, a, b > 0, 0.5),
    "stochastic_depth sum": lambda a, b: md.stochastic_depth(a, b, True, 0.5),
    "accuracy": lambda a, b: md.accuracy(a, (b[:, 0] > 0).astype("int64")),
    "cutout": lambda a, b: md.cutout(a.reshape(1, 1, 4, 3), b.reshape(1, 1, 4, 3) > 0),
    "mixup of labels": lambda a, b: md.mixup(a, b, 0.5, (0 * a[:, 0]).astype("int64")),
    "mixup by order": lambda a, b: md.mixup(a, a, 0.5, (0 * b[:, 0]).astype("int64")),
    "mixup by weights": lambda a, b: md.mixup(a, a, b[:, 0], (0 * a[:, 0]).astype("int64")),
    "Tensor + array": lambda a, b: md.Tensor(a) + b,
    "array * Tensor": lambda a, b: a * md.Tensor(b),
    "Tensor @ Tensor": lambda a, b: md.Tensor(a) @ md.Tensor(b).T,
    "gradient_direction_error": lambda a, b: md.gradient_direction_error(a, b[0]),
    "gradient_direction_variance": lambda a, b: md.gradient_direction_variance([a[0], b[0]]),
    "ambiguity": lambda a, b: md.ambiguity(a[None] / 3, b[:, 0].astype("int64")),
    "model_distance": lambda a, b: md.model_distance(a[0], b[1]),
    "Linear": lambda a, b: nn.Linear(3, 2).init(0).to(backend_of(b))(a),
    "backward": lambda a, b: (md.Tensor(a, requires_grad=True) * 2).backward(b),
}


@pytest.mark.parametrize("name", MIXED)
def test_arrays_of_two_backends_are_refused_in_any_order(name, xp):
    for a, b in [(X, xp.asarray(X)), (xp.asarray(X), X)]:
        if xp is np:
            MIXED[name](a, b)                     # what is refused below is right on one backend
        else:
            with pytest.raises(TypeError):
                MIXED[name](a, b)


def test_a_gradient_error_is_an_assertion():
    assert issubclass(GradientError, AssertionError)


def test_a_parameter_whose_rule_gives_another_shape_is_refused_at_init():
    layer = nn.Linear(2, 3)
    layer.weight = md.Parameter((3, 2), lambda rng, shape: np.ones(3, "float32"))
    with pytest.raises(ValueError, match=r"rule of weight must give an array of shape \(3, 2\)"):
        layer.init(0)
