"""Arrays of other libraries as Tensors, in the same memory, by way of DLPack."""

from .arguments import describe
from .tape import Tensor
from .xp import backend_module

BACKEND = {1: "numpy", 2: "cupy", 3: "numpy", 13: "cupy"}   # of DLPack's types of devices


def from_dlpack(x):
    """A Tensor in the memory of `x`: an array or a tensor of PyTorch, JAX, CuPy, NumPy and others.

    Nothing is copied, so what is written on one side shows on the other.  What is read-only stays
    so on the host, where NumPy 2.0 makes all that comes in read-only; CuPy's arrays can all be
    written to.  In turn `torch.from_dlpack(tensor)` and its like take a Tensor.  Integers, bools
    and floats of 16, 32 and 64 bits keep their dtype.  TypeError for what does not speak DLPack,
    holds other numbers or needs a gradient; ValueError for a device that is neither the host nor
    CuPy's current GPU.

    >>> import numpy as np
    >>> array = np.zeros(3, "float32")
    >>> x = from_dlpack(array)
    >>> array[1] = 7
    >>> x
    Tensor(array([0., 7., 0.], dtype=float32))
    """
    if isinstance(x, type) or not (hasattr(x, "__dlpack__") and hasattr(x, "__dlpack_device__")):
        raise TypeError("x must be an array that speaks DLPack, as those of NumPy, CuPy, PyTorch "
                        f"and JAX do, got {describe(x)}")
    if getattr(x, "is_neg", bool)():              # PyTorch hands out such memory as it is
        raise TypeError("x must hold its numbers and not their opposites, as x.resolve_neg() does")
    device, number = x.__dlpack_device__()
    if device not in BACKEND:
        raise ValueError("x must lie in the memory of the host or of a GPU of NVIDIA, got DLPack's "
                         f"device type {int(device)}")
    module = backend_module(BACKEND[device])
    if BACKEND[device] == "cupy" and number != (current := module.cuda.Device().id):
        raise ValueError(f"x must lie on CuPy's current GPU, cuda:{current}, got cuda:{number}")
    try:
        array = module.from_dlpack(x)
    except (BufferError, RuntimeError) as error:
        raise TypeError(f"x cannot be taken over: {' '.join(str(error).split())}") from None
    if array.dtype.kind not in "biuf":
        raise TypeError(f"x must hold real numbers, got {array.dtype}")
    return Tensor(array)
