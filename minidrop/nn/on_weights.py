"""The base of techniques that change the weights of a layer while it computes."""

from ..arguments import describe, flag
from ..functional import magnitudes
from ..tape import data_of
from .conv import Conv2d
from .layers import Linear
from .module import Noise


class OnWeights(Noise):
    """A Linear or Conv2d with noise on its weights: the three rules, for the weight instead of x.

    `apply(weight, noise)` and `expect(weight)` give the weight to compute with.  The parameters are
    those of `layer` and keep their paths, `weight` and `bias`: so `init` gives them the values that
    the layer alone would get, and either reads the other's files.

    >>> import numpy as np
    >>> class Negated(OnWeights):
    ...     def expect(self, weight):
    ...         return -weight
    >>> layer, x = Linear(3, 2, bias=False), np.ones((4, 3))
    >>> bool((Negated(layer).init(seed=0).eval()(x).data == -layer(x).data).all())
    True
    """

    def __init__(self, layer):
        if not isinstance(layer, Linear | Conv2d):
            raise TypeError(f"layer must be a Linear or Conv2d, got {describe(layer)}")
        self.weight, self.bias = layer.weight, layer.bias     # before the layer, for their paths
        self.layer = layer

    def forward(self, x):
        return self.layer.compute(x, super().forward(self.weight), self.bias)

    def score(self, unit):
        """What pruning goes by, an array; the larger stays: (out,) for units, else as the weights.

        Here it is the size of the weights without noise, a row's length for a unit; a technique
        that learns what may go answers with that.
        """
        weight = data_of(self.expect(self.weight))
        size = magnitudes(weight, flag(unit, "unit"))
        return size if unit else size.reshape(weight.shape)
