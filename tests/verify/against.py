"""A plain comparison of an entry with minidrop, to see that the gallery is what it says.

What draws is called some hundred times, at a seed that is fixed, beside minidrop's own samplers;
means and products of all pairs of outputs, within a call and with the next one, must agree within
6 standard errors.  What does not draw must agree to 1e-5.  Which equation a difference breaks is
for the command to say.
"""

import functools
import inspect
import random

import numpy as np

import minidrop as md
from tests.verify.calls import call
from tests.verify.right_units import LOWEST, affine

STOCHASTIC = ("dropout", "gaussian", "alpha", "spatial", "dropblock", "stochastic_depth", "cutout",
              "mixup", "cutmix", "dropconnect", "targeted")
UNITS = STOCHASTIC[:6]
DRAWS = {"dropout": 800, "gaussian": 4000, "alpha": 500, "spatial": 400, "dropblock": 600,
         "stochastic_depth": 1000, "cutout": 600, "mixup": 3000, "cutmix": 1500,
         "dropconnect": 2000, "targeted": 1000}
ERRORS = 6.0


def ramp(*shape, dtype="float32"):
    """Numbers from 1 to 2, none of them equal, of both signs."""
    n = int(np.prod(shape))
    signs = np.where(np.arange(n) % 3 == 1, -1, 1)
    return (np.linspace(1, 2, n) * signs).reshape(shape).astype(dtype)


def reference(technique, options, values, stream):
    """The same by minidrop's samplers and equations."""
    x, p, training = (values.get(name) for name in ("x", "p", "training"))
    if technique in UNITS and not training:
        return x * x.dtype.type(1 - p) if options.get("scaling") == "paper" else x
    if technique == "dropout":
        mask = md.dropout_mask(stream, x.shape, p)
        return x * mask if options.get("scaling") == "paper" else md.dropout(x, mask, p)
    if technique == "gaussian":
        return md.gaussian_dropout(x, md.gaussian_noise(stream, x.shape, p))
    if technique == "alpha":
        draw = md.spatial_dropout_mask if options.get("feature") else md.dropout_mask
        return md.alpha_dropout(x, draw(stream, x.shape, p), p)
    if technique == "spatial":
        if options.get("layout") == "NHWC":
            mask = md.dropout_mask(stream, (len(x), 1, 1, x.shape[-1]), p)
            return md.dropout(x, mask, p)
        return md.spatial_dropout(x, md.spatial_dropout_mask(stream, x.shape, p), p)
    if technique == "dropblock":
        form = options.get("seeds", "valid")
        seeds = md.dropblock_seeds(stream, x.shape, p, values["block"], form,
                                   options.get("shared", False))
        return md.dropblock(x, md.dropblock_mask(seeds, values["block"], clipped=form == "all"))
    if technique == "stochastic_depth":
        gate = md.path_gate(stream, len(x), p, options["mode"])
        return md.stochastic_depth(np.zeros_like(x), x, gate, p, options["scaling"])
    if technique == "cutout":
        n, _, height, width = x.shape
        centers = md.cutout_centers(stream, n, height, width)
        return md.cutout(x, md.cutout_mask(centers, values["length"], height, width))
    if technique == "mixup":
        weight = md.mixup_weight(stream, values["alpha"],
                                 len(x) if options.get("weight") == "example" else None)
        return md.mixup(x, values["y"], weight, stream_order(stream, len(x)))
    if technique == "cutmix":
        weight = md.mixup_weight(stream, values["alpha"])
        center = md.cutmix_center(stream, *x.shape[2:])
        box = md.cutmix_box(weight, center, *x.shape[2:])
        return md.cutmix(x, values["y"], box, stream_order(stream, len(x)))
    if technique == "dropconnect":
        return connected(options, values, stream)
    chosen = md.targeted_candidates(values["w"], values["gamma"], values["unit"])
    return md.targeted_dropout(values["w"], md.targeted_mask(stream, chosen, values["alpha"],
                                                             values["unit"]))


def stream_order(stream, n):
    """A permutation as NumPy has it."""
    return np.asarray(md.permutation(stream, n))


def connected(options, values, stream):
    """DropConnect by minidrop."""
    x, w, b, p = (values[name] for name in ("x", "w", "b", "p"))
    if values["training"]:
        mask = md.dropconnect_mask(stream, len(x), w.shape, p, options.get("per", "example"))
        return md.dropconnect(x, w, b, mask)
    mean, variance = md.dropconnect_moments(x, w, b, p)
    if options["inference"] == "mean":
        return mean
    return mean + np.sqrt(variance) * md.gaussian(stream, mean.shape)


