"""What is trained: a Tensor whose shape is known before its values."""

from ..arguments import describe, flag, shape_of
from ..tape import Tensor

UNBORN = "this model has no values yet: call model.init(seed) once before using it"


class NotInitialised(ValueError, AttributeError):
    """A model was used before `init`."""


class Parameter(Tensor):
    """A Tensor that is trained: a shape, and the rule (stream, shape) -> array of its first values.

    The shape is known at once, the values exist after `model.init(seed)`.  Set `requires_grad` to
    False to freeze it.  Where 0 is not less than another value, as for the place of a gate or the
    logarithm of a variance, say `decay=False`: weight decay and max-norm leave it alone.  `decay`
    can be set later too, as for biases: `net.out.bias.decay = False`.

    >>> Parameter((3, 2), rule=lambda rng, shape: None)
    Parameter(3, 2)
    """

    __slots__ = ("_shape", "rule", "decay")

    def __init__(self, shape, rule, decay=True):
        if not callable(rule):
            raise TypeError("rule must be a function (stream, shape) -> array, got "
                            f"{describe(rule)}")
        self._shape, self.rule, self.decay = shape_of(shape), rule, flag(decay, "decay")
        self.grad, self.requires_grad, self.node = None, True, None

    shape = property(lambda self: self._shape)

    def become(self, data):
        """Hold the array `data` from now on, which may have another shape.

        >>> w = Parameter((3,), rule=lambda rng, shape: None)
        >>> w.become(Tensor([0.0, 0.0]).data)
        >>> w
        Parameter(2,)
        """
        self.data, self.grad, self._shape = data, None, data.shape

    def __getattr__(self, name):
        if hasattr(type(self), name):             # `data` is empty, or what is read from it
            raise NotInitialised(UNBORN)
        raise AttributeError(f"a Parameter has no attribute {name!r}")

    def __repr__(self):
        return f"Parameter{self.shape}"
