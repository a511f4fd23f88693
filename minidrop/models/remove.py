"""Removal of dead units: a network with `Smallify` layers becomes smaller and computes the same."""

from collections import Counter

from ..arguments import describe
from ..nn import (
    GELU,
    SELU,
    AvgPool2d,
    Conv2d,
    Flatten,
    GlobalAvgPool2d,
    Identity,
    Linear,
    MaxPool2d,
    ReLU,
    Sequential,
    Tanh,
)
from ..optim import Optimizer
from ..units.dropout import Dropout
from ..units.gaussian import GaussianDropout
from ..units.spatial import SpatialDropout
from ..weights.smallify import Smallify
from ..xp import array_module

PASS = (ReLU, Tanh, GELU, SELU, MaxPool2d, AvgPool2d, GlobalAvgPool2d, Identity, Flatten, Dropout,
        GaussianDropout, SpatialDropout)          # a unit that is 0 stays 0, and moves no other


def remove_dead(net, optimizer=None):
    """Remove the dead units of a Sequential and what reads them, in place; how many, by path.

    Outputs stay what they are, up to rounding, and so do later steps of the `optimizer` that trains
    the network: its state shrinks as well.  Noise behind them is drawn for fewer units from then
    on, so it is other noise.  Of a layer whose units are all dead one stays, and all stay where no
    layer reads them.  With `fit(..., checkpoint=...)` remove them after the run, as no file goes on
    with another shape.  ValueError, and nothing is changed, where a dead unit has a value, as
    behind a batch norm, where a class of your own may give it one, or where weights are used in
    several places.

    >>> from minidrop.models import mlp, wrap
    >>> net = wrap(mlp(64, 32, 10), "hidden*", Smallify).init(seed=0)
    >>> net.hidden1.linear.alive[:20] = 0
    >>> remove_dead(net), net.out.weight.shape
    ({'hidden1.linear': 20}, (10, 12))
    """
    if not _is_series(net):
        raise TypeError(f"net must be a Sequential, got {describe(net)}")
    if not isinstance(optimizer, Optimizer | None):
        raise TypeError(f"optimizer must be an Optimizer or None, got {describe(optimizer)}")
    if optimizer is not None and not optimizer.belongs_to(net):
        raise ValueError("optimizer must be the one that trains net, got one of another network")
    leaves = list(_leaves("", net))
    uses = Counter(id(w) for _, leaf in leaves for w in leaf.parameters())
    pairs = {path: (layer, _reader(path, layer, leaves[i + 1:], uses))
             for i, (path, layer) in enumerate(leaves) if isinstance(layer, Smallify)}
    if not pairs:
        raise ValueError(f"net must have a Smallify layer, got {describe(net)}")
    paths = {id(w): path for path, w in net.named_parameters()}
    state = {} if optimizer is None else optimizer.state
    return {path: _remove(layer, reader, paths, state)
            for path, (layer, reader) in pairs.items() if reader is not None}


def _is_series(layer):
    """Whether it calls its layers one after the other: a Sequential without its own forward."""
    return isinstance(layer, Sequential) and type(layer).forward is Sequential.forward


def _leaves(path, layer):
    """(path, layer) of all that a Sequential calls, in order, those within others too."""
    if not _is_series(layer):
        yield path, layer
        return
    for name, child in vars(layer).items():
        if child in layer.layers:
            yield from _leaves(f"{path}.{name}" if path else name, child)


def _reader(path, layer, behind, uses):
    """The next layer with weights, None where there is none; ValueError for one in the way."""
    maps = isinstance(layer.layer, Conv2d)
    for _, other in behind:
        inner = other.layer if isinstance(other, Smallify) else other
        if type(inner) in (Linear, Conv2d):
            groups = max(getattr(one, "groups", 1) for one in (inner, layer.layer))
            several = isinstance(layer.layer, Linear) and inner.weight.shape[1] > len(layer.alive)
            if groups > 1 or several or maps != isinstance(inner, Conv2d):
                raise ValueError(f"the units of {path} cannot be removed, since they are read in "
                                 f"groups by {describe(other)}")
            if any(uses[id(w)] > 1 for one in (layer, other) for w in one.parameters()):
                raise ValueError(f"the units of {path} cannot be removed, since its weights, or "
                                 f"those of {describe(other)}, are used in several places")
            return other
        maps = maps and not isinstance(other, Flatten | GlobalAvgPool2d)
        if type(other) not in PASS:
            raise ValueError(f"the units of {path} cannot be removed, since behind it comes "
                             f"{describe(other)}")
    return None


def _remove(layer, reader, paths, state):
    """Take the dead units of `layer` away, and the weights of `reader` that meet them."""
    xp, n = array_module(layer.alive), len(layer.alive)
    kept = xp.flatnonzero(layer.alive)
    kept = kept if kept.size else xp.arange(1)
    places = reader.weight.shape[1] // n          # that a flattened map has
    read = (kept[:, None] * places + xp.arange(places)).reshape(-1)
    for w, index, axis in ((layer.weight, kept, 0), (layer.bias, kept, 0), (layer.switch, kept, 0),
                           (reader.weight, read, 1)):
        if w is not None:
            w.become(xp.take(w.data, index, axis=axis))
            slots = state.get(paths[id(w)], [])
            slots[:] = [xp.take(array, index, axis=axis) for array in slots]
    for name in layer.buffers:
        setattr(layer, name, xp.take(getattr(layer, name), kept))
    layer.layer.n_out = int(kept.size)
    inner = reader.layer if isinstance(reader, Smallify) else reader
    inner.n_in = int(read.size)
    return n - int(kept.size)
