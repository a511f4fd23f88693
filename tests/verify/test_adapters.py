"""Adapters: how implementations are called, told by what small ones are handed and give back."""

import numpy as np
import pytest

import minidrop as md
from minidrop.units.dropout import dropout, dropout_original
from minidrop.verify import check
from minidrop.verify.adapters import adapter_for
from minidrop.verify.box import Box, Trouble, Unseen
from minidrop.verify.techniques import technique_named

X, MASK = np.array([[1.0, 2.0]], np.float32), np.array([[True, False]])


def box(impl, technique="dropout", **settings):
    """An implementation as a black box."""
    return Box(adapter_for(impl, technique_named(technique), **settings))


# --- noise as an argument ---

def test_a_mask_that_is_an_argument_is_handed_over():
    held = box(dropout)
    assert held.takes_noise and held.takes("p") and held.takes("mask")
    answer = held.apply(X, noise=MASK, p=0.5, gradient=True)
    np.testing.assert_array_equal(answer.y, [[2, 0]])
    np.testing.assert_array_equal(answer.gradient(3 * X), [[6, 0]])
    for run in held.train, held.evaluate:
        with pytest.raises(Unseen, match="the mask is given to it, so nothing is drawn"):
            run(X, p=0.5)
    assert check(dropout, "dropout").verdict == "nothing can be seen from outside"


def test_parameters_that_are_not_taken_are_in_the_noise():
    held = box(lambda x, noise: x * noise)
    assert held.takes_noise and not held.takes("p")
    np.testing.assert_array_equal(held.apply(X, noise=3 * X, p=0.5).y, [[3, 12]])
    np.testing.assert_array_equal(box(dropout_original).apply(X, noise=MASK, p=0.5).y, [[1, 0]])


def test_a_mask_is_boolean_unless_that_does_not_work():
    seen = []

    def booleans(x, mask):
        seen.append(mask.dtype)
        return x * mask

    box(booleans).apply(X, noise=MASK)
    held = box(lambda x, mask: x * booleans(x, 1 + -mask))
    assert held.apply(X, noise=MASK).y.tolist() == [[0, 4]] and seen == [bool, np.float32]
    held.apply(X.astype(float), noise=MASK)
    assert seen[2:] == [float]
    with pytest.raises(Trouble, match="boolean"):
        box(lambda x, mask: -mask + np.zeros((2, 5, 7)) @ x).apply(X, noise=MASK)


def test_a_mask_for_maps_with_the_channels_last_has_them_last():
    held = box(lambda x, mask, p: x * mask + 0 * x[..., -1:], layout="NHWC")
    x, mask = np.random.default_rng(0).normal(size=(2, 3, 4, 5)), np.zeros((2, 3, 1, 1), bool)
    mask[0, 1] = True
    np.testing.assert_array_equal(held.apply(x, noise=mask, p=0.5).y, x * mask)


def test_what_draws_its_own_takes_no_noise():
    for impl in md.Dropout, lambda x, p, rng, mask=None: x:
        held = box(impl)
        assert not held.takes_noise
        held.train(X, p=0.5)
    with pytest.raises(Unseen, match="takes no mask"):
        box(md.Dropout).apply(X, noise=MASK, p=0.5)
