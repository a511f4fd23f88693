"""What verdicts have in common: columns of results, paired differences, their text and picture."""

import math

from ..intervals import Interval, mean_interval
from ..plots import DARK, LIGHT, MIDDLE, subplots
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


def of_parts(results, parts, told=None, name="of {}"):
    """The verdict of a claim on errors, of {what: differences of paired seeds}, by `both`.

    The parts lie above 0 where the claim is right; differences that are only `told` decide nothing;
    `name` says how the headline calls an arm.
    """
    lines = [*table(results, test_error="error", training_error="training")]
    if one_seed(results):
        return unjudged(lines)
    found = {what: interval(values) for what, values in parts.items()}
    more = {what: interval(values) for what, values in (told or {}).items()}
    lines += [f"{what}: {percent(one)} points of test error"
              for what, one in (found | more).items()]
    errors = ", ".join(f"{100 * column(results, arm).mean():.2f} % {name.format(arm)}"
                       for arm in results)
    decisive = "; ".join(f"{what}: {percent(one)} points" for what, one in found.items())
    return Verdict(both(*found.values()), f"test error {errors}; {decisive}", tuple(lines))


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


def rates(results, tried=()):
    """A line on the learning rates that validation data chose, and on what they leave open.

    Of three `tried` or more an arm whose runs all took the first, or the last, may want another.
    """
    chosen = {arm: [one["lr"] for one in runs] for arm, runs in results.items()}
    ends = (min(tried), max(tried)) if len(tried) > 2 else ()
    at_end = [f"{arm} at {found[0]:g}" for arm, found in chosen.items()
              if len({*found}) == 1 and found[0] in ends]
    return "rates chosen: " + "; ".join(
        f"{arm} " + ", ".join(f"{lr:g}" for lr in found) for arm, found in chosen.items()) + (
        f" (always an end of those tried, so that others may suit better: {', '.join(at_end)})"
        if at_end else "")


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


def draw_curve(results, settings, label):
    """A figure: test and training error, in percent, against the numbers that the arms are."""
    figure, axis = subplots(size=(6.5, 3.6))
    numbers = [float(arm) for arm in results]
    for name, colour, line, which in (("error", DARK, "-", "test"),
                                      ("training", LIGHT, "--", "training")):
        found = [interval(100 * column(results, arm, name)) for arm in results]
        axis.errorbar(numbers, [one.mean for one in found],
                      None if one_seed(results) else [one.half for one in found],
                      color=colour, linestyle=line, marker="o", capsize=3, label=which)
    axis.set(xlabel=label, ylabel="error, %", ylim=(0, None),
             title=f"error on {settings['data']}, %; {over(results)}")
    axis.legend()
    return figure


def over(results):
    """What a figure's bars are."""
    seeds = len(next(iter(results.values())))
    return f"mean and 95 % interval over {seeds} seeds" if seeds > 1 else "one seed"
