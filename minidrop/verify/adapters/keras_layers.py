"""Keras: layers and functions, on whichever backend it runs."""

import numpy as np

from ..box import Trouble, Unseen
from .base import Adapter


class KerasAdapter(Adapter):
    """Layers, called with training=, and functions of Keras's tensors.

    The gradient is that of the backend, PyTorch or JAX.  Layers answer in float32 whatever comes.
    """

    framework = "keras"
    dtypes = ("float32",)

    def array(self, a, gradient):
        import keras

        tensor = keras.ops.convert_to_tensor(a)
        if gradient and keras.backend.backend() == "torch" and a.dtype.kind == "f":
            tensor.requires_grad_()
        return tensor

    def host(self, tensor):
        import keras

        if not keras.ops.is_tensor(tensor) and not isinstance(tensor, keras.Variable):
            raise Trouble(f"a {type(tensor).__name__}", "a tensor of Keras")
        return np.array(keras.ops.convert_to_numpy(tensor))

    def reseed(self, seed):
        import keras

        keras.utils.set_random_seed(seed % 2**32)

    def source(self, role, seed):
        import keras

        if role == "rng":
            return keras.random.SeedGenerator(seed)
        return super().source(role, seed)

    def number(self, role, value):
        return 1 - value if role == "momentum" else value       # Keras's is the old one's weight

    def layout_of(self, layer):
        own = getattr(layer, "data_format", None) or getattr(layer, "axis", None)
        return "NHWC" if own in ("channels_last", -1) else "NCHW"

    def signature(self, layer):
        return getattr(layer, "call", layer)

    def prepare(self, layer, x):
        if not getattr(layer, "built", True):
            layer.build(x.shape)

    def owners(self, layer):
        return [*layer._flatten_layers()] if hasattr(layer, "_flatten_layers") else [layer]

    def hold(self, place, array):
        variable = getattr(place.owner, place.name)
        variable.assign(array)
        return variable.value

    def run(self, call, layer, tensors, gradient):
        import keras

        if not gradient:
            return super().run(call, layer, tensors, gradient)
        backend = keras.backend.backend()
        if backend == "torch":
            return _by_torch(call, tensors)
        if backend == "jax":
            return _by_jax(call, [*getattr(layer, "variables", ())], tensors)
        raise Unseen(f"the gradient is not asked for on the backend {backend}")


def _by_torch(call, tensors):
    """(outputs, pull) of a call on the backend PyTorch."""
    from .torch_tensors import pulled

    outputs = call(*tensors)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    return outputs, pulled(tensors, outputs)


def _by_jax(call, variables, tensors):
    """(outputs, pull) on the backend JAX, where a layer's state is an argument and a result."""
    import keras

    from .jax_arrays import pulled

    def stateless(*tensors):
        inside = {id(variable.value): variable for variable in variables}
        given = [(inside[id(one)], new) for one, new in zip(handed, tensors, strict=True)
                 if id(one) in inside]
        with keras.StatelessScope(state_mapping=given) as scope:
            outputs = call(*tensors)
        left = [scope.get_current_value(variable) for variable in variables]
        return outputs if isinstance(outputs, tuple) else (outputs,), left

    handed = tensors
    outputs, pull, left = pulled(stateless, tensors)
    for variable, value in zip(variables, left, strict=True):
        if value is not None:
            variable.assign(value)
    return outputs, pull
