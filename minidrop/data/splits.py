"""Three parts of a data set, cut once and for all."""

from typing import Any, NamedTuple


class Splits(NamedTuple):
    """`train` to learn from, `validation` to choose by, `test` to report once: pairs (x, y).

    `test` is None where a loader was told to do without.
    """

    train: Any
    validation: Any
    test: Any
