"""Arrays drawn in a terminal: what is expected and what came, side by side.

An array of 0 and 1 is drawn as blocks, another one as a table of numbers.  Of more than two axes
the first slice that differs is drawn, and of a large one the part around the first difference; the
title says which part it is, as NumPy writes it: expected[1, 0, :, 4:16].  An entry that differs is
marked by a sign, and by a colour where there are any.
"""

from typing import Any, NamedTuple

import numpy as np
from rich.text import Text

from .judges import difference
from .values import Function, Rng

ROWS, WIDE, WIDEST = 10, 44, 88                   # of one panel; a single row may be wider
GAP = 4


class Signs(NamedTuple):
    """How 1, 0 and an entry that differs are drawn."""

    one: str = "██"
    zero: str = "· "
    differs: str = "≠"


ASCII = Signs("##", ". ", "!")


class Panel(NamedTuple):
    """A title and lines below it."""

    title: str
    lines: list


def signs(encoding):
    """The signs that an encoding has."""
    try:
        "".join(Signs()).encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return Signs()


def pictures(failure, signs=Signs(), names=("expected", "got")):  # noqa: B008
    """(panels, panels) of a Failure: its arguments that are arrays; what is expected, what came."""
    due, got, path = _first_that_differs(failure)
    if isinstance(due, tuple | list):             # of several results, and not so many came
        several = _arrays({names[0] + path: due, names[1] + path: got}, least=0)
        given, drawn = ([_panel(name, one, _part([[one]]), signs) for name, one in values]
                        for values in (_arrays(failure.arguments), several))
        return given, drawn
    results = {name + path: _numbers(one) for name, one in zip(names, (due, got), strict=True)}
    panels = [Panel(name + path, [Text(repr(got)[:WIDE])]) for name in names[1:]
              if failure.kind == "wrong" and _numbers(got) is None]
    results = {name: one for name, one in results.items() if one is not None}
    if failure.kind == "law":                     # a mask of one value is a mask as well
        results = {name: one.astype(bool) if np.isin(one, (0, 1)).all() else one
                   for name, one in results.items()}
    arguments = dict(_arrays(failure.arguments))
    shapes = {one.shape for one in results.values()}
    if len(shapes) > 1:
        drawn = [_panel(name, one, _part([[one]]), signs, f" of shape {one.shape}")
                 for name, one in results.items()]
        return [_panel(name, one, _part([[one]]), signs) for name, one in arguments.items()], drawn
    together, wrong = [*results.values()], None
    if len(together) == 2:
        due, got = (one.astype(float) for one in together)
        relative, absolute = failure.tolerance
        wrong = ~np.isclose(got, due, relative, absolute, equal_nan=True)
    alike = [[one] for one in arguments.values() if one.shape in shapes]
    part = _part([together, *alike], wrong) if together else ()
    drawn = [_panel(name, one, part, signs, "", together, wrong, marked=i > 0)
             for i, (name, one) in enumerate(results.items())]
    given = [_panel(name, one, part if one.shape in shapes else _part([[one]], near=part), signs)
             for name, one in arguments.items()]
    return given, drawn + panels


def _panel(name, value, part, signs, remark="", beside=None, wrong=None, marked=False):
    """A Panel of the part of an array; `beside` are those that are drawn with the same digits."""
    if not value.size:
        return Panel(name, [Text(f"empty, shape {value.shape}")])
    beside = beside or [value]
    flat = np.atleast_2d(value[part])
    marks = np.atleast_2d(wrong[part]) if marked and wrong is not None else np.zeros(flat.shape)
    blocks = _binary(beside)
    texts = [[signs.one if one else signs.zero for one in row] for row in flat] if blocks \
        else _texts(flat, [one[part] for one in beside], _digits(beside, wrong))
    lines = []
    for row, marked_row in zip(texts, marks, strict=True):
        line = Text()
        for text, mark in zip(row, marked_row, strict=True):
            if blocks:
                text = text[0] + signs.differs if mark else text
            else:
                text += signs.differs if mark else " "
            line.append(text, "bold red" if mark else "").append("" if blocks else " ")
        line.rstrip()
        lines.append(line)
    return Panel(name + _index(part, value.shape) + remark, lines)


def _texts(rows, beside, digits):
    """Numbers as texts of one width, with their points below each other, as wide as `beside`."""
    parts = [_number(one, digits).partition(".") for other in beside for one in np.ravel(other)]
    whole = max(len(before) for before, _, _ in parts)
    rest = max(len(point + after) for _, point, after in parts)

    def aligned(one):
        before, point, after = _number(one, digits).partition(".")
        return f"{before:>{whole}}{point + after:{rest}}"
    return [[aligned(one) for one in row] for row in rows]


def _number(one, digits):
    """A number as text.

    >>> [_number(one, 4) for one in (True, 1024.0, 0.333333, -0.0, 1e-9)]
    ['1', '1024', '0.3333', '0', '1e-09']
    """
    one = float(one) + 0.0                        # without a sign of zero
    return f"{one:.0f}" if one.is_integer() and abs(one) < 1e6 else f"{one:.{digits}g}"


