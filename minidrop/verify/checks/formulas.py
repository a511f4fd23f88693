"""The checks of techniques that draw nothing: what comes out is what the equation gives.

A `Formula` says what is due for given arrays and numbers, and on which inputs that is tried, from
the smallest up.  `agrees`, `gradient` and `manners` are then its checks.  What is due is computed
in float64; the gradient that is due comes from minidrop's tape.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from ...tape import Tensor, grad
from ..box import Unseen
from ..technique import fails, held, shown, states

RELATIVE = {"float32": 2e-5, "float64": 1e-9}     # of the largest number that is due
ABSOLUTE = {"float32": 1e-6, "float64": 1e-11}
UNSEEN_GRADIENT = "its output differs already, and with it the gradient"


class Formula(NamedTuple):
    """What is due, and the inputs that show it."""

    due: Callable                                 # (*arrays, options=, **numbers) -> array, or more
    cases: Callable                               # options -> ((arrays, numbers), ...)
    neutral: Mapping[str, float] = {}             # role: an array of it does nothing if left out


class Input(NamedTuple):
    """One input in one floating type: what is handed over, and what stands for what is not."""

    arrays: tuple
    numbers: dict
    known: dict                                   # the numbers by which the due ones are computed
    dtype: str
    text: str


def states_as(tags, name, claim):
    """A check of `tags` (a tuple, or a function of the options) with a name and a claim."""
    def named(run):
        def one(box):
            return run(box)

        one.__name__, one.__doc__ = name, claim
        return states(*((tags,) if callable(tags) else tags))(one)

    return named


def unless(box, *names, reason="the output differs already"):
    """Unseen where one of the checks `names` has failed."""
    if box.failed & set(names):
        raise Unseen(reason)


def inputs(formula, box, cases=None):
    """The Inputs of a formula, from the smallest up, each in every floating type."""
    for arrays, numbers in cases or formula.cases(box.options):
        for dtype in box.adapter.dtypes:
            yield made(formula, box, arrays, numbers, dtype)


def made(formula, box, arrays, numbers, dtype="float32"):
    """The Input of these arrays and numbers; Unseen where it takes no such number."""
    roles, passed = box.adapter.arrays, {}
    for role, value in numbers.items():
        if box.takes(role) or role == "p" and box.takes("keep"):
            passed[role] = value
        elif role not in box.options:
            raise Unseen(f"it takes no {role}")
    known = {role: passed.get(role, box.options.get(role)) for role in numbers}
    for role in roles[:len(arrays)]:
        if not box.takes(role) and role not in formula.neutral:
            raise Unseen(f"it takes no {role}")
    arrays = tuple(
        typed(array, dtype) if box.takes(role) else np.full_like(array, formula.neutral[role])
        for role, array in zip(roles, arrays, strict=False))
    text = [f"{role} = {shown(array)}" for role, array in zip(roles, arrays, strict=False)
            if box.takes(role)]
    text += [f"{role} = {value:g}" if isinstance(value, float) else f"{role} = {value}"
             for role, value in passed.items()]
    return Input(arrays, passed, known, dtype, ", ".join(text))


def typed(array, dtype):
    """The array in a floating type; labels and masks stay what they are."""
    array = np.asarray(array)
    return array.astype(dtype) if array.dtype.kind == "f" else array


def due_for(formula, box, x):
    """The arrays that are due for an Input, in float64."""
    wide = (typed(array, "float64") for array in x.arrays)
    found = formula.due(*wide, options=box.options, **x.known)
    return [np.asarray(one) for one in (found if isinstance(found, tuple) else (found,))]


def differs(found, due, dtype, relative=0.0):
    """(the number found, the number due) where they are not the same; else None."""
    found, due = np.asarray(found), np.asarray(due)
    if found.shape != due.shape and not found.size == due.size == 1:
        return f"an array of the shape {found.shape}", f"the shape {due.shape}"
    kind = dtype if str(found.dtype) == dtype else "float32"
    finite = np.abs(due[np.isfinite(due)])
    size = finite.max() if finite.size else 0.0
    margin = ABSOLUTE[kind] + max(RELATIVE[kind], relative) * size
    found = found.reshape(due.shape)
    close = np.isclose(np.asarray(found, "float64"), due, rtol=0, atol=margin, equal_nan=True)
    if close.all():
        return None
    if due.size <= 8:
        return shown(found), shown(due)
    at = tuple(int(i) for i in np.argwhere(~close)[0])
    place = f"[{', '.join(map(str, at))}] = " if at else ""
    return f"{place}{found[at]:.7g}", f"{place}{due[at]:.7g}"


def agrees(formula, tags, claim, name="output", after=(), output=0, training=True, cases=None,
           relative=0.0):
    """A check: the output number `output` is what the formula gives, on every input.

    It is unseen where one of the checks `after` has failed.  `cases` are others than the formula's,
    a function of the options; `relative` is a tolerance beyond that of the floating type.
    """
    @states_as(tags, name, claim)
    def check(box):
        unless(box, *after)
        x: Any = None
        for x in inputs(formula, box, cases and cases(box.options)):
            run = box.train if training else box.evaluate
            outputs = run(*x.arrays, like=None, **x.numbers).outputs
            if len(outputs) <= output:
                raise Unseen(f"it gives {len(outputs)} arrays")
            due = due_for(formula, box, x)[output]
            if wrong := differs(outputs[output], due, x.dtype, relative):
                return fails(x.text, *wrong)
        return held(f"up to {x.text}")

    return check


def gradient(formula, tags, claim, name, which, after=("output",), cases=None):
    """A check: the framework's gradients in the arrays number `which` are the equation's own."""
    @states_as(tags, name, claim)
    def check(box):
        unless(box, *after, reason=UNSEEN_GRADIENT)
        x: Any = None
        seen = set()
        for x in inputs(formula, box, cases and cases(box.options)):
            answer = box.train(*x.arrays, like=None, gradient=True, **x.numbers)
            y, due = _gradients(formula, box, x)
            found = answer.gradient(y)
            found = found if isinstance(found, tuple | list) else [found]
            for i, role in enumerate(box.adapter.arrays):
                if i not in which or not box.takes(role) or i >= len(found):
                    continue
                seen.add(role)
                if wrong := differs(found[i], due[i], "float32"):
                    return fails(f"{x.text}, g = {shown(y)}, the gradient in {role}", *wrong)
        if not seen:
            raise Unseen("it gives no such gradient")
        return held(f"in {' and '.join(sorted(seen))}, up to {x.text}")

    return check


def _gradients(formula, box, x):
    """A cotangent of the output, and the gradients that are due, by minidrop's tape."""
    wide = [typed(array, "float64") for array in x.arrays]
    tensors = [Tensor(a, requires_grad=True) if a.dtype.kind == "f" else a for a in wide]
    y = formula.due(*tensors, options=box.options, **x.known)
    y = y[0] if isinstance(y, tuple) else y
    g = (numbered(y.shape)[..., ::-1] if y.shape else np.ones(())).astype(x.dtype) / 4 - 1
    found = iter(grad(y, [one for one in tensors if isinstance(one, Tensor)],
                      g=Tensor(np.asarray(g, "float64"))))
    return g, [next(found) if isinstance(one, Tensor) else one for one in tensors]


