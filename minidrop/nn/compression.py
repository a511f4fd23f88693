r"""Compression: a network without the units that say nothing, or that nobody hears.

Where    A layer with weights, the layers behind it that work on each channel by itself, and the
         next layer with weights, its reader.  Evaluation only.
Symbols  $b_j$ bias of unit j (or filter j), $f$ all that lies between it and its reader, $h_j$
         what the reader gets from it, $c_j$ a number, $w_j$ the weights that it is read with, $b$
         bias of the reader, $K$ units that are constant.

Ours: a unit whose weights are zero puts out the same for every example, at every pixel
$$ h_j = f(b_j) = c_j                                                     \tag{compress.1} $$
Ours: the bias of the reader takes it over, where no padding cuts it off
$$ \sum_j w_j h_j + b = \sum_{j \notin K} w_j h_j + \Big( b + \sum_{j \in K} w_j c_j \Big)
                                                                          \tag{compress.2} $$
Ours: one of them stands for all, where zeros are padded or the reader has no bias
$$ \sum_{j \in K} w_j h_j = w_k' h_k, \qquad w_k' = \sum_{j \in K} w_j \, c_j / c_k
                                                                          \tag{compress.3} $$
Ours: a unit that is read with weights of zero is not needed either
$$ w_j = 0 \; \Rightarrow \; w_j h_j = 0                                  \tag{compress.4} $$

Behind a convolution that pads with zeros a constant map is no constant: it is c in the middle and
less at the border.  (compress.3) holds there too, since all constant maps are multiples of one.

A module that works on each channel by itself, at every pixel alike, says so by `channelwise = True`
in its class.  Its parameters and buffers of one axis hold a number for each channel.
"""

import copy
from collections import Counter
from typing import Any, NamedTuple

from ..arguments import describe
from ..tape import data_of
from ..xp import array_module
from .conv import AvgPool2d, Conv2d, GlobalAvgPool2d, MaxPool2d
from .layers import Flatten, Linear, Sequential
from .modes import evaluation
from .module import Module, Noise, Parameter
from .on_weights import Wrapped, held


def compress(model):
    """A smaller network with the same outputs in evaluation, up to rounding: a copy of `model`.

    Units that are constant and units that nothing reads are taken out wherever a Linear or Conv2d
    follows another in a `Sequential` (of any depth), with nothing between them but activations,
    batch norms, noise, pools and `Flatten`.  Of a layer at least one unit stays.  Everything else
    is left as it is: inputs and outputs of the network and of residual sums, convolutions in
    groups, layers and parameters that are used twice, other norms, attention.

    A `Sequential` is taken to be called as a whole: where a module takes the output of one of its
    layers by itself, as in `self.body[0](x)`, it gets fewer units, so do not compress it.

    What wraps a layer, such as noise on its weights, ends: the layer takes its place, with the
    weights of evaluation.  An optimizer that trained the old network does not fit the new one.  To
    save and load the small one, `save(small, path)` and, as its sizes are in the file,
    `load(mlp(64, 32, 10), path, compressed=True)`: any network of the full size, not wrapped.

    >>> from minidrop.models import mlp
    >>> net = mlp(64, 32, 10).init(seed=0)
    >>> net.hidden1.linear.weight.data[:20] = 0
    >>> compress(net).hidden1.linear, net.hidden1.linear
    (Linear(n_in=64, n_out=12), Linear(n_in=64, n_out=32))
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    model = _unwrapped(copy.deepcopy(model))
    with evaluation(model):
        links = list(_links(model))
        for link in links:                        # a constant makes others
            _take_constants(link)
        for link in reversed(links):              # and what is not read, reads nothing
            _take_unread(link)
    return model


def shrink(model, state):
    """Give the layers of a network the smaller sizes of the arrays in `state`, by path; in place.

    So a network of the full size fits the `state_dict` of one that `compress` or `remove_dead` made
    smaller; values come with `load_state_dict`.  Sizes are believed, if none is larger than before,
    no kernel is another, and the arrays of a layer agree; layers that do not meet are an error when
    they are called.  Returns the model; ValueError, and nothing is changed, for others.

    >>> from minidrop.models import mlp
    >>> net, small = mlp(64, 32, 10), mlp(64, 12, 10).init(seed=0)
    >>> shrink(net, small.state_dict()).load_state_dict(small.state_dict()).hidden1.linear
    Linear(n_in=64, n_out=12)
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    modules, changes = dict(model.named_modules()), []
    for path, (thing, name, shape) in model._places(state).items():
        (owner, _, own), part = path.rpartition("."), state[path].shape
        if part != shape:
            if not _is_part(modules.get(owner), part, shape):
                raise ValueError(f"state[{path!r}] must have shape {shape}, or one that compress "
                                 f"can leave of it, got {part}")
            old = getattr(thing, name, array_module().zeros(shape, "float32"))
            changes.append((owner, own, old[tuple(map(slice, part))]))     # values do not matter
    for owner, *_ in changes:
        rows = {n for p, v in state.items() if p.rpartition(".")[0] == owner for n in v.shape[:1]}
        if len(rows) > 1:
            raise ValueError(f"state must give {owner} arrays of one length, got {rows}")
    for owner, own, part in changes:
        _hold(modules[owner], own, part)
        if "channels" in vars(modules[owner]):
            modules[owner].channels = len(part)
    for layer in modules.values():
        if isinstance(layer, Linear | Conv2d):
            layer.n_out, n_in = layer.weight.shape[:2]
            layer.n_in = n_in * getattr(layer, "groups", 1)
    return model


