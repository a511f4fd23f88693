"""What mixup is held to: (mixup.1) to (mixup.4) and (mixup.6), read from one-hot examples.

Example i is 1 at its own place i, and random elsewhere, so that what comes out at the first N
places are the shares of all examples in it.
"""

import math

import numpy as np

from ..box import Unseen
from ..checks import mixing
from ..checks.mixing import ALPHAS, BATCH, CLOSE, EDGE, Mixed, agree, beta_cdf, mixed, one_hot
from ..technique import Technique, call, fails, held, shown, states

SHAPES = (2, 1, 1, 2), (2, 3, 2, 2), (4, 1, 2, 2), (BATCH, 2, 3, 4)
MANY = BATCH, 1, 2, 5
CALLS = 600                                       # a distribution off by 0.3 is seen for sure

NO_MEANS = "the outputs are no weighted means of two examples"


def examples(box, shape):
    """x of the shape: one-hot in the first N places of each example, random in the others."""
    n = shape[0]
    x = box.random.normal(size=(n, math.prod(shape[1:]))).astype(np.float32)
    x[:, :n] = np.eye(n)
    return x if box.options["examples"] == "rows" else x.reshape(shape)


def shares_in(y):
    """(N, N) of the output: how much of example j is in example i."""
    return y.reshape(len(y), -1)[:, :len(y)].astype(float)


def read(answer):
    """The Mixed of an answer."""
    shares = shares_in(answer.y)
    others = np.where(np.eye(len(shares)) == 1, 0, shares)
    partner = np.where(others.any(1), others.argmax(1), -1)
    return Mixed(np.diag(shares).copy(), partner, answer.outputs[1].astype(float))


def draws(box):
    """(how the input is named, the input, its answer) from the smallest up, 4 calls each."""
    mixing.readable(box, "means", NO_MEANS)
    for shape in SHAPES:
        for alpha in box.choices("alpha", *ALPHAS):
            x, answers = drawn(box, shape, alpha, 4)
            for answer in answers:
                yield call(x, alpha=alpha), x, answer


def drawn(box, shape, alpha, calls):
    """(x of the shape, the answers of so many calls on it), the same for all who ask."""
    def draw():
        x = examples(box, shape)
        return x, [mixed(box, x, one_hot(len(x)), alpha=alpha) for _ in range(calls)]

    return box.once((box.options["examples"], shape, alpha, calls), draw)


def reads(box, shape, alpha, calls):
    """The answers of so many calls, each as a Mixed."""
    return box.once(("read", box.options["examples"], shape, alpha, calls),
                    lambda: [read(one) for one in drawn(box, shape, alpha, calls)[1]])


