"""The embedded digits: whole, as published, and always cut in the same way."""

from importlib import resources

import numpy as np
import pytest

import minidrop as md
from minidrop.data import digits


def archive():
    with (resources.files("minidrop.data") / "digits.npz").open("rb") as file:
        return dict(np.load(file, allow_pickle=False))


def rows(x):
    return [row.tobytes() for row in x.reshape(len(x), -1)]


def test_the_archive_holds_the_1797_images_of_the_uci_test_part():
    images, labels = archive()["images"], archive()["labels"]
    assert images.shape == (1797, 8, 8) and images.min() == 0 and images.max() == 16
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


@pytest.mark.parametrize("image, shape", [(False, (64,)), (True, (1, 8, 8))])
def test_sizes_dtypes_and_range(image, shape):
    splits = digits(image=image)
    assert splits._fields == ("train", "validation", "test")
    for (x, y), n in zip(splits, (1197, 300, 300), strict=True):
        assert x.shape == (n, *shape) and x.dtype == np.float32
        assert y.shape == (n,) and y.dtype == np.int64
        assert x.min() == 0 and x.max() == 1 and set(y.tolist()) == set(range(10))


def test_the_parts_are_the_archive_in_the_order_of_the_stream_named_digits():
    order = md.permutation(md.Stream(0, "digits"), 1797)
    x, y = (np.concatenate(parts) for parts in zip(*digits(), strict=True))
    np.testing.assert_array_equal(x * 16, archive()["images"].reshape(1797, 64)[order])
    np.testing.assert_array_equal(y, archive()["labels"][order])


def test_no_example_lies_in_two_parts():
    """All 1,797 images differ, so none that is tested on was trained on."""
    parts = [rows(x) for x, _ in digits()]
    assert len({row for part in parts for row in part}) == sum(map(len, parts)) == 1797


def test_flat_and_image_are_the_same_numbers():
    for (flat, y), (image, same) in zip(digits(), digits(image=True), strict=True):
        np.testing.assert_array_equal(flat, image.reshape(len(image), 64))
        np.testing.assert_array_equal(y, same)


def test_changing_what_was_given_does_not_change_what_is_given_next():
    (x, y), _, _ = digits()
    x += 1
    y += 1
    (again, labels), _, _ = digits()
    assert again.max() == 1 and labels.max() == 9


@pytest.mark.reference
def test_the_images_are_scikit_learns():
    from sklearn.datasets import load_digits

    theirs = load_digits()
    np.testing.assert_array_equal(archive()["images"], theirs.images)
    np.testing.assert_array_equal(archive()["labels"], theirs.target)