def _is_part(module, shape, whole):
    """Whether compression can make an array of this shape of a whole one."""
    known = isinstance(module, Linear | Conv2d | Wrapped) or _is_channelwise(module)
    plain = getattr(getattr(module, "layer", module), "groups", 1) == 1
    return known and plain and len(shape) == len(whole) and shape[2:] == whole[2:] and all(
        0 < n <= most for n, most in zip(shape, whole, strict=True))


def _hold(module, name, array):
    """Give a module's parameter, or buffer, another array."""
    if isinstance(value := getattr(module, name), Parameter):
        value.become(array)
    else:
        setattr(module, name, array)


class _Link(NamedTuple):
    maker: Any                                    # a Linear or Conv2d
    between: list[Any]
    reader: Any

    def columns(self):
        """The reader's weights (out, units, what each unit is read with)."""
        w = self.reader.weight.data
        return w.reshape(len(w), len(self.maker.weight.data), -1)


# --- the structure -------------------------------------------------------------------------------

def _unwrapped(model):
    """The model with layers in the place of what wraps them; the layer, if it is wrapped itself."""
    for _, module in model.named_modules():
        if isinstance(module, Wrapped):           # weights of its own, which nobody else reads
            module.weight = module.layer.weight = copy.deepcopy(module.weight)
            module.bias = module.layer.bias = copy.deepcopy(module.bias)
    if isinstance(model, Wrapped):
        return model.fold()
    folded: dict[int, Module] = {}
    for _, module in model.named_modules():
        for name, child in list(vars(module).items()):
            if isinstance(child, Wrapped):
                if id(child) not in folded:
                    folded[id(child)] = child.fold()
                setattr(module, name, folded[id(child)])
    return model


def _links(model):
    """Every layer with weights that another one alone reads, with its reader, in order."""
    for chain in _chains(model):
        maker: Any = None
        between: list[Module] = []
        for layer in chain:
            if _is_plain(layer, Linear) or _is_plain(layer, Conv2d):
                if maker is not None and _fit(maker, between, layer):
                    yield _Link(maker, between, layer)
                maker, between = layer, []
            elif _passes(layer):
                between.append(layer)
            else:
                maker = None


def _chains(model):
    """What each Sequential calls, one after the other, those within others included.

    None stands for a layer that is used in several places, or whose parameters are.
    """
    modules = [module for _, module in model.named_modules()]
    uses = Counter(id(thing) for module in modules for thing in held(vars(module)))

    def once(layer):
        return uses[id(layer)] == 1 and all(uses[id(w)] == 1 for w in layer.parameters())

    def leaves(layers):
        for layer in layers:
            if uses[id(layer)] == 1 and _is_plain(layer, Sequential):
                yield from leaves(layer)
            else:
                yield layer if once(layer) else None

    series = [module for module in modules if _is_plain(module, Sequential)]
    inner = {id(child) for module in series for child in module if uses[id(child)] == 1}
    return [list(leaves(module)) for module in series if id(module) not in inner]


