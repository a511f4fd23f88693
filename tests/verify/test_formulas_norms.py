"""Norms in several styles hold; wrong ones fail at the equation that they break, and are named."""

import numpy as np
import pytest

import minidrop as md
from minidrop.tape import data_of
from minidrop.verify import check
from minidrop.verify.techniques import batch_norm, group_norm, instance_norm, layer_norm

pytestmark = pytest.mark.slow


def whitened(x, axes, eps=1e-5, ddof=0, outside=False):
    var = x.var(axes, keepdims=True, ddof=ddof)
    size = np.sqrt(var) + eps if outside else np.sqrt(var + eps)
    return (x - x.mean(axes, keepdims=True)) / size


def channels(v, x):
    return v.reshape(1, -1, *[1] * (x.ndim - 2))


def minidrop_layer_norm(x, w, b, eps):
    return md.layer_norm(x, w.shape, w, b, eps)


def looped_layer_norm(x, gain, bias, epsilon):
    y = np.empty_like(x)
    for at in np.ndindex(x.shape[:-1]):
        row = x[at]
        mean = sum(row) / len(row)
        var = sum((one - mean)**2 for one in row) / len(row)
        y[at] = [g * (one - mean) / (var + epsilon)**0.5 + b
                 for one, g, b in zip(row, gain, bias, strict=True)]
    return y


def einsum_layer_norm(x, w, b, eps):
    d = x.shape[-1]
    away = x - np.einsum("...i->...", x)[..., None] / x.dtype.type(d)
    var = np.einsum("...i,...i->...", away, away)[..., None] / x.dtype.type(d)
    return away / np.sqrt(var + x.dtype.type(eps)) * w + b


def bare_layer_norm(x):
    return whitened(x, -1)


def layer_norm_with(**changes):
    return lambda x, w, b, eps: whitened(x, -1, eps, **changes) * w + b


@pytest.mark.parametrize("impl", [looped_layer_norm, einsum_layer_norm, bare_layer_norm])
def test_layer_norms_hold(impl):
    assert check(impl, "layer_norm").holds


def test_minidrops_layer_norm_holds_with_its_gradients():
    report = check(minidrop_layer_norm, "layer_norm", framework="minidrop")
    assert report.holds and {word for _, word, _ in report.equations()} == {"holds"}, report


@pytest.mark.parametrize("impl, variant", [
    (layer_norm_with(ddof=1), "normalises by the unbiased variance"),
    (layer_norm_with(outside=True), "eps is added to the deviation, outside the root"),
    (lambda x, w, b: whitened(x, -1, 1e-3) * w + b, "its eps is 1e-3"),
    (lambda x, w, b, eps: whitened(x, tuple(range(1, x.ndim)), eps) * w + b,
     "normalises all axes but the first, (C, H, W) of images"),
    (lambda x, w, b, eps: whitened(x, 0, eps) * w + b, ""),
    (lambda x, w, b, eps: (whitened(x, -1, eps) + b) * w, ""),
    (lambda x, w, b, eps: x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * w + b, ""),
])
def test_wrong_layer_norms_fail_at_their_equation_and_are_named(impl, variant):
    report = check(impl, "layer_norm")
    assert report.broken == ["layer_norm.1"] and report.variant.startswith(variant), report
    assert bool(variant) == bool(report.variant), report


class HomeworkLayerNorm:
    """A norm with a gradient of its own."""

    through_statistics, summed = True, True

    def __init__(self, eps):
        self.eps = eps

    def forward(self, x, w, b):
        self.hat, self.w = whitened(x, -1, self.eps), w
        self.size = np.sqrt(x.var(-1, keepdims=True) + self.eps)
        return self.hat * w + b

    def backward(self, g):
        axes = tuple(range(g.ndim - 1))
        h = g * self.w
        through = h.mean(-1, keepdims=True) + self.hat * (h * self.hat).mean(-1, keepdims=True)
        dx = (h - through * self.through_statistics) / self.size
        total = np.sum if self.summed else np.mean
        return dx, total(g * self.hat, axis=axes), total(g, axis=axes)


