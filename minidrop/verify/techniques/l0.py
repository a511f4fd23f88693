"""What hard concrete gates are held to: f(log_alpha, u) where the noise is given, or
f(log_alpha, rng), with gates of the shape of log_alpha; or with what="open" the chance of a gate.
"""

import numpy as np

from ..box import Unseen
from ..technique import Technique, fails, held, shown, states

BETA, GAMMA, ZETA = 2 / 3, -0.1, 1.1
U = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 0.02, 0.98], "float32")
OPEN = np.array([0.0, 2.0, -2.0, 0.7, -4.0, 5.0], "float32")
ROWS = 20_000


def _logistic(x):
    return 1 / (1 + np.exp(-np.asarray(x, float)))


def _beta(options):
    return BETA if options["temperature"] == "2/3" else 1.0


def _stretched(s, options):
    if options["stretch"] == "none":
        return s
    stretched = s * (ZETA - GAMMA) + GAMMA
    return stretched if options["stretch"] == "uncut" else np.clip(stretched, 0, 1)


def _due(log_alpha, u, options):
    u = np.asarray(u, float)
    s = _logistic((np.log(u) - np.log(1 - u) + log_alpha) / _beta(options))
    return s, _stretched(s, options)


def _is(box, what):
    if box.options["what"] != what:
        raise Unseen(f"it is held against another form, what = {box.options['what']!r}")


def _given():
    for log_alpha in OPEN:
        for u in U:
            yield np.array([log_alpha]), np.array([u])
    yield np.repeat(OPEN, len(U)).reshape(6, 7), np.tile(U, 6).reshape(6, 7)


def _text(log_alpha, u=None):
    return f"log alpha = {shown(log_alpha)}" + ("" if u is None else f", u = {shown(u)}")


@states("l0.1", "l0.2")
def values(box):
    """The gate of given noise is the stretched concrete variable, cut off at 0 and 1"""
    _is(box, "gate")
    if not box.takes_noise:
        raise Unseen("it draws its own noise")
    for log_alpha, u in _given():
        y, (_, due) = box.apply(log_alpha, noise=u).y, _due(log_alpha, u, box.options)
        if not np.allclose(y, due, rtol=1e-4, atol=1e-5):
            return fails(_text(log_alpha, u), shown(y), shown(due))
    return held(f"{len(OPEN) * len(U)} pairs")


@states("l0.3", "l0.4", "l0.5")
def distribution(box):
    """Drawn gates have the distribution of a hard concrete variable, with its steps at 0 and 1"""
    _is(box, "gate")
    for log_alpha in OPEN[:4]:
        y = box.train(np.full(ROWS, log_alpha)).y.astype(float)

        def cdf(z, log_alpha=log_alpha):
            if box.options["stretch"] == "none":
                z = np.clip(z, 1e-12, 1 - 1e-12)
                return _logistic(_beta(box.options) * np.log(z / (1 - z)) - log_alpha)
            inside = np.clip(z, 0.0, 1.0) if box.options["stretch"] == "cut" else np.clip(
                z, GAMMA + 1e-12, ZETA - 1e-12)
            p = _logistic(_beta(box.options) * np.log((inside - GAMMA) / (ZETA - inside))
                          - log_alpha)
            return p if box.options["stretch"] == "uncut" else np.where(
                z < 0, 0.0, np.where(z >= 1, 1.0, p))

        steps = [(float(cdf(0.0)), y == 0, "0"),
                 (1 - float(cdf(np.nextafter(1, 0))), y == 1, "1")]
        for due, at, end in steps if box.options["stretch"] == "cut" else ():
            if not box.chance.rate(at.sum(), ROWS, due):
                return fails(f"{ROWS} gates, log alpha = {log_alpha:g}",
                             f"{at.mean():.4f} of them are {end}", f"{due:.4f}")
        if not box.chance.distribution(y, cdf):
            return fails(f"{ROWS} gates, log alpha = {log_alpha:g}",
                         f"quartiles {shown(np.quantile(y, (0.25, 0.5, 0.75)))}",
                         "the distribution function (l0.3)")
    return held(f"{ROWS} gates for each log alpha of {shown(OPEN[:4])}")


