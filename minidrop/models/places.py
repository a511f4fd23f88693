"""Places: where a network waits for a technique, and how it gets one.

A place is a child with one of these names, with or without a number behind it, in any network:

| name | what it is for | holds, as long as it is empty |
|---|---|---|
| `drop` | dropout of units, and its relatives | `nn.Identity` |
| `dropblock` | DropBlock, behind a convolution or on a skip connection | `nn.Identity` |
| `sum` | stochastic depth, which leaves out the branch of a residual sum | `Residual` |

`places` lists them and `place` fills them, before `init`; `drop_paths` fills sums, with a rate that
grows from block to block.  A block is all that lies below a child called `block` and a number, so
that the two sums of a transformer's block have one rate; a sum in no block is one of its own.
`wrap` puts layers with weights into others, which change the weights.
Parameters, streams and masks are called by their path, so those of all other layers stay what they
are, bit for bit.
"""

import copy

from ..arguments import describe, matching, probability
from ..nn import Conv2d, Linear, Module, Wrapped
from ..paths.stochastic_depth import StochasticDepth, survival

PURPOSES = {"drop": "dropout", "dropblock": "DropBlock", "sum": "stochastic depth"}


class Residual(Module):
    """branch(x) + skip(x), the sum that stochastic depth replaces.

    >>> from minidrop.nn import Identity, ReLU
    >>> from minidrop.tape import Tensor
    >>> Residual(branch=ReLU(), skip=Identity())(Tensor([-1.0, 2.0]))
    Tensor(array([-1.,  4.], dtype=float32))
    """

    def __init__(self, branch, skip):
        for name, module in (("branch", branch), ("skip", skip)):
            if not isinstance(module, Module):
                raise TypeError(f"{name} must be a Module, got {describe(module)}")
        self.branch, self.skip = branch, skip

    def forward(self, x):
        branch, skip = self.branch(x), self.skip(x)
        if branch.shape != skip.shape:
            raise ValueError(f"branch must give the shape {skip.shape} of skip, got {branch.shape}")
        return branch + skip


def purpose(path):
    """What the place at the end of a path is for; None where it is no place.

    >>> purpose("stage1.block2.sum"), purpose("stage1.dropblock2"), purpose("stage1.conv2")
    ('stochastic depth', 'DropBlock', None)
    """
    return PURPOSES.get(path.rpartition(".")[2].rstrip("0123456789"))


def places(net):
    """{path: what it is for} of all places of a network, empty or not.

    >>> from minidrop.models import lenet
    >>> for path, use in places(lenet()).items():
    ...     print(f"{path:17} {use}")
    input.drop        dropout
    stage1.dropblock  DropBlock
    stage1.drop       dropout
    stage2.dropblock  DropBlock
    stage2.drop       dropout
    hidden.drop       dropout
    """
    return {path: purpose(path) for path in _places(net)}


def place(net, pattern, layer):
    """Put a layer into every place that `pattern` matches, whole or from a dot on.

    `layer` is a Module, of which each place gets a copy, or a function (old, k) -> Module of what
    is there now and of the number of the place among those that match, from 1.  What takes the
    place of a sum must keep its children `branch` and `skip`:

        place(net, "*.sum", lambda old, k: StochasticDepth(old.branch, rates[k - 1], old.skip))

    Returns the network, which now needs `init(seed)`.  ValueError, and nothing is changed, for a
    pattern that matches no place and for a sum that would lose its branch.

    >>> from minidrop.models import lenet
    >>> from minidrop.units.dropout import Dropout
    >>> net = place(lenet(), "hidden.drop", Dropout(0.5)).init(seed=0)
    >>> net.hidden.drop
    Dropout(p=0.5, scaling='inverted')
    """
    there = _places(net)
    if not isinstance(layer, Module) and (isinstance(layer, type) or not callable(layer)):
        raise TypeError("layer must be a Module or a function (old, k) -> Module, got "
                        f"{describe(layer)}")
    made = []
    for k, path in enumerate(matching(pattern, there, what="place"), 1):
        parent, name = there[path]
        old = getattr(parent, name)
        new = _fresh(layer) if isinstance(layer, Module) else layer(old, k)
        _check(path, old, new)
        made.append((parent, name, old, new))
    for parent, name, old, new in made:
        _exchange(parent, name, old, new)
    return net


