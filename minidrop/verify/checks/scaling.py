"""What layers that silence to 0 make of an entry, in each of three scalings."""

import numpy as np

SCALINGS = ("inverted", "paper", "none")


def kept(x, p, options):
    """A kept entry: divided by 1 - p by inverted dropout."""
    return x / np.float32(1 - p) if options["scaling"] == "inverted" and p < 1 else x


def dropped(x, p, options):
    """A dropped one."""
    return 0 * x


def evaluated(x, p, options):
    """An entry in evaluation: the papers multiply there by 1 - p."""
    return x * np.float32(1 - p) if options["scaling"] == "paper" else x


def by_scaling(name, inverted, paper, none):
    """Numbers of equations in each scaling -> a function from options to their tags."""
    numbers = {"inverted": inverted, "paper": paper, "none": none}
    return lambda options: tuple(f"{name}.{one}" for one in numbers[options["scaling"]])