@states("l0.3")
def anew(box):
    """Every call draws anew"""
    _is(box, "gate")
    first, second = (box.train(np.zeros(200, "float32")).y for _ in range(2))
    shut = float(_logistic(_beta(box.options) * np.log(-GAMMA / ZETA)))       # as often wide open
    due = 2 * shut**2 * (box.options["stretch"] == "cut") + 1e-3              # or rounded alike
    alike = first == second                       # due is an upper bound: fewer are no fault
    if not box.chance.rate(alike.sum(), alike.size, due) and alike.mean() > due:
        return fails("200 gates, log alpha = 0, twice", f"{alike.sum()} of them the same twice",
                     f"about {due * alike.size:.0f}, of those that are 0 or 1")
    return held("200 gates, twice")


@states("l0.8")
def without_noise(box):
    """Without noise the gate is the stretched logistic function of log alpha, without beta"""
    _is(box, "gate")
    beta = _beta(box.options) if box.options["evaluation"] == "divided" else 1.0
    due = _stretched(_logistic(OPEN / beta), box.options)
    if box.takes_noise and not box.takes("training") and not box.takes("evaluation"):
        raise Unseen("it has no evaluation mode")
    y = (box.apply(OPEN, noise=np.full(6, 0.3, "float32"), training=False) if box.takes_noise
         else box.evaluate(OPEN)).y
    if not np.allclose(y, due, rtol=1e-4, atol=1e-5):
        return fails(_text(OPEN) + ", in evaluation", shown(y), shown(due))
    return held(_text(OPEN))


@states("l0.9")
def gradient(box):
    """A gate learns where it is neither shut nor wide open"""
    _is(box, "gate")
    if not box.takes_noise:
        raise Unseen("it draws its own noise")
    for log_alpha, u in _given():
        answer = box.apply(log_alpha, noise=u, gradient=True)
        s, _ = _due(log_alpha, u, box.options)
        stretched = s * (ZETA - GAMMA) + GAMMA
        due = (ZETA - GAMMA) * s * (1 - s) / BETA * ((stretched > 0) & (stretched < 1))
        found = answer.gradient(np.ones_like(log_alpha))
        found = found[0] if isinstance(found, tuple | list) else found
        if not np.allclose(found, due, rtol=1e-3, atol=1e-5):
            return fails(_text(log_alpha, u), shown(found), shown(due))
    return held(f"{len(OPEN) * len(U)} pairs")


@states("l0.4", "l0.7", "l0.10")
def chance_open(box):
    """The chance that a gate is not 0, and its gradient; or their sum, the penalty"""
    _is(box, "open")
    due = _logistic(OPEN - BETA * np.log(-GAMMA / ZETA))
    answer = box.train(OPEN, gradient=box.adapter.framework != "numpy", like=None)
    due_y = due if answer.y.shape == OPEN.shape else due.sum()
    if not np.allclose(answer.y, due_y, rtol=1e-4):
        return fails(_text(OPEN), shown(answer.y), shown(due_y))
    if box.adapter.framework != "numpy":
        found = answer.gradient(np.ones_like(answer.y))
        if not np.allclose(found, due * (1 - due), rtol=1e-3, atol=1e-5):
            return fails(_text(OPEN) + ", the gradient", shown(found), shown(due * (1 - due)))
    return held(_text(OPEN))


TECHNIQUE = Technique(
    "l0", arrays=("log_alpha",), parameters=(),
    checks=(values, without_noise, distribution, anew, gradient, chance_open),
    options={"what": ("gate", "open"), "stretch": ("cut", "uncut", "none"),
             "temperature": ("2/3", "none"), "evaluation": ("as in the paper", "divided")},
    variants={
        "no stretch, so that a gate is never exactly 0": {"stretch": "none"},
        "stretched and not cut off": {"stretch": "uncut"},
        "the temperature is ignored": {"temperature": "none"},
        "the temperature divides in evaluation too": {"evaluation": "divided"},
    },
    unseen={"l0.6": "the product of gates and weights, which is made behind the gates"})
