"""What variational dropout is held to: a layer with local noise, its divergence, and what it cuts.

what="layer": f(x, theta, log_sigma2, noise), its noise given, or f(x, theta, log_sigma2, rng);
"log alpha" and "kl": f(theta, log_sigma2), or f(log_alpha) for the divergence, of each weight or
their sum; "keep": f(theta, log_sigma2), the weights of evaluation, or which of them are kept.
"""

import numpy as np

from ...functional import exp
from ...tape import Tensor, grad
from ..box import Unseen
from ..checks.divergences import alphas, divergence, exact, kept, log_alpha
from ..checks.formulas import differs
from ..checks.normals import Case, normal
from ..checks.on_weights import manners, named
from ..technique import Technique, fails, held, of_form, shown, states

ROWS, CALLS = 20_000, 2000                        # a distribution is seen in so many
CASES = (                                         # theta and log sigma^2 (in, out), x (N, in)
    (np.array([[0.5]]), np.log([[0.25]]), np.array([[2.0]])),
    (np.array([[0.5], [-1.0]]), np.log([[0.25], [1.0]]), np.array([[1.0, 2.0]])),
    (np.array([[0.5, -1.0, 2.0], [1.0, 0.25, -0.5]]), np.array([[0.5, -1, -2], [-3, 0.25, -12]]),
     np.array([[1.0, 2.0], [-0.5, 1.0], [3.0, 0.25], [0.5, 0.5]])))


def _variances(weights, options):
    theta, log_sigma2 = weights
    if options["log alpha is"] == "cut to [-8, 8]" and isinstance(theta, np.ndarray):
        return np.exp(alphas(weights, options)) * theta**2
    return exp(log_sigma2 * (2 if options["log is of"] == "the deviation" else 1))


def _due(case, noise, options):
    """The outputs for this noise; arrays or Tensors."""
    theta, log_sigma2, x = case
    variances = _variances((theta, log_sigma2), options)
    if options["noise"] == "of each weight":
        return x @ (theta + variances**0.5 * noise)
    delta = (x * x) @ variances
    noise = noise[:1] if options["noise"] == "of each unit" else noise
    return x @ theta + (delta**0.5 if options["root"] else delta) * noise


def _turned(box, *weights):
    return [one.T.copy() if box.options["weights"] == "(out, in)" else one for one in weights]


def _run(box, case, noise=None, dtype="float32", **how):
    arrays = [one.astype(dtype) for one in (*_turned(box, *case[:2]), case[2])]
    if noise is None:
        return box.train(*arrays, like=None, **how)
    return box.apply(*arrays, noise=noise.astype(dtype), like=None, **how)


def _text(box, case, noise=None):
    theta, log_sigma2, x = case
    given = "" if noise is None else f", noise = {shown(noise)}"
    return named(box, (*_turned(box, theta, log_sigma2), x)) + given


def _noises(box, *values):
    """(case, dtype, noise) of all cases; each noise is a number for all, or None for many."""
    if not box.takes_noise:
        raise Unseen("it draws its own noise")
    for case in CASES:
        n, shape = len(case[2]), case[0].shape
        shape = shape if box.options["noise"] == "of each weight" else (n, shape[1])
        for value in values:
            noise = np.resize([0.5, -1.0, 2.0, 0.25, -1.5], shape) if value is None else np.full(
                shape, value)
            for dtype in box.adapter.dtypes:
                yield case, dtype, noise


@states("variational.3")
def mean(box):
    """Without noise comes the mean, A theta"""
    for case, dtype, noise in _noises(box, 0.0):
        y = _run(box, case, noise, dtype).y
        if wrong := differs(y, case[2] @ case[0], dtype):
            return fails(_text(box, case, noise), *wrong)
    return held(f"{len(CASES)} inputs")


@states(lambda options: ("variational.1",) if options["noise"] == "of each weight" else (
    "variational.3",))
