"""What multi-sample dropout is held to: (multi_sample.2) to (multi_sample.10), the masks given.

An implementation is f(h, w, b, y, masks, p) of features (N, D), a linear head w (K, D) and b (K,),
labels (N,) and boolean masks (m, N, D), and gives the loss; what="gradients": those of the loss in
h, w and b, for who has no framework that takes them.
"""

import itertools
from typing import Any

import numpy as np

from ...functional import cross_entropy
from ...tape import Tensor, data_of, grad
from ..box import Unseen
from ..checks.formulas import (
    RELATIVE,
    UNSEEN_GRADIENT,
    Formula,
    agrees,
    due_for,
    gradient,
    inputs,
    manners,
    numbered,
    unless,
)
from ..technique import Technique, fails, held, of_form, states


def loss(h, w, b, y, masks, *, options, p, reduce=None):
    """The loss of m samples, and its known variants, written out; arrays or Tensors."""
    scale = 1 / (1 - p) if options["scaled"] else 1.0
    w = w.T if options["weights"] == "(out, in)" else w
    if options["masks"] == "the first alone":
        masks = np.repeat(masks[:1], len(masks), 0)
    logits = [(h * (mask * scale)) @ w + b for mask in masks]
    reduce = reduce or options["reduce"]
    if reduce == "logits":
        return cross_entropy(sum(logits) / len(masks), y)
    total: Any = sum(cross_entropy(z, y) for z in logits)
    return total if reduce == "sum" else total / len(masks)


def gradients(h, w, b, y, masks, *, options, p):
    """Those of the loss in h, w and b."""
    h, w, b = (Tensor(data_of(one), requires_grad=True) for one in (h, w, b))
    return tuple(grad(loss(h, w, b, y, masks, options=options, p=p), [h, w, b]))


def _arrays(options, masks):
    """Features, head and labels that fit masks (m, N, D); the smallest are those of the page."""
    _, n, d = masks.shape
    h = np.array([[2.0, 1.0]]) if (n, d) == (1, 2) else numbered((n, d)) / 8 - 1
    k = 2 if d == 2 else 4
    w = np.eye(2) if d == 2 else numbered((k, d)) / 8 - 1
    w = w if options["weights"] == "(out, in)" else w.T
    b = np.zeros(2) if d == 2 else np.arange(k) / 4
    return h, w, b, np.arange(n) % k, masks


def _masks(*bits):
    return np.array(bits, bool)[:, None]


TWO = _masks((1, 1), (1, 0))                      # (m, N, D)
MANY = np.resize(np.array([1, 1, 0, 1, 0, 0, 1], bool), (3, 2, 3))


def _cases(*masks, rates=(0.5, 0.25)):
    return lambda options: [(_arrays(options, one), {"p": p}) for one in masks for p in rates]


FORMULA = Formula(loss, _cases(TWO, MANY))
GRADIENTS = Formula(gradients, _cases(TWO[1:], TWO, MANY))
one_sample = agrees(
    FORMULA, ("multi_sample.2", "multi_sample.3"), "The loss of one sample is that of dropout",
    "one sample", cases=_cases(TWO[:1], TWO[1:], MANY[:1]))
losses = agrees(
    FORMULA, lambda options: ("multi_sample.8",) if options["reduce"] == "logits" else (
        "multi_sample.4",), "The loss of m samples, reduced as the form says", "loss",
    after=("one sample", "every mask"))
backward = gradient(
    FORMULA, lambda options: ("multi_sample.10",) if options["reduce"] == "logits" else (
        "multi_sample.6", "multi_sample.10"), "What flows back through each sample", "gradient",
    which=(0, 1, 2), after=("one sample", "every mask", "loss"),
    cases=_cases(TWO[1:], TWO, MANY))


def _loss_of(box, x):
    return float(box.train(*x.arrays, like=None, **x.numbers).y)


def _close(found, due, dtype):
    return abs(found - due) <= 1e-6 + RELATIVE[dtype] * abs(due)


@states("multi_sample.2")
def every_mask(box):
    """Every mask has its part, so that their order is of no account"""
    x: Any = None
    for x in inputs(FORMULA, box):
        masks = x.arrays[4][::-1].copy()
        if box.options["masks"] != "all":         # then the others have none
            masks = np.concatenate([x.arrays[4][:1], ~x.arrays[4][1:]])
        turned = (*x.arrays[:4], masks)
        found, due = _loss_of(box, x._replace(arrays=turned)), _loss_of(box, x)
        if not _close(found, due, x.dtype):
            return fails(f"{x.text}, with the masks in another order", f"{found:.6g}",
                         f"{due:.6g}, as before")
    return held(f"up to {x.text}")


