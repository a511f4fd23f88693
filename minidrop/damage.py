r"""The damage of pruning: what a network scores with a share of its weights removed, and why.

Paper    Gomez, Zhang, Kamalakara, Madaan, Swersky, Gal, Hinton, "Learning sparse networks using
         targeted dropout", arXiv:1905.13678 (2019): "Gomez 2019".
Where    The weights of a trained network, before and after pruning, without noise.
Symbols  $\theta$ weights, $m$ mask (1 keeps), $d$ what is removed, $E$ loss, $\nabla E$ its
         gradient and $H$ its second derivatives at $\theta$.

From (pruning.1) or (pruning.2): what is removed
$$ d = \theta - m \odot \theta                                               \tag{damage.1} $$
Gomez 2019, in words, who take the absolute value: the change in loss, by Taylor's theorem
$$ E(\theta - d) - E(\theta) = -\nabla E^\top d + \tfrac12 \, d^\top H d
   + O(\lVert d \rVert^3)                                                    \tag{damage.2} $$

Targeted dropout removes the same weights at random while it trains: it makes the loss small without
them, and with it the damage (damage.2).

Differs
- From Gomez 2019, where the damage is an absolute value: here it has a sign, and is below 0 where
  the loss falls.  [test_damage_2_has_a_sign]
"""

import copy
from typing import Any, NamedTuple

from .arguments import COUNTED, count, describe, examples, floating, iterable, probability
from .curvature import hessian_product
from .functional import cross_entropy
from .nn import Module
from .placement import beside, home
from .tape import data_of, grad
from .train import evaluate
from .weights.pruning import prune, pruned
from .xp import array_module


class PruningCurve(NamedTuple):
    """What a network scores at each share of removed weights: arrays (n,), float64.

        shares    the shares that were asked for, in [0, 1], in that order
        kept      the share of the chosen weights that pruning did not set to zero, in [0, 1]; a
                  unit counts as all its weights; what was zero before can count as kept (`prune`)
        loss      the mean over the examples, in the unit of the loss (nats for cross-entropy)
        accuracy  the share of right labels, in [0, 1]; nan where the targets are no labels

    >>> PruningCurve(shares=[0.5], kept=[0.5], loss=[0.1], accuracy=[0.97]).accuracy
    [0.97]
    """

    shares: Any
    kept: Any
    loss: Any
    accuracy: Any


class Damage(NamedTuple):
    """The change in loss, and its estimates by the terms of Taylor's theorem, in the loss's unit.

        actual        E(theta - d) - E(theta), above 0 where removing d does harm
        first_order   the gradient's term alone, -grad E^T d
        second_order  both terms, -grad E^T d + d^T H d / 2

    >>> Damage(actual=2.0, first_order=0.0, second_order=2.0).actual
    2.0
    """

    actual: float
    first_order: float
    second_order: float


def pruning_curve(model, data, shares, unit, scope="row", pattern=None, loss=cross_entropy,
                  batch_size=1024):
    """Loss and accuracy against pruned share, without further training: a `PruningCurve`.

    `data` is a pair (x, y).  For each of the `shares` in [0, 1] the model is pruned as by
    `prune(model, share, unit, scope, pattern)` and evaluated.  Afterwards it is as it was, also
    where an error ended the curve.

    Source: Gomez 2019, where networks are compared so.

    >>> from minidrop.data import digits
    >>> from minidrop.models import mlp
    >>> curve = pruning_curve(mlp(64, 32, 10).init(0), digits().test, [0, 0.5, 0.9], unit=False)
    >>> curve.kept.round(2).tolist(), curve.accuracy.shape
    ([1.0, 0.5, 0.11], (3,))
    """
    iterable(shares, "shares", "a list of numbers in [0, 1]")
    shares = [probability(share, f"shares[{i}]") for i, share in enumerate(shares)]
    if not shares:
        raise ValueError("shares must hold at least one number, got none")
    rows: list[tuple] = []
    for share in shares:
        with pruned(model, share, unit, scope, pattern) as kept:
            rows.append((share, _left(model, kept), *evaluate(model, data, loss, batch_size)))
    return PruningCurve(*array_module().asarray(rows, "float64").T)