def variance(box):
    """With noise 1 the mean is off by the root of A^2 sigma^2 (or by that itself)"""
    for case, dtype, noise in _noises(box, 1.0):
        y, tries = _run(box, case, noise, dtype).y, [
            _due(case, noise, box.options | {"root": root}) for root in (True, False)]
        wrong = [differs(y, due, dtype, 1e-5) for due in tries]
        if all(wrong):
            return fails(_text(box, case, noise), *wrong[0])
    return held(f"{len(CASES)} inputs")


@states(lambda options: ("variational.1",) if options["noise"] == "of each weight" else (
    "variational.4",))
def output(box):
    """The output is the mean and the deviation times the noise"""
    _after(box, "mean", "variance")
    for case, dtype, noise in _noises(box, 1.0, None):
        y = _run(box, case, noise, dtype).y
        if wrong := differs(y, _due(case, noise, box.options), dtype, 1e-5):
            return fails(_text(box, case, noise), *wrong)
    return held(f"{len(CASES)} inputs")


@states("variational.5")
def gradient(box):
    """Theta has no part in the variance, and the noise none in theta's gradient"""
    _after(box, "mean", "variance", "output")
    for case, _, noise in _noises(box, None):
        answer = _run(box, case, noise, gradient=True)
        g = np.resize([1.0, -0.5, 2.0], answer.y.shape)
        found = answer.gradient(g.astype("float32"))
        tensors = [Tensor(one, requires_grad=True) for one in case]
        due = _turned(box, *grad(_due(tensors, noise, box.options), tensors[:2], g=Tensor(g)))
        for name, one, wanted in zip(("theta", "log_sigma2"), found, due, strict=False):
            if wrong := differs(one, wanted, "float32", 1e-4):
                return fails(f"{_text(box, case, noise)}, g = {shown(g)}, the gradient in {name}",
                             *wrong)
    return held(f"{len(CASES)} inputs")


def _after(box, *names):
    if box.failed & {*names}:
        raise Unseen("the output differs already")


def _drawn(box):
    if box.takes_noise:
        raise Unseen("its noise is given to it")
    return box.options["noise"] == "of each output"


SETTLED = (np.array([[0.5, -1.0], [1.0, 0.25]]), np.array([[-0.5, 0.5], [-0.5, 0.5]]))
ROW, ORTHOGONAL = np.array([[1.0, 2.0]]), np.array([[2.0, -1.0]])


def _calls(box, calls=CALLS):
    """Outputs of many calls on two rows that are alike and one orthogonal: (calls, 3, units)."""
    case = *SETTLED, np.concatenate([ROW, ROW, ORTHOGONAL])
    return box.once(("calls", *box.options.values(), calls), lambda: np.stack(
        [_run(box, case).y for _ in range(calls)]).astype(float))


@states(lambda options: ("variational.1",) if options["noise"] == "of each weight" else (
    "variational.4",))
def law(box):
    """Each output is normal, of the mean and the variance due, units independent"""
    cases = []
    for x in (ROW, -ORTHOGONAL / 2):
        if _drawn(box):
            y = _run(box, (*SETTLED, np.repeat(x, ROWS, 0))).y.astype(float)
        elif x is ROW:
            y = _calls(box)[:, 0]
        else:
            continue
        delta = (x * x @ _variances(SETTLED, box.options))[0]
        cases.append(Case(f"{len(y)} x {_text(box, (*SETTLED, x))}", y, (x @ SETTLED[0])[0],
                          delta if box.options["root"] else delta**2))
    return normal(box, cases)


@states("variational.6")
def examples(box):
    """Examples share no local noise; drawn weights they do share"""
    text = _text(box, (*SETTLED, np.concatenate([ROW, ROW, ORTHOGONAL])))
    if _drawn(box):
        y = _run(box, (*SETTLED, np.repeat(ROW, ROWS, 0))).y[:, 0] - (ROW @ SETTLED[0])[0, 0]
        pairs, due = (y > 0).reshape(-1, 2), 0.5
        text = f"{ROWS} x {_text(box, (*SETTLED, ROW))}"
        others = []
    else:
        up = _calls(box) > np.concatenate([ROW, ROW, ORTHOGONAL]) @ SETTLED[0]
        pairs, due = up[:, :2, 0], 1.0
        others = [(up[:, ::2, 0], 0.5 if box.options["noise"] == "of each weight" else 1.0)]
    for some, p in [(pairs, due), *others]:
        same = some[:, 0] == some[:, 1]
        if not box.chance.rate(same.sum(), len(same), p):
            return fails(text, f"two examples are on the same side of their mean in "
                         f"{same.mean():.3f} of {len(same)} pairs", f"{p:g}")
    return held(f"{len(pairs)} pairs of examples")