def drop_paths(net, p, *, pattern="sum", rule="paper", mode="batch", scaling="paper"):
    """Stochastic depth in all sums that `pattern` matches, with the rate `p` in the last block.

    The sums of the k-th of n blocks survive with `survival(k, n, 1 - p, rule)`, which under the
    rule "paper" falls linearly (under "efficientnet" a further block would have the rate p); `mode`
    and `scaling` are those of `StochasticDepth`.  Returns the network, which now needs
    `init(seed)`.  ValueError where the pattern matches another place, or none.

    >>> from minidrop.models import resnet20
    >>> net = drop_paths(resnet20(), p=0.45).init(seed=0)
    >>> [round(net[stage][block].sum.p, 2) for stage in (1, 2, 3) for block in (0, 1, 2)]
    [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45]
    """
    p, sums = probability(p), matching(pattern, _places(net), what="place")
    for path in sums:
        if purpose(path) != PURPOSES["sum"]:
            raise ValueError(f"pattern {pattern!r} must match sums alone, and {path} is a place "
                             f"for {purpose(path)}")
    blocks = list(dict.fromkeys(map(_block, sums)))
    rates = {block: p * (1 - survival(k, len(blocks), 0.0, rule))
             for k, block in enumerate(blocks, 1)}
    return place(net, pattern, lambda old, k: StochasticDepth(
        old.branch, rates[_block(sums[k - 1])], old.skip, mode, scaling))


def _block(path):
    """The path of the block that a sum belongs to: the nearest above it, or the sum itself."""
    names = path.split(".")
    numbers = [k for k, name in enumerate(names, 1) if name.rstrip("0123456789") == "block"]
    return ".".join(names[:max(numbers, default=len(names))])


def wrap(net, pattern, make, kinds=(Conv2d, Linear)):
    """Put every layer of `kinds` that `pattern` matches, whole or from a dot on, into make(layer).

    `make` is a function (layer) -> Module that keeps the layer's parameters, such as

        wrap(net, "stage*", lambda conv: TargetedDropout(conv, gamma=0.75, alpha=0.66, unit=False))

    A layer that a `Wrapped` holds already stays as it is; one that is used twice is the same new
    one in both places.  Returns the network, which now needs `init(seed)`, and that draws new
    weights; to go on from trained ones, take them over afterwards:

        net.load_state_dict(net.state_dict() | trained.state_dict())

    ValueError, and nothing is changed, for a pattern that matches no such layer and for a parameter
    that would be lost.

    >>> from minidrop.models import mlp
    >>> from minidrop.nn import OnWeights
    >>> net = wrap(mlp(64, 32, 10), "hidden*", OnWeights)
    >>> [path for path, _ in net.named_parameters()]
    ['hidden1.linear.weight', 'hidden1.linear.bias', 'out.weight', 'out.bias']
    """
    if not all(isinstance(kind, type) for kind in (kinds if isinstance(kinds, tuple) else [kinds])):
        raise TypeError("kinds must be a class of layers, or a tuple of classes, got "
                        f"{describe(kinds)}")
    layers = _children(net, lambda path, module: isinstance(module, kinds))
    there = {path: (parent, name) for path, (parent, name) in layers.items()
             if not isinstance(parent, Wrapped)}
    if isinstance(make, Module) or not callable(make):
        raise TypeError(f"make must be a function (layer) -> Module, got {describe(make)}")
    made = []
    for path in matching(pattern, there, what="layer"):
        parent, name = there[path]
        old = getattr(parent, name)
        new = make(old)
        kept = {id(w) for w in new.parameters()} if isinstance(new, Module) else set()
        if not kept.issuperset(map(id, old.parameters())):
            raise ValueError(f"make must keep the parameters of {path}, got {describe(new)}")
        made.append((old, new))
    held = [(module, name, old, new) for _, module in net.named_modules()
            for name, value in vars(module).items() for old, new in made if value is old]
    for parent, name, old, new in held:           # a layer that is used twice is in two places
        _exchange(parent, name, old, new)
    return net


def _places(net):
    """{path: (parent, name)} of the places."""
    return _children(net, lambda path, module: purpose(path))


def _children(net, chosen):
    """{path: (parent, name)} of the attributes of modules that are `chosen(path, module)`."""
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    found, modules = {}, dict(net.named_modules())
    for path, module in modules.items():
        above, _, name = path.rpartition(".")
        if chosen(path, module) and above in modules and name in vars(modules[above]):
            found[path] = modules[above], name    # and not in a dict of modules
    return found


def _exchange(parent, name, old, new):
    """Put `new` into the place of `old`, in whose mode it now is."""
    known = {module for _, module in old.named_modules()}
    for _, module in new.named_modules():
        if module not in known:
            module.training = old.training
    setattr(parent, name, new)


def _fresh(layer):
    """A copy that has no stream yet: `init` will name one after its path."""
    new = copy.deepcopy(layer)
    for _, module in new.named_modules():
        vars(module).pop("rng", None)
    return new


def _check(path, old, new):
    if not isinstance(new, Module):
        raise TypeError(f"layer must give a Module for {path}, got {describe(new)}")
    if purpose(path) == PURPOSES["sum"] and any(
            getattr(new, name, None) is not getattr(old, name) for name in ("branch", "skip")):
        raise ValueError(f"the layer for {path} must keep its children branch and skip, got "
                         f"{type(new).__name__}")