def _left(model, kept):
    """The share of all prunable weights that is kept, from that of each parameter."""
    sizes = {path: w.size for path, w in model.named_parameters() if path in kept}
    return sum(kept[path] * size for path, size in sizes.items()) / sum(sizes.values())


def pruning_damage(model, data, sparsity, unit, scope="row", pattern=None, loss=cross_entropy,
                   batch_size=256):
    """The change in loss when a network is pruned, beside its estimates: a `Damage`.

    What is removed is what `prune(model, sparsity, unit, scope, pattern)` sets to zero; see
    `removal_damage` for the rest.

    Source: Gomez 2019.

    >>> from minidrop.data import digits
    >>> from minidrop.models import mlp
    >>> from minidrop.optim import SGD
    >>> from minidrop.train import fit
    >>> net = mlp(64, 32, 10).init(0)
    >>> _ = fit(net, SGD(0.1, momentum=0.9), digits(), epochs=5, progress=False)
    >>> damage = pruning_damage(net, digits().train, 0.5, unit=False)
    >>> abs(damage.second_order - damage.actual) < abs(damage.first_order - damage.actual)
    True
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    other = copy.deepcopy(model)
    kept, left = prune(other, sparsity, unit, scope, pattern), dict(other.named_parameters())
    removed = {path: w.data - left[path].data                                  # Eq. (damage.1)
               for path, w in model.named_parameters() if path in kept}
    return removal_damage(model, data, removed, loss, batch_size)


def removal_damage(model, data, removed, loss=cross_entropy, batch_size=256):
    """The change in loss when `removed` is taken off the weights, beside its estimates: a `Damage`.

    `data` is a pair (x, y), `removed` gives an array for the path of each parameter that loses
    something.  A copy of the network computes, in float64 and in evaluation; `loss` must be a mean
    over the examples, which is taken over mini-batches.  The second order is exact for a quadratic
    loss; at a kink of ReLU there are no second derivatives, and none are seen.

    Source: Gomez 2019.

    >>> import numpy as np
    >>> from minidrop.functional import mse_loss
    >>> from minidrop.nn import Linear
    >>> net = Linear(2, 1, bias=False).init(0).astype("float64")
    >>> net.weight.data[:] = [[1.0, 2.0]]
    >>> data = np.eye(2), np.array([[1.0], [2.0]])
    >>> removal_damage(net, data, {"weight": np.array([[0.0, 2.0]])}, mse_loss)   # 2^2 / 2
    Damage(actual=2.0, first_order=0.0, second_order=2.0)
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    net = copy.deepcopy(model).astype("float64").eval()
    params, d = _removed(net, removed)
    for w in params:
        w.requires_grad = True
    x, y = beside(examples(data, "data"), home(net))
    batch_size = count(batch_size, "batch_size", most=COUNTED)
    x, slope, bend = x.astype("float64"), 0.0, 0.0
    before = evaluate(net, (x, y), loss).loss
    for i in range(0, len(x), batch_size):
        xb, yb = x[i:i + batch_size], y[i:i + batch_size]
        value, share = loss(net(xb), yb), len(xb) / len(x)
        slope -= share * _inner(grad(value, params), d)
        bend += share * _inner(hessian_product(value, params, d), d)
    for w, part in zip(params, d, strict=True):
        w.data = w.data - part
    actual = evaluate(net, (x, y), loss).loss - before
    return Damage(actual, slope, slope + bend / 2)                             # Eq. (damage.2)


def _removed(net, removed):
    """(the parameters, what they lose), two lists."""
    there = dict(net.named_parameters())
    if not isinstance(removed, dict) or not removed:
        raise TypeError("removed must map paths of parameters to arrays, got "
                        f"{describe(removed)}")
    for path, part in removed.items():
        if path not in there:
            raise ValueError(f"removed must map paths of parameters, got {path!r}; there are "
                             f"{', '.join(there)}")
        if floating(part, f"removed[{path!r}]").shape != there[path].shape:
            raise ValueError(f"removed[{path!r}] must be an array of the shape of that parameter, "
                             f"{there[path].shape}, got {describe(part)}")
    parts = [data_of(part).astype("float64") for part in removed.values()]
    return [there[path] for path in removed], parts


def _inner(a, b):
    return sum(float((x * y).sum()) for x, y in zip(a, b, strict=True))
