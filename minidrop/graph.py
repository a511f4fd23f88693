"""The computation graph of a network, at the level of its modules, taken from a real forward pass.

Every module that computes something is a node; the tape says which nodes its input was made from,
so a skip connection is found and not typed in.  A module that only passes its input through its
children, such as `Sequential`, is no node but a `Group`; one that trains numbers besides those of
its children, such as attention, is one node with all that is in it but for its places.  Equal
groups in a row are folded into one, so that a network of 110 layers fits on a page.
"""

import copy
from typing import Any, NamedTuple

from .arguments import describe, shape_of
from .models.places import Residual, purpose
from .nn import Identity, Module, Parameter
from .tape import Tensor
from .xp import array_module


class Node(NamedTuple):
    """A module that computed something, or the input, whose path is ""."""

    path: str
    kind: str                   # the name of its class
    detail: str                 # its numbers, in words
    shape: tuple[int, ...]      # of what it gives, the batch left out
    parameters: int             # how many numbers it trains by itself
    inputs: tuple[int, ...]     # the numbers of the nodes it takes from
    place: str | None           # what it is a place for
    empty: bool                 # whether that place is not filled


class Group(NamedTuple):
    """What lies below one path; equal groups that follow each other are one, with `copies` names.
    """

    path: str
    items: list[Any]            # numbers of nodes, and groups, in the order of computation
    members: list[int]          # the numbers of all nodes below
    copies: list[str]           # the names of all equal groups, the first is this one's


def trace(net, shape):
    """The nodes of `net` for one example of `shape`, in the order of computation.

    A copy of the network computes, in evaluation and with fresh weights.

    >>> from minidrop.nn import Linear, ReLU, Sequential
    >>> for node in trace(Sequential(Linear(3, 2), ReLU()), (3,)):
    ...     print(node.path, node.kind, node.shape, node.parameters, node.inputs)
     input (3,) 0 ()
    linear1 Linear (2,) 8 (0,)
    relu1 ReLU (2,) 0 (1,)
    """
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    x = Tensor(array_module().zeros((1, *shape_of(shape)), "float32"), requires_grad=True)
    nodes = [Node("", "input", "", x.shape[1:], 0, (), None, False)]
    made = {x: 0}                                 # vertex of the tape -> the number of its node
    net = copy.deepcopy(net).init(seed=0).eval()
    whole: list[str] = []                         # what is one node, as the start of a path
    for path, module in net.named_modules():
        if purpose(path) or not path.startswith(tuple(whole)):
            module.forward = _recorder(path, module, nodes, made)
            if any(isinstance(value, Parameter) for value in vars(module).values()):
                whole.append(f"{path}." if path else "")
    net(x)
    sizes = _sizes(nodes, net)
    return [node._replace(parameters=size) for node, size in zip(nodes, sizes, strict=True)]


def _recorder(path, module, nodes, made):
    """A forward of `module` that adds its node, unless a child made what it returns."""
    forward, empty = module.forward, isinstance(module, Identity | Residual)

    def recorded(*args):
        start = len(nodes)
        y = forward(*args)
        if any(y is arg for arg in args):
            y = y.reshape(y.shape)                # so that each node has a Tensor of its own
        if made.get(y.node or y, -1) < start:
            sources = tuple(sorted(_sources(y, made)))
            made[y.node or y] = len(nodes)
            nodes.append(Node(path, type(module).__name__, detail(module), y.shape[1:], 0, sources,
                              purpose(path), empty))
        return y
    return recorded


def _sources(y, made):
    """The numbers of the nodes that y was made from, by walking the tape back to them."""
    found, seen, stack = set(), set(), [y.node]
    while stack:
        for vertex in getattr(stack.pop(), "parents", ()):
            if vertex is not None and vertex not in seen:
                seen.add(vertex)
                if vertex in made:
                    found.add(made[vertex])
                else:
                    stack.append(vertex)
    return found


def _sizes(nodes, net):
    """How many numbers each node trains: those of the parameters below its path, but not below that
    of a node further down."""
    sizes = [0] * len(nodes)
    for path, w in net.named_parameters():
        above = [i for i, node in enumerate(nodes)
                 if i and (not node.path or path.startswith(node.path + "."))]
        if above:
            sizes[max(above, key=lambda i: len(nodes[i].path))] += w.size
    return sizes


