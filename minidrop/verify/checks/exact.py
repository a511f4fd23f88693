"""The checks of a Bernoulli layer that need no counting: what comes out for each single mask."""

import contextlib
import itertools

import numpy as np

from ..box import Trouble, Unseen
from ..roles import SOURCES
from ..technique import call, fails, held, shown
from .reading import close, distinct, end, ramp, right_values, shapes, small, ways


def evaluation(law, box):
    """In evaluation the factor is as stated and nothing is random, whatever was trained before."""
    large = distinct(box.random, _largest(law, box)), box.choices("p", 0.5)[0]
    for x, p in (*small(law, box), large):
        due = law.evaluated(x, p, box.options)
        for before in (None, box.train, None):
            if before is not None:
                before(x, p=p)
            y = box.evaluate(x, p=p).y
            if not close(y, due).all():
                return fails(call(x, p=p), *_first_odd(y, due))
    return held(_tried(law, box))


def rate_0(law, box):
    """p = 0 changes nothing."""
    for shape in (*shapes(law, box), _largest(law, box)):
        x, p = ramp(shape), end(box, 0.0)
        y = box.train(x, p=p).y
        if not close(y, x).all():
            return fails(call(x, p=p), *_first_odd(y, x))
    return held(_tried(law, box))


def rarest_draw(law, box):
    """p = 0 changes nothing, for the rarest of draws too."""
    x, p = ramp(shapes(law, box)[-1]), end(box, 0.0)
    with box.starved():
        y = box.train(x, p=p).y
    if not close(y, x).all():
        return fails(f"{call(x, p=p)}, every random number 0",
                     f"{int((y != x).sum())} of {x.size} entries dropped",
                     "none dropped, also where u = 0, once in about 2**24 or 2**53 draws")
    return held("every random number 0")


def rate_1(law, box):
    """p = 1 keeps nothing."""
    for shape in (*shapes(law, box), _largest(law, box)):
        x, p = ramp(shape), end(box, 1.0)
        due = law.dropped(x, p, box.options) + 0 * x
        try:
            y = box.train(x, p=p).y
        except Trouble as trouble:
            if trouble.refusal:
                raise Unseen(f"p = 1 is refused ({trouble.found})") from None
            raise
        if not close(y, due).all():
            return fails(call(x, p=p), *_first_odd(y, due))
    return held(_tried(law, box))


def values(law, box):
    """An entry comes out as if kept, or as if dropped."""
    for x, p in small(law, box):
        kept, dropped, _ = ways(law, box, x, p)
        for _ in range(4):
            y = box.train(x, p=p).y
            if not (close(y, kept) | close(y, dropped)).all():
                return fails(call(x, p=p), shown(y),
                             f"of {shown(kept)} if kept, of {shown(dropped)} if dropped")
    return held(f"{_tried(law, box)}, 4 calls each")


def gradient(law, box):
    """The gradient is that of the same mask, however often it is asked for."""
    for x, p in small(law, box):
        x.flat[-1] = 0.0 if x.size > 2 else x.flat[-1]       # of a zero the output tells nothing
        g = np.flip(ramp(x.shape)) / 2
        for _ in range(4):
            answer = box.train(x, p=p, gradient=True)
            found = answer.gradient(g)
            kept, dropped, slope = ways(law, box, x, p)
            lives, dies = close(answer.y, kept), close(answer.y, dropped)
            right = lives & close(found, g * slope) | dies & close(found, 0 * g)
            right |= ~lives & ~dies                          # another check is about those
            seen = f"{call(x, p=p)}, y = {shown(answer.y)}, g = {shown(g)}"
            if not right.all():
                return fails(seen, shown(found), shown(np.where(lives, g * slope, 0)))
            try:
                again = answer.gradient(g)
            except Trouble:                                  # a tape may be used up
                continue
            if not close(again, found).all():
                return fails(f"{seen}, asked for again", shown(again), shown(found))
    return held(f"{_tried(law, box)}, 4 calls each")


