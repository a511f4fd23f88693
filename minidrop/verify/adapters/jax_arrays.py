"""JAX: functions with a key, and modules of Flax (linen and nnx) and Equinox."""

import copy
import sys

import numpy as np

from ..box import Trouble
from .base import Adapter


class JaxAdapter(Adapter):
    """Functions of JAX's arrays, handed a fresh key at each call, and modules that are called.

    The gradient is jax.vjp's, with the same key.  JAX computes in float32 unless it is told else.
    """

    framework = "jax"
    dtypes = ("float32",)
    inference = None                              # what Equinox calls evaluation

    def array(self, a, gradient):
        import jax.numpy as jnp

        return jnp.asarray(a)

    def host(self, tensor):
        import jax

        if not isinstance(tensor, jax.Array):
            raise Trouble(f"a {type(tensor).__name__}", "a jax.Array")
        return np.array(tensor)

    def source(self, role, seed):
        import jax

        return jax.random.PRNGKey(seed) if role in ("key", "rng") else super().source(role, seed)

    def advance(self, role, source):
        import jax

        return jax.random.split(source) if role in ("key", "rng") else \
            super().advance(role, source)

    def number(self, role, value):
        return 1 - value if role == "momentum" else value       # that of the old, here

    def layout_of(self, layer):
        return "NHWC" if getattr(getattr(layer, "module", layer), "axis", None) == -1 else None

    def made(self, layer):
        linen = _loaded("flax.linen")
        return Linen(layer, self.seed) if linen and isinstance(layer, linen.Module) else layer

    def fresh(self, layer):
        return self.made(super().fresh(layer))

    def prepare(self, layer, x):
        if isinstance(layer, Linen):
            binding = self.binding(self.signature(layer), ("self",))
            args, kwargs = binding.called({"x": self.array(x, False), "evaluation": True,
                                           "training": False}, self.arrays)
            layer.prepare(args, kwargs)

    def set_mode(self, layer, training):
        equinox = _loaded("equinox")
        if equinox and isinstance(layer, equinox.Module):
            self.inference = not training
            return any(hasattr(one, "inference") for one in self.owners(layer))
        return super().set_mode(layer, training)

    def signature(self, layer):
        return layer.module.__call__ if isinstance(layer, Linen) else layer.__call__

    def entry(self, layer):
        if self.inference is None or "w" not in self.arrays:
            return layer
        import jax

        def each(x, key=None, **named):           # Equinox's modules are for one example
            keys = None if key is None else jax.random.split(key, len(x))
            return jax.vmap(lambda x, key: layer(x, **named, **({} if key is None else
                                                                {"key": key})))(x, keys)

        return each

    def owners(self, layer):
        if isinstance(layer, Linen):
            return [*_dicts(layer.variables)]
        nnx, equinox = _loaded("flax.nnx"), _loaded("equinox")
        if nnx and isinstance(layer, nnx.Module):
            return [module for _, module in nnx.iter_modules(layer)]
        if equinox and isinstance(layer, equinox.Module):
            return [*_modules(layer, equinox.Module)]
        return [layer]

    def held(self, owner, name):
        return owner.get(name) if isinstance(owner, dict) else super().held(owner, name)

    def hold(self, place, array):
        return self.array(array, False)           # it is put into a copy, for each call

    def look(self, place, tensor):
        found = self.held(place.owner, place.name)
        if hasattr(found, "get_value"):
            return found.get_value()
        return found if isinstance(place.owner, dict) else tensor

    def holding(self, layer, inside):
        """A copy that holds them: nothing in JAX is written over."""
        nnx, before = _loaded("flax.nnx"), self.owners(layer)
        self.copy = copied = layer.copied() if isinstance(layer, Linen) else \
            nnx.clone(layer) if nnx and isinstance(layer, nnx.Module) else layer
        for place, tensor in inside:
            i = next(i for i, owner in enumerate(before) if owner is place.owner)
            copied = self._with(copied, i, place.name, tensor)
        if self.inference is not None:
            import equinox

            copied = equinox.nn.inference_mode(copied, self.inference)
        return copied

    def _with(self, layer, i, name, tensor):
        """A layer in which the i-th owner holds a tensor under a name."""
        owner = self.owners(layer)[i]
        if isinstance(owner, dict):
            owner[name] = tensor
        elif hasattr(getattr(owner, name), "set_value"):
            getattr(owner, name).set_value(tensor)
        else:
            import equinox

            return equinox.tree_at(lambda tree: getattr(self.owners(tree)[i], name), layer, tensor)
        return layer

    def run(self, call, layer, tensors, gradient):
        def stateless(*tensors):
            outputs = call(*tensors)
            return outputs if isinstance(outputs, tuple) else (outputs,), self._state()

        self.copy = None
        if gradient:
            outputs, pull, state = pulled(stateless, tensors)
        else:
            (outputs, state), pull = stateless(*tensors), None
        if isinstance(layer, Linen):
            _become(layer.variables, state)
        elif state is not None:
            sys.modules["flax.nnx"].update(layer, state)
        return outputs, pull

    def _state(self):
        """What the copy that was called holds now, as a tree; None where it keeps nothing."""
        if isinstance(self.copy, Linen):
            return self.copy.variables
        nnx = _loaded("flax.nnx")
        return nnx.state(self.copy) if nnx and isinstance(self.copy, nnx.Module) else None

    def _noise(self, binding):
        given = super()._noise(binding)
        if (role := binding.arguments.get("rngs")) and given:
            if "rngs" in binding.required or self.kind == "maker" and binding == self.maker:
                given[role] = sys.modules["flax.nnx"].Rngs(given[role])
            else:
                del given[role]                   # the module has its own
        return given


