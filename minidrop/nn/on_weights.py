"""The bases of techniques that sit around a layer with weights."""

from ..arguments import describe, flag
from ..functional import magnitudes
from ..tape import data_of
from .conv import Conv2d
from .layers import Linear
from .module import Module, Noise, Parameter


class Wrapped(Module):
    """What keeps the parameters of a Linear or Conv2d, under the layer's own paths.

    The parameters of `layer` are called `weight` and `bias` here too: so `init` gives them the
    values that the layer alone would get.  `expect(weight)` is the weight without noise.

    >>> class Doubled(Wrapped):
    ...     def expect(self, weight):
    ...         return 2 * weight
    >>> layer = Doubled(Linear(3, 2)).init(seed=0)
    >>> bool((layer.score(unit=False) == abs(2 * layer.weight.data)).all())
    True
    """

    def __init__(self, layer):
        if not isinstance(layer, Linear | Conv2d):
            raise TypeError(f"layer must be a Linear or Conv2d, got {describe(layer)}")
        self.weight, self.bias = layer.weight, layer.bias     # before the layer, for their paths
        self.layer = layer

    def expect(self, weight):
        return weight

    def score(self, unit):
        """What pruning goes by, an array; the larger stays: (out,) for units, else as the weights.

        Here it is the size of the weights without noise, a row's length for a unit; a technique
        that learns what may go answers with that.
        """
        weight = data_of(self.expect(self.weight))
        size = magnitudes(weight, flag(unit, "unit"))
        return size if unit else size.reshape(weight.shape)

    def is_tied(self, net):
        """Whether something else in the network holds the layer or its parameters too."""
        own = {id(thing) for _, thing in self.walk()} - {id(self)}
        others = (m for _, m in net.named_modules() if m is not self and m is not self.layer)
        return any(id(thing) in own for m in others for thing in held(vars(m)))

    def measure(self, unit):
        """The name of what `score(unit)` is measured in: only equal ones can be compared."""
        own = type(self).score is not Wrapped.score
        return f"the score of {type(self).__name__}" if own else "size"

    def fold(self):
        """The layer itself, after its weights have become those of evaluation."""
        self.weight.data = data_of(self.expect(self.weight))
        return self.layer


class OnWeights(Wrapped, Noise):
    """A Linear or Conv2d with noise on its weights: the three rules, for the weight instead of x.

    `apply(weight, noise)` and `expect(weight)` give the weight to compute with.  Where it adds no
    parameters of its own, it and the layer alone read each other's files.

    >>> import numpy as np
    >>> class Negated(OnWeights):
    ...     def expect(self, weight):
    ...         return -weight
    >>> layer, x = Linear(3, 2, bias=False), np.ones((4, 3))
    >>> bool((Negated(layer).init(seed=0).eval()(x).data == -layer(x).data).all())
    True
    """

    def forward(self, x):
        return self.layer.compute(x, super().forward(self.weight), self.bias)


def held(things):
    """The modules and parameters that are held, each as often as it is."""
    for value in things.values() if isinstance(things, dict) else things:
        if isinstance(value, Module | Parameter):
            yield value
        elif isinstance(value, list | tuple | dict):
            yield from held(value)