def numbered(shape, start=1):
    """1, 3, 6, 10, 15, 21, 5, ...: small whole numbers, of which no two neighbours are alike."""
    k = np.arange(start, start + np.prod(shape, dtype=int))
    return (k * (k + 1) // 2 % 23).astype(float).reshape(shape)


def weights(options=None):
    """Weights from the smallest up, as cases: with a zero, and no two neighbours of one size."""
    for w in ([-3.0], [3.0, -4.0], [[3.0, -4.0, 0.0], [0.5, 1.0, -0.25]]):
        yield (np.array(w),), {}
    yield (np.arange(-7.0, 17.0).reshape(2, 3, 2, 2) / 4,), {}


def manners(formula, dtype=True, overwrites=()):
    """Checks of no equation: the same twice, the input untouched, the floating type kept.

    `overwrites` are the roles of arrays that are there to be written over.
    """
    @states_as((), "twice alike", "The same input gives the same output twice")
    def twice(box):
        x: Any = None
        for x in inputs(formula, box):
            first, second = (box.train(*x.arrays, like=None, **x.numbers) for _ in range(2))
            if not np.array_equal(first.y, second.y, equal_nan=True):
                return fails(x.text, shown(second.y), shown(first.y))
        return held(f"up to {x.text}")

    @states_as((), "input untouched", "The input is not written over")
    def untouched(box):
        for x in inputs(formula, box):
            after = box.train(*x.arrays, like=None, **x.numbers).inputs
            for role, before, now in zip(box.adapter.arrays, x.arrays, after, strict=False):
                if role not in overwrites and not np.array_equal(before, now, equal_nan=True):
                    return fails(x.text, f"afterwards {role} = {shown(now)}", shown(before))
        return held(f"up to {x.text}")

    @states_as((), "dtype", "The floating type stays what it is")
    def type_(box):
        for x in inputs(formula, box):
            found = box.train(*x.arrays, like=None, **x.numbers).y.dtype
            if found != x.dtype:
                return fails(f"x of {x.dtype}", str(found), x.dtype)
        return held(", ".join(box.adapter.dtypes))

    return (twice, untouched, type_) if dtype else (twice, untouched)
