"""What verdicts have in common: columns of results, paired differences, their text and picture."""

import math

from ..intervals import Interval, mean_interval
from ..plots import DARK, MIDDLE, subplots
from ..xp import array_module
from .claim import Verdict


def column(results, arm, name="error"):
    """What was measured of an arm, (seeds, ...)."""
    return array_module().asarray([one[name] for one in results[arm]], dtype="float64")


def one_seed(results):
    """Whether there is no interval."""
    return len(next(iter(results.values()))) == 1


def unjudged(lines):
    """The verdict of one seed."""
    return Verdict("not seen at this scale", "one seed has no interval", tuple(lines))


def interval(values):
    """The 95 % interval of the mean over the seeds; around one seed it has no end."""
    return Interval(float(values[0]), math.inf) if len(values) == 1 else mean_interval(values)


def less(results, arm, other, name="error"):
    """The interval of how much less `arm` has than `other`, in pairs of seeds."""
    return mean_interval(column(results, other, name) - column(results, arm, name))


def sign(one):
    """1 where an interval lies above 0, -1 where it lies below, 0 where it contains it."""
    return (one.low > 0) - (one.high < 0)


def both(*parts):
    """The word for a claim of two or more parts, by the signs of their intervals."""
    signs = {sign(one) for one in parts}
    return ("held" if signs == {1} else "not held" if 1 in signs else
            "refuted" if signs == {-1} else "not seen at this scale")


def every(ones):
    """The word for a claim of more than all others, by the intervals of what it has more."""
    signs = {sign(one) for one in ones}
    return ("held" if signs == {1} else "not held" if 1 in signs else
            "refuted" if -1 in signs else "not seen at this scale")


def percent(one):
    """An interval of shares, in percent."""
    half = f" +- {100 * one.half:.2f}" if math.isfinite(one.half) else ""
    return f"{100 * one.mean:.2f}{half}"


def table(results, **names):
    """Lines: for each arm the intervals, in percent, of what `names` {title: name} say."""
    wide = max(map(len, results)) + 2
    yield " " * wide + "".join(f"{title.replace('_', ' ')[:20]:>22}" for title in names)
    for arm in results:
        yield f"{arm:{wide}}" + "".join(
            f"{percent(interval(column(results, arm, name))):>22}" for name in names.values())


def rates(results):
    """A line on the learning rates that validation data chose."""
    return "rates chosen: " + "; ".join(
        f"{arm} " + ", ".join(f"{one['lr']:g}" for one in runs) for arm, runs in results.items())


def draw_arms(results, label, name="error"):
    """A figure: each arm's seeds as points, and the interval of their mean, in percent."""
    figure, axis = subplots(size=(6.5, 0.9 + 0.45 * len(results)))
    places = range(len(results), 0, -1)
    for place, arm in zip(places, results, strict=True):
        values = 100 * column(results, arm, name)
        one = interval(values)
        axis.plot(values, [place - 0.2] * len(values), ".", color=MIDDLE, alpha=0.7)
        axis.errorbar([one.mean], [place], xerr=[one.half] if len(values) > 1 else None, fmt="o",
                      color=DARK, capsize=3)
    axis.set(yticks=[*places], yticklabels=[*results], xlabel=label, ylabel="arm",
             title=over(results), ylim=(0.4, len(results) + 0.6))
    return figure


def over(results):
    """What a figure's bars are."""
    seeds = len(next(iter(results.values())))
    return f"mean and 95 % interval over {seeds} seeds" if seeds > 1 else "one seed"
