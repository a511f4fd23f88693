r"""Curvature: the Hessian of a loss, times a vector, without the Hessian.

Paper    Pearlmutter, "Fast exact multiplication by the Hessian", Neural Computation 6 (1994)
         147-160: "Pearlmutter 1994".
Where    The parameters of a network, or a part of them.
Symbols  $E$ loss, $\theta$ parameters, $H$ the matrix of all second derivatives of E, $v$ a vector,
         $\epsilon$ a small number.

Pearlmutter 1994, in words: the change of the gradient along v
$$ H v = \lim_{\epsilon \to 0} \frac{\nabla E(\theta + \epsilon v) - \nabla E(\theta)}{\epsilon}
                                                                          \tag{curvature.1} $$
From (curvature.1): which is the gradient of a number, where v is held fixed
$$ H v = \nabla_\theta \left( \nabla E^\top v \right)                     \tag{curvature.2} $$

A loss of d parameters has d^2 second derivatives, and its product with a vector costs as much as a
few gradients.
"""

from .arguments import describe
from .tape import Tensor, data_of, grad
from .xp import array_module


def hessian_product(loss, params, direction):
    """H v: the second derivatives of `loss` times a `direction`, a list of arrays as `params`.

    `loss` is a Tensor with one element, `params` a list of the Tensors it was made from and that
    need a gradient, `direction` a list of arrays of their shapes; second derivatives with respect
    to other Tensors count as none.  The graph is kept.

    Source: Pearlmutter 1994.

    >>> import numpy as np
    >>> x = Tensor(np.array([1.0, 2.0]), requires_grad=True)
    >>> hessian_product((x ** 3).sum(), [x], [np.array([1.0, 0.5])])           # H = diag(6 x)
    [array([6., 6.])]
    """
    if not isinstance(loss, Tensor) or loss.size != 1:
        raise TypeError(f"loss must be a Tensor with one element, got {describe(loss)}")
    for name, value in (("params", params), ("direction", direction)):
        if not isinstance(value, tuple | list) or not value:
            raise TypeError(f"{name} must be a list, not empty, got {describe(value)}")
    for i, w in enumerate(params):
        if not isinstance(w, Tensor) or not w.requires_grad:
            raise ValueError(f"params[{i}] must be a Tensor that needs a gradient, got "
                             f"{describe(w)}")
    shapes, due = [getattr(v, "shape", None) for v in direction], [w.shape for w in params]
    if shapes != due:
        raise ValueError(f"direction must hold arrays of the shapes {due} of params, got {shapes}")
    gradients = grad(loss, list(params), create_graph=True)
    along = sum((g * data_of(v).astype(g.dtype)).sum()
                for g, v in zip(gradients, direction, strict=True))
    if not along.requires_grad:                   # E is linear in these parameters
        return [array_module(w.data).zeros_like(w.data) for w in params]
    return grad(along, list(params))                                       # Eq. (curvature.2)
