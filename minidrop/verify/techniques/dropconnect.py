"""What DropConnect is held to: f(x, w, b, p, training, rng), the linear part of the layer."""

import numpy as np

from ..box import Trouble, Unseen
from ..checks.connections import extremes, inputs, kept, run, scale, seen
from ..checks.normals import Case, normal
from ..checks.on_weights import after, counted, manners, named
from ..checks.reading import RATES, close, ramp
from ..technique import Technique, fails, held, shown, states

SHAPES = (1, 1, 1), (1, 1, 2), (2, 2, 2), (3, 4, 5), (50, 8, 8)      # (N, out, in)
ROWS = 20_000                                     # examples of which a distribution is seen
SETTLED = (np.array([[1, 2, -1]], "float32"), np.array([[0.5, -1, 2], [1, 2, 1]], "float32"),
           np.array([0.25, -1], "float32"))       # x, w and b


def moments(box, x, w, b, p):
    """Mean and variance that are due for the outputs in training."""
    q, s = 1 - p, scale(box, p)
    x, w, b = (np.asarray(one, float) for one in (x, w, b))
    mean, variance = s * q * x @ w.T, s * s * p * q * (x * x) @ (w * w).T
    if box.options["bias"] == "dropped":
        return mean + s * q * b, variance + s * s * p * q * b * b
    return mean + b, variance


def _evaluation_tags(options):
    return {"gaussian": ("dropconnect.5", "dropconnect.6"), "mc": ("dropconnect.7",)}.get(
        options["inference"], ("dropconnect.5",))


@states(_evaluation_tags)
def evaluation(box):
    """Without noise comes what the mean and the variance over all masks say"""
    if box.options["inference"] == "gaussian":
        return _normal(box)
    if box.options["inference"] == "mc":
        return _evaluated_mean(box)
    for shape in SHAPES[:4]:
        for p in box.choices("p", *RATES):
            x, w, b = inputs(box, shape)
            due = x @ w.T + b if box.options["inference"] == "plain" else expected(box, x, w, b, p)
            for _ in range(2):
                y = run(box, x, w, b, p, training=False).y
                if not close(y, due).all():
                    return fails(named(box, (x, w, b), p=p) + ", in evaluation", shown(y),
                                 shown(due))
    return held(f"4 shapes up to {SHAPES[3]}")


def expected(box, x, w, b, p):
    """The mean of the unscaled layer: that of evaluation."""
    return (1 - p) * x @ w.T + ((1 - p) * b if box.options["bias"] == "dropped" else b)


def settled(box, rows=ROWS):
    """(x, w, b): one example again and again, and weights of which no two sums are alike."""
    x, w, b = SETTLED
    if not box.takes("w"):
        w, b = np.eye(3, dtype="float32"), np.zeros(3, "float32")
    return np.repeat(x, rows, 0), w, b * box.takes("b")


def _evaluated_mean(box):
    x, w, b = settled(box, ROWS)
    for p in box.choices("p", *RATES):
        y, due = run(box, x, w, b, p, training=False).y, expected(box, x[:1], w, b, p)[0]
        low, high = extremes(box, x, w, b, 1.0)
        for unit in range(len(w)):
            if not box.chance.mean(np.clip(y[:, unit], low[unit], high[unit]), due[unit],
                                   low[unit], high[unit]):
                return fails(f"{ROWS} x {named(box, (x[:1], w, b), p=p)}, in evaluation",
                             f"a mean of {y[:, unit].mean():.4f} in unit {unit}",
                             f"{due[unit]:.4f}")
    return held(f"{ROWS} examples")


def _normal(box):
    x, w, b = settled(box)
    cases = []
    for p in box.choices("p", *RATES):
        y = run(box, x, w, b, p, training=False).y.astype(float)
        variance = p * (1 - p) * ((x[:1] ** 2) @ (w ** 2).T)[0]
        variance += p * (1 - p) * b * b * (box.options["bias"] == "dropped")
        cases.append(Case(f"{ROWS} x {named(box, (x[:1], w, b), p=p)}, in evaluation", y,
                          expected(box, x[:1], w, b, p)[0], variance))
    return normal(box, cases, averaged=True)


@states("dropconnect.1")
def rate_0(box):
    """p = 0 changes nothing, for the rarest of draws too"""
    return _at_rate(box, 0.0)


@states("dropconnect.1")
def rate_1(box):
    """p = 1 keeps no connection"""
    return _at_rate(box, 1.0)


