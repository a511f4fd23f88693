"""Running the checks of a technique over an implementation, and naming what it is instead."""

import itertools
import signal
import threading
import time
from contextlib import contextmanager

from .adapters import adapter_for
from .box import Box, Trouble, Unseen
from .report import FAILS, UNSEEN, Report
from .technique import Outcome
from .techniques import technique_named

SECONDS = 30.0                                    # what one check may take


class Late(BaseException):
    """No answer in time; no implementation catches it by `except Exception`."""


def check(impl, technique, *, seed=0, fixed=None, framework=None, rate=None, layout="NCHW",
          bind=None, extra=None, seconds=SECONDS, **options):
    """Hold the implementation `impl` against the equations of `technique`; returns a Report.

    `impl` is a function f(x, p, ...), a class or function that makes layers (torch.nn.Dropout), or
    a layer, whose parameters are then `fixed`, as {"p": 0.5}.  What its arguments are for is told
    from their names; `bind` says it outright, {"drop": "p"}, and `extra` gives values to others,
    {"inplace": False}.  `rate` is "keep" where the rate given is a keep probability, `layout`
    "NHWC" where channels are last, `framework` one of numpy, torch, keras, jax and minidrop, found
    out by default.  `options` are the form of the technique to hold it against, as
    scaling="paper".  `seconds` is what one check may take.  ValueError for what is not known.

    >>> import minidrop as md
    >>> report = check(md.Dropout, "dropout")
    >>> report.holds, report.alarm < 1e-6
    (True, True)
    >>> check(lambda x, p, rng: x * (rng.random(x.shape) >= p), "dropout").broken
    ['dropout.2', 'dropout.3']
    """
    known = technique_named(technique)
    adapter = adapter_for(impl, known, framework, rate=rate, layout=layout, bind=bind or (),
                          extra=extra or ())
    box = Box(adapter, known.form(options), fixed or (), seed)
    findings = [*findings_of(box, known, seconds)]
    report = Report(known.name, _subject(impl, adapter), findings, known.unseen, box.options,
                    alarm=box.chance.spent)
    if report.failures:
        report.variant = variant_of(box, known, report, seconds)
    return report


def findings_of(box, technique, seconds=SECONDS, names=None):
    """The findings of all checks, or of those in `names`, one by one."""
    for one in technique.checks:
        if one.applies(box.options) and (names is None or one.__name__ in names):
            yield finding_of(box, one, seconds)


def finding_of(box, one, seconds=SECONDS):
    """The Finding of one check."""
    try:
        with limited(seconds):
            outcome = one(box)
    except Trouble as trouble:
        outcome = Outcome(FAILS, box.last, trouble.found, trouble.due)
    except Unseen as reason:
        outcome = Outcome(UNSEEN, "", str(reason))
    except Late:
        outcome = Outcome(FAILS, box.last, f"no answer in {seconds:g} s",
                          "an array")
    finding = one.finding(outcome, box.options)
    if finding.word == FAILS:
        box.failed.add(finding.check)
    return finding


def variant_of(box, technique, report, seconds=SECONDS):
    """The known variant, or up to three of them together, that explains most of what failed.

    A variant explains a failure if the check holds against its options, and no other one fails
    that held before.  "" where none does.
    """
    failing = {finding.check for finding in report.failures}
    best, named, until = failing, (), time.monotonic() + 4 * seconds
    for number in (1, 2, 3):
        for chosen in itertools.combinations(technique.variants.items(), number):
            merged = {key: value for _, change in chosen for key, value in change.items()}
            alone = sum(len(change) for _, change in chosen) == len(merged)
            if not best or not alone or time.monotonic() > until:
                continue
            left = _left(box, technique, merged, failing, best, seconds)
            if left is not None:
                best, named = left, tuple(name for name, _ in chosen)
    rest = f" (which leaves {', '.join(sorted(best))})" if best else ""
    return ", and ".join(named) + rest if named else ""


def _left(box, technique, merged, failing, best, seconds):
    """The names of the checks that still fail with other options; None if no fewer than `best`."""
    adapter, options, left = box.adapter, box.options | merged, set()
    rate, adapter.rate = adapter.rate, options.pop("rate", adapter.rate)
    try:
        other = Box(adapter, options, box.fixed)
        for finding in findings_of(other, technique, seconds):
            if finding.word == FAILS:
                left.add(finding.check)
                if finding.check not in failing or len(left) >= len(best):
                    return None
        return left
    finally:
        adapter.rate = rate


@contextmanager
def limited(seconds):
    """Late in the main thread after so many seconds; elsewhere there is no limit."""
    if threading.current_thread() is not threading.main_thread() \
            or not hasattr(signal, "setitimer"):
        yield
        return

    def late(number, frame):
        raise Late

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def conforms(impl, technique, **settings):
    """AssertionError, with the whole report, unless `impl` conforms; `settings` as in `check`.

    >>> import minidrop as md
    >>> conforms(md.Dropout, "dropout")
    """
    report = check(impl, technique, **settings)
    if not report.holds:
        raise AssertionError(str(report))


def _subject(impl, adapter):
    name = getattr(impl, "__qualname__", type(impl).__qualname__)
    home = getattr(impl, "__module__", None) or type(impl).__module__
    return f"{home}.{name} ({adapter.describe()})"