def gradient_at_the_ends(law, box):
    """At p = 0 the gradient goes through as it is, at p = 1 it is 0."""
    x, tried = ramp(shapes(law, box)[-2]), []
    for p in [p for p in box.choices("p", 0.0, 1.0) if p in (0, 1)] or [end(box, 0.0)]:
        g = np.flip(ramp(x.shape)) / 2
        try:
            found = box.train(x, p=p, gradient=True).gradient(g)
        except Trouble as trouble:
            if p == 1 and trouble.refusal:
                continue
            raise
        if not close(found, g * (1 - p)).all():
            return fails(f"{call(x, p=p)}, g = {shown(g)}", shown(found), shown(g * (1 - p)))
        tried.append(f"p = {p:g}")
    return held(", ".join(tried))


def every_mask(law, box):
    """With the mask handed over, the output and the gradient are exactly those of that mask."""
    if not box.takes_noise:
        raise Unseen("it takes no mask")
    for shape in law.given(box.options) if callable(law.given) else law.given:
        x, g = ramp(shape), np.flip(ramp(shape)) / 2
        units = law.units(shape, box.options)
        for p in box.choices("p", 0.5, 0.2):
            kept, dropped, slope = ways(law, box, x, p)
            for bits in itertools.product((False, True), repeat=int(np.prod(units))):
                mask = np.array(bits).reshape(units)
                for _ in range(2):
                    answer = box.apply(x, noise=_as_noise(box, mask, dropped, slope), p=p,
                                       gradient=True)
                    found, due = [answer.y], [np.where(mask, kept, dropped)]
                    with contextlib.suppress(Unseen):
                        found.append(answer.gradient(g))
                        due.append(mask * g * slope)
                    for one, other, seen in zip(
                            found, due, ("", f", gradient for g = {shown(g)}"), strict=False):
                        if one.shape != other.shape or not close(one, other).all():
                            return fails(f"{call(x, p=p)}, mask = {shown(mask)}{seen}", shown(one),
                                         shown(other))
    return held(f"all {2 ** len(bits)} masks of {len(bits)} units, twice each")


def same_seed(law, box):
    """The same seed gives the same mask."""
    (shape, _), p = law.counting(box.options)[0], box.choices("p", 0.5)[0]
    x, outputs = ramp(shape), []
    for seed in (5, 5):
        box.restart(seed)
        outputs.append(np.stack([box.train(x, p=p).y for _ in range(8)]))
    if not np.array_equal(outputs[0], outputs[1], equal_nan=True) and box.seeded():
        return fails(f"8 calls on {shape}, p = {p:g}, seeded twice alike", "other masks",
                     "the same masks")
    return held(f"8 calls on {shape}, seeded twice alike")


def own_source(law, box):
    """What is drawn comes from the generator, key or seed that is handed over."""
    if not any(box.takes(role) for role in SOURCES):
        raise Unseen("it is handed no source of noise")
    (shape, _), p = law.counting(box.options)[0], box.choices("p", 0.5)[0]
    x, outputs = ramp(shape), []
    for state in (5, 6):
        box.restart(5)
        box.adapter.reseed(state)                 # of the framework's own noise
        outputs.append(np.stack([box.train(x, p=p).y for _ in range(20)]))
    box.restart(5)
    if not np.array_equal(outputs[0], outputs[1], equal_nan=True):
        return fails(f"20 calls on {shape}, p = {p:g}, from the same source",
                     "other masks, where the framework's own noise is another", "the same masks")
    return held(f"20 calls on {shape}, with other noise of the framework's own")