@states("variational.4")
def anew(box):
    """Every call draws anew"""
    _drawn(box)
    first, second = (_run(box, (*SETTLED, np.repeat(ROW, 100, 0))).y for _ in range(2))
    if np.mean(first == second) > 0.9:
        return fails(f"100 x {_text(box, (*SETTLED, ROW))}, twice", "the same outputs", "others")
    return held("100 examples, twice")


CUT = np.array([[0.5, -1.0], [0.01, 2.0]]), np.array([[0.0, 0.0], [0.0, 5.0]])


@states("variational.12")
def evaluation(box):
    """In evaluation come the means, less the weights with a log alpha above 3"""
    if not box.takes("training") and not box.takes("evaluation"):
        raise Unseen("it has no evaluation mode")
    arrays = [one.astype("float32") for one in (*_turned(box, *CUT), ROW)]
    due = ROW @ (CUT[0] * (alphas(CUT, box.options) <= 3))
    y = (box.apply(*arrays, noise=np.ones((1, 2), "float32"), training=False, like=None)
         if box.takes_noise else box.evaluate(*arrays, like=None)).y
    if wrong := differs(y, due, "float32"):
        return fails(_text(box, (*CUT, ROW)) + ", in evaluation", *wrong)
    return held(_text(box, (*CUT, ROW)))


def _call(box, *arrays):
    noise = np.ones((len(arrays[2]), arrays[0].shape[1 - (box.options["weights"] != "(in, out)")]))
    if box.options["noise"] == "of each weight":
        noise = np.ones(arrays[0].shape)
    if box.takes_noise:
        return box.apply(*arrays, noise=noise.astype(arrays[0].dtype), like=None)
    return box.train(*arrays, like=None)


def _inputs(box, dtype):
    for theta, log_sigma2, x in CASES:
        yield [one.astype(dtype) for one in (*_turned(box, theta, log_sigma2), x)]


TECHNIQUE = Technique(
    "variational", arrays=("theta", "log_sigma2", "x"), parameters=(),
    checks=(*of_form("layer", mean, variance, output, gradient, law, examples, anew, evaluation,
                     *manners(_call, _inputs)),
            *of_form("log alpha", log_alpha), *of_form("kl", divergence, exact),
            *of_form("keep", kept)),
    options={"what": ("layer", "log alpha", "kl", "keep"),
             "noise": ("of each output", "of each weight", "of each unit"),
             "root": (True, False), "log is of": ("the variance", "the deviation"),
             "log alpha is": ("not cut", "cut to [-8, 8]"),
             "weights": ("(in, out)", "(out, in)"), "approximation": ("molchanov", "kingma"),
             "ends at": ("0", "0.64 below"), "sign": ("KL", "-KL")},
    variants={
        "one noise for the whole batch (weights are drawn)": {"noise": "of each weight"},
        "one noise for the whole batch, at the outputs": {"noise": "of each unit"},
        "the variance in place of the deviation": {"root": False},
        "log sigma in place of log sigma^2": {"log is of": "the deviation"},
        "log alpha is cut to [-8, 8] (the authors' code)": {"log alpha is": "cut to [-8, 8]"},
        "weights are (out, in)": {"weights": "(out, in)"},
        "the polynomial of 2015, for alpha up to 1": {"approximation": "kingma"},
        "its constant is left out, so that the divergence ends at -0.64": {"ends at": "0.64 below"},
        "minus the divergence": {"sign": "-KL"}},
    unseen={"variational.7": "of gradients over a batch, and follows from (variational.6)",
            "variational.11": "a weight in the loss of a step, which no layer has"},
    layers=False)