def detail(module):
    """What the numbers of a module say, such as "16 → 32, 3 × 3, stride 2".

    >>> from minidrop.nn import Conv2d
    >>> detail(Conv2d(16, 32, 3, stride=2, padding=1))
    '16 → 32, 3 × 3, stride 2'
    """
    own, words = vars(module), []
    n_out, size = own.get("n_out", own.get("width")), own.get("patch", own.get("size"))
    if "n_in" in own and n_out:
        words.append(f"{own['n_in']} → {n_out}")
    if size:
        words.append(times(size))
    if "heads" in own:
        words.append(f"{own['heads']} heads")
    if own.get("stride", (1, 1)) not in ((1, 1), own.get("size")):
        words.append(f"stride {own['stride'][0]}" if len({*own["stride"]}) == 1
                     else f"stride {times(own['stride'])}")
    if own.get("groups", 1) != 1:
        words.append(f"{own['groups']} groups")
    if "p" in own:
        words.append(f"p = {own['p']:g}")
    return ", ".join(words)


def times(shape):
    """A shape in words: "16 × 32 × 32"."""
    return " × ".join(map(str, shape))


def tree(nodes):
    """(root, stands): the nodes as a `Group` of groups, as their paths say.

    Of equal groups in a row only the first is there; `stands` maps the nodes of the others to
    those that stand for them.
    """
    groups = {"": Group("", [], [], [""])}

    def group(path):
        if path not in groups:
            above, _, name = path.rpartition(".")
            groups[path] = Group(path, [], [], [name])
            group(above).items.append(groups[path])
        return groups[path]

    for i, node in enumerate(nodes):
        below = any(other.path.startswith(node.path + ".") for other in nodes[:i])
        path = node.path if below else node.path.rpartition(".")[0]
        group(path).items.append(i)
        for end in [k for k, letter in enumerate(path) if letter == "."] + [len(path)]:
            group(path[:end]).members.append(i)
    stands: dict[int, int] = {}
    return _folded(groups[""], nodes, stands), stands


def drawn(number, stands):
    """The number of the node that stands for this one: itself, where it is not folded away."""
    while number in stands:
        number = stands[number]
    return number


def _folded(group, nodes, stands):
    """The group with equal groups in a row folded into the first of them, at every depth."""
    items: list[Any] = []
    for item in group.items:
        first = items[-1] if items else None
        if isinstance(item, Group) and isinstance(first, Group) and _alike(first, item, nodes):
            first.copies.extend(item.copies)
            stands.update(zip(item.members, first.members, strict=True))
        else:
            items.append(item)
    folded = [_folded(item, nodes, stands) if isinstance(item, Group) else item for item in items]
    return group._replace(items=folded)


def _alike(first, other, nodes):
    """Whether `other` computes what `first` does, from the node before it and from nothing else."""
    def computation(group):
        start = group.members[0]
        return [nodes[i]._replace(path=nodes[i].path[len(group.path):], inputs=tuple(
            j - start if j >= start else None for j in nodes[i].inputs)) for i in group.members]

    outside = {j for i in other.members for j in nodes[i].inputs} - {*other.members}
    return outside == {other.members[0] - 1} and computation(first) == computation(other)


def total(nodes):
    """How many parameters the nodes have together."""
    return sum({node.path: node.parameters for node in nodes}.values())


def table(nodes):
    """Rows (path, what it is, shape, parameters) of text, equal groups in one row."""
    return list(_rows(tree(nodes)[0], nodes))


def _rows(group, nodes):
    for item in group.items:
        if not isinstance(item, Group):
            node = nodes[item]
            yield (node.path, in_words(node), times(node.shape),
                   f"{node.parameters:,}" if node.parameters else "")
            continue
        yield from _rows(item, nodes)
        first, *others = item.copies
        if others:
            inside = [nodes[i] for i in item.members]
            names = others[0] if len(others) == 1 else f"{others[0]} … {others[-1]}"
            yield (item.path.removesuffix(first) + names, f"as {first}",
                   times(inside[-1].shape), f"{len(others)} × {total(inside):,}")


def in_words(node):
    """What a node is: its kind and its numbers, or what it is a place for."""
    if node.place and node.empty:
        return f"place for {node.place}"
    return ", ".join(filter(None, (node.kind, node.detail)))