def _is_plain(layer, kind):
    """Whether a layer computes what its kind does."""
    return isinstance(layer, kind) and all(
        getattr(type(layer), name) is getattr(kind, name) for name in ("forward", "__call__"))


def _passes(layer):
    """Whether a constant stays one, for each channel by itself."""
    if isinstance(layer, Noise) and type(layer).forward is Noise.forward:
        return type(layer).expect is Noise.expect or _is_channelwise(layer)
    pools = not (isinstance(layer, AvgPool2d) and any(layer.padding))       # its zeros count
    return _is_channelwise(layer) or pools and any(
        _is_plain(layer, kind) for kind in (MaxPool2d, AvgPool2d, GlobalAvgPool2d, Flatten))


def _is_channelwise(layer):
    return "channelwise" in vars(type(layer))


def _fit(maker, between, reader):
    """Whether the reader's inputs are the maker's units, some numbers for each."""
    maps, n, whole = isinstance(maker, Conv2d), maker.n_out, True
    for layer in between:
        pools = isinstance(layer, MaxPool2d | AvgPool2d | GlobalAvgPool2d)
        if pools and not maps or any(len(v) != n for _, v in _vectors(layer)):
            return False
        if isinstance(layer, Flatten | GlobalAvgPool2d):
            whole, maps = whole and not (maps and isinstance(layer, Flatten)), False
    if isinstance(reader, Conv2d) != maps or max(getattr(one, "groups", 1)
                                                 for one in (maker, reader)) > 1:
        return False
    return reader.n_in == n if whole else reader.n_in % n == 0


def _vectors(layer):
    """(name, array) of what a layer holds for each channel."""
    for name, value in vars(layer).items():
        array = data_of(value) if isinstance(value, Parameter) or name in layer.buffers else None
        if getattr(array, "ndim", 0) == 1:
            yield name, array


# --- the removal ---------------------------------------------------------------------------------

def _take_constants(link):
    constant, c = _constants(link)
    heard = constant & (c != 0)
    if not bool(constant.any()):
        return
    columns, reader = link.columns().copy(), link.reader
    kept = ~constant
    if bool(heard.any()):
        wide = columns.astype("float64")
        if reader.bias is not None and not any(getattr(reader, "padding", ())):
            shift = wide[:, heard].sum(2) @ c[heard]
            reader.bias.data = (reader.bias.data + shift).astype(columns.dtype)  # Eq. (compress.2)
        else:
            k = int(array_module(c).where(heard, abs(c), 0).argmax())
            ratio = (c[heard] / c[k])[:, None]
            columns[:, k] = (wide[:, heard] * ratio).sum(1)                 # Eq. (compress.3)
            kept[k] = True
    columns[:, ~kept] = 0
    reader.weight.data = columns.reshape(reader.weight.shape)
    _keep(link, kept)


def _constants(link):
    """(boolean, numbers): which units of the maker are constant, and what their reader gets."""
    w, bias = link.maker.weight.data, link.maker.bias
    xp = array_module(w)
    h = xp.zeros(len(w), w.dtype) if bias is None else bias.data
    h = h.reshape(1, -1, *[1] * (w.ndim - 2))
    for layer in link.between:
        if isinstance(layer, Flatten | GlobalAvgPool2d):
            h = h.reshape(1, -1)
        elif not isinstance(layer, MaxPool2d | AvgPool2d):
            h = data_of(layer(h))                                           # Eq. (compress.1)
    return ~w.reshape(len(w), -1).any(1), h.reshape(-1).astype("float64")


def _take_unread(link):
    _keep(link, link.columns().any((0, 2)))                                 # Eq. (compress.4)


def _keep(link, kept):
    """Leave the maker with the units that are kept, or with its first one."""
    if bool(kept.all()):
        return
    xp = array_module(kept)
    index = xp.flatnonzero(kept) if bool(kept.any()) else xp.arange(1)
    maker, reader, columns = link.maker, link.reader, link.columns()[:, index]
    for layer in (maker, *link.between):
        for name, array in [*_vectors(layer)]:
            _hold(layer, name, array[index])
        if "channels" in vars(layer):
            layer.channels = int(index.size)
    maker.weight.become(maker.weight.data[index])
    maker.n_out = int(index.size)
    reader.weight.become(columns.reshape(len(columns), -1, *reader.weight.shape[2:]))
    reader.n_in = reader.weight.shape[1]