def test_a_norm_with_a_gradient_of_its_own_holds():
    report = check(HomeworkLayerNorm, "layer_norm")
    assert report.holds and {word for _, word, _ in report.equations()} == {"holds"}, report


@pytest.mark.parametrize("change, broken", [
    ({"through_statistics": False}, "layer_norm.3"), ({"summed": False}, "layer_norm.2")])
def test_a_wrong_gradient_fails_at_its_equation_alone(change, broken):
    report = check(type("Wrong", (HomeworkLayerNorm,), change), "layer_norm")
    assert report.broken == [broken] and not report.variant, report


class BatchNorm:
    """Batch norm as a function, with places to be wrong in."""

    ddof, running_ddof, new, outside, evaluated, axes = 0, 1, True, False, True, "all but C"

    def __call__(self, x, weight, bias, running_mean, running_var, training, momentum, eps):
        axes = (0, *range(2, x.ndim)) if self.axes == "all but C" else (0,)
        k = momentum if self.new else 1 - momentum
        if training or not self.evaluated:
            y = whitened(x, axes, eps, self.ddof, self.outside)
        else:
            y = (x - channels(running_mean, x)) / np.sqrt(channels(running_var, x) + eps)
        if training:
            alone = (0, *range(2, x.ndim))
            running_mean = (1 - k) * running_mean + k * x.mean(alone)
            running_var = (1 - k) * running_var + k * x.var(alone, ddof=self.running_ddof)
        return (y * channels(weight, x) + channels(bias, x)).astype(x.dtype), running_mean, \
            running_var


def batch_norm_with(**changes):
    layer = type("Changed", (BatchNorm,), changes)()
    return lambda x, weight, bias, running_mean, running_var, training, momentum, eps: layer(
        x, weight, bias, running_mean, running_var, training, momentum, eps)


def batch_norm_in_place(x, weight, bias, running_mean, running_var, training, momentum, eps):
    y, mean, var = BatchNorm()(x, weight, bias, running_mean, running_var, training, momentum, eps)
    running_mean[:], running_var[:] = mean, var
    return y


def minidrop_batch_norm(x, w, b, running_mean, running_var, training, momentum, eps):
    mean, var = data_of(running_mean), data_of(running_var)
    if not training:
        return md.batch_norm(x, mean, var, w, b, eps), mean, var
    layer = md.BatchNorm(x.shape[1], momentum, eps, affine=False)
    layer.running_mean, layer.running_var = mean, var
    layer(data_of(x))
    return md.batch_norm(x, None, None, w, b, eps), layer.running_mean, layer.running_var


@pytest.mark.parametrize("impl", [batch_norm_with(), batch_norm_in_place])
def test_batch_norms_hold(impl):
    assert check(impl, "batch_norm").holds


def test_minidrops_batch_norm_holds_with_its_gradients():
    report = check(minidrop_batch_norm, "batch_norm", framework="minidrop")
    assert report.holds and {word for _, word, _ in report.equations()} == {"holds"}, report


@pytest.mark.parametrize("changes, broken, variant", [
    ({"running_ddof": 0}, "batch_norm.3", "the running variance is biased"),
    ({"new": False}, "batch_norm.3", "momentum is the weight of the old statistics (Keras)"),
    ({"ddof": 1}, "batch_norm.1", "normalises by the unbiased variance"),
    ({"evaluated": False}, "batch_norm.4", ""),
    ({"axes": "the batch"}, "batch_norm.1", ""),
])
def test_wrong_batch_norms_fail_at_their_equation_and_are_named(changes, broken, variant):
    report = check(batch_norm_with(**changes), "batch_norm")
    assert report.broken == [broken] and report.variant == variant, report


def grouped(x, groups, weight, bias, eps):
    y = whitened(x.reshape(len(x), groups, -1), -1, eps).reshape(x.shape)
    return y * channels(weight, x) + channels(bias, x)


