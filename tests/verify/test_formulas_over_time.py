"""Averages and schedules: right ones of any style hold, wrong ones fail at their equation."""

import math

import numpy as np
import pytest

import minidrop as md
from minidrop.verify import check
from tests.verify import gallery
from tests.verify.right import RIGHT
from tests.verify.wrong import WRONG

pytestmark = pytest.mark.slow

HERE = "ema", "swa", "early_late"


def of_gallery(entries):
    return [pytest.param(entry, id=f"{entry.technique}: {entry.name}") for entry in entries
            if entry.technique in HERE]


@pytest.mark.parametrize("entry", of_gallery(RIGHT))
def test_all_that_is_right_holds(entry: gallery.Right):
    report = check(entry.impl, entry.technique, **entry.options)
    assert report.holds, report


@pytest.mark.parametrize("entry", of_gallery(WRONG))
def test_all_that_is_wrong_fails_at_its_equation(entry: gallery.Wrong):
    report = check(entry.impl, entry.technique, **entry.options)
    assert set(report.broken) & set(entry.tags), report


def ema_with(start=0, corrected=True, shift=0, old=True):
    def averages(weights, decay):
        mu = decay if old else 1 - decay
        average, seen = weights[0] * start, []
        for t, w in enumerate(weights, 1):
            if start == 0 or t > 1:
                average = mu * average + (1 - mu) * w
            seen.append(average / (1 - mu**(t + shift)) if corrected else average)
        return seen

    return averages


def minidrop_ema(weights, decay):
    average, seen = 0 * weights[0], []
    for t, w in enumerate(weights, 1):
        average = md.ema(average, w, decay)
        seen.append(md.ema_corrected(average, decay, t))
    return seen


def by_matrix(weights, mu):
    t = np.arange(len(weights))
    shares = np.where(t[:, None] >= t, mu ** np.maximum(t[:, None] - t, 0), 0.0)
    shares = (shares / shares.sum(1, keepdims=True)).astype(weights.dtype)
    return np.tensordot(shares, weights, 1)


@pytest.mark.parametrize("impl, kind", [
    (minidrop_ema, "corrected"), (by_matrix, "corrected"),
    (ema_with(start=1, corrected=False), "first"), (ema_with(corrected=False), "uncorrected")])
def test_moving_averages_hold(impl, kind):
    report = check(impl, "ema", kind=kind)
    assert report.holds, report
    assert "cannot be seen" not in [word for _, word, _ in report.equations()]


@pytest.mark.parametrize("impl, broken, variant", [
    (ema_with(corrected=False), ["ema.3"], "without correction"),
    (ema_with(start=1, corrected=False), ["ema.1", "ema.2"],
     "starts at the first weights (PyTorch)"),
    (ema_with(old=False), ["ema.1", "ema.2"], "the decay is the share of the new weights"),
    (ema_with(shift=1), ["ema.3"], ""),
    (lambda weights, decay: np.cumsum(weights, 0) / np.arange(1, len(weights) + 1).reshape(
        -1, *[1] * (weights.ndim - 1)), ["ema.1", "ema.2"], ""),
    (lambda weights, decay: minidrop_ema(weights, min(decay, 0.9)), ["ema.5"], ""),
])
def test_wrong_moving_averages_fail_at_their_equation_and_are_named(impl, broken, variant):
    report = check(impl, "ema")
    assert report.broken == broken and report.variant == variant, report


def swa_rates(lr, swa_lr, total, start):
    rates = []
    for t in range(total):
        part = t / start
        r = 0 if part <= 0.5 else (part - 0.5) / 0.4 if part <= 0.9 else 1
        rates.append(lr * (1 - r) + swa_lr * r)
    return rates


def rate_of_a_step(t, lr, swa_lr, swa_start):
    return swa_rates(lr, swa_lr, t + 1, swa_start)[t]


def cosine_rates(lr, swa_lr, total, start):
    return [swa_lr + (lr - swa_lr) * (1 + math.cos(math.pi * min(1, t / start))) / 2
            for t in range(total)]


@pytest.mark.parametrize("impl", [md.swa_rates, swa_rates, rate_of_a_step])
def test_rates_of_swa_hold(impl):
    report = check(impl, "swa", what="rates")
    assert report.holds and dict(report.json()["equations"])["swa.4"] == "holds", report


