"""Where the boxes and arrows of a computation graph lie: from top to bottom, in columns.

What depends on nothing but the same input stands side by side, so that the branch of a residual sum
is a column and its skip another one to the right.  All lengths are in inches, and y points down.

Until it is placed, a part is known by its `height` and by its extents `left` and `right` of the
axis that the arrows follow.
"""

import itertools
import math
from types import SimpleNamespace
from typing import Any, NamedTuple

from .graph import Group, total

BOX, PLACE, SUM = (2.05, 0.24), (1.0, 0.19), (0.24, 0.24)     # width and height
GAP = 0.17                  # between boxes, room for an arrow
NAME = 0.8                  # room at the left of a box for its name
TITLE = 0.24                # room at the top of a panel for its title
PAD = 0.1                   # room within a panel
COLUMN = 0.3                # between two columns
DEEPEST = 2                 # groups at this depth and above are panels


class Plan(NamedTuple):
    """Where everything is: boxes by the number of their node, and panels around them."""

    width: float
    height: float
    boxes: dict[int, Any]
    panels: list[Any]


def planned(root, nodes):
    """The `Plan` for the tree of a graph."""
    columns = _columns([_laid_out(item, nodes, 1) for item in root.items])
    plan = Plan(sum(c.left + c.right + COLUMN for c in columns),
                max(c.height for c in columns), {}, [])
    edge = 0.0
    for column in columns:
        axis = edge + COLUMN / 2 + column.left
        _place(column, axis, 0.0, SimpleNamespace(edge=edge, axis=axis, rows=(), top=None), plan)
        edge = axis + column.right + COLUMN / 2
    return plan


def _laid_out(item, nodes, depth):
    """A box of known size for a node or a group, its parts not yet placed."""
    if not isinstance(item, Group):
        width, height = _size(nodes[item])
        return SimpleNamespace(kind="node", left=width / 2 + NAME, right=width / 2, height=height,
                               number=item)
    box = _stack([_row([_laid_out(part, nodes, depth + 1) for part in row])
                  for row in _layers(item, nodes)])
    if depth > DEEPEST:
        return box
    first, *others = item.copies
    size = f"{total([nodes[i] for i in item.members]):,}"
    return SimpleNamespace(
        kind="panel", part=box, depth=depth, copies=len(item.copies),
        left=box.left + PAD, right=box.right + PAD, height=box.height + TITLE + PAD,
        title=f"{first} … {others[-1]}" if others else first,
        note="" if size == "0" else f"{len(item.copies)} × {size}" if others else size)


def _size(node):
    return SUM if node.place == "stochastic depth" else PLACE if node.place else BOX


def _layers(group, nodes):
    """The items of a group in rows: each stands one row below the last that it takes from."""
    numbers = [set(item.members) if isinstance(item, Group) else {item} for item in group.items]
    rows: list[int] = []
    for own in numbers:
        needed = {j for i in own for j in nodes[i].inputs}
        rows.append(max((row + 1 for row, other in zip(rows, numbers, strict=False)
                         if other & needed), default=0))
    return [[item for item, row in zip(group.items, rows, strict=True) if row == k]
            for k in range(max(rows) + 1)]


def _row(parts):
    """Parts side by side; the axis is that of the first."""
    if len(parts) == 1:
        return parts[0]
    right = sum(part.left + part.right for part in parts) - parts[0].left
    return SimpleNamespace(kind="row", parts=parts, left=parts[0].left, right=right,
                           height=max(part.height for part in parts) + GAP)


def _stack(parts):
    """Parts one below the other, their axes in line."""
    return SimpleNamespace(
        kind="stack", parts=parts, left=max(p.left for p in parts),
        right=max(p.right for p in parts), height=sum(p.height + GAP for p in parts) - GAP)


def _columns(parts):
    """The parts of a network in columns, as a text is broken into them."""
    def broken(limit):
        columns: list[list] = [[]]
        for part in parts:
            if columns[-1] and sum(p.height + GAP for p in columns[-1]) + part.height > limit:
                columns.append([])
            columns[-1].append(part)
        return [_stack(column) for column in columns]

    def flaws(columns):
        """How far from the proportions of a page, and twice the share of it that stays empty."""
        width, heights = sum(c.left + c.right for c in columns), [c.height for c in columns]
        return (abs(math.log(width / max(heights) / 1.5))
                + 2 - 2 * sum(heights) / len(heights) / max(heights))

    limits = {sum(p.height + GAP for p in parts[i:j]) for i, j in itertools.combinations(
        range(len(parts) + 1), 2)}
    return min((broken(limit) for limit in limits), key=flaws)


def _place(box, x, y, around, plan):
    """Put a box with its axis at x and its top at y, and note in the plan where its nodes are.

    `around` says what a node lies in: its column (`edge`, `axis`), `top` and `bottom` of its part
    of the network, and the `rows` of several parts, the outermost first, as (row, top).
    """
    if around.top is None and box.kind != "stack":
        around = SimpleNamespace(**vars(around) | {"top": y, "bottom": y + box.height})
    if box.kind == "node":
        plan.boxes[box.number] = SimpleNamespace(
            x=x, top=y, bottom=y + box.height, left=x - box.right, right=x + box.right,
            around=around)
    elif box.kind == "panel":
        plan.panels.append(SimpleNamespace(
            left=x - box.left, right=x + box.right, top=y, bottom=y + box.height, of=box))
        _place(box.part, x, y + TITLE, around, plan)
    elif box.kind == "row":
        within = SimpleNamespace(**vars(around) | {"rows": (*around.rows, (id(box), y))})
        for part, following in itertools.zip_longest(box.parts, box.parts[1:]):
            _place(part, x, y + GAP + (box.height - GAP - part.height) / 2, within, plan)
            x += part.right + (following.left if following else 0)
    else:
        for part in box.parts:
            _place(part, x, y, around, plan)
            y += part.height + GAP


def route(start, end, boxes):
    """The corners of the line from one box to another, among all boxes."""
    corners = [(start.x, start.bottom)]
    column, middle = end.around, (end.top + end.bottom) / 2
    if start.around.edge != column.edge:          # to the top of another column
        high, low = column.top - 0.6 * GAP, start.around.bottom + 0.6 * GAP
        corners += [(start.x, low), (column.edge, low), (column.edge, high), (column.axis, high)]
    x, y = corners[-1]
    if end.x > x:                                 # down and to the right, over the row it is in
        turn = next(top for row in column.rows if row not in start.around.rows for top in row[1:])
        return [*corners, (x, turn), (end.x, turn), (end.x, end.top)]
    if end.x < x:                                 # down and to the left, into its side
        return [*corners, (x, middle), (end.right, middle)]
    between = [box.right for box in boxes if box.x == x and y < box.top < end.top]
    if between:                                   # around what lies in between
        side, low = max(*between, end.right) + 0.1, y + 0.35 * GAP
        return [*corners, (x, low), (side, low), (side, middle), (end.right, middle)]
    return [*corners, (end.x, end.top)]