def weights(box, alpha):
    """Independent weights: one a call of BATCH examples, or those of two large batches."""
    mixing.readable(box, "means", NO_MEANS)
    if box.options["per"] == "example":
        return np.concatenate([
            one.own for one in reads(box, (CALLS // 2, 1, 2, CALLS // 4), alpha, 2)])
    return np.array([one.own.min() for one in reads(box, MANY, alpha, CALLS)])


@states("mixup.2")
def means(box):
    """Each example comes out as a weighted mean of itself and one partner."""
    count = 0
    for tried, x, answer in mixing.answers(box, "means", draws(box)):
        shares, rows = shares_in(answer.y), x.reshape(len(x), -1)
        others = np.where(np.eye(len(x)) == 1, 0, shares)
        right = (np.abs(shares.sum(1) - 1) < CLOSE) & (shares > -CLOSE).all(1)
        right &= (np.abs(others) > 1e-7).sum(1) <= 1
        right &= np.isclose(answer.y.reshape(rows.shape), shares @ rows, atol=1e-5).all(1)
        if not right.all():
            i = int(right.argmin())
            return fails(f"{tried}, example {i}", f"{shown(answer.y[i].ravel()[:len(x) + 4])} ...",
                         "weight x[i] + (1 - weight) x[j] in all entries")
        count += 1
    return held(f"{count} draws, x up to {SHAPES[-1]}")


@states("mixup.3")
def labels(box):
    """Labels are mixed with the weight and the partner of their examples."""
    def due(one):
        own, partner, kind = one.own, one.partner, box.options["labels"]
        eye, alone = one_hot(len(own)), partner < 0
        if kind == "kept":
            return eye
        if kind == "swapped":
            own = np.where(alone, own, 1 - own)
        rows = own[:, None] * eye + (1 - own[:, None]) * eye[partner]
        hidden = alone & (kind == "swapped") & (np.abs(one.labels.max(1) - 1) < CLOSE)
        return np.where(hidden[:, None], one.labels, rows)    # of weight 1, or its own partner

    return mixing.label_check(box, ((tried, read(answer)) for tried, _, answer in draws(box)), due)


@states("mixup.1")
def one_weight(box):
    """A batch has one weight, or each example a weight of its own, as the form says."""
    if box.options["per"] == "batch":
        for tried, _, answer in draws(box):
            one = read(answer)
            own = one.own[one.partner >= 0]
            if own.size and np.ptp(own) > CLOSE:
                return fails(tried, f"the weights {shown(own[:8])}", "one weight for the batch")
        return held(f"batches of up to {BATCH}")
    alpha = box.choices("alpha", 1.0)[0]
    own = weights(box, alpha).reshape(-1, 2)
    half = np.max(own, 1) < 1 - EDGE
    low, cut = own[half] < 0.5, beta_cdf(np.array([0.5, 1 - EDGE]), alpha)
    p = float(cut[0] / cut[1]) if box.options["folded"] == "no" else 0.0
    same, due = (low[:, 0] == low[:, 1]), p**2 + (1 - p)**2
    if len(np.unique(own)) < own.size / 4 or not box.chance.rate(same.sum(), same.size, due):
        return fails(f"a batch of {CALLS // 2}, alpha = {alpha:g}",
                     f"{len(np.unique(own))} weights, on the same side of 1/2 in "
                     f"{same.mean():.3f} of the pairs", f"{due:.3f}")
    return held(f"{same.size} pairs of examples")


@states("mixup.1")
def anew(box):
    """Every call draws anew."""
    return mixing.anew_check(box, examples(box, SHAPES[-1]), box.choices("alpha", 1.0)[0])


@states("mixup.6")
def sums(box):
    """The sums over the batch stay."""
    if box.options["per"] == "example" or box.options["partner"] == "any":
        raise Unseen("they stay with one weight and a permutation alone")
    for tried, x, answer in draws(box):
        found = answer.y.sum(0)
        if not np.allclose(found, x.sum(0), atol=1e-4):
            return fails(tried, shown(found), shown(x.sum(0)))
    return held(f"x up to {SHAPES[-1]}")


@states()
def partners(box):
    """The partners are a random permutation, or as the form says."""
    mixing.readable(box, "means", NO_MEANS)
    alpha = box.choices("alpha", 1.0)[0]
    return mixing.partner_check(box, reads(box, MANY, alpha, CALLS),
                                f"{BATCH} examples, alpha = {alpha:g}")


@states("mixup.2")
def gradient(box):
    """The gradient gives each example its share of those it went into."""
    for shape in SHAPES:
        x, alpha = examples(box, shape), box.choices("alpha", 1.0)[0]
        for _ in range(4):
            answer = mixed(box, x, one_hot(len(x)), alpha=alpha, gradient=True)
            g = box.random.normal(size=x.shape).astype(x.dtype)
            found = answer.gradient(g)
            found = found if isinstance(found, np.ndarray) else found[0]
            due = (shares_in(answer.y).T @ g.reshape(len(g), -1)).reshape(x.shape)
            if not np.allclose(found, due, atol=1e-4):
                return fails(call(x, alpha=alpha), shown(found), shown(due))
    return held(f"x up to {SHAPES[-1]}, 4 calls each")


@states("mixup.1")
def law(box):
    """The weights are those of Beta(alpha, alpha)."""
    if box.failed & {"one weight", "anew"}:
        raise Unseen("the weights depend on each other")
    for alpha in box.choices("alpha", *ALPHAS):
        def cdf(v, alpha=alpha):
            v = np.asarray(v)
            below = beta_cdf(v, alpha)
            if box.options["folded"] == "yes":
                below = np.where(v >= 0.5, 2 * below - 1, 0)
            return np.where(v < EDGE, 0, np.where(v >= 1 - EDGE, 1, below))

        drawn = weights(box, alpha)
        if not agree(box, drawn, lambda values, cdf=cdf: box.chance.distribution(values, cdf)):
            quarters = np.quantile(drawn, [0.25, 0.5, 0.75])
            return fails(f"{drawn.size} weights, alpha = {alpha:g}",
                         f"a quarter, a half, three quarters below {shown(quarters)}",
                         shown(_quantiles(alpha)))
    return held(f"{drawn.size} weights for each alpha")


@states("mixup.4")
def moments(box):
    """The weights have the mean 1/2 and the variance 1 / (4 (2 alpha + 1))."""
    if box.failed & {"one weight", "anew"}:
        raise Unseen("the weights depend on each other")
    for alpha in box.choices("alpha", *ALPHAS):
        drawn, mean, variance = weights(box, alpha), 0.5, 1 / (4 * (2 * alpha + 1))
        if box.options["folded"] == "yes":                # the mean distance from 1/2 goes up
            mean += math.gamma(2 * alpha) / (alpha * math.gamma(alpha)**2 * 4**alpha)
        if not agree(box, drawn, lambda v, due=mean: box.chance.mean(v, due, 0, 1)):
            return fails(f"{drawn.size} weights, alpha = {alpha:g}",
                         f"mean {drawn.mean():.4f}", f"{mean:.4f}")
        if not agree(box, drawn, lambda v, due=variance: box.chance.mean(
                (v - 0.5)**2, due, 0, 0.25)):
            return fails(f"{drawn.size} weights, alpha = {alpha:g}",
                         f"mean square {((drawn - 0.5)**2).mean():.4f} about 1/2",
                         f"{variance:.4f}")
    return held(f"{drawn.size} weights for each alpha")


@states()
def alpha_0(box):
    """For alpha = 0 nothing is mixed."""
    return mixing.alpha_0_check(box, examples(box, SHAPES[0]))


@states()
def same_seed(box):
    """The same seed gives the same outputs."""
    return mixing.same_seed_check(box, examples(box, SHAPES[-1]), box.choices("alpha", 1.0)[0])


@states()
def input_untouched(box):
    """The input is not written over."""
    return mixing.input_check(box, examples(box, SHAPES[2]), alpha=box.choices("alpha", 1.0)[0])


@states()
def dtype(box):
    """The floating type stays what it is."""
    return mixing.dtype_check(box, examples(box, SHAPES[0]), alpha=box.choices("alpha", 1.0)[0])


def _quantiles(alpha):
    grid = np.linspace(0, 1, 4097)
    return np.interp([0.25, 0.5, 0.75], beta_cdf(grid, alpha), grid)


TECHNIQUE = Technique(
    "mixup", arrays=("x", "y"), parameters=("alpha",),
    checks=(means, labels, one_weight, anew, sums, gradient, input_untouched, dtype, alpha_0,
            same_seed, partners, law, moments),
    options={"per": ("batch", "example"), "folded": ("no", "yes"),
             "labels": ("mixed", "kept", "swapped"), "examples": ("images", "rows"),
             **mixing.OPTIONS},
    variants={
        "a weight for each example (Keras)": {"per": "example"},
        **mixing.PARTNERS, **mixing.OVERWRITTEN,
        "lambda folded to max(lambda, 1 - lambda)": {"folded": "yes"},
        "labels are not mixed": {"labels": "kept"},
        "labels take 1 - lambda": {"labels": "swapped"},
    },
    unseen={"mixup.5": "an identity of the loss, whatever is mixed"})
