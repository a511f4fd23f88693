"""The primitives: each a forward formula on arrays with its adjoints directly under it.

An adjoint is a function (g, y, *args, **params) of the cotangent g, the result y and the arguments.
It is written with operators and primitives only, so it also runs on Tensors and can itself be
differentiated.  `minidrop.tape.REGISTRY` lists them all.
"""

from . import (
    activations,
    attention,
    elementwise,
    fused,
    linalg,
    normal,
    pool,
    reduce,
    shape,
    window,
)

__all__ = ["activations", "attention", "elementwise", "fused", "linalg", "normal", "pool", "reduce",
           "shape", "window"]
