"""Flips and crops, equation by equation: every draw of a small image is tried."""

import itertools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import minidrop as md
from minidrop.check import Record, gradcheck
from minidrop.xp import host

X = np.arange(1.0, 37.0).reshape(2, 3, 2, 3)      # (N, C, H, W)
PADDING = 2
OFFSETS = list(itertools.product(range(2 * PADDING + 1), repeat=2))


def pixel(x, n, c, i, j):
    """x_ncij, and 0 outside the image."""
    return x[n, c, i, j] if 0 <= i < x.shape[2] and 0 <= j < x.shape[3] else 0.0


def by_hand(x, flips, offsets, padding):
    """(flip_crop.2) and (flip_crop.4), number by number."""
    y = np.empty_like(x)
    for n, c, i, j in np.ndindex(x.shape):
        row, column = i + offsets[n][0] - padding, j + offsets[n][1] - padding
        y[n, c, i, j] = pixel(x, n, c, row, x.shape[3] - 1 - column if flips[n] else column)
    return y


def test_flip_crop_2_mirrors_the_columns_of_the_images_of_the_mask(xp):
    for flips in itertools.product([False, True], repeat=2):
        y = host(md.flip(xp.asarray(X), xp.asarray(np.array(flips))))
        for n, mirrored in enumerate(flips):
            assert_array_equal(y[n], X[n][..., ::-1] if mirrored else X[n])


def test_flip_crop_2_and_4_by_hand_for_every_draw(xp):
    x = xp.asarray(X)
    for flips in itertools.product([False, True], repeat=2):
        flipped = md.flip(x, xp.asarray(np.array(flips)))
        for first, second in zip(OFFSETS, OFFSETS[::-1], strict=True):
            y = md.crop(flipped, xp.asarray(np.array([first, second])), PADDING)
            assert_array_equal(host(y), by_hand(X, flips, (first, second), PADDING))


def test_flip_crop_5_mean_of_all_draws(xp):
    x, every = xp.asarray(X), []
    for flips, offsets in itertools.product([False, True], OFFSETS):
        mask = xp.asarray(np.array([flips] * 2))
        every.append(host(md.crop(md.flip(x, mask), xp.asarray(np.array([offsets] * 2)), PADDING)))
    due = np.zeros_like(X)
    for n, c, i, j in np.ndindex(X.shape):
        for a, b in itertools.product(range(-PADDING, PADDING + 1), repeat=2):
            due[n, c, i, j] += pixel(X, n, c, i + a, j + b) + pixel(X, n, c, i + a, 2 - j + b)
    assert_allclose(np.mean(every, axis=0), due / (2 * 25), atol=1e-12)


def test_flip_crop_4_without_a_shift_is_the_image_to_the_bit(xp):
    x = xp.asarray(X.astype("float32"))
    for padding in (0, 1, 4):
        offsets = xp.asarray(np.full((2, 2), padding))
        y = md.crop(md.flip(x, xp.zeros(2, bool)), offsets, padding)
        assert y.dtype == x.dtype and host(y).tobytes() == host(x).tobytes()


def test_flip_crop_1_and_3_are_drawn_for_each_image(xp, backend):
    rng = Record(md.Stream(0, "", backend))
    x, y = md.flip_crop(rng, xp.asarray(np.broadcast_to(X[:1], (64, 3, 2, 3))), xp.arange(64))
    assert [(name, args) for name, args, _ in rng.draws] == [
        ("bernoulli", (0.5, 64)), ("integers", (9, (64, 2)))]
    (_, _, mask), (_, _, offsets) = rng.draws
    assert_array_equal(host(x), by_hand(np.broadcast_to(X[:1], (64, 3, 2, 3)), host(mask),
                                        host(offsets), 4))
    assert len({image.tobytes() for image in host(x)}) > 8
    assert_array_equal(host(y), range(64))


def test_flip_crop_1_and_3_take_every_value(xp, backend):
    # Of 2,000 draws a value of 81 is missing by chance in one seed of 10^9.
    flips = host(md.flip_mask(md.Stream(1, "", backend), 2000))
    offsets = host(md.crop_offsets(md.Stream(1, "", backend), 2000))
    assert flips.dtype == bool and 0.44 < flips.mean() < 0.56
    assert set(map(tuple, offsets.tolist())) == set(itertools.product(range(9), repeat=2))


def test_flip_crop_4_pads_with_the_mean_of_normalised_images(xp):
    rng = np.random.default_rng(0)
    raw = rng.uniform(2, 3, (8, 3, 4, 4))
    mean, deviation = (f(axis=(0, 2, 3), keepdims=True) for f in (raw.mean, raw.std))
    y = md.crop(xp.asarray((raw - mean) / deviation), xp.zeros((8, 2), "int64"), padding=1)
    seen = host(y) * deviation + mean
    assert_allclose(seen[:, :, 0], np.broadcast_to(mean[:, :, 0], (8, 3, 4)))
    assert_allclose(seen[:, :, 1:, 1:], raw[:, :, :-1, :-1])


