"""What Gaussian dropout is held to: (gaussian.1) to (gaussian.4)."""

import math

import numpy as np

from ..box import Trouble, Unseen
from ..checks.drawn import anew, apart
from ..checks.exact import (
    dtype,
    empty_batch,
    evaluation,
    input_untouched,
    own_source,
    rate_0,
    same_seed,
)
from ..checks.masks import Law, tied
from ..checks.reading import close, distinct, independent, ramp, small
from ..technique import Technique, call, fails, held, shown

DEVIATIONS = {
    "sqrt(p / q)": lambda p: math.sqrt(p / (1 - p)),
    "sqrt(p q)": lambda p: math.sqrt(p * (1 - p)),
    "p / q": lambda p: p / (1 - p),
    "p": lambda p: p,
    "sqrt(p)": math.sqrt,
}
RATES = 0.5, 0.2, 0.75, 0.05
CLIPPED = (math.erf(4 / math.sqrt(2)) - 8 * math.exp(-8) / math.sqrt(2 * math.pi)
           + 16 * math.erfc(4 / math.sqrt(2)))    # the mean of min(z^2, 16) for a normal z
DRAWS = ((1, 2), 200), ((5, 3, 2, 3), 50), ((10, 10), 100), ((300, 300), 2)


def sigma(box, p):
    """The deviation of the noise that is due."""
    return DEVIATIONS[box.options["deviation"]](p)


def noise(law, box, shape, calls, p):
    """The noise of several calls, as it is read from the outputs: (calls, *shape)."""
    def draw():
        x = distinct(box.random, shape)
        return x, np.stack([box.train(x, p=p).y for _ in range(calls)]).astype(float)

    x, y = box.once(("noise", shape, calls, p), draw)
    return 1 + y - x if box.options["noise"] == "added" else y / x


def law_of_noise(law, box):
    """The noise is normal around 1, and its variance is p / (1 - p)."""
    independent(box)
    for shape, calls in DRAWS:
        for p in box.choices("p", *RATES):
            drawn, due = noise(law, box, shape, calls, p), sigma(box, p)
            cdf = np.vectorize(lambda e, due=due: 0.5 * math.erfc((1 - e) / due / math.sqrt(2)))
            few = drawn.ravel()[:40000]
            within = (np.abs(drawn - 1) < due).sum()
            if not box.chance.rate(within, drawn.size, math.erf(1 / math.sqrt(2))) \
                    or not box.chance.distribution(few, cdf):
                return fails(f"{calls} x random {shape}, p = {p:g}",
                             f"noise of mean {drawn.mean():.4f} and deviation {drawn.std():.4f}",
                             f"1 and {due:.4f}, normal")
    return held(f"up to {drawn.size} draws, p = {', '.join(map('{:g}'.format, RATES))}")


def moments(law, box):
    """The mean is the input, the variance that of dropout at the same rate."""
    independent(box)
    for shape, calls in DRAWS[1:]:
        for p in box.choices("p", *RATES):
            far = (noise(law, box, shape, calls, p) - 1) / sigma(box, p)
            tried = f"{calls} x random {shape}, p = {p:g}"
            if not box.chance.mean(np.clip(far, -4, 4), 0.0, -4, 4):
                return fails(tried, f"noise of mean {1 + far.mean() * sigma(box, p):.4f}", "1")
            if not box.chance.mean(np.minimum(far**2, 16), CLIPPED, 0, 16):
                return fails(tried, f"a variance of {far.var() * sigma(box, p)**2:.4f} x^2",
                             f"{sigma(box, p)**2:.4f} x^2")
    return held(f"up to {far.size} draws")


def tails(law, box):
    """The tails are those of a normal number, so that its fourth moment is 3 p^2 / q^2."""
    independent(box)
    for shape, calls in DRAWS[1:]:
        for p in box.choices("p", 0.5, 0.2):
            drawn = noise(law, box, shape, calls, p) - 1
            spread = np.median(np.abs(drawn)) / 0.6744897501960817 or 1.0
            for far in (1.5, 2.0, 3.0):
                # in units of the deviation that is due; of that found, the shape is another matter
                fine = [box.chance.rate((np.abs(drawn) > far * unit).sum(), drawn.size,
                                        math.erfc(far / math.sqrt(2)))
                        for unit in (sigma(box, p), spread)]
                if not any(fine):
                    found = (drawn**4).mean() / sigma(box, p)**4
                    return fails(f"{calls} x random {shape}, p = {p:g}",
                                 f"a fourth moment of {found:.4g} p^2 / q^2", "3 p^2 / q^2")
    return held(f"up to {drawn.size} draws, 1.5 to 3 deviations off")