def interleaved(x, groups, weight, bias, eps):
    y = x.reshape(len(x), x.shape[1] // groups, groups, -1)
    return whitened(y, (1, 3), eps).reshape(x.shape) * channels(weight, x) + channels(bias, x)


def instanced(x, weight, bias, eps):
    return whitened(x, tuple(range(2, x.ndim)), eps) * channels(weight, x) + channels(bias, x)


@pytest.mark.parametrize("name, impl", [("group_norm", grouped), ("instance_norm", instanced)])
def test_group_and_instance_norms_hold(name, impl):
    assert check(impl, name).holds


@pytest.mark.parametrize("name, impl", [
    ("group_norm", lambda x, groups, w, b, eps: md.group_norm(x, groups, w, b, eps)),
    ("instance_norm", lambda x, w, b, eps: md.instance_norm(x, w, b, eps))])
def test_those_of_minidrop_hold_with_their_gradients(name, impl):
    report = check(impl, name, framework="minidrop")
    assert report.holds and {word for _, word, _ in report.equations()} == {"holds"}, report


@pytest.mark.parametrize("name, impl, broken, variant", [
    ("group_norm", interleaved, "group_norm.1", "groups are interleaved"),
    ("group_norm", lambda x, groups, w, b, eps: grouped(x, 1, w, b, eps), "group_norm.1", ""),
    ("group_norm", lambda x, groups, w, b, eps: instanced(x, w, b, eps), "group_norm.1", ""),
    ("group_norm", lambda x, groups, w, b: grouped(x, groups, w, b, 1e-3), "group_norm.2",
     "its eps is 1e-3"),
    ("group_norm", lambda x, groups, w, b, eps: grouped(x, groups, w[::-1], b, eps),
     "group_norm.2", ""),
    ("instance_norm", lambda x, w, b, eps: grouped(x, 1, w, b, eps), "instance_norm.1", ""),
    ("instance_norm", lambda x, w, b, eps: whitened(
        x, tuple(range(2, x.ndim)), eps, 1) * channels(w, x) + channels(b, x), "instance_norm.1",
     "normalises by the unbiased variance"),
    ("instance_norm", lambda x, w, b, eps: instanced(x, w, b + b * w, eps),
     "instance_norm.2", ""),
    ("instance_norm", lambda x, w, b, eps: instanced(x, w, b, 1e-3), "instance_norm.2", ""),
])
def test_wrong_group_and_instance_norms_fail_at_their_equation(name, impl, broken, variant):
    report = check(impl, name)
    assert report.broken == [broken] and report.variant == variant, report


@pytest.mark.parametrize("norm, due", [
    (layer_norm.NORM, lambda x, w, b, eps: md.layer_norm(x, w.shape, w, b, eps)),
    (instance_norm.NORM, lambda x, w, b, eps: md.instance_norm(x, w, b, eps)),
    (group_norm.NORM, lambda x, w, b, eps, groups: md.group_norm(x, groups, w, b, eps)),
    (batch_norm.BATCH, lambda x, w, b, eps: md.batch_norm(x, None, None, w, b, eps))])
def test_what_is_due_is_what_minidrop_computes(norm, due):
    options = {"axes": "last", "place": "inside the root", "variance": "biased",
               "groups are": "neighbours"}
    for arrays, numbers in norm.cases(options):
        np.testing.assert_allclose(norm.due(*arrays, options=options, **numbers),
                                   due(*arrays, **numbers), rtol=1e-12)


def test_a_finding_has_the_smallest_input_and_the_number_found_beside_the_number_due():
    report = check(layer_norm_with(ddof=1), "layer_norm")
    finding = report.failures[0]
    assert finding.check == "statistics" and finding.input.startswith("x = [[100, 300]]")
    assert finding.found == "[[-0.707107, 0.707107]]" and finding.due == "[[-1, 1]]"


def test_what_is_shared_is_told_by_places():
    finding = check(interleaved, "group_norm").failures[0]
    assert "x[0, 0] raised by 8" in finding.input
    assert finding.found == "y moves at 2 of 4 places: [0, 0], [0, 2]"
    assert finding.due == "y moves at 2 of 4 places: [0, 0], [0, 1]"