def endless(x):
    """x with an infinite entry."""
    x = x.copy()
    x.flat[1] = np.inf
    return x


@functools.cache
def settings(technique):
    """What a technique is tried with: a list of values."""
    x = {"dropout": ramp(2, 3, 2, 2), "gaussian": ramp(2, 3, 2), "alpha": ramp(2, 3, 2, 2),
         "spatial": ramp(2, 3, 2, 3), "dropblock": ramp(2, 2, 3, 5),
         "stochastic_depth": ramp(3, 2, 2), "cutout": ramp(2, 2, 3, 5), "mixup": ramp(3, 2),
         "cutmix": ramp(2, 2, 3, 5), "dropconnect": ramp(2, 3)}.get(technique)
    if technique in UNITS:
        ends = (0.0,) if technique in ("gaussian", "dropblock") else (0.0, 1.0)
        block = {"block": 2} if technique == "dropblock" else {}
        rates = [{"x": x, "p": p, "training": True, **block} for p in (0.3, *ends)]
        one = {"x": x[:1], "p": 0.3, "training": True, **block}
        rest = [{"x": v, "p": 0.0, "training": True} for v in (
            x * 30, endless(x), ramp(50, 10, 2, 2))] if technique == "dropout" else []
        return [*rates, one, {"x": x, "p": 0.3, "training": False, **block}, *rest]
    if technique == "cutout":
        return [{"x": x, "length": length} for length in (2, 3)]
    if technique in ("mixup", "cutmix"):
        y = np.eye(len(x), dtype="float32")
        wide = [{"x": ramp(2, 1, 3, 9), "y": y, "alpha": 0.7}] if technique == "cutmix" else []
        return [*({"x": x, "y": y, "alpha": alpha} for alpha in (0.4, 0.0)), *wide]
    if technique == "dropconnect":
        return [{"x": x, "w": ramp(2, 3)[:, ::-1].copy(), "b": ramp(2), "p": 0.3,
                 "training": training} for training in (True, False)]
    equal = np.ones((3, 4), "float32")
    equal[:2] = [[1, 1, 1, 1], [3, 0, 0, 0]]      # the longer has the smaller sum
    turned = np.random.default_rng(0).normal(size=(4, 3, 2)).astype("float32")
    return [{"w": w, "gamma": 0.5, "alpha": 0.3, "unit": unit}
            for w in (turned, equal) for unit in (False, True)]


def flat(outputs):
    """One vector of all outputs."""
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    return np.concatenate([np.asarray(part, float).reshape(-1) for part in parts])


def moments(draws):
    """Features of consecutive outputs (draws, n), whose means are compared."""
    first, second = np.triu_indices(draws.shape[1])
    total, count = draws.sum(1, keepdims=True), (draws != 0).sum(1, keepdims=True)
    return np.concatenate([
        draws[:-1], draws[:-1, first] * draws[:-1, second], draws[:-1] * draws[1:],
        total[:-1] ** 2, count[:-1] ** 2, draws[:-1] ** 4], axis=1)


def apart(found, due):
    """By how many standard errors the means of features differ, at most."""
    gap = np.abs(found.mean(0) - due.mean(0))
    error = np.sqrt((found.var(0) + due.var(0)) / len(found))
    seen = gap > 1e-4 * (1 + np.abs(due.mean(0)))
    return float(np.max(np.where(seen, gap / np.maximum(error, 1e-9), 0)))


def difference(entry):
    """What is wrong with an implementation that draws; None for nothing."""
    for index, values in enumerate(settings(entry.technique)):
        names = [] if isinstance(entry.impl, type) else \
            inspect.signature(entry.impl).parameters
        if not values.get("training", True) and {"mask", "noise"} & {*names}:
            continue
        reason = noise(entry, index) or repeats(entry, values) or slope(entry, values)
        if reason:
            return f"{reason}, at {({k: v for k, v in values.items() if np.isscalar(v)})}"
    return None


@functools.cache
def due(technique, options, index):
    """(outputs, features) of minidrop: of as many calls as are made."""
    values, stream = settings(technique)[index], md.Stream(2)
    draws = 10 if settled(technique, values) else DRAWS[technique]
    outputs = [reference(technique, dict(options), values, stream) for _ in range(draws)]
    return outputs, moments(np.stack([flat(y) for y in outputs])) if draws > 10 else None