def _at_rate(box, p):
    if box.choices("p", p)[0] != p:
        raise Unseen(f"the layer was made with p = {box.fixed['p']}")
    for shape in SHAPES[:4]:
        x, w, b = inputs(box, shape)
        due = x @ w.T + b if p == 0 else 0 * x @ w.T + b * (box.options["bias"] == "kept")
        try:
            y = run(box, x, w, b, p).y
        except Trouble as trouble:
            if trouble.refusal:
                raise Unseen(f"p = {p:g} is refused ({trouble.found})") from None
            raise
        if not close(y, due).all():
            return fails(named(box, (x, w, b), p=p), shown(y), shown(due))
    return held(f"4 shapes up to {SHAPES[3]}")


@states("dropconnect.1")
def rarest_draw(box):
    """p = 0 drops nothing, for the rarest of draws too"""
    x, w, b = inputs(box, SHAPES[3])
    if box.choices("p", 0.0)[0] != 0:
        raise Unseen(f"the layer was made with p = {box.fixed['p']}")
    with box.starved():
        y = run(box, x, w, b, 0.0).y
    if not close(y, x @ w.T + b).all():
        return fails(named(box, (x, w, b), p=0.0) + ", every random number 0", shown(y),
                     "all connections kept")
    return held("every random number 0")


@states("dropconnect.2")
def values(box):
    """An output is the sum over the connections that are kept, and the bias"""
    for shape in SHAPES:
        for p in box.choices("p", *RATES):
            for _ in range(3):
                one = seen(box, shape, p)
                if not one.due:
                    x, w, b = one.arrays
                    parts = scale(box, p) * x[0] * w[0]
                    return fails(named(box, one.arrays, p=p), shown(one.answer.y),
                                 f"sums of some of {shown(parts)}, and {b[0]:g}"
                                 + (" if kept" if box.options["bias"] == "dropped" else "")
                                 + ", in the first output")
    return held(f"{len(SHAPES)} shapes up to {SHAPES[-1]}, 3 calls each")


@states("dropconnect.5")
def moments_(box):
    """Mean and variance over the masks are those of a sum of Bernoulli variables"""
    after(box, "values", "apart", "anew", "together")
    if box.options["drops"] != "connections":
        raise Unseen("it is not connections that are dropped")
    rows = ROWS if box.options["per"] == "example" else 1
    for p in box.choices("p", *RATES):
        x, w, b = settled(box, rows)
        y = np.concatenate([run(box, x, w, b, p).y for _ in range(1 if rows > 1 else 1000)])
        (mean,), (variance,) = moments(box, x[:1], w, b, p)
        low, high = extremes(box, x, w, b, scale(box, p))
        for unit in range(len(w)):
            ends = low[unit] - 1e-3, high[unit] + 1e-3
            one = np.clip(y[:, unit].astype(float), *ends)
            most = max(ends[1] - mean[unit], mean[unit] - ends[0]) ** 2
            if not box.chance.mean(one, mean[unit], *ends) or not box.chance.mean(
                    (one - mean[unit]) ** 2, variance[unit], 0, most):
                return fails(f"{len(y)} x {named(box, (x[:1], w, b), p=p)}, unit {unit}",
                             f"a mean of {one.mean():.4f} and a variance of {one.var():.4f}",
                             f"{mean[unit]:.4f} and {variance[unit]:.4f}")
    return held(f"{len(y)} masks")


@states("dropconnect.2")
def biases(box):
    """A bias is never dropped (or, in that form, as often as a connection)"""
    if not box.takes("b"):
        raise Unseen("it takes no bias")
    if box.options["bias"] == "kept":
        return _bias_alone(box)
    if box.options["drops"] != "connections" or box.options["per"] != "example":
        raise Unseen("biases go with the units")
    for p in box.choices("p", *RATES):
        one = seen(box, (400, 8, 8), p)
        if one.bias is None:
            raise Unseen("what comes out is no sum of weights, so the mask cannot be read from it")
        if not box.chance.rate((~one.bias).sum(), one.bias.size, p):
            return fails(f"400 examples of 8 units, p = {p:g}",
                         f"{(~one.bias).mean():.4f} of {one.bias.size} biases dropped", f"{p:g}")
    return held(f"{one.bias.size} biases")


