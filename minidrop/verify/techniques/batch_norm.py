"""What batch norm is held to: (batch_norm.1) to (batch_norm.6).

An implementation takes x, weight, bias, running mean and variance, and gives y and, after it or in
place of what was handed over, the new running mean and variance.
"""

import numpy as np

from ..box import Unseen
from ..checks.formulas import Formula, agrees, differs, inputs, manners
from ..checks.norms import EPS, NEUTRAL, VARIANTS, Norm, channel, checks
from ..technique import Technique, fails, held, states

SHAPES = (4, 1), (2, 1), (3, 2), (2, 3, 4), (2, 3, 2, 2)
BATCH = Norm(split=lambda x, options: (x, (0, *range(2, x.ndim))), affine=channel,
             shapes=lambda options: [(shape, {}) for shape in SHAPES],
             weights=lambda shape, options: shape[1:2])


class BatchNorm(Norm):
    """The norm by a batch, with running statistics that are handed over too."""

    def due(self, x, w, b, *others, options, eps, **numbers):
        """The output in training."""
        return super().due(x, w, b, options=options, eps=eps)

    def cases(self, options, scale=1.0, plain=False, eps=(0.5,)):
        """Inputs with a running mean of 2, 5, ... and a running variance of 3, 6, ..."""
        for (x, w, b), numbers in super().cases(options, scale, plain, eps):
            mean = 2.0 + 3 * np.arange(x.shape[1])
            yield (x, w, b, mean, mean + 1), {"momentum": 0.25, **numbers}

    def formula(self):
        """Its Formula: without running statistics the output in training is the same."""
        return Formula(self.due, self.cases, {**NEUTRAL, "running_mean": 0.0, "running_var": 1.0})


NORM = BatchNorm(*BATCH)


def _evaluated(x, w, b, mean, var, *, options, eps, momentum):
    mean, var, w, b = (channel(v, x, options) for v in (mean, var, w, b))
    if options["place"] == "outside":
        return (x - mean) / (var ** 0.5 + eps) * w + b
    return (x - mean) / (var + eps) ** 0.5 * w + b


def _running(x, mean, var, options, momentum):
    """The running statistics after one batch."""
    axes = (0, *range(2, x.ndim))
    m = x.size // x.shape[1]
    k = momentum if options["momentum is of"] == "the new" else 1 - momentum
    seen = x.var(axes) * (m / (m - 1) if options["running variance"] == "unbiased" else 1)
    return (1 - k) * mean + k * x.mean(axes), (1 - k) * var + k * seen


@states("batch_norm.3")
def running_statistics(box):
    """The running mean and the running variance, unbiased, move by the momentum."""
    for role in ("running_mean", "running_var"):
        if not box.takes(role):
            raise Unseen(f"it takes no {role}")
    for x in inputs(NORM.formula(), box):
        answer = box.train(*x.arrays, **x.numbers)
        found = answer.outputs[1:3] if len(answer.outputs) >= 3 else answer.inputs[3:5]
        a, _, _, mean, var = (np.asarray(one, "float64") for one in x.arrays)
        due = _running(a, mean, var, box.options, x.known["momentum"])
        for name, one, right in zip(("mean", "variance"), found, due, strict=True):
            if wrong := differs(one, right, x.dtype):
                return fails(f"{x.text}: the running {name}", *wrong)
    return held(f"up to {x.text}")


@states("batch_norm.4")
def running_statistics_in_evaluation(box):
    """In evaluation the running statistics stay what they are."""
    for role in ("running_mean", "running_var"):
        if not box.takes(role):
            raise Unseen(f"it takes no {role}")
    for x in inputs(NORM.formula(), box):
        answer = box.evaluate(*x.arrays, **x.numbers)
        found = answer.outputs[1:3] if len(answer.outputs) >= 3 else answer.inputs[3:5]
        for name, one, right in zip(("mean", "variance"), found, x.arrays[3:], strict=True):
            if wrong := differs(one, np.asarray(right, "float64"), x.dtype):
                return fails(f"{x.text}, in evaluation: the running {name}", *wrong)
    return held(f"up to {x.text}")


EVALUATION = Formula(_evaluated, NORM.cases, NEUTRAL)

TECHNIQUE = Technique(
    "batch_norm", arrays=("x", "w", "b", "running_mean", "running_var"),
    parameters=("momentum", "eps"),
    checks=(agrees(EVALUATION, ("batch_norm.4",), "In evaluation one affine map for each channel, "
                   "of the running statistics", "evaluation", training=False),
            running_statistics, running_statistics_in_evaluation,
            *checks(NORM, sharing=("batch_norm.1",), statistics=("batch_norm.1",),
                    output=("batch_norm.2",), affine_gradient=("batch_norm.5",),
                    input_gradient=("batch_norm.6",)),
            *manners(NORM.formula(), overwrites=("running_mean", "running_var"))),
    options={**EPS, "momentum": (0.1, 0.01), "momentum is of": ("the new", "the old"),
             "running variance": ("unbiased", "biased")},
    variants={"momentum is the weight of the old statistics (Keras)":
              {"momentum is of": "the old"},
              "the running variance is biased": {"running variance": "biased"}, **VARIANTS})
