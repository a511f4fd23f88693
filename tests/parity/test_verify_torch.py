"""minidrop.verify on PyTorch, torchvision and timm: how their layers and functions are called."""

from functools import partial

import numpy as np
import pytest

from minidrop.verify import check
from minidrop.verify.adapters import adapter_for, framework_of
from minidrop.verify.box import Box, Trouble
from minidrop.verify.techniques import technique_named
from tests.verify.holders import assert_linear, assert_norm

pytestmark = pytest.mark.reference
X = np.array([[1.0, 2.0]], np.float32)


def box(impl, **settings):
    return Box(adapter_for(impl, technique_named("dropout"), **settings))


def test_dropout_of_torch_holds_whatever_it_is_given_as(torch):
    functional = torch.nn.functional
    for impl, settings in (
            (torch.nn.Dropout, {}), (functional.dropout, {}), (lambda p: torch.nn.Dropout(p), {}),
            (partial(functional.dropout, inplace=False), {}),
            (lambda input, p, train: torch.dropout(input, p, train), {}),
            (torch.nn.Dropout(0.3), {"fixed": {"p": 0.3}}),
            (torch.nn.Dropout(0.3).forward, {"fixed": {"p": 0.3}})):
        report = check(impl, "dropout", **settings)
        assert report.holds and "torch:" in report.subject, str(report)


def test_what_is_written_over_is_told(torch):
    for impl in partial(torch.nn.Dropout, inplace=True), torch.nn.functional.dropout:
        extra = {} if isinstance(impl, partial) else {"inplace": True}
        report = check(impl, "dropout", extra=extra)
        assert [one.check for one in report.failures] == ["input untouched"], str(report)


def test_builtins_say_how_to_wrap_them(torch):
    with pytest.raises(ValueError, match="wrap it, as in lambda x, p, training: dropout"):
        check(torch.dropout, "dropout")


def test_torch_can_be_starved(torch):
    def wrong(x, p):
        return x * (torch.rand(x.shape) > p) / max(1 - p, 1e-30)

    def wrong_by_a_generator(x, p, generator):
        return x * (torch.rand(x.shape, generator=generator) > p) / max(1 - p, 1e-30)

    for impl in wrong, wrong_by_a_generator:
        with (held := box(impl)).starved():
            assert not held.train(X, p=0.0).y.any()
        assert held.train(X, p=0.0).y.all()
        report = check(impl, "dropout")
        assert [one.check for one in report.failures] == ["rarest draw"], str(report)


def test_masks_are_handed_over(torch):
    mask = np.array([[True, False]])
    for impl in (lambda x, mask, p: torch.where(mask, x, 0 * x) / (1 - p),
                 lambda x, mask, p: x - x * (1 - mask) + p * x * mask / (1 - p)):
        held = box(impl, framework="torch")
        answer = held.apply(X, noise=mask, p=0.5, gradient=True)
        np.testing.assert_array_equal(answer.y, [[2, 0]])
        np.testing.assert_array_equal(answer.gradient(X), [[2, 0]])


def test_torchs_layers_hold_what_is_put_into_them(torch):
    class Wrapped(torch.nn.Module):
        def __init__(self, in_features, out_features):
            super().__init__()
            self.inner = torch.nn.Linear(in_features, out_features)

        def forward(self, x):
            return self.inner(x)

    for impl in torch.nn.Linear, Wrapped:
        assert_linear(impl)
    assert_linear(torch.nn.functional.linear)
    for norm in torch.nn.BatchNorm2d, torch.nn.functional.batch_norm:
        assert_norm(norm, unbiased=True)


def test_the_framework_is_that_of_the_code_that_runs(torch, torchvision, timm):
    def numpy_beside_torch(x, p):
        return x * np.ones(2)

    assert framework_of(numpy_beside_torch) == "numpy"
    assert framework_of(torchvision.ops.StochasticDepth) == "torch"
    assert framework_of(torch.nn.Sequential(torch.nn.Dropout(0.5))) == "torch"
    with pytest.raises(Trouble) as caught:
        box(lambda x, p: x.new_empty(2)).train(X, p=0.5)
    assert "say framework='torch'" in caught.value.due


def test_the_layers_of_a_caller_are_left_alone(torch):
    layer = torch.nn.Dropout(0.3).eval()
    assert check(layer, "dropout", fixed={"p": 0.3}).holds and not layer.training


def test_the_gradient_of_a_number_is_asked_for(torch):
    report = check(lambda w: w.abs().sum(), "l1", framework="torch")
    assert report.holds, report