class Linen:
    """A module of flax.linen with its variables, which it does not hold itself."""

    def __init__(self, module, seed, variables=None, key=None):
        import jax

        self.module, self.variables = module, variables
        self.key = jax.random.PRNGKey(seed) if key is None else key

    def prepare(self, args, kwargs):
        """Make the variables, if there are none."""
        if self.variables is None:
            self.variables = self.module.init(self._keys(), *args, **kwargs)

    def _keys(self):
        import jax

        self.key, *keys = jax.random.split(self.key, 4)
        names = ("params", "dropout", getattr(self.module, "rng_collection", "noise"))
        return dict(zip(names, keys, strict=True))

    def copied(self):
        """Itself with a copy of the variables, and keys of its own."""
        keys = self._keys()
        return Linen(self.module, 0, copy.deepcopy(self.variables), keys["params"])

    def __call__(self, *args, **kwargs):
        kwargs = {name: value for name, value in kwargs.items() if name != "rng"}
        outputs, changed = self.module.apply(self.variables, *args, **kwargs, rngs=self._keys(),
                                             mutable=[*self.variables])
        self.variables = {**self.variables, **changed}
        return outputs


def pulled(call, tensors):
    """(outputs, pull, state) where call(*tensors) gives (outputs, state), by jax.vjp."""
    import jax
    import jax.numpy as jnp

    outputs, vjp, state = jax.vjp(call, *tensors, has_aux=True)

    def pull(g):
        filled = [jnp.asarray(one, y.dtype) for one, y in zip(g, outputs, strict=False)]
        found = vjp((*filled, *(jnp.zeros_like(y) for y in outputs[len(filled):])))
        return [one if jnp.issubdtype(tensor.dtype, jnp.floating) else jnp.zeros_like(tensor)
                for one, tensor in zip(found, tensors, strict=True)]

    return outputs, pull, state


def _loaded(name):
    return sys.modules.get(name)                  # what was never imported made no module


def _dicts(tree):
    """The dict and all that lie in it."""
    for one in (tree or {}).values():
        if isinstance(one, dict):
            yield one
            yield from _dicts(one)


def _become(tree, other):
    """Let a dict of dicts hold what another one does."""
    for name, value in other.items():
        if isinstance(value, dict):
            _become(tree.setdefault(name, {}), value)
        else:
            tree[name] = value


def _modules(tree, kind):
    """The module and all in its fields."""
    yield tree
    for one in vars(tree).values():
        if isinstance(one, kind):
            yield from _modules(one, kind)