def infinite_input(law, box):
    """What is infinite or nan stays so where it is kept."""
    shape, p = shapes(law, box)[-1], box.choices("p", 0.5)[0]
    x, ways = ramp(shape), set()
    x.flat[:3] = np.inf, -np.inf, np.nan
    y = box.evaluate(x, p=p).y if box.has_evaluation() else x
    if not np.array_equal(np.isfinite(y), np.isfinite(x)):
        return fails(f"{call(x, p=p)}, in evaluation", shown(y.flat[:3]), shown(x.flat[:3]))
    right_values(box)
    dead = law.dropped(np.ones(3, np.float32), p, box.options)
    for _ in range(8):
        y = box.train(x, p=p).y.flat[:3]
        if not (~np.isfinite(y) | close(y, dead)).all():
            return fails(f"x = {shown(x.flat[:3])} and {x.size - 3} more, p = {p:g}", shown(y),
                         "inf or nan if kept; if dropped nan, or a dropped entry's value")
        ways |= {"nan" for one in y[:2] if np.isnan(one)}
        ways |= {"a dropped entry's value" for one in y[:2] if np.isfinite(one)}
    return held("a dropped inf comes out as " + (" or ".join(sorted(ways)) or "inf"))


def input_untouched(law, box):
    """The input is not written over."""
    for x, p in small(law, box):
        answer = box.train(x, p=p)
        if not np.array_equal(answer.inputs[0], x):
            return fails(call(x, p=p), f"afterwards x = {shown(answer.inputs[0])}", shown(x))
    return held(_tried(law, box))


def dtype(law, box):
    """The floating type stays what it is."""
    refused: list[str] = []
    for name in box.adapter.dtypes:
        x, p = ramp(shapes(law, box)[-1]).astype(name), box.choices("p", 0.5)[0]
        try:
            found = [box.train(x, p=p).y]
            with contextlib.suppress(Unseen):
                found.append(box.evaluate(x, p=p).y)
        except Trouble as trouble:
            if trouble.refusal and name != "float32":
                refused.append(f"{name} is refused ({trouble.found})")
                continue
            raise
        for one, mode in zip(found, ("", ", in evaluation"), strict=False):
            if one.dtype != name:
                return fails(f"x of {name}, p = {p:g}{mode}", str(one.dtype), name)
        if law.kept is None or box.failed & {"values", "line", "stretch"}:
            continue                              # no mask can be read, or values are wrong already
        kept, dropped, _ = ways(law, box, x, p)
        way = np.where(close(found[0], dropped), dropped, kept)
        if not close(found[0], way).all():
            return fails(f"x of {name}, p = {p:g}", *_first_odd(found[0], way))
    return held(", ".join(refused or box.adapter.dtypes))


def empty_batch(law, box):
    """A batch without examples comes out as it went in."""
    x, p = np.zeros((0, *shapes(law, box)[-1][1:]), np.float32), box.choices("p", 0.5)[0]
    try:
        box.train(x, p=p)                         # Trouble for another shape
    except Trouble as trouble:
        if trouble.due != "an array":
            raise
        raise Unseen(f"an empty batch is refused ({trouble.found})") from None
    return held(f"x of shape {x.shape}")


def memory_order(law, box):
    """The order in memory does not matter."""
    right_values(box)
    shape, p = shapes(law, box)[-1], box.choices("p", 0.5)[0]
    x = np.asfortranarray(ramp(shape))
    kept, dropped, _ = ways(law, box, x, p)
    y = box.train(x, p=p).y
    if not (close(y, kept) | close(y, dropped)).all():
        return fails(f"x of shape {shape}, first axis innermost, p = {p:g}", shown(y),
                     "every entry in its place, as if kept or as if dropped")
    return held(f"{shape}, first axis innermost")


def _as_noise(box, mask, dropped, slope):
    """The mask as it is handed over: without a rate beside it, it has to hold the scale."""
    if box.takes("p") or box.takes("keep"):
        return mask
    if dropped.any():
        raise Unseen("it takes no rate")
    return mask * np.float32(slope)


def _first_odd(found, due):
    """Both as shown: whole where they are small, else their first entries that differ."""
    if found.size <= 8:
        return shown(found), shown(due)
    at = tuple(map(int, np.argwhere(~close(found, due))[0]))
    return f"{found[at]:g} at {at}", f"{np.broadcast_to(due, found.shape)[at]:g}"


def _largest(law, box):
    return law.counting(box.options)[-1][0]


def _tried(law, box):
    tried = shapes(law, box)
    return f"{len(tried)} shapes up to {tried[-1]}"
