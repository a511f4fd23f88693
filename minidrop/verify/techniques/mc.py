"""What is made of the passes of MC dropout: (mc.2) to (mc.7), in two functions.

what="prediction": of probabilities (T, N, K), f(probs), the mean, its entropy and the mutual
information; "moments": of the outputs (T, N) of a regression, their mean and variance.
"""

import math

import numpy as np

from ..checks.formulas import Formula, agrees, inputs, manners, unless
from ..technique import Technique, fails, held, of_form, shown, states

CLOSE = 1e-5              # numbers that keep a logarithm from infinity are allowed: log(p + 1e-8)


def _entropy(p, base=math.e):
    return -(p * np.log(np.where(p > 0, p, 1.0))).sum(-1) / math.log(base)


def prediction(probs, *, options):
    """(mean, entropy, mutual information), and their known variants, written out."""
    base = 2 if options["logarithm"] == "of base 2" else math.e
    mean, within = probs.mean(0), _entropy(probs, base).mean(0)
    entropy = within if options["entropy of"] == "the passes" else _entropy(mean, base)
    return mean, entropy, _entropy(mean, base) - within


def _passes(options):
    """Probabilities of one pass or more, none of them 0."""
    yield (np.array([[[0.75, 0.25]]]),), {}
    yield (np.array([[[0.75, 0.25]], [[0.25, 0.75]]]),), {}
    yield (np.array([[[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]], [[0.25, 0.5, 0.25], [0.6, 0.2, 0.2]],
                     [[0.1, 0.2, 0.7], [0.05, 0.9, 0.05]]]),), {}


PREDICTION = Formula(prediction, _passes)
EDGES = (                                         # passes that are sure, unsure, and of one mind
    np.array([[[1.0, 0.0]], [[1.0, 0.0]]]), np.array([[[1.0, 0.0]], [[0.0, 1.0]]]),
    np.array([[[0.25, 0.25, 0.25, 0.25]], [[0.25, 0.25, 0.25, 0.25]]]),
    np.array([[[0.3, 0.6, 0.1]], [[0.3, 0.6, 0.1]]]))


@states("mc.5")
def bounds(box):
    """0 <= I <= H <= ln K, with I = 0 where all passes agree; 0 ln 0 is 0"""
    unless(box, "entropy", "mutual information")
    for x in inputs(PREDICTION, box, [((probs,), {}) for probs in EDGES]):
        outputs = box.train(*x.arrays, like=None).outputs
        due = prediction(x.arrays[0].astype(float), options=box.options)
        for name, found, wanted in zip("HI", outputs[1:3], due[1:], strict=False):
            if found.shape != wanted.shape or not (np.abs(found - wanted) < CLOSE).all():
                return fails(x.text, f"{name} = {shown(found)}", f"{name} = {shown(wanted)}")
    return held(f"{len(EDGES)} inputs at the bounds")


def moments(probs, *, options):
    """(mean, variance) of the passes, and their known variants, written out."""
    spread = probs.var(0, ddof=1 if options["divided by"] == "T - 1" else 0)
    return probs.mean(0), spread**0.5 if options["spread"] == "deviation" else spread


def _outputs(options):
    if options["divided by"] == "T":
        yield (np.array([[3.0]]),), {}
    yield (np.array([[1.0], [2.0]]),), {}
    yield (np.array([[1.0, -2.0], [2.0, 0.5], [4.0, 0.25]]),), {}


MOMENTS = Formula(moments, _outputs)


TECHNIQUE = Technique(
    "mc", arrays=("probs",), parameters=(),
    checks=(
        *of_form("prediction", agrees(
            PREDICTION, ("mc.2",), "The mean of the probabilities", "mean"), agrees(
            PREDICTION, ("mc.3",), "The entropy of the mean, in nats", "entropy", output=1,
            after=("mean",), relative=CLOSE), agrees(
            PREDICTION, ("mc.4",), "That entropy, less the mean entropy of the passes",
            "mutual information", output=2, after=("mean",), relative=CLOSE),
            bounds, *manners(PREDICTION)),
        *of_form("moments", agrees(
            MOMENTS, ("mc.6",), "The mean of the outputs", "mean"), agrees(
            MOMENTS, ("mc.7",), "The mean square of what the passes are off by", "variance",
            output=1, after=("mean",)), *manners(MOMENTS))),
    options={"what": ("prediction", "moments"), "logarithm": ("natural", "of base 2"),
             "entropy of": ("the mean", "the passes"), "divided by": ("T", "T - 1"),
             "spread": ("variance", "deviation")},
    variants={
        "logarithms of base 2": {"logarithm": "of base 2"},
        "the mean of the entropies in place of the entropy of the mean":
        {"entropy of": "the passes"},
        "the variance of a sample, divided by T - 1": {"divided by": "T - 1"},
        "the deviation in place of the variance": {"spread": "deviation"},
    },
    unseen={
        "mc.1": "the passes themselves, which a network makes; here they are handed over",
        "mc.8": "a number made of the rate and the decay, before any pass",
        "mc.9": "what one layer's passes vary by; here they are handed over",
        "mc.10": "what the noise does to a mean of passes; here they are handed over"},
    layers=False)
