"""The gradients of a network as flat vectors, at weights that stay where they are.

All gradients here are those of the loss alone, without a penalty, and of the parameters that are
trained: those frozen by `requires_grad = False` are left out, and a branch that was skipped counts
with zeros.  Batch norm is frozen: it uses its running statistics and does not touch them, so that a
gradient is one of the weights and the mini-batch, not of what was seen before.
"""

from itertools import accumulate
from typing import Any

from .arguments import COUNTED, called, count, describe, examples, iterable, several
from .functional import cross_entropy
from .nn import Module, Noise, modes_kept
from .placement import beside, home
from .tape import Tensor, data_of, grad
from .xp import array_module


def flat(arrays):
    """One vector (d,) of all the entries of `arrays`: a list of arrays or Tensors, or one of them.

    >>> import numpy as np
    >>> flat([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([5.0])])
    array([1., 2., 3., 4., 5.])
    """
    parts = [data_of(part) for part in several(arrays, "arrays")]
    xp = array_module(*parts)
    return xp.concatenate([part.ravel() for part in parts])


def unflat(vector, arrays):
    """The entries of a flat vector (d,) as a list of arrays with the shapes of `arrays`.

    >>> import numpy as np
    >>> unflat(np.array([1.0, 2.0, 3.0]), [np.zeros((1, 2)), np.zeros(1)])
    [array([[1., 2.]]), array([3.])]
    """
    arrays = several(arrays, "arrays")
    ends = [*accumulate(part.size for part in arrays)]
    if vector.shape != (ends[-1],):
        raise ValueError(f"vector must be flat with the {ends[-1]} entries of arrays, got "
                         f"{describe(vector)}")
    return [vector[end - part.size:end].reshape(part.shape)
            for end, part in zip(ends, arrays, strict=True)]


def mini_batch_gradients(net, batches, loss=cross_entropy):
    """The gradient on each of `batches`, pairs (x, y), with the noise on: yields vectors (d,).

    The network is in training, but for what keeps running statistics; its noise is drawn from the
    streams of the modules.  Between any two gradients the modes are what they were before, as is
    what was marked as skipped, and no `.grad` is touched.

    >>> import minidrop as md, numpy as np
    >>> net = md.nn.Sequential(md.nn.Linear(2, 3), md.Dropout(0.5)).init(seed=0)
    >>> batches = [(np.ones((4, 2), "float32"), np.array([0, 1, 2, 0]))] * 5
    >>> [g.shape for g in mini_batch_gradients(net, batches)]
    [(9,), (9,), (9,), (9,), (9,)]
    """
    _check(net, loss)
    iterable(batches, "batches", "an iterable of pairs (x, y)")
    return (_noisy(net, batch, loss) for batch in batches)


def _noisy(net, batch, loss):
    x, y = beside(examples(batch, "each of batches"), home(net))
    with modes_kept(net):
        for _, module in net.train().named_modules():
            if module.buffers and not isinstance(module, Noise):
                module.training = False           # batch norm, frozen
        return _gradient(net, x, y, loss)


def full_gradient(net, data, loss=cross_entropy, batch_size=1024):
    """The gradient of the loss on the whole of `data`, a pair (x, y), without noise: (d,).

    `loss` is a mean over examples, so it is gathered from pieces of `batch_size` examples, in
    float64.  The network is in evaluation, as `evaluate` has it, and then in the modes it was in;
    the inference "mc", and DropConnect's "gaussian", still draw.

    >>> import minidrop as md, numpy as np
    >>> net = md.nn.Linear(2, 3).init(seed=0)
    >>> full_gradient(net, (np.ones((4, 2), "float32"), np.array([0, 1, 2, 0]))).shape
    (9,)
    """
    _check(net, loss)
    x, y = beside(examples(data), home(net))
    batch_size = count(batch_size, "batch_size", most=COUNTED)
    total: Any = 0.0
    with modes_kept(net):
        net.eval()
        for i in range(0, len(x), batch_size):
            part = x[i:i + batch_size]
            g = _gradient(net, part, y[i:i + batch_size], loss)
            total = total + g.astype("float64") * (len(part) / len(x))
    return total.astype(g.dtype)


def _gradient(net, x, y, loss):
    value = loss(net(x), y)
    if not isinstance(value, Tensor) or value.size != 1:
        raise ValueError(f"loss must give a Tensor with one number, got {describe(value)}")
    trained = [w for w in net.parameters() if w.requires_grad]
    if not trained:
        raise ValueError("net has no parameter that needs a gradient")
    if not value.requires_grad and any(module.skipped for _, module in net.named_modules()):
        return array_module(value.data).zeros_like(flat(trained))         # all of it was skipped
    return flat(grad(value, trained))


def _check(net, loss):
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    called(loss, "loss", "outputs", "y")
