"""Early and late dropout: drop only at the start of a run, or only from some step on."""

import numpy as np

import minidrop as md
from minidrop.grade import Exercise

exercise = Exercise("early_late", lesson="early_late")


def runs(rng):
    yield from ((0.5, 1, 3), (0.5, 3, 5), (0.2, 2, 4), (0.4, 3, 4), (0.1, 5, 5), (0.3, 0, 4),
                (0.6, 1, 1))
    for total in rng.integers(5, 30, 3).tolist():
        yield round(rng.uniform(0.1, 0.9), 2), int(rng.integers(1, total)), total


@exercise.task("early_late.1", points=1, cases=runs, key=md.early,
               hint="Which is the last iteration that has dropout, counted from 0?")
def early(p, cutoff, total):
    """Make the rates of early dropout: one for each iteration of a run, counted from 0.

    p is the rate, cutoff (T_c in the formula) the first iteration without dropout, total the number
    of iterations.  Returns an array (total,).
    """
    rates = np.zeros(total)
    for t in range(total):
        if t < cutoff:
            rates[t] = p
    return rates


@early.right("a comparison")
def _(p, cutoff, total):
    return p * (np.arange(total) < cutoff)


@early.right("two pieces")
def _(p, cutoff, total):
    return [p] * cutoff + [0.0] * (total - cutoff)


@early.wrong("the cutoff is an iteration without dropout already")
def _(p, cutoff, total):
    return p * (np.arange(total) <= cutoff)


@early.wrong("iterations are counted from 0")
def _(p, cutoff, total):
    return p * (np.arange(1, total + 1) < cutoff)


@early.wrong("early dropout is that of the start of a run, and here it is late")
def _(p, cutoff, total):
    return p * (np.arange(total) >= cutoff)


@exercise.task("early_late.2", points=3, cases=runs,
               key=lambda p, cutoff, total: md.early(p, cutoff, total, kind="linear"),
               hint="Both ends are known: p at the start, 0 in the last early iteration.")
def early_linear(p, cutoff, total):
    """Make the rates of early dropout that fall along a line, and end at 0.

    p is the first rate, cutoff (T_c in the formula) how many iterations are early, total how many
    there are.  The last early iteration has the rate 0, but where it is the only one it has the
    rate p.  Returns an array (total,).
    """
    rates = np.zeros(total)
    for t in range(total):
        if t < cutoff and cutoff == 1:
            rates[t] = p
        elif t < cutoff:
            rates[t] = p * (1 - t / (cutoff - 1))
    return rates


@early_linear.right("linspace")
def _(p, cutoff, total):
    rates = np.zeros(total)
    rates[:cutoff] = np.linspace(p, 0, cutoff)
    return rates


@early_linear.right("a line that is cut off at 0")
def _(p, cutoff, total):
    fall = p / (cutoff - 1) if cutoff > 1 else p
    return np.maximum(p - fall * np.arange(total), 0) * (cutoff > 0)


@early_linear.wrong("the last early iteration has the rate 0, not the one behind it")
def _(p, cutoff, total):
    return np.maximum(p * (1 - np.arange(total) / max(cutoff, 1)), 0) * (cutoff > 0)


@early_linear.wrong("the line ends with the early iterations, not with the run")
def _(p, cutoff, total):
    t = np.arange(total)
    return p * (1 - t / max(total - 1, 1)) * (t < cutoff)


@early_linear.wrong("one early iteration alone has the rate p")
def _(p, cutoff, total):
    rates = np.zeros(total)
    if cutoff > 1:
        rates[:cutoff] = np.linspace(p, 0, cutoff)
    return rates


@early_linear.wrong("with one early iteration cutoff - 1 is 0, and nothing can be divided by it")
def _(p, cutoff, total):
    t = np.arange(total)
    with np.errstate(all="ignore"):
        return np.where(t < cutoff, p * (1 - t / (np.float64(cutoff) - 1)), 0)


@early_linear.wrong("after the early iterations the rate stays 0: no rate is negative")
def _(p, cutoff, total):
    fall = p / (cutoff - 1) if cutoff > 1 else p
    return (p - fall * np.arange(total)) * (cutoff > 0)


@exercise.task("early_late.4", points=2, cases=runs,
               key=lambda p, cutoff, total: md.late(p, cutoff, total, kind="linear"),
               hint="Where does a run that goes backwards have its cutoff?")
def late_linear(p, cutoff, total):
    """Make the rates of late dropout that rise along a line, and end at p.

    Nothing is dropped before iteration `cutoff`, which still has the rate 0; the last of all
    `total` iterations has the rate p, and has it also where it is the only late one.  Where cutoff
    is total, no iteration is late, and all rates are 0.  Returns an array (total,).
    """
    rates = np.zeros(total)
    for t in range(cutoff, total):
        if cutoff == total - 1:
            rates[t] = p
        else:
            rates[t] = p * (t - cutoff) / (total - 1 - cutoff)
    return rates


@late_linear.right("early dropout, backwards")
def _(p, cutoff, total):
    rates = np.zeros(total)
    rates[:total - cutoff] = np.linspace(p, 0, total - cutoff)
    return rates[::-1]


@late_linear.right("a line that begins at 0")
def _(p, cutoff, total):
    steps = max(total - 1 - cutoff, 1)
    line = 1 - (total - 1 - np.arange(total)) / steps
    return p * np.maximum(line, 0) * (cutoff < total)


@late_linear.wrong("the first late iteration still has the rate 0")
def _(p, cutoff, total):
    t = np.arange(total)
    return p * np.maximum(t - cutoff + 1, 0) / max(total - cutoff, 1)


@late_linear.wrong("the last iteration has the rate p itself")
def _(p, cutoff, total):
    t = np.arange(total)
    return p * np.maximum(t - cutoff, 0) / max(total - cutoff, 1)


@late_linear.wrong("one late iteration alone has the rate p")
def _(p, cutoff, total):
    rates = np.zeros(total)
    rates[cutoff:] = np.linspace(0, p, total - cutoff)
    return rates


@late_linear.wrong("late dropout rises, and here it falls")
def _(p, cutoff, total):
    rates = np.zeros(total)
    rates[cutoff:] = np.linspace(p, 0, total - cutoff)
    return rates


@late_linear.wrong("backwards in time the cutoff is somewhere else")
def _(p, cutoff, total):
    rates = np.zeros(total)
    rates[:cutoff] = np.linspace(p, 0, cutoff)
    return rates[::-1]
