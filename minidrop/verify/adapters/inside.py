"""What layers hold: weights and running statistics, put in from outside and looked at afterwards.

A technique may have arrays that a layer does not take but has: w (out, in) and b (out,) of a map,
w and b of a norm, its running mean and variance.
"""

from typing import Any, NamedTuple

import numpy as np

from ..box import Unseen

HELD = {                    # role: what a layer calls it, by framework
    "numpy": {"w": ("weight", "weights", "W", "w", "kernel", "gamma"),
              "b": ("bias", "biases", "b", "beta"),
              "running_mean": ("running_mean", "moving_mean"),
              "running_var": ("running_var", "moving_var", "moving_variance", "running_variance")},
    "torch": {"w": ("weight", "weight_raw"), "b": ("bias",),
              "running_mean": ("running_mean",), "running_var": ("running_var",)},
    "keras": {"w": ("kernel", "gamma"), "b": ("bias", "beta"),
              "running_mean": ("moving_mean",), "running_var": ("moving_variance",)},
    "jax": {"w": ("kernel", "weight", "scale"), "b": ("bias",),
            "running_mean": ("mean",), "running_var": ("var",)}}
HELD["minidrop"] = HELD["torch"]
NEUTRAL = {"w": 1, "b": 0, "running_mean": 0, "running_var": 1}       # what is as if it were not
SIZES = ("n_in", "n_out", "channels", "shape")
EXAMPLE_SIZES = {"n_in": 2, "n_out": 3, "channels": 2, "shape": (2,)}


class Place(NamedTuple):
    """Where a layer holds an array: getattr(owner, name); `turned` if it is (in, out) there."""

    owner: Any
    name: str
    turned: bool

    def inward(self, a):
        """An array as it is held: (out, in, ...) becomes (..., in, out)."""
        return a.transpose(*range(2, a.ndim), 1, 0) if self.turned and a.ndim > 1 else a

    def outward(self, a):
        """And back."""
        axes = (a.ndim - 1, a.ndim - 2, *range(a.ndim - 2))
        return a.transpose(axes) if self.turned and a.ndim > 1 else a


def neutral(role, array):
    """Is it as if the array were not there?  So is the identity in the place of weights."""
    return bool((array == NEUTRAL.get(role)).all()) or role == "w" and np.array_equal(
        array, np.eye(*array.shape[:2])) and array.ndim == 2


def sizes(arrays, roles):
    """What the shapes of the arrays say of a layer: {"n_in": 3, ...}, to make one that fits."""
    named = dict(zip(roles, arrays, strict=False))
    x, w = named.get("x", arrays[0]), named.get("w")
    known = {"channels": x.shape[1]} if x.ndim > 1 else {}
    if w is not None:
        known["shape"] = w.shape
        if w.ndim > 1:
            known |= {"n_out": w.shape[0], "n_in": w.shape[1]}
    return known


class Inside:
    """The part of an Adapter that looks into layers, by attributes that hold arrays."""

    framework: str
    renamed: dict

    def owners(self, layer):
        """The objects that may hold an array of a layer."""
        return [layer]

    def held(self, owner, name):
        """What an owner holds under a name; None where it has no such thing."""
        found = getattr(owner, name, None)
        return found if hasattr(found, "shape") else None

    def hold(self, place, array):
        """Let it hold an array; returns what a gradient can be asked for."""
        setattr(place.owner, place.name, array.copy())
        return array

    def look(self, place, tensor):
        """What it holds after a call in which it was to hold a tensor, as a framework's array."""
        return self.held(place.owner, place.name)

    def place(self, layer, role):
        """The Place of a role inside a layer; None where there is none."""
        given = [name for name, one in self.renamed.items() if one == role]
        names = given or HELD[self.framework].get(role, ())
        found = {id(array): Place(owner, name, name == "kernel") for owner in self.owners(layer)
                 for name in names if (array := self.held(owner, name)) is not None}
        if len(found) > 1:
            places = ", ".join(sorted({place.name for place in found.values()}))
            raise Unseen(f"the layer holds {len(found)} arrays called {places}, and which of them "
                         f"is {role} cannot be told")
        return next(iter(found.values()), None)

    def put(self, layer, role, array):
        """(the Place of an array in a layer, what a gradient can be asked for)."""
        place = self.place(layer, role)
        if place is None:
            return None, None
        shape = tuple(self.held(place.owner, place.name).shape)
        if shape != place.inward(array).shape:
            turned = place._replace(turned=not place.turned)
            if shape != turned.inward(array).shape:
                raise Unseen(f"the layer's {place.name} has the shape {shape}, not "
                             f"{place.inward(array).shape}")
            place = turned
        elif array.ndim == 2 and len(set(shape)) == 1:
            place = place._replace(turned=self.turned(role, place))
        return place, self.hold(place, np.ascontiguousarray(place.inward(array)))

    def turned(self, role, place):
        """Is a square matrix (in, out) inside?  Seen in a layer of 2 inputs and 3 outputs."""
        example = self.example()                  # type: ignore[attr-defined]
        other = None if example is None else self.place(example, role)
        shape = () if other is None else tuple(self.held(other.owner, other.name).shape)
        return {(2, 3): True, (3, 2): False}.get(shape, place.turned)