def test_tensors_give_tensors_and_gradients(xp):
    mask, offsets = xp.asarray(np.array([True, False])), xp.asarray(np.array([[0, 3], [2, 1]]))
    gradcheck(lambda x: md.crop(md.flip(x, mask), offsets, PADDING), xp.asarray(X), order=2)
    x, y = md.flip_crop(3, md.Tensor(xp.asarray(X)), None)
    array, _ = md.flip_crop(3, xp.asarray(X), None)
    assert isinstance(x, md.Tensor) and y is None and isinstance(array, xp.ndarray)
    assert_array_equal(host(x.data), host(array))


def test_every_memory_order_gives_the_same_numbers_and_the_input_stays(xp):
    mask, offsets = np.array([True, False]), np.array([[0, 3], [2, 1]])
    due = by_hand(X, mask, offsets, PADDING)
    for axes in itertools.permutations(range(4)):
        back = [int(axis) for axis in np.argsort(axes)]
        turned = xp.asarray(np.ascontiguousarray(X.transpose(axes))).transpose(*back)
        y = md.crop(md.flip(turned, xp.asarray(mask)), xp.asarray(offsets), PADDING)
        assert_array_equal(host(y), due)
        assert_array_equal(host(turned), X)


def test_fit_takes_it_as_a_batch_transform_and_evaluation_goes_without(xp, backend):
    x = xp.asarray(np.random.default_rng(0).normal(size=(20, 1, 8, 8)).astype("float32"))
    y = xp.asarray(np.arange(20) % 2)
    drawn = []

    def spied(rng, x, y):
        drawn.append(md.flip_crop(rng, x, y))
        return drawn[-1]

    def run():
        net = md.nn.Sequential(md.nn.Flatten(), md.nn.Linear(64, 2)).init(0).to(backend)
        md.fit(net, md.optim.SGD(0.1), ((x, y)), epochs=2, batch_size=10, batch=spied,
               progress=False)
        return net

    first, second = run(), run()
    assert len(drawn) == 8 and all(x.shape == (10, 1, 8, 8) for x, _ in drawn)
    for (a, _), (b, _) in zip(drawn[:4], drawn[4:], strict=True):
        assert_array_equal(host(a), host(b))
    assert_array_equal(host(first.linear1.weight.data), host(second.linear1.weight.data))
    md.evaluate(first, (x, y))
    assert len(drawn) == 8


def test_what_does_not_fit_is_refused_in_one_sentence(xp):
    x, mask, offsets = xp.asarray(X), xp.zeros(2, bool), xp.full((2, 2), 4)
    for words, use in [
            (r"x must be images \(N, C, H, W\) and not empty", lambda: md.flip(x[0], mask)),
            (r"x must be images", lambda: md.crop(x[0], offsets)),
            (r"x must be images", lambda: md.flip_crop(0, x[0], None)),
            (r"mask must be a boolean array of shape \(2,\)", lambda: md.flip(x, mask[:1])),
            (r"mask must be a boolean array", lambda: md.flip(x, xp.zeros(2))),
            (r"offsets must be whole numbers of shape \(2, 2\)", lambda: md.crop(x, offsets[:1])),
            (r"offsets must be whole numbers", lambda: md.crop(x, offsets * 1.0)),
            (r"offsets must lie in 0..8, got 9 to 9", lambda: md.crop(x, offsets + 5)),
            (r"offsets must lie in 0..8, got -1 to -1", lambda: md.crop(x, offsets - 5)),
            (r"padding must be", lambda: md.crop_offsets(0, 2, -1)),
            (r"padding must be", lambda: md.crop(x, offsets, padding=-1))]:
        with pytest.raises(ValueError, match=words):
            use()
    with pytest.raises(TypeError, match="offsets must be a plain array"):
        md.crop(X, np.ma.array(np.full((2, 2), 4)))


def test_no_images_and_no_padding_leave_nothing_to_draw():
    assert md.crop_offsets(0, 0).shape == (0, 2)
    assert host(md.crop_offsets(0, 3, 0)).tolist() == [[0, 0]] * 3


@pytest.mark.reference
def test_torchvisions_pad_and_crop_is_the_same_for_one_image():
    import torch

    for u, v in OFFSETS:
        padded = torch.nn.functional.pad(torch.from_numpy(X), [PADDING] * 4)
        offsets = np.array([[u, v]] * 2)
        assert_array_equal(md.crop(X, offsets, PADDING), padded[:, :, u:u + 2, v:v + 3].numpy())
