"""What activations are held to: f(x) or a layer; what="gelu", "gelu tanh" or "selu"."""

import math

import numpy as np

from ...ops.activations import erf
from ...tape import Tensor
from ..box import Unseen
from ..checks.formulas import Formula, agrees, gradient, manners, states_as, unless
from ..technique import Technique, fails, held, of_form

ALPHA, LAMBDA = 1.6732632423543772, 1.0507009873554805
WIDE = np.linspace(-12, 12, 9601)                 # 0 is one of them, where SELU has its corner


def activation(x, *, options):
    """The values, written out; of a Tensor too."""
    if options["what"] == "selu":
        return _selu(x, options)
    if options["what"] == "gelu tanh":
        return x / 2 * (1 + _tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x * x * x)))
    if options["gelu is"] == "x sigmoid(1.702 x)":
        return x / 2 * (1 + _tanh(0.851 * x))
    return x / 2 * (1 + erf(x / math.sqrt(2)))


def _selu(x, options):
    alpha, scale = (1.0, 1.0) if options["constants"] == "1" else (ALPHA, LAMBDA)
    above = (_data(x) > 0).astype("float64")
    below = -abs(x)                               # where x is above 0 it is not used, and is small
    return scale * (above * x + alpha * (1 - above) * (_exp(below) - 1))


def _data(x):
    return x.data if isinstance(x, Tensor) else x


def _exp(x):
    from ...functional import exp

    return exp(x) if isinstance(x, Tensor) else np.exp(x)


def _tanh(x):
    from ...functional import tanh

    return tanh(x) if isinstance(x, Tensor) else np.tanh(x)


def _cases(options):
    for x in ([1.0], [-1.0, 2.0], [[0.0, 0.5, -0.5], [3.0, -3.0, -0.125]]):
        yield (np.array(x),), {}
    yield (np.linspace(-6, 6, 24).reshape(2, 3, 4),), {}


def _smooth(options):
    return (case for case in _cases(options) if (case[0][0] != 0).all())


def _moment(tag, claim, power, due):
    """A check of a moment of selu(z), by an integral over the bell curve."""
    @states_as((tag,), f"moment {power}", claim)
    def check(box):
        unless(box, "output")
        if box.options["constants"] == "1":
            raise Unseen("the form has other constants")
        y = np.asarray(box.train(WIDE.astype("float32"), like=0).y, "float64")
        bell = np.exp(-WIDE * WIDE / 2) / math.sqrt(2 * math.pi) * (WIDE[1] - WIDE[0])
        found = float((y**power * bell).sum())
        if abs(found - due) > 1e-4:
            return fails(f"x of {len(WIDE)} numbers from -12 to 12, weighed by the bell curve",
                         f"{found:.6f}", f"{due}")
        return held("by an integral from -12 to 12, to 0.0001")

    return check


FORMULA = Formula(activation, _cases)
TAGS = {"gelu": ("activations.1",), "gelu tanh": ("activations.2",), "selu": ("activations.3",)}


def _tags(options):
    return TAGS[options["what"]]


TECHNIQUE = Technique(
    "activations", arrays=("x",), parameters=(),
    checks=(agrees(FORMULA, _tags, "The value of every entry", "output"),
            gradient(FORMULA, _tags, "The gradient is the slope", "gradient", (0,), cases=_smooth),
            *of_form("selu", _moment("activations.4", "It keeps the mean of a standard normal at 0",
                                     1, 0.0),
                     _moment("activations.5", "It keeps the variance of a standard normal at 1",
                             2, 1.0)),
            *manners(FORMULA)),
    options={"what": ("gelu", "gelu tanh", "selu"), "gelu is": ("exact", "x sigmoid(1.702 x)"),
             "constants": ("of SELU", "1")},
    variants={"the tanh form of GELU": {"what": "gelu tanh"},
              "the exact form of GELU": {"what": "gelu"},
              "x sigmoid(1.702 x)": {"gelu is": "x sigmoid(1.702 x)"},
              "ELU: alpha and lambda are 1": {"constants": "1"}})
