"""Running the checks of a technique over an implementation, and naming what it is instead."""

import functools
import itertools
import math
import os

from ..arguments import count, describe, number, option, takes
from .adapters import adapter_for
from .box import Box, Trouble, Unseen, told
from .clock import Clock, Late, limited
from .places import place
from .process import Course
from .report import FAILS, HOLDS, UNSEEN, Finding, Report
from .technique import ENOUGH, Outcome, held, not_tried, overdue
from .techniques import technique_named
from .versions import versions_of

OUR_FAULT = "the check itself failed, by no fault of the implementation"
SECONDS = 30.0                                    # of computing: what one check may take


def check(impl, technique, *, seed=0, fixed=None, framework=None, rate=None, layout=None,
          bind=None, extra=None, seconds=SECONDS, watch=None, **options):
    """Hold the implementation `impl` against the equations of `technique`; returns a Report.

    `impl` is a function f(x, p, ...), a class or function that makes layers (torch.nn.Dropout), or
    a layer, whose parameters are then `fixed`, as {"p": 0.5}.  What its arguments are for is told
    from their names; `bind` says it outright, {"drop": "p"}, and `extra` gives values to others,
    {"inplace": False}.  `rate` is "keep" where the rate given is a keep probability, `layout`
    "NHWC" where channels are last, `framework` one of numpy, torch, keras, jax and minidrop, found
    out by default.  `options` are the form of the technique to hold it against, as
    scaling="paper".  `seconds` of computing is what one check may take, and ten times that by the
    clock; `watch` is called with each Finding.
    ValueError for what is not known.

    A text, "package.module:callable" or "path/to/file.py:callable", is run in a process of its own,
    which may crash, hang or print: each is a finding, and the run goes on.  What it starts is ended
    with it, except what leaves its process group.

    An object is run in this process.  What it raises or prints, sys.exit and endless loops in
    Python become findings; nothing helps against a crash of the interpreter, os._exit, or a loop
    that catches BaseException or does not return from C, and there is a limit of time only in the
    main thread.

    >>> import minidrop as md
    >>> report = check(md.Dropout, "dropout")
    >>> report.holds, report.alarm < 1e-6
    (True, True)
    >>> check(lambda x, p, rng: x * (rng.random(x.shape) >= p), "dropout").broken
    ['dropout.2', 'dropout.3']
    """
    seconds = _check(seed, seconds, rate, framework, watch, fixed=fixed, bind=bind, extra=extra)
    known = technique_named(technique)
    settings = {"seed": seed, "fixed": fixed, "framework": framework, "rate": rate,
                "layout": layout, "bind": bind, "extra": extra}
    if isinstance(impl, str):
        return _apart(impl, known, options, settings, seconds, watch)
    box = boxed(impl, known, options, **settings)
    findings = []
    for finding in findings_of(box, known, seconds):
        findings.append(finding)
        if watch:
            watch(finding)
    failures = [finding for finding in findings if finding.word == FAILS]
    variant, form = "", {}
    if not box.answers:
        findings = without_answer(findings)
    elif failures and not box.late:
        variant, form = variant_of(box, known, failures, seconds)
    return Report(known.name, subject_of(impl, box), findings + manners_of(box), known.unseen,
                  box.options, variant, form, box.chance.spent,
                  versions_of(impl, box.adapter.framework), remarks_of(box),
                  box.adapter.understood())


def _check(seed, seconds, rate, framework, watch, **given):
    """`seconds`; ValueError or TypeError for a setting that is none, before anything is run."""
    count(seed, "seed", least=0, most=math.inf)
    takes(watch, "watch", "finding")
    if rate is not None:
        option(rate, "rate", ("drop", "keep"))
    if not isinstance(framework, str | None):
        raise TypeError(f"framework must be a name or None, got {describe(framework)}")
    for name, value in given.items():
        if not isinstance(value, dict | None):
            raise TypeError(f"{name} must be a dict by the names of arguments, got "
                            f"{describe(value)}")
    return number(seconds, "seconds", most=math.inf)


def _apart(impl, known, options, settings, seconds, watch):
    """`check` in a process of its own."""
    home, _ = place(impl)
    course = Course(impl, known, options, settings, seconds, watch)
    course.run()
    findings, manners = course.findings, [*course.manners.values()]
    if course.broken:
        outcome = Outcome(UNSEEN, "", "it gave no answer")
        findings = [_answer(f"import of {home}", course.broken, "a module"),
                    *(one.finding(outcome, course.options)
                      for one in known.checks_for(course.options))]
    elif not course.answers:
        findings = without_answer(findings)
    return Report(known.name, course.subject, findings + manners, known.unseen, course.options,
                  *course.variant, course.spent, course.versions, course.remarks,
                  course.understood)


def boxed(impl, technique, options, *, seed=0, fixed=None, bind=None, extra=None, kind=Box,
          **settings):
    """The Box of an implementation, of class `kind`; the settings are those of `check`."""
    if not callable(impl) and not callable(getattr(impl, "forward", None)):
        raise ValueError(f"an implementation is a function, a class or a layer, got a "
                         f"{type(impl).__name__}")
    form = technique.form(options)
    try:
        adapter = adapter_for(impl, technique, bind=bind or (), extra=extra or (), **settings)
        adapter.understood()                      # or else it would be asked when all is done
        return kind(adapter, form, fixed or (), seed)
    except Unseen as reason:                      # of what its arguments are for
        raise ValueError(str(reason)) from None


def findings_of(box, technique, seconds=SECONDS):
    """The findings of all checks, one by one."""
    for one in technique.checks_for(box.options):
        yield finding_of(box, one, seconds) if box.late < ENOUGH else not_tried(one, box.options)