def _bias_alone(box):
    b = ramp((4,))
    x, w = np.ones((8, 3), "float32"), np.zeros((4, 3), "float32")
    for p in box.choices("p", *RATES):
        y = run(box, x, w, b, p, noise=np.ones((8, 4, 3), bool) if box.takes_noise else None).y
        if not close(y, b).all():
            at = y[~close(y, b).all(1)][0]
            return fails(f"w = 0, {named(box, (x[:1],))}, b = {shown(b)}, p = {p:g}", shown(at),
                         shown(b))
    return held("8 examples of 4 units, weights of 0")


@states("dropconnect.4")
def gradient(box):
    """The gradient is that of the same mask, in the input, the weights and the bias"""
    for shape in SHAPES[:4]:
        for p in box.choices("p", *RATES):
            one = seen(box, shape, p, gradient=True)
            if not one.due:
                raise Unseen("the values differ already, and with them the gradient")
            (x, w, _), g = one.arrays, ramp(one.answer.y.shape) / 2
            found = one.answer.gradient(g)
            found = found if isinstance(found, tuple | list) else [found]
            masked = scale(box, p) * one.kept * g[..., None]
            due = ((masked * w).sum(1), (masked * x[:, None]).sum(0),
                   (g * one.bias * (scale(box, p) if box.options["bias"] == "dropped"
                                    else 1)).sum(0))
            due = (due[0], due[1].T if box.options["weights"] == "(in, out)" else due[1], due[2])
            for role, got, wanted in zip("xwb", found, due, strict=False):
                if box.takes(role) and not np.allclose(got, wanted, rtol=1e-4, atol=1e-4):
                    return fails(f"{named(box, one.arrays, p=p)}, g = {shown(g)}, the gradient in "
                                 f"{role}", shown(got), shown(wanted))
    return held(f"4 shapes up to {SHAPES[3]}")


def _units(shape, options):
    first = shape[0] if options["per"] == "example" else 1
    return {"connections": (first, *shape[1:]), "inputs": (first, 1, shape[2]),
            "outputs": (first, shape[1], 1), "examples": (first, 1, 1)}[options["drops"]]


def _counting(options):
    few = options["per"] == "batch" or options["drops"] == "examples"
    return ((8, 8, 8), 2), ((50, 8, 8), 10 if few else 1), ((50, 8, 8), 150 if few else 12)


def _trained(box, *arrays):
    x, w, b = arrays
    return run(box, x, w, b, box.choices("p", 0.5)[0])


def _tried(box, dtype):
    return [inputs(box, shape, dtype) for shape in SHAPES[:4]]


TECHNIQUE = Technique(
    "dropconnect", arrays=("x", "w", "b"), parameters=("p",),
    checks=(rate_0, values, biases, rate_1, rarest_draw,
            *counted(_units, _counting, kept, ("dropconnect.1",)), evaluation, moments_, gradient,
            *manners(_trained, _tried)),
    options={"inference": ("gaussian", "mean", "plain", "mc"), "scaling": ("none", "inverted"),
             "per": ("example", "batch"), "bias": ("kept", "dropped"),
             "drops": ("connections", "inputs", "outputs", "examples"),
             "weights": ("(out, in)", "(in, out)")},
    variants={
        "the rate given is a keep probability": {"rate": "keep"},
        "scaled by 1/(1-p) while training, plain weights in evaluation (as Chainer's "
        "simplified_dropconnect)": {"scaling": "inverted", "inference": "plain"},
        "evaluation by the mean": {"inference": "mean"},
        "evaluation by plain weights, the rate ignored": {"inference": "plain"},
        "evaluation by masks": {"inference": "mc"},
        "one mask for the batch": {"per": "batch"},
        "one mask for the batch, scaled by 1/(1-p) (weight drop, as in AWD-LSTM)": {
            "per": "batch", "scaling": "inverted", "inference": "plain"},
        "scaled by 1/(1-p) while training": {"scaling": "inverted"},
        "the bias is dropped too": {"bias": "dropped"},
        "drops inputs, not connections (dropout)": {
            "drops": "inputs", "scaling": "inverted", "inference": "plain"},
        "drops outputs, not connections (dropout)": {
            "drops": "outputs", "bias": "dropped", "scaling": "inverted", "inference": "plain"},
        "drops whole examples (stochastic depth, as TensorFlow's drop_connect)": {
            "drops": "examples", "bias": "dropped", "scaling": "inverted", "inference": "plain"},
        "weights of the shape (in, out)": {"weights": "(in, out)"},
    },
    unseen={
        "dropconnect.3": "the activation stands behind the linear part, which is the black box",
        "dropconnect.8": "about an activation behind the linear part, which is the black box",
    })
