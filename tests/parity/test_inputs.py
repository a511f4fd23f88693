"""mixup and CutMix beside torchvision, timm and Keras: the same weight, box and partners."""

import itertools

import numpy as np
import pytest

import minidrop as md

pytestmark = pytest.mark.reference
WEIGHTS = [0.0, 0.02, 0.25, 0.3, 0.5, 0.64, 0.75, 0.859375, 0.9, 0.99, 1.0]
SIZES = [(8, 8), (7, 7), (6, 9), (9, 4)]
N, CLASSES = 6, 4


@pytest.fixture
def batch(rng):
    """Images (N, C, H, W) and one-hot labels, float32."""
    x = rng.standard_normal((N, 3, 6, 9)).astype("float32")
    return x, np.eye(CLASSES, dtype="float32")[rng.integers(0, CLASSES, N)]


def of_torchvision(torch, torchvision, monkeypatch, name, weight, center=()):
    """torchvision's transform `name` with the draws given: the weight, then column and row."""
    transform = getattr(torchvision.transforms.v2, name)(alpha=1.0, num_classes=CLASSES)
    draws = iter(center[::-1])
    monkeypatch.setattr(transform._dist, "sample", lambda _: torch.tensor(weight).double())
    monkeypatch.setattr(torch, "randint", lambda high, size: torch.full(size, next(draws)))
    return transform


def of_timm(timm, monkeypatch, weight, center=(), smoothing=0.0, **kind):
    """timm's transform with the draws given: the weight, then row and column."""
    draws = iter(center)
    monkeypatch.setattr(np.random, "beta", lambda a, b: weight)
    monkeypatch.setattr(np.random, "randint", lambda low, high, size: next(draws))
    return timm.mixup.Mixup(**kind, label_smoothing=smoothing, num_classes=CLASSES)


def assert_equal(ours, theirs, tolerance=2e-7):
    """Both (x, y) in float32: of entries of about 1, rounded once or twice."""
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == "float32" == str(b.numpy().dtype)
        np.testing.assert_allclose(a, b.numpy(), atol=tolerance, rtol=tolerance)


# --- Cutout ---------------------------------------------------------------------------------------

def test_torchvisions_random_erasing_lies_inside_and_leaves_some_images_whole(torch, torchvision):
    torch.manual_seed(0)
    erase, areas = torchvision.transforms.v2.RandomErasing(p=0.5), set()
    for _ in range(64):                           # all alike: probability 2^-63
        gone = (erase(torch.ones(3, 32, 32)) == 0).numpy()
        rows, columns = gone[0].any(1), gone[0].any(0)
        assert (gone == np.outer(rows, columns)).all()            # a rectangle, in all channels
        assert gone[0].sum() < 0.36 * 32 * 32 and not (rows.all() or columns.all())
        areas.add(int(gone[0].sum()))
    assert 0 in areas and len(areas) > 10         # some are whole, the others of many sizes


# --- mixup ----------------------------------------------------------------------------------------

@pytest.mark.parametrize("weight", WEIGHTS)
def test_mixup_with_the_weight_of_torchvision(torch, torchvision, monkeypatch, batch, weight):
    """Its partner of image i is i - 1."""
    x, y = batch
    theirs = of_torchvision(torch, torchvision, monkeypatch, "MixUp", weight)(
        torch.from_numpy(x), torch.from_numpy(y))
    assert_equal(md.mixup(x, y, weight, np.roll(np.arange(N), 1)), theirs)


@pytest.mark.parametrize("weight", WEIGHTS)
def test_mixup_with_the_weight_of_timm(torch, timm, monkeypatch, batch, weight):
    """Its partner of image i is N - 1 - i, and it overwrites its input."""
    x, y = batch
    given = torch.from_numpy(x.copy())
    theirs = of_timm(timm, monkeypatch, weight)(given, torch.from_numpy(y).argmax(1))
    assert_equal(md.mixup(x, y, weight, np.arange(N)[::-1].copy()), theirs)
    assert theirs[0] is given


def test_timm_smooths_labels_and_then_mixes_them(torch, timm, monkeypatch, batch):
    """Smoothed afterwards, as by `cross_entropy`, ours are the same."""
    x, y = batch
    given = torch.from_numpy(x.copy()), torch.from_numpy(y).argmax(1)
    theirs = of_timm(timm, monkeypatch, 0.3, smoothing=0.1)(*given)[1].numpy()
    _, ours = md.mixup(x, y, 0.3, np.arange(N)[::-1].copy())
    np.testing.assert_allclose(0.9 * ours + 0.1 / CLASSES, theirs, atol=1e-7)


def test_mixup_with_the_weights_of_keras(torch, keras, batch):
    """It draws a weight for each image."""
    x, y = batch
    layer = keras.layers.MixUp(alpha=1.0, data_format="channels_first", seed=3)
    drawn = layer.get_random_transformation(torch.from_numpy(x))
    weight, order = (drawn[name].numpy() for name in ("mix_weight", "permutation_order"))
    theirs = (layer.transform_images(torch.from_numpy(x), drawn),
              layer.transform_labels(torch.from_numpy(y), drawn))
    assert weight.shape == (N,) and len(set(weight)) == N
    assert_equal(md.mixup(x, y, weight, order), theirs)
    assert sorted(order) == list(range(N))


# --- CutMix ---------------------------------------------------------------------------------------

