"""The graph that the tape records: its nodes, what they keep, and the walk back through them.

Whenever a primitive meets a Tensor that needs a gradient, its result gets a `Node`: the primitive,
the nodes that its arguments came from, and the arrays that the adjoints read.  A Tensor without a
node is a leaf, and stands for itself.  The age of a node is a counter, and sorting by age is a
topological order: a result is always younger than its arguments, and leaves come last of all.

What no adjoint reads is not kept, so that a network holds no more than its gradients need: an
adjoint that calls an argument `_x`, or the result `_y`, knows its shape and its dtype alone.
What is made again in one sweep from what is kept anyway is not kept either, but as a `Recipe`.

Gradients are those at the arrays of the forward pass, also where a leaf's `data` was replaced since
then.  An array that is changed in place is changed here, too.
"""

import itertools
import math
import operator
from typing import Any

from .operators import REGISTRY

VARARGS = 4                                       # the flag of a code that takes *args

_next_age = itertools.count().__next__
_age = operator.attrgetter("age")


class Outline:
    """The shape and the dtype of an array, all that is left of one that no adjoint reads."""

    __slots__ = ("shape", "dtype")

    def __init__(self, array):
        self.shape, self.dtype = array.shape, array.dtype

    ndim = property(lambda self: len(self.shape))
    size = property(lambda self: math.prod(self.shape))


class Recipe(Outline):
    """An array whose numbers are not kept, but made again by `make()`."""

    __slots__ = ("make",)

    def __init__(self, array, make):
        super().__init__(array)
        self.make = make


class Node:
    """How a result was made, for as long as somebody may ask for its gradient.

    `parents` holds, for each argument, its node, the Tensor itself if that is a leaf, or None where
    no gradient is needed; `saved` the arguments and `value` the result as the adjoints take them.
    """

    __slots__ = ("primitive", "parents", "saved", "value", "params", "age", "recipes")
    parents: Any
    saved: Any

    def __init__(self, primitive, parents, arrays, y, params):
        self.primitive, self.parents, self.params = primitive, parents, params
        self.saved, self.age = arrays, _next_age()
        for i in primitive.unread:
            if hasattr(arrays[i], "shape"):
                arrays[i] = Outline(arrays[i])
        self.recipes = False
        for i, parent in enumerate(parents):
            if isinstance(parent, Node) and parent.primitive.again:
                arrays[i], self.recipes = parent.outlined(arrays[i]), True
        self.value = y if primitive.reads_result else Outline(y)

    def arguments(self, tensor):
        """The arguments, as Tensors again where they need a gradient, to the last one named."""
        return [array if parent is None else _again(array, parent, tensor)
                for parent, array in zip(self.parents, self.made(), strict=False)]

    def made(self):
        """What is saved, with the arrays that there are recipes of."""
        if not self.recipes:
            return self.saved
        return [v.make() if isinstance(v, Recipe) else v for v in self.saved]

    def outlined(self, y):
        """The result y as the adjoint of another node keeps it, a Recipe where that pays."""
        if self.value is y or any(isinstance(v, Outline) for v in (y, *self.saved)):
            return y
        make = self.primitive.again(*self.saved, **self.params)
        return Recipe(y, make) if make else y

    def use_up(self):
        """Let everything go."""
        self.primitive, self.parents, self.saved, self.value, self.params = None, (), (), None, None


def _again(array, vertex, tensor):
    """The Tensor of `vertex` with the numbers it had; of a leaf that has others, one made of it."""
    if isinstance(array, Outline):
        return array
    if not isinstance(vertex, Node):
        if vertex.data is array:
            return vertex
        vertex = Node(REGISTRY["reshape"], [vertex], [array], array, {"shape": array.shape})
    return tensor(array, vertex)


def reading(adjoint, first=0):
    """([whether it reads y, and each argument that it names], whether it reads others too).

    `first` is the place of g among the parameters of the adjoint.
    """
    code = getattr(adjoint, "__code__", None)
    if code is None:
        return [True], True
    n, names, first = code.co_argcount, code.co_varnames, first + hasattr(adjoint, "__self__")
    more = bool(code.co_flags & VARARGS) and names[n + code.co_kwonlyargcount][0] != "_"
    return [name[0] != "_" for name in names[first + 1:n]] or [more], more


def walk(start, g, wanted, create_graph, free, tensor, ends=()):
    """Yield (vertex, gradient) for the leaves, or for the `wanted`: nodes from the youngest on, and
    then leaves.

    `start` is the vertex whose cotangent is g; a vertex is a node, or a leaf.  With `create_graph`
    the adjoints take Tensors, which `tensor` (array, node) makes; with `free` the nodes are used
    up.
    """
    order = _by_age(start, ends)
    useful = None if wanted is None else _between(wanted, order)
    cotangents = {start: g}
    while order:
        v = order.pop()
        g = cotangents.pop(v, None)
        if g is None:
            continue
        if wanted and v in wanted:
            yield v, g
        if v in ends:
            continue
        primitive, parents, value, params = v.primitive, v.parents, v.value, v.params
        if create_graph:
            if primitive.twin:
                for parent, part in _through_twin(v, g, useful, tensor):
                    _add(part, parent, cotangents)
                continue
            if not primitive.twice:
                raise ValueError(f"{primitive.name} has no second derivative; use the composite of "
                                 "primitives that it fuses")
            args, value = v.arguments(tensor), _again(value, v, tensor)
        else:
            args = v.made()
        if free:
            v.use_up()
        wanted_here = [i for i, parent in enumerate(parents)
                       if parent is not None and (useful is None or parent in useful)]
        joint = None if create_graph else primitive.joint
        parts = joint(wanted_here, g, value, *args, **params) if joint else {}
        for i in wanted_here:
            part = parts[i] if joint else primitive.adjoint(i)(g, value, *args, **params)
            _add(part, parents[i], cotangents)
    while cotangents:
        leaf, g = cotangents.popitem()
        if wanted is None or leaf in wanted:
            yield leaf, g


def _add(part, vertex, cotangents):
    cotangents[vertex] = cotangents[vertex] + part if vertex in cotangents else part


def _through_twin(node, g, useful, tensor):
    """(parent, its part of the gradient) by way of the composite that a primitive names."""
    params = {name: value for name, value in node.params.items() if name != "kept"}
    y = node.primitive.twin(*node.arguments(tensor), **params)
    inputs = {parent for parent in node.parents if parent is not None}
    wanted = inputs if useful is None else inputs & useful
    return list(walk(y.node, g, wanted, create_graph=True, free=False, tensor=tensor, ends=inputs))


def _by_age(start, ends=()):
    """Every node that `start` was made from, the oldest first, no further than `ends`."""
    stack = [start] if isinstance(start, Node) else []
    found = set(stack)
    while stack:
        v = stack.pop()
        if v in ends:
            continue
        if v.primitive is None:
            raise ValueError("a part of this graph was used up by an earlier backward(); add the "
                             "losses before it, or use minidrop.grad, which keeps the graph")
        for parent in v.parents:
            if isinstance(parent, Node) and parent not in found:
                found.add(parent)
                stack.append(parent)
    return sorted(found, key=_age)


def _between(wanted, order):
    """The `wanted` vertices, and the part of `order` that one of them went into."""
    useful = set(wanted)
    for v in order:
        if any(parent in useful for parent in v.parents):
            useful.add(v)
    return useful
