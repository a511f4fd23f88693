"""Claims on convolutional networks: their images and their networks."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from minidrop import data
from minidrop.claims import cnns


def test_digits_are_images_and_the_first_are_learned_from():
    splits, whole = cnns.images({"data": "digits", "images": 50}), data.digits(image=True)
    assert_array_equal(splits.train[0], whole.train[0][:50])
    assert_array_equal(splits.train[1], whole.train[1][:50])
    for part in ("validation", "test"):
        assert_array_equal(getattr(splits, part)[0], getattr(whole, part)[0])
    few = cnns.images({"data": "digits", "images": 50, "held_out": 20})
    assert_array_equal(few.test[1], whole.test[1][:20])
    assert len(few.validation[1]) == 300


def test_cifar_is_cut_into_three_that_share_no_image(monkeypatch):
    number = np.arange(50000)

    def cifar10(test=True):
        assert not test                           # not everybody has the test batch
        return data.Splits((number[:40000], -number[:40000]), (number[40000:], -number[40000:]),
                           None)

    monkeypatch.setattr(data, "cifar10", cifar10)
    splits = cnns.images({"data": "cifar10", "images": 10000, "held_out": 5000})
    for (x, y), (lo, hi) in zip(splits, ((0, 10000), (35000, 40000), (40000, 45000)), strict=True):
        assert_array_equal(x, number[lo:hi])
        assert_array_equal(y, -number[lo:hi])
    every = cnns.images({"data": "cifar10", "images": 40000})
    assert len(every.train[0]) == 35000 and every.test[0][-1] == 49999


@pytest.mark.parametrize("name, shape", [("resnet8", (2, 1, 8, 8)), ("resnet20", (2, 3, 32, 32)),
                                         ("lenet", (2, 1, 28, 28)), ("vgg_small", (2, 3, 8, 8))])
def test_networks_take_the_images_and_have_empty_places(name, shape):
    x = np.zeros(shape, "float32")
    net = cnns.network({"net": name}, x, classes=7).init(0)
    assert net(x).shape == (2, 7)
    depth = sum("conv" in path for path, _ in net.named_modules() if path.endswith(("1", "2"))
                and "stage" in path)
    assert depth == {"resnet8": 6, "resnet20": 18, "lenet": 0, "vgg_small": 4}[name]