def product(law, box):
    """The output is the input times its noise, so that 0 stays 0 and scaling goes through."""
    added = box.options["noise"] == "added"
    for shape in law.shapes:
        for p in box.choices("p", 0.5, 0.2) if not added else ():
            if (y := box.train(x := np.zeros(shape, np.float32), p=p).y).any():
                return fails(call(x, p=p), shown(y), shown(x))
    x, p = ramp(law.shapes[-1]), box.choices("p", 0.5)[0]
    outputs = []
    for factor in (1, 1, -4):
        box.restart(5)
        outputs.append(box.train(x * np.float32(factor), p=p).y)
    due = outputs[0] - 5 * x if added else -4 * outputs[0]
    if np.array_equal(outputs[0], outputs[1]) and not np.allclose(outputs[2], due, 1e-4, 1e-3):
        return fails(f"x of shape {x.shape} and -4 x, p = {p:g}, seeded alike",
                     shown(outputs[2].flat[:4]), shown(due.flat[:4]))
    return held("zeros, and x and -4 x under the same seed")


def gradient(law, box):
    """The gradient is that of the same noise."""
    for x, p in small(law, box):
        g = np.flip(ramp(x.shape)) / 2
        for _ in range(4):
            answer = box.train(x, p=p, gradient=True)
            found = answer.gradient(g)
            due = g if box.options["noise"] == "added" else g * (answer.y / x)
            if not np.isclose(found, due, rtol=1e-4, atol=1e-5).all():
                return fails(f"{call(x, p=p)}, y = {shown(answer.y)}, g = {shown(g)}",
                             shown(found), shown(due))
    return held(f"{len(law.shapes)} shapes, 4 calls each")


def given_noise(law, box):
    """With the noise handed over, the output is their product."""
    if not box.takes_noise:
        raise Unseen("it takes no noise")
    x, e = np.array([[2, 4]], np.float32), np.array([[1.5, 0.5]], np.float32)
    for p in box.choices("p", 0.5, 0.2):
        for one in (e, -e, 0 * e):
            y = box.apply(x, noise=one, p=p).y
            scaled = x * (1 + np.float32(sigma(box, p)) * one)           # where it is of mean 0
            if not close(y, x * one).all() and not (box.takes("p") and close(y, scaled).all()):
                return fails(f"{call(x, p=p)}, noise = {shown(one)}", shown(y), shown(x * one))
    return held("6 noises of 2 entries")


def infinite_input(law, box):
    """What is infinite or nan stays so."""
    x, p = ramp(law.shapes[-1]), box.choices("p", 0.5)[0]
    x.flat[:3] = np.inf, -np.inf, np.nan
    y = box.train(x, p=p).y
    if not np.array_equal(np.isfinite(y), np.isfinite(x)):
        return fails(f"x = {shown(x.flat[:3])} and {x.size - 3} more, p = {p:g}", shown(y.flat[:3]),
                     "inf, -inf or nan")
    return held("inf, -inf and nan")


def rate_1(law, box):
    """p = 1, where the variance has no limit, is refused."""
    if "p" in box.fixed:
        raise Unseen(f"the layer was made with p = {box.fixed['p']}")
    try:
        y = box.train(ramp((1, 2)), p=1.0).y
    except Trouble as trouble:
        return held(trouble.found)
    raise Unseen(f"nothing is due where nothing is defined; it gives {shown(y)}")


def _negative(law, x, y, p, options):
    return (1 + y - x if options["noise"] == "added" else y / x) < 1


LAW = Law(kept=None, dropped=None, evaluated=lambda x, p, options: x,
          units=lambda shape, options: shape, shapes=((1, 1), (1, 2), (2, 2), (2, 3, 4, 5)),
          counting=lambda options: DRAWS, read=_negative, odds=lambda p: 0.5)

TECHNIQUE = Technique(
    "gaussian", arrays=("x",), parameters=("p",),
    checks=(
        *tied(LAW, ("gaussian.3",), evaluation), *tied(LAW, ("gaussian.1",), rate_0, rate_1),
        *tied(LAW, ("gaussian.2",), product, given_noise, gradient),
        *tied(LAW, ("gaussian.1",), anew, apart, own_source, law_of_noise),
        *tied(LAW, ("gaussian.3",), moments), *tied(LAW, ("gaussian.4",), tails),
        *tied(LAW, (), same_seed, infinite_input, input_untouched, dtype, empty_batch)),
    options={"deviation": tuple(DEVIATIONS), "noise": ("multiplied", "added")},
    variants={
        "the rate given is a keep probability": {"rate": "keep"},
        "the deviation is sqrt(p q), that of a mask that is not scaled": {"deviation": "sqrt(p q)"},
        "the deviation is p / q, which is the variance": {"deviation": "p / q"},
        "the rate given is the deviation": {"deviation": "p"},
        "the rate given is the variance": {"deviation": "sqrt(p)"},
        "the noise is added": {"noise": "added"},
    })