@states("multi_sample.5")
def repeated(box):
    """The loss is that of one sample of the batch repeated m times"""
    if box.options["reduce"] != "losses" or box.options["masks"] != "all":
        raise Unseen("it holds for the mean loss of all masks alone")
    x: Any = None
    for x in inputs(FORMULA, box):
        h, w, b, y, masks = x.arrays
        long = np.tile(h, (len(masks), 1)), w, b, np.tile(y, len(masks)), \
            masks.reshape(1, -1, h.shape[1])
        found, due = _loss_of(box, x), _loss_of(box, x._replace(arrays=long))
        if not _close(found, due, x.dtype):
            return fails(x.text, f"{found:.6g}",
                         f"{due:.6g}, as for the batch repeated {len(masks)} times")
    return held(f"up to {x.text}")


@states("multi_sample.9")
def jensen(box):
    """The loss of the mean logits is at most the mean of the losses"""
    unless(box, "one sample", "every mask")
    x: Any = None
    of_logits = box.options["reduce"] == "logits"
    for x in inputs(FORMULA, box):
        found = _loss_of(box, x)
        other = Formula(lambda *arrays, **known: loss(
            *arrays, reduce="losses" if of_logits else "logits", **known), FORMULA.cases)
        limit = float(due_for(other, box, x)[0])
        beyond = found > limit if of_logits else found < limit
        if beyond and not _close(found, limit, x.dtype):
            return fails(x.text, f"{found:.6g}",
                         f"at {'most' if of_logits else 'least'} {limit:.6g}")
    return held(f"up to {x.text}")


@states("multi_sample.7")
def spread(box):
    """Over all masks, two samples have the mean gradient of one, and half its variance"""
    if box.options["reduce"] != "losses" or box.options["masks"] != "all":
        raise Unseen("it holds for the mean loss of all masks alone")
    unless(box, "one sample", "every mask", "loss", "gradient", reason=UNSEEN_GRADIENT)
    every = [*itertools.product((0, 1), repeat=2)]
    of_one, of_two = (np.array([_slope(box, _masks(*bits)) for bits in
                                itertools.product(every, repeat=m)]) for m in (1, 2))
    for name, found, due in (("mean", of_two.mean(0), of_one.mean(0)),
                             ("variance", of_two.var(0), of_one.var(0) / 2)):
        if not np.allclose(found, due, rtol=1e-4, atol=1e-5):
            i = int(np.abs(found - due).argmax())
            return fails("h = [[2, 1]], p = 0.5, the gradient in w over all masks of two samples",
                         f"a {name} of {found[i]:.6g}", f"{due[i]:.6g}")
    return held("h = [[2, 1]], p = 0.5, all masks of one sample and of two")


def _slope(box, masks):
    x = next(inputs(FORMULA, box, _cases(masks, rates=(0.5,))(box.options)))
    answer = box.train(*x.arrays, like=None, gradient=True, **x.numbers)
    found = answer.gradient(np.ones(answer.y.shape, answer.y.dtype))
    return np.asarray(found[1], float).ravel()


def _back(role, output):
    return agrees(GRADIENTS, lambda options: ("multi_sample.10",) if options["reduce"] == "logits"
                  else ("multi_sample.6", "multi_sample.10"), f"The gradient in {role}",
                  f"gradient in {role}", output=output)


TECHNIQUE = Technique(
    "multi_sample", arrays=("h", "w", "b", "y", "mask"), parameters=("p",),
    checks=(*of_form("loss", one_sample, every_mask, losses, repeated, jensen, backward, spread,
                     *manners(FORMULA, dtype=False)),
            *of_form("gradients", *map(_back, "hwb", range(3)))),
    options={"what": ("loss", "gradients"), "reduce": ("losses", "logits", "sum"),
             "scaled": (True, False), "masks": ("all", "the first alone"),
             "weights": ("(out, in)", "(in, out)")},
    variants={"the loss of the mean logits": {"reduce": "logits"},
              "the losses are summed, not averaged": {"reduce": "sum"},
              "what is kept is not scaled by 1/q": {"scaled": False},
              "one mask for all samples": {"masks": "the first alone"},
              "weights are (in, out)": {"weights": "(in, out)"},
              "the rate given is a keep probability": {"rate": "keep"}},
    unseen={"multi_sample.1": "how masks are drawn; here they are handed over",
            **{f"multi_sample.{tag}": "flips and shifts of feature maps; here are features of a "
               "linear head" for tag in (11, 12, 13)},
            "multi_sample.14": "of evaluation by samples, which has no loss"},
    layers=False)
