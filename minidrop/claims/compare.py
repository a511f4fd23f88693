"""What verdicts have in common: columns of results, paired differences, their text and picture."""

import math

from ..intervals import Interval, mean_interval
from ..plots import DARK, LIGHT, MIDDLE, subplots
from ..xp import array_module
from .claim import Verdict

COLUMNS = {"test_error": "error", "training_error": "training", "validation": "validation"}
NAMES = {"mnist": "MNIST", "cifar10": "CIFAR-10"}        # of data, as figures have them


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


def word(*parts):
    """The word for a claim of one part or more, by the signs of their intervals.

    One part alone that lies below 0 refutes it, but where another was seen.
    """
    signs = {sign(one) for one in parts}
    return ("held" if signs == {1} else "not held" if 1 in signs else
            "refuted" if -1 in signs else "not seen at this scale")


def rule(held):
    """The rule of a claim that is judged by `word`: what "held" needs says which intervals."""
    return {"held": held,
            "not held": "some of these intervals do, and others do not",
            "not seen at this scale": "none of them does, and none lies below 0; or one seed alone",
            "refuted": "none of them lies above 0, and at least one lies below"}


def of_parts(results, parts, told=None, name="of {}", more=()):
    """The verdict of a claim on errors, of {what: differences of paired seeds}, by `word`.

    The parts lie above 0 where the claim is right; differences that are only `told` decide nothing;
    `name` says how the headline calls an arm, and `more` are lines besides.
    """
    kept = next(iter(results.values()))[0]
    columns = {title: name for title, name in COLUMNS.items() if name in kept}
    lines = [*table(results, **columns)]
    if one_seed(results):
        return unjudged([*lines, *more])
    found = {what: interval(values) for what, values in parts.items()}
    others = {what: interval(values) for what, values in (told or {}).items()}
    lines += [f"{what}: {percent(one)} points of test error"
              for what, one in (found | others).items()]
    errors = ", ".join(f"{100 * column(results, arm).mean():.2f} % {name.format(arm)}"
                       for arm in results)
    return Verdict(word(*found.values()), f"test error {errors}; {said(found)}",
                   (*lines, *more))


def in_pairs(results, pairs, told=(), name="of {}", more=()):
    """The verdict of a claim that one arm makes fewer errors than another, of each (arm, other)."""
    return of_parts(results, differences(results, pairs), differences(results, told), name, more)


def differences(results, pairs, name="error"):
    """{"other - arm": what `arm` has less than `other`, (seeds,)} of each (arm, other)."""
    return {f"{other} - {f'({arm})' if ' + ' in arm else arm}":
            column(results, other, name) - column(results, arm, name) for arm, other in pairs}


def said(found):
    """The intervals of a claim's parts, in points; one below 0 is against the claim."""
    return "; ".join(f"{what}: {percent(one)} points" + ", the other way" * (sign(one) < 0)
                     for what, one in found.items())


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
    rows(axis, {arm: 100 * column(results, arm, name) for arm in results})
    axis.set(xlabel=label, ylabel="arm", title=over(results))
    return figure


def draw_pairs(results, settings, pairs):
    """A figure: the test error of all arms, and the differences of paired seeds that decide."""
    figure, (left, right) = subplots(1, 2, size=(9.0, 1.2 + 0.45 * max(len(results), len(pairs))))
    rows(left, {arm: 100 * column(results, arm) for arm in results})
    left.set(xlabel=f"test error on {called(settings)}, %", ylabel="arm", title=over(results))
    draw_differences(right, results, pairs)
    return figure


def draw_differences(axis, results, pairs):
    """Draw what an arm has less of test error than another, of each (arm, other), a row each."""
    rows(axis, {what: 100 * values for what, values in differences(results, pairs).items()})
    axis.axvline(0, color=LIGHT, linewidth=1)
    axis.set(xlabel="points of test error", title="differences of paired seeds")


def rows(axis, found):
    """Draw {label: one value a seed} as a row each: the interval of the mean, the seeds below."""
    places = range(len(found), 0, -1)
    for place, values in zip(places, found.values(), strict=True):
        one = interval(values)
        axis.plot(values, [place - 0.2] * len(values), ".", color=MIDDLE, alpha=0.7)
        axis.errorbar([one.mean], [place], xerr=[one.half] if len(values) > 1 else None, fmt="o",
                      color=DARK, capsize=3)
    axis.set(yticks=[*places], yticklabels=[*found], ylim=(0.4, len(found) + 0.6))


def draw_curve(results, settings, label, numbers=None, pairs=()):
    """A figure: test error, and training error, in percent, against the numbers the arms are.

    With `pairs` the differences of paired seeds are beside them.
    """
    figure, axes = subplots(1, 3 if pairs else 2, size=(13.0 if pairs else 9.0, 3.6))
    numbers = [float(arm) for arm in results] if numbers is None else numbers
    for axis, name, which in zip(axes, ("error", "training"), ("test", "training"), strict=False):
        found = [interval(100 * column(results, arm, name)) for arm in results]
        axis.errorbar(numbers, [one.mean for one in found],
                      None if one_seed(results) else [one.half for one in found],
                      color=DARK, marker="o", capsize=3)
        axis.set(xlabel=label, ylabel=f"{which} error on {called(settings)}, %")
    axes[0].set_title(over(results))
    if pairs:
        draw_differences(axes[2], results, pairs)
    return figure


def called(settings):
    """The name of the data."""
    return NAMES.get(settings["data"], settings["data"])


def over(results):
    """What a figure's bars are."""
    seeds = len(next(iter(results.values())))
    return f"mean and 95 % interval over {seeds} seeds" if seeds > 1 else "one seed"