@pytest.mark.parametrize("what, impl, broken, variant", [
    ("mean", lambda weights: weights.sum(0) / (len(weights) + 1), ["swa.1", "swa.2"], ""),
    ("mean", lambda weights: weights[-1], ["swa.1", "swa.2"], ""),
    ("mean", lambda weights: weights[len(weights) // 2:].mean(0), ["swa.1", "swa.2"], ""),
    ("rates", cosine_rates, ["swa.4"], "a cosine from the first step on (PyTorch's SWALR)"),
    ("rates", lambda lr, swa_lr, total, start: np.interp(np.arange(total), [0, start], [lr, swa_lr]
                                                         ), ["swa.4"],
     "a line from the first step on"),
    ("rates", lambda lr, swa_lr, total, start: swa_rates(lr, swa_lr, total, total), ["swa.4"], ""),
])
def test_wrong_averages_and_rates_fail_at_their_equation(what, impl, broken, variant):
    report = check(impl, "swa", what=what)
    assert report.broken == broken and report.variant == variant, report


def official(p, cutoff, total, mode="early", schedule="constant"):
    """As the official code builds its list."""
    if mode == "early":
        first = np.linspace(p, 0, cutoff) if schedule == "linear" else np.full(cutoff, p)
        return np.concatenate((first, np.zeros(total - cutoff)))
    return np.concatenate((np.zeros(cutoff), np.full(total - cutoff, p)))


def one_iteration(t, p, cutoff):
    return p if t < cutoff else 0


@pytest.mark.parametrize("impl, form, settings", [
    (official, {"when": "early"}, {}), (one_iteration, {"when": "early"}, {}),
    (official, {"when": "early", "kind": "linear"}, {"schedule": "linear"}),
    (official, {"when": "late"}, {"mode": "late"}),
    (md.early, {"kind": "linear"}, {"kind": "linear"}),
    (md.late, {"when": "late", "kind": "linear"}, {"kind": "linear"})])
def test_schedules_of_dropout_hold(impl, form, settings):
    report = check(impl, "early_late", extra=settings, **form)
    assert report.holds, report


def falling(p, cutoff, total):
    t = np.arange(total)
    return np.where(t < cutoff, p * (1 - t / max(cutoff, 1)), 0)


@pytest.mark.parametrize("impl, form, broken, variant", [
    (falling, {"kind": "linear"}, ["early_late.2"], "the linear fall reaches 0 one step later"),
    (md.late, {}, ["early_late.1"], "it is late dropout"),
    (md.early, {"when": "late"}, ["early_late.3", "early_late.4"], "it is early dropout"),
    (lambda p, cutoff, total: np.where(np.arange(total) <= cutoff, p, 0), {}, ["early_late.1"],
     "the cutoff is early too"),
    (lambda p, cutoff, total: np.where(np.arange(1, total + 1) < cutoff, p, 0), {},
     ["early_late.1"], "one iteration too few, as by counting from 1"),
    (lambda p, cutoff, total: md.late(p, total - cutoff, total), {"when": "late"},
     ["early_late.3", "early_late.4"], "the cutoff is counted from the end"),
    (lambda p, cutoff, total: md.early(p, cutoff, total, "linear"), {}, ["early_late.1"],
     "the rate is linear in time"),
    (lambda p, cutoff, total: md.early(p, cutoff, total), {"kind": "linear"}, ["early_late.2"],
     "the rate is constant"),
    (lambda p, cutoff, total: 0.1 * (np.arange(total) < cutoff), {}, ["early_late.5"], ""),
    (lambda p, cutoff, total: md.early(p, cutoff, total)[:-1], {}, ["early_late.1"], ""),
])
def test_wrong_schedules_fail_at_their_equation_and_are_named(impl, form, broken, variant):
    report = check(impl, "early_late", **form)
    assert report.broken == broken and report.variant == variant, report


def test_the_step_is_told_with_the_numbers():
    finding = check(lambda p, cutoff, total: np.where(np.arange(total) <= cutoff, p, 0),
                    "early_late").failures[0]
    assert finding.input == "p = 0.1, cutoff = 1, total = 2: t = 1, of [0.1, 0.1]"
    assert finding.found == "0.1" and finding.due == "0, of [0.1, 0]"