def finding_of(box, one, seconds=SECONDS):
    """The Finding of one check."""
    folder, begun = os.getcwd(), Clock()
    try:
        with box.listening(), limited(seconds, box.own_wall):
            outcome = one(box)
        if outcome.word == FAILS:
            box.failed.add(one.called)
    except Trouble as trouble:
        outcome = Outcome(FAILS, box.last, trouble.found, trouble.due)
    except Unseen as reason:
        outcome = Outcome(UNSEEN, "", str(reason))
    except Late as late:
        box.late += 1
        since = max(box.since, begun, key=lambda clock: clock.wall)
        outcome = overdue(box.last, since.gone if late.wall else since.spent, seconds, late.wall)
    except Exception as error:                    # ours, since the implementation's are Trouble
        outcome = Outcome(UNSEEN, "", f"{OUR_FAULT}: {told(error)}")
    if os.getcwd() != folder:
        box.moved = (box.last, os.getcwd())
        os.chdir(folder)
    return one.finding(outcome, box.options)


def without_answer(findings):
    """One finding in the place of all that say the same, where no answer ever came."""
    first = next((finding for finding in findings if finding.word == FAILS), None)
    if first is None:
        return findings
    return [_answer(first.input, first.found, first.due), *(
        finding._replace(word=UNSEEN, input="", found="it gave no answer", due="")
        for finding in findings)]


def _answer(input, found, due):
    return Finding("answer", (), "It gives an answer", FAILS, input, found, due)


def manners_of(box):
    """The findings about what happened beside the answers: what was printed, where we are now."""
    def finding(name, claim, input, found, due):
        return Finding(name, (), claim, *((FAILS, input, found, due) if found else
                                          (HOLDS, "in all calls", "", "")))

    place, folder = box.moved
    text = box.printed["stdout"].text
    return [finding("prints", "Nothing is printed to stdout", box.printed_at, text, "nothing"),
            finding("folder", "The working directory stays what it is", place, folder,
                    "where it was")]


def remarks_of(box):
    """What is no fault, and worth knowing: warnings, and what was written to stderr."""
    remarks = [f"it warned {'once' if count == 1 else f'{count} times'}: {text}"
               for text, count in box.warned.items()]
    if text := box.printed["stderr"].text:
        remarks.append(f"it wrote to stderr: {text}")
    return remarks


def variant_of(box, technique, failures, seconds=SECONDS):
    """The known variant, or up to three of them together, that explains most of what failed.

    A variant explains a failure if the check does not fail against its options, some check that
    failed holds, and no other one fails that held before.  Others are added to those that change
    something by themselves, if there are such.  Of two that explain as much that one is taken
    against which more of what failed holds, so that nothing is named by what is no longer seen.
    Returns its name, and the options; ("", {}) where none does, or none is found in that time.
    """
    failing = {finding.check for finding in failures}
    best, unseen, chosen, form = failing, 0, (), {}
    left_of, useful = functools.partial(Clock().left, seconds), [()]
    for size in (1, 2, 3):
        before, useful = useful, []
        for some in itertools.combinations(technique.variants, size):
            changes = [technique.variants[name] for name in some]
            merged = {key: value for change in changes for key, value in change.items()}
            alone = sum(map(len, changes)) == len(merged)
            more = not before or any({*some} >= {*fewer} for fewer in before)
            if not ((best or unseen) and alone and more) or not left_of():
                continue
            left, hidden, fits = _left(box, technique, merged, failing, best, left_of)
            if failing - left:
                useful.append(some)
            if fits and (len(left), hidden) < (len(best), unseen):
                best, unseen, chosen, form = left, hidden, some, merged
    claims = [one.finding(held(""), box.options).claim for one in technique.checks
              if one.called in best]
    rest = f" (which does not explain {'; '.join(claims)})" if best else ""
    return (", and ".join(chosen) + rest, form) if chosen else ("", {})


def _left(box, technique, merged, failing, best, left_of):
    """The checks that still fail with other options, how many of those that failed can no longer be
    seen, and whether that is all and no more than `best`.

    Those that failed are tried first, the others only where it is worth it.
    """
    adapter, options, left, explained = box.adapter, box.options | merged, set[str](), False
    hidden = 0
    rate, adapter.rate = adapter.rate, options.pop("rate", adapter.rate)
    try:
        other = Box(adapter, options, box.fixed)
        other.drawn = box.drawn
        for one in sorted(technique.checks_for(options), key=lambda one: one.called not in failing):
            worth = one.called in failing or explained and len(left) <= len(best)
            if not worth or not (seconds := left_of()):
                return left, hidden, False
            finding = finding_of(other, one, seconds)
            explained |= finding.word == HOLDS and finding.check in failing
            hidden += finding.word == UNSEEN and finding.check in failing
            if finding.word == FAILS:
                left.add(finding.check)
                if finding.check not in failing or left == failing:
                    return left, hidden, False
        return left, hidden, not other.late
    finally:
        adapter.rate = rate


def conforms(impl, technique, **settings):
    """AssertionError, with what fails, unless `impl` conforms; `settings` as in `check`.

    >>> import minidrop as md
    >>> conforms(md.Dropout, "dropout")
    """
    __tracebackhide__ = True                      # pytest shows the test, and what it found
    report = check(impl, technique, **settings)
    if not report.holds:
        raise AssertionError(report.brief)


def subject_of(impl, box):
    """The name of the implementation, and what it was taken for."""
    name = getattr(impl, "__qualname__", type(impl).__qualname__)
    home = getattr(impl, "__module__", None) or type(impl).__module__
    return f"{home}.{name} ({box.adapter.describe()})"
