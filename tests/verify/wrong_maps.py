"""Spatial dropout and stochastic depth as they went wrong: each docstring names the equation."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong
from tests.verify.right_maps import BATCH, ROWS

wrong = Shelf(Wrong)


def inverse(q):
    """1 / q, and 0 for q = 0."""
    return 1 / q if q > 0 else 0.0


def silenced(x, p, rng, shape, scale=None):
    """x times a mask of `shape` times a scale, in the type of x."""
    mask = rng.random(shape) < 1 - p
    return x * mask * x.dtype.type(inverse(1 - p) if scale is None else scale)


def ones(x, after):
    """As many ones as x has axes behind the first `after`."""
    return [1] * (x.ndim - after)


@wrong("spatial", "spatial.2", "spatial.1")
def a_draw_for_every_pixel(x, p, training, rng):
    """(spatial.2): plain dropout, which leaves no map whole."""
    return silenced(x, p, rng, x.shape) if training else x


@wrong("spatial", "spatial.1")
def one_draw_for_all_channels(x, p, training, rng):
    """(spatial.1): a mask (N, 1, 1, 1), so an example lives or dies whole."""
    return silenced(x, p, rng, (len(x), *ones(x, 1))) if training else x


@wrong("spatial", "spatial.2", "spatial.1")
def pixels_of_all_channels(x, p, training, rng):
    """(spatial.2): a mask (N, 1, H, W), which silences pixels in all channels."""
    return silenced(x, p, rng, (len(x), 1, *x.shape[2:])) if training else x


@wrong("spatial", "spatial.1")
def maps_of_all_examples(x, p, training, rng):
    """(spatial.1): a mask (1, C, 1, 1), which all examples share."""
    return silenced(x, p, rng, (1, x.shape[1], *ones(x, 2))) if training else x


@wrong("spatial", "spatial.2", "spatial.1")
def channels_taken_to_be_last(x, p, training, rng):
    """(spatial.2): reads (N, C, H, W) as (N, H, W, C), and silences columns of all channels."""
    return silenced(x, p, rng, (len(x), *ones(x, 2), x.shape[-1])) if training else x


@wrong("spatial", "spatial.2", "spatial.1")
def rows_of_a_map(x, p, training, rng):
    """(spatial.2): a mask (N, C, H, 1), which is right for sequences."""
    shape = (*x.shape[:3], *ones(x, 3)) if x.ndim > 3 else (*x.shape[:2], 1)
    return silenced(x, p, rng, shape) if training else x


@wrong("spatial", "spatial.2")
def maps_never_scaled(x, p, training, rng):
    """(spatial.2): scales in neither mode."""
    return silenced(x, p, rng, (*x.shape[:2], *ones(x, 2)), 1.0) if training else x


@wrong("spatial", "spatial.2", "spatial.3")
def maps_in_evaluation(x, p, training, rng):
    """(spatial.2): ignores the mode."""
    return silenced(x, p, rng, (*x.shape[:2], *ones(x, 2)))


@wrong("spatial", "spatial.1")
def exactly_so_many_channels(x, p, training, rng):
    """(spatial.1): silences round(p C) channels of each example."""
    if not training:
        return x
    n, c = x.shape[:2]
    mask = np.argsort(rng.random((n, c))).argsort() >= round(p * c)
    return x * mask.reshape(n, c, *ones(x, 2)) * x.dtype.type(inverse(1 - p))


@wrong("spatial", "spatial.1")
def a_rate_for_keeping(x, p, training, rng):
    """(spatial.1): p keeps."""
    return silenced(x, 1 - p, rng, (*x.shape[:2], *ones(x, 2))) if training else x


@wrong("spatial", "spatial.2")
class SpatialBackwardByPixels:
    """(spatial.2): the backward pass multiplies by a mask of pixels that it draws itself."""

    def __init__(self, p):
        self.p = p

    def forward(self, x, training):
        """Right."""
        self.training = training
        keep = np.random.rand(*x.shape[:2], *ones(x, 2)) < 1 - self.p         # noqa: NPY002
        return x * keep * x.dtype.type(inverse(1 - self.p)) if training else x

    def backward(self, g):
        """g times a mask of its own."""
        keep = np.random.rand(*g.shape) < 1 - self.p                          # noqa: NPY002
        return g * keep * g.dtype.type(inverse(1 - self.p)) if self.training else g


@wrong("stochastic_depth", "stochastic_depth.4", options=ROWS)
def one_gate_for_the_batch(x, p, training, rng):
    """(stochastic_depth.4): a gate for the whole batch, where each example was to have one."""
    return silenced(x, p, rng, ones(x, 0)) if training else x


@wrong("stochastic_depth", "stochastic_depth.4", options=BATCH)
def a_gate_for_each_example(x, p, training, rng):
    """(stochastic_depth.4): a gate for each example, where the batch was to have one."""
    return silenced(x, p, rng, (len(x), *ones(x, 1))) if training else x


@wrong("stochastic_depth", "stochastic_depth.4", options=ROWS)
def a_gate_for_each_unit(x, p, training, rng):
    """(stochastic_depth.4): plain dropout under the name of drop connect."""
    return silenced(x, p, rng, x.shape) if training else x


@wrong("stochastic_depth", "stochastic_depth.4", options=ROWS)
def a_gate_for_each_channel(x, p, training, rng):
    """(stochastic_depth.4): a gate for each channel of each example."""
    return silenced(x, p, rng, (*x.shape[:2], *ones(x, 2))) if training else x


@wrong("stochastic_depth", "stochastic_depth.4", options=ROWS)
def survival_and_rate_exchanged(x, p, training, rng):
    """(stochastic_depth.4): p is taken for the survival probability, in gate and scale."""
    return silenced(x, 1 - p, rng, (len(x), *ones(x, 1))) if training else x


@wrong("stochastic_depth", "stochastic_depth.7", options=ROWS)
def divided_by_the_rate(x, p, training, rng):
    """(stochastic_depth.7): the gate is right, and divided by p."""
    return silenced(x, p, rng, (len(x), *ones(x, 1)), inverse(p)) if training else x


@wrong("stochastic_depth", "stochastic_depth.7", options=ROWS)
def branch_never_scaled(x, p, training, rng):
    """(stochastic_depth.7): scales in neither mode."""
    return silenced(x, p, rng, (len(x), *ones(x, 1)), 1.0) if training else x


@wrong("stochastic_depth", "stochastic_depth.7", "stochastic_depth.8", options=ROWS)
def branch_scaled_in_both_modes(x, p, training, rng):
    """(stochastic_depth.7): divides in training, and weighs by q in evaluation too."""
    if not training:
        return x * x.dtype.type(1 - p)
    return silenced(x, p, rng, (len(x), *ones(x, 1)))


@wrong("stochastic_depth", "stochastic_depth.7", "stochastic_depth.8", options=ROWS)
def gates_in_evaluation(x, p, training, rng):
    """(stochastic_depth.7): ignores the mode."""
    return silenced(x, p, rng, (len(x), *ones(x, 1)))


@wrong("stochastic_depth", "stochastic_depth.4", options=ROWS)
def rounded_instead_of_cut(x, p, training, rng):
    """(stochastic_depth.4): round(q + u) for floor(q + u), so q = 0.5 lives always."""
    gate = np.round(1 - p + rng.random((len(x), *ones(x, 1)))).clip(0, 1)
    return (x * gate * inverse(1 - p)).astype(x.dtype) if training else x


@wrong("stochastic_depth", "stochastic_depth.6",
       options={"mode": "batch", "scaling": "paper"})
def branch_weighed_by_the_rate(x, p, training, rng):
    """(stochastic_depth.6): weighs the branch by p in evaluation, not by q."""
    return silenced(x, p, rng, ones(x, 0), 1.0) if training else x * x.dtype.type(p)


@wrong("stochastic_depth", "stochastic_depth.6",
       options={"mode": "batch", "scaling": "paper"})
def branch_never_weighed(x, p, training, rng):
    """(stochastic_depth.6): trains as in the paper, and forgets q in evaluation."""
    return silenced(x, p, rng, ones(x, 0), 1.0) if training else x


@wrong("stochastic_depth", "stochastic_depth.7", options=ROWS)
class DropPathBackwardWithoutTheGate:
    """(stochastic_depth.7): the backward pass reaches branches that were left out."""

    def __init__(self, p):
        self.p = p

    def forward(self, x, training):
        """Right."""
        self.training = training
        keep = np.random.rand(len(x), *ones(x, 1)) < 1 - self.p               # noqa: NPY002
        return x * keep * x.dtype.type(inverse(1 - self.p)) if training else x

    def backward(self, g):
        """g, scaled."""
        return g * g.dtype.type(inverse(1 - self.p)) if self.training else g
