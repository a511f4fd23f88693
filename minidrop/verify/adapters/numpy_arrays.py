"""NumPy: functions, classes with `forward` and `backward`, and minidrop's own modules."""

import random
from typing import Any

import numpy as np

from ...nn import Module
from ...noise import Stream
from ...tape import Tensor, data_of, grad
from ..box import Trouble
from .base import Adapter


class NumpyAdapter(Adapter):
    """Functions of NumPy arrays, and classes as one writes them for homework.

    A layer is run by `forward`, or by being called; `backward(g)`, where there is one, is its
    gradient.
    """

    framework = "numpy"

    def reseed(self, seed):
        random.seed(seed)
        np.random.seed(seed % 2**32)              # noqa: NPY002  what others may draw from

    def starve(self):
        """The Mersenne twister has a state of which nothing but zeros come."""
        zeros: Any = {"bit_generator": "MT19937",
                      "state": {"key": np.zeros(624, np.uint32), "pos": 624}}
        np.random.set_state(zeros)                # noqa: NPY002
        random.setstate((3, (0,) * 624 + (624,), None))
        twister = np.random.MT19937()
        twister.state = zeros
        self.layers, self.sources = {}, {"rng": np.random.Generator(twister),
                                         "random_state": np.random.RandomState(twister)}
        return True

    def entry(self, layer):
        return layer.forward if hasattr(layer, "forward") else layer

    def pull(self, layer, tensors, outputs):
        backward = getattr(layer, "backward", None)
        if backward is None:
            return None

        def pull(g):
            gradients = backward(*g)
            return gradients if isinstance(gradients, tuple) else (gradients,)

        return pull


class MinidropAdapter(NumpyAdapter):
    """minidrop's modules and functions, with its own tape."""

    framework = "minidrop"

    def array(self, a, gradient):
        return Tensor(a.copy(), requires_grad=True) if gradient else a.copy()

    def host(self, tensor):
        return super().host(data_of(tensor))

    def source(self, role, seed):
        return Stream(seed, "verify") if role == "rng" else super().source(role, seed)

    def made(self, layer):
        return layer.init(self.seed) if isinstance(layer, Module) else layer

    def signature(self, layer):
        return getattr(layer, "forward", self.entry(layer))      # a batch transform has none

    def entry(self, layer):
        if isinstance(layer, Module) or "y" in self.arrays:
            return layer
        return lambda x, rng: layer(rng, x, None)[0]             # a transform whose labels stay

    def pull(self, layer, tensors, outputs):
        def pull(g):
            if not isinstance(outputs[0], Tensor):
                raise Trouble("an array", "a Tensor that has a gradient")
            return grad(outputs[0], list(tensors), g=Tensor(np.asarray(g[0])))

        return pull if isinstance(tensors[0], Tensor) else None