def settled(technique, values):
    """Whether nothing is left to chance."""
    return technique in UNITS and (values["p"] in (0.0, 1.0) or not values["training"])


def noise(entry, index):
    """What is wrong with the law, the form or the equation at some values; None for nothing."""
    rng, values = np.random.default_rng(1), settings(entry.technique)[index]
    np.random.seed(3)                                                         # noqa: NPY002
    random.seed(4)
    untouched = {name: value.copy() for name, value in values.items() if hasattr(value, "copy")}
    others, features = due(entry.technique, tuple(sorted(entry.options.items())), index)
    found = []
    for other in others:
        outputs = call(entry.impl, values, rng)
        if entry.technique in UNITS and isinstance(outputs, tuple):
            outputs = outputs[0]                  # and the mask beside it
        found.append(outputs)
        if any((values[name] != before).any() for name, before in untouched.items()):
            for name, before in untouched.items():
                values[name][...] = before
            return "overwrites its input"
        reason = form(outputs, other) or equation(entry, values, outputs)
        if reason:
            return reason
        if features is None and not np.allclose(outputs, other, rtol=1e-5):
            return "other values than are due"
    if features is None:
        return None
    found = np.stack([flat(y) for y in found])
    if entry.technique == "gaussian" and steps(found, np.stack(others), values["x"]) > 0.02:
        return "another distribution"
    gap = apart(moments(found), features)
    return f"{gap:.1f} standard errors apart" if gap > ERRORS else None


def steps(found, due, x):
    """The largest distance of two distribution functions of factors."""
    factors = [np.sort((v.reshape(-1, x.size) / x.reshape(-1)).reshape(-1)) for v in (found, due)]
    places = np.concatenate(factors)
    first, second = (np.searchsorted(f, places, side="right") / f.size for f in factors)
    return np.abs(first - second).max()


def equation(entry, values, y):
    """What is wrong with the values for the mask that they show."""
    if entry.technique not in ("dropout", "spatial", "stochastic_depth", "dropblock") \
            or not values["training"]:
        return None
    x, p = values["x"], values["p"]
    mask, scaled = y != 0, entry.options.get("scaling") != "paper"
    due = md.dropblock(x, mask[:, :1] if entry.options.get("shared") else mask) \
        if entry.technique == "dropblock" else md.dropout(x, mask, p if scaled else 0.0)
    return None if np.allclose(y, due, rtol=1e-5) else "other values than the equation gives"


def form(found, due):
    """What is wrong with type, shape and dtype."""
    parts, others = (v if isinstance(v, tuple) else (v,) for v in (found, due))
    for part, other in zip(parts, others, strict=False):
        if not isinstance(part, np.ndarray) or len(parts) != len(others):
            return f"gives {type(found).__name__}"
        if part.shape != other.shape or part.dtype != other.dtype:
            return f"gives {part.dtype} {part.shape}, not {other.dtype} {other.shape}"
        if np.isnan(part).any():
            return "gives nan"
    return None


def repeats(entry, values):
    """What is wrong where the same generator is given again."""
    if isinstance(entry.impl, type) or "rng" not in inspect.signature(entry.impl).parameters:
        return None
    both = [flat(call(entry.impl, values, np.random.default_rng(7))) for _ in range(2)]
    return None if (both[0] == both[1]).all() else "does not repeat"


def slope(entry, values):
    """What is wrong with a backward method: factors must be those of the forward pass."""
    if not hasattr(entry.impl, "backward"):
        return None
    x = values["x"].copy()
    x[..., 0] = 0
    kind, p, g = entry.impl, values["p"], ramp(*x.shape)
    made = kind(p, values["block"]) if "block" in values else kind(p)
    for _ in range(20):
        y = made.forward(x, values["training"])
        factor, seen = made.backward(g) / g, x != 0
        due = np.divide(y, x, out=np.zeros_like(y), where=seen)
        if entry.technique == "alpha" and values["training"]:
            a, b = affine(p) if p < 1 else (0.0, 0.0)
            due = np.where(np.abs(y - (a * LOWEST + b)) < 1e-5, 0, a)
        if np.abs(factor - due)[seen].max(initial=0) > 1e-4:
            return "its gradient is not that of its mask"
        due = np.append(due[seen], [0])
        if entry.technique not in ("gaussian", "stochastic_depth") and factor[~seen].size:
            gap = np.abs(factor[~seen][:, None] - due).min(1)
            if gap.max() > 1e-4 and len(np.unique(due)) > 1:
                return "its gradient is not that of its mask where the input is 0"
    return None