@pytest.mark.parametrize("height, width", SIZES)
def test_every_box_is_torchvisions(torch, torchvision, monkeypatch, height, width):
    """Half sides in one step there, in two here: the same numbers."""
    images = [torch.ones(1, 1, height, width)]
    for weight, *center in itertools.product(WEIGHTS, range(height), range(width)):
        drawn = of_torchvision(torch, torchvision, monkeypatch, "CutMix", weight, center)
        left, top, right, bottom = drawn.make_params(images)["box"]
        assert md.cutmix_box(weight, tuple(center), height, width) == (top, bottom, left, right)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("center", [(0, 0), (3, 4), (5, 8)])
def test_cutmix_with_the_draws_of_torchvision(torch, torchvision, monkeypatch, batch, weight,
                                              center):
    x, y = batch
    theirs = of_torchvision(torch, torchvision, monkeypatch, "CutMix", weight, center)(
        torch.from_numpy(x), torch.from_numpy(y))
    box = md.cutmix_box(weight, center, 6, 9)
    assert_equal(md.cutmix(x, y, box, np.roll(np.arange(N), 1)), theirs)


@pytest.mark.parametrize("weight", WEIGHTS[:-1])          # at 1 it skips the batch
@pytest.mark.parametrize("center", [(0, 0), (3, 4), (5, 8)])
def test_cutmix_with_the_draws_of_timm(torch, timm, monkeypatch, batch, weight, center):
    """Under the box that it draws, which is larger where a side is odd."""
    x, y = batch
    kind = {"mixup_alpha": 0.0, "cutmix_alpha": 1.0}
    theirs = of_timm(timm, monkeypatch, weight, center, **kind)(
        torch.from_numpy(x.copy()), torch.from_numpy(y).argmax(1))
    of_timm(timm, monkeypatch, weight, center)
    box = tuple(map(int, timm.mixup.rand_bbox((6, 9), weight)))
    assert_equal(md.cutmix(x, y, box, np.arange(N)[::-1].copy()), theirs)


def test_timm_keeps_the_odd_side_of_a_box(timm, monkeypatch):
    """A side of 3 pastes 3 rows there, and 2 here and in the official code; even sides agree."""
    odd = 0
    for weight, *center in itertools.product(WEIGHTS, range(8), range(8)):
        side = int(8 * (1 - weight)**0.5)
        of_timm(timm, monkeypatch, weight, center)
        theirs = timm.mixup.rand_bbox((8, 8), weight)
        top, bottom, left, right = md.cutmix_box(weight, tuple(center), 8, 8)
        more = side % 2
        assert theirs == (top, min(bottom + more, 8), left, min(right + more, 8))
        odd += more
    assert odd == 3 * 64                          # sides 8 7 6 6 5 4 4 3 2 0 0
    of_timm(timm, monkeypatch, 1 - 9 / 64, (4, 4))
    top, bottom, left, right = timm.mixup.rand_bbox((8, 8), 1 - 9 / 64)
    assert (bottom - top) * (right - left) == 9
    top, bottom, left, right = md.cutmix_box(1 - 9 / 64, (4, 4), 8, 8)
    assert (bottom - top) * (right - left) == 4


def boxes_of_keras(torch, keras, n, size):
    """Keras's draws for n images: pasted pixels (n, size, size), weights, order, and the layer."""
    layer = keras.layers.CutMix(factor=(1.0, 1.0), data_format="channels_first", seed=3)
    drawn = layer.get_random_transformation(torch.ones(n, 1, size, size))
    weight, order = (drawn[name].numpy() for name in ("mix_weight", "permutation_order"))
    return drawn["batch_masks"].numpy()[:, 0], weight.reshape(n), order, layer, drawn


def test_cutmix_with_the_boxes_of_keras(torch, keras, rng):
    """The same pixels; its labels go by another area than that of the pixels pasted."""
    n, size = 40, 8
    x, y = rng.standard_normal((n, 1, size, size)).astype("float32"), np.eye(n, dtype="float32")
    pasted, weight, order, layer, drawn = boxes_of_keras(torch, keras, n, size)
    x2 = layer.transform_images(torch.from_numpy(x), drawn).numpy()
    y2 = layer.transform_labels(torch.from_numpy(y), drawn).numpy()
    for i in range(n):
        rows, columns = (np.flatnonzero(pasted[i].any(axis)) for axis in (1, 0))
        box = (rows[0], rows[-1] + 1, columns[0], columns[-1] + 1) if len(rows) else (0, 0, 0, 0)
        ours = md.cutmix(x, y, tuple(map(int, box)), order)
        np.testing.assert_array_equal(ours[0][i], x2[i])
        if order[i] != i:
            np.testing.assert_allclose(y2[i, i], weight[i], atol=1e-6)
            np.testing.assert_allclose(ours[1][i, i], 1 - pasted[i].mean(), atol=1e-6)


def test_keras_labels_are_off_the_share_of_pixels_by_a_hundredth(torch, keras):
    """At 32 x 32: 0.011 on average of 4000 boxes, at most 63/1024; half is pasted on average."""
    pasted, weight, *_ = boxes_of_keras(torch, keras, 4000, 32)
    off = np.abs(1 - pasted.mean((1, 2)) - weight)
    assert off.max() <= 63 / 1024 + 1e-6 and abs(off.mean() - 0.011) < 0.001
    assert abs(pasted.mean() - 1 / 2) < 0.03      # 6 standard errors
