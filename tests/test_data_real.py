"""The published files themselves, where the folder MINIDROP_DATA holds them."""

import os
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.data import files, published

FOLDER = os.environ.get("MINIDROP_DATA")
pytestmark = pytest.mark.skipif(not FOLDER, reason="MINIDROP_DATA names no folder of data")


def need(published, test=True):
    """Skip where not all files of a set are at hand: SKIPPED says which."""
    for piece in published.pieces:
        if (test or not piece.test) and files.find(piece) is None:
            pytest.skip(f"{FOLDER} has no {piece.path}")


@pytest.fixture(scope="module")
def mnist():
    need(published.MNIST)
    return md.data.mnist(normalise=False)


@pytest.fixture(scope="module")
def cifar10():
    need(published.CIFAR10, test=False)
    return md.data.cifar10(normalise=False, test=False)


@pytest.mark.parametrize("one", published.SETS.values(), ids=published.SETS)
def test_every_file_that_is_there_has_its_published_size_and_checksum(one):
    found = [(path, piece) for piece in one.pieces if (path := files.find(piece))]
    if not found:
        pytest.skip(f"{FOLDER} has nothing of {one.title}")
    for path, piece in found:
        with files.verified(path, piece) as file:
            assert file.tell() == 0


def test_mnist_has_the_known_sizes_labels_and_statistics(mnist):
    assert [x.shape for x, _ in mnist] == [(n, 1, 28, 28) for n in (50_000, 10_000, 10_000)]
    x, y = (np.concatenate(part) for part in zip(*mnist[:2], strict=True))
    assert np.bincount(y).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert np.bincount(mnist.test[1]).tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974,
                                                   1009]
    assert y[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert_allclose([x.mean(dtype=float), x.std(dtype=float)], [0.1307, 0.3081], atol=5e-5)


def test_cifar10_has_the_known_sizes_labels_and_statistics(cifar10):
    assert [x.shape for x, _ in cifar10[:2]] == [(n, 3, 32, 32) for n in (40_000, 10_000)]
    y = np.concatenate([y for _, y in cifar10[:2]])
    assert np.bincount(y).tolist() == [5000] * 10
    assert y[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    sums = sum(x.sum(axis=(0, 2, 3), dtype=float) for x, _ in cifar10[:2]) / (50_000 * 1024)
    squares = sum(np.einsum("nchw,nchw->c", x, x, dtype=float) for x, _ in cifar10[:2])
    assert_allclose(sums, [0.4914, 0.4822, 0.4465], atol=5e-5)
    assert_allclose(np.sqrt(squares / (50_000 * 1024) - sums**2), [0.2470, 0.2435, 0.2616],
                    atol=5e-5)


def test_the_first_cifar_image_is_the_frog_as_its_bytes_say(cifar10):
    record = (Path(FOLDER) / "cifar-10-batches-bin/data_batch_1.bin").read_bytes()[:3073]
    red, green, blue = np.frombuffer(record, np.uint8)[1:].reshape(3, 32, 32) / np.float32(255)
    assert_array_equal(cifar10.train[0][0], [red, green, blue])


def test_normalised_sets_have_mean_0_and_deviation_1_in_the_training_part():
    need(published.CIFAR10, test=False)
    x, _ = md.data.cifar10(test=False).train
    assert_allclose(x.mean(axis=(0, 2, 3), dtype=float), 0, atol=1e-6)
    assert_allclose(x.std(axis=(0, 2, 3), dtype=float), 1, atol=1e-6)


def test_a_missing_test_batch_is_an_error_and_never_another_split():
    piece = published.CIFAR10.pieces[-1]
    if files.find(piece):
        pytest.skip("the test batch is there")
    with pytest.raises(ValueError, match=r"test_batch\.bin.*cifar10\(test=False\)"):
        md.data.cifar10()