def _digits(arrays, wrong):
    """The fewest digits, from 4 on, with which all that differs looks different."""
    if wrong is None:
        return 4
    pairs = [*zip(*(array[wrong].tolist()[:99] for array in arrays), strict=True)]
    return next((digits for digits in (4, 6, 8, 10, 13)
                 if all(_number(one, digits) != _number(other, digits) for one, other in pairs)),
                17)


def _part(groups, wrong=None, near=()):
    """The part of arrays of one shape to draw: an index of whole numbers, then slices.

    Those in a group are drawn with the same digits; an entry that is `wrong` is in the part.
    Without one it is the part at the same place as `near`, that of other arrays, if there is such.
    """
    shape, first = groups[0][0].shape, groups[0]
    if not np.prod(shape):
        return ()
    at, last = np.zeros(len(shape), int), min(len(shape), 2)
    if wrong is not None and wrong.any():
        at = np.argwhere(wrong)[0]
    elif len(near) == len(shape):
        at[:-2] = np.minimum(near[:-2], np.array(shape[:-2]) - 1)
    index: tuple[Any, ...] = tuple(map(int, at[:len(shape) - last]))
    if not last:
        return index
    digits, cell = _digits(first, wrong), 2
    for group in groups:
        if not _binary(group):
            numbers = [one for array in group for one in np.ravel(array[index])[:400]]
            texts = _texts([numbers[:1]], [numbers], digits if group is first else 4)
            cell = max(cell, 2 + len(texts[0][0]))
    room = [ROWS, WIDE // cell] if last == 2 else [WIDEST // cell]
    for length, most, place in zip(shape[-last:], room, at[len(shape) - last:], strict=True):
        start = max(0, min(int(place) - most // 2, length - most))
        index += (slice(start, min(length, start + max(1, most))),)
    return index


def _index(part, shape):
    """A part as NumPy writes it; nothing where it is all.

    >>> _index((1, slice(0, 3), slice(2, 4)), (2, 3, 9))
    '[1, :, 2:4]'
    """
    texts = [str(one) if isinstance(one, int) else ":" if one == slice(0, length)
             else f"{one.start}:{one.stop}" for one, length in zip(part, shape, strict=True)]
    return "" if all(text == ":" for text in texts) else f"[{', '.join(texts)}]"


def _binary(arrays):
    """Are these arrays of 0 and 1 alone, and no mere numbers, nor integers, which are indices?"""
    return all(np.isin(array, (0, 1)).all() for array in arrays) and (
        any(array.dtype == bool for array in arrays)
        or arrays[0].dtype.kind == "f" and len(np.unique(arrays[0])) == 2)


def _numbers(value):
    """A value as an array of numbers; None where it is none."""
    if value is None or isinstance(value, str | dict):
        return None
    try:
        array = np.asarray(value)
    except ValueError:                            # lists of several lengths
        return None
    return array if array.dtype.kind in "biuf" else None


def _first_that_differs(failure):
    """(due, got, path) of the first results that differ, within tuples: path is as [1]."""
    due, got, path = failure.due, failure.got, ""
    while isinstance(due, tuple | list):
        got = list(got) if isinstance(got, np.ndarray) and got.ndim else got
        if not isinstance(got, tuple | list) or len(got) != len(due):
            break
        differing = [i for i, (one, other) in enumerate(zip(due, got, strict=True))
                     if difference(other, one, *failure.tolerance)]
        if not differing:
            break
        path += f"[{differing[0]}]"
        due, got = due[differing[0]], got[differing[0]]
    return due, got, path


def _arrays(values, least=1):
    """(name, array) of all arrays among named values, and within their tuples and dicts.

    With `least` 0 numbers are arrays as well.
    """
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _arrays({f"{name}[{key!r}]": one for key, one in value.items()}, least)
        elif isinstance(value, tuple | list) and not isinstance(value, Rng | Function):
            yield from _arrays({f"{name}[{i}]": one for i, one in enumerate(value)}, least)
        elif (isinstance(value, np.ndarray) or not least) and _numbers(value) is not None \
                and np.ndim(value) >= least:
            yield name, np.asarray(value)


def beside(panels, width):
    """Lines with panels side by side, as many as fit a width, then the next below."""
    rows: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(_width(one) + GAP for one in rows[-1]) + _width(panel) > width and rows[-1]:
            rows.append([])
        rows[-1].append(panel)
    return [line for i, row in enumerate(rows) for line in [*[Text()] * (i > 0), *_row(row)]]


def _row(panels):
    for i in range(-1, max(len(panel.lines) for panel in panels)):
        line = Text()
        for panel in panels:
            text = Text(panel.title, "dim") if i < 0 else (
                panel.lines[i].copy() if i < len(panel.lines) else Text())
            text.pad_right(_width(panel) + GAP - text.cell_len)
            line.append_text(text)
        line.rstrip()
        yield line


def _width(panel):
    return max(len(panel.title), *(line.cell_len for line in panel.lines))
