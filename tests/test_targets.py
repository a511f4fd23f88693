"""Labels as rows, partners by order, and batch transforms that a checkpoint tells apart."""

import pickle
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import minidrop as md
from minidrop.arguments import images, order_of
from minidrop.functional import soft_targets
from minidrop.xp import host

LABELS = np.array([2, 0, 1, 2])


@pytest.mark.parametrize("kind", ["int64", "int8", "uint8"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_hot_rows_are_1_at_the_label(xp, dtype, kind):
    y = md.one_hot(xp.asarray(LABELS.astype(kind)), 4, dtype)
    due = np.zeros((4, 4), dtype)
    for i, label in enumerate(LABELS):
        due[i, label] = 1
    assert isinstance(y, xp.ndarray) and y.dtype == dtype
    assert_array_equal(host(y), due)
    assert md.one_hot(xp.zeros(0, "int64"), 3).shape == (0, 3)


def test_the_cross_entropy_of_one_hot_rows_is_that_of_the_labels(xp):
    logits, labels = xp.asarray(np.arange(12.0).reshape(4, 3) % 5), xp.asarray(LABELS)
    rows = md.one_hot(labels, 3, "float64")
    assert abs(float(md.cross_entropy(logits, rows) - md.cross_entropy(logits, labels))) < 1e-15


def test_labels_become_rows_and_rows_stay_as_they_are(xp):
    labels, rows = xp.asarray(LABELS), xp.asarray(np.full((4, 3), 1 / 3, "float32"))
    assert_array_equal(host(soft_targets(labels, 3)), host(md.one_hot(labels, 3)))
    assert soft_targets(rows, 3) is rows
    wide = soft_targets(rows, 3, "float64")
    assert wide.dtype == "float64"
    assert_array_equal(host(wide), host(rows))
    for wrong in (rows[:, :2], rows[0], rows[None]):
        with pytest.raises(ValueError, match=r"y must be labels \(N,\) or rows \(N, 3\), got shap"):
            soft_targets(wrong, 3)
    for wrong in (labels[:, None], labels > 0, None, [0, 1]):
        with pytest.raises(TypeError, match=r"labels must be an array \(N,\) of whole numbers"):
            soft_targets(wrong, 3)


def test_an_order_names_a_row_for_each_row(xp):
    for right in ([3, 1, 0, 2], [0, 0, 0, 0]):
        order = xp.asarray(np.array(right))
        assert order_of(order, 4) is order
    for words, wrong in [
            (r"order must be whole numbers of shape \(4,\)", xp.zeros(3, "int64")),
            (r"order must be whole numbers of shape \(4,\)", xp.zeros((4, 1), "int64")),
            (r"order must be whole numbers of shape \(4,\)", xp.zeros(4)),
            (r"order must be whole numbers of shape \(4,\)", xp.zeros(4, bool)),
            (r"order must be whole numbers of shape \(4,\)", [0, 1, 2, 3]),
            (r"order must lie in 0\.\.3, got 0 to 4", xp.asarray(np.array([0, 1, 2, 4]))),
            (r"order must lie in 0\.\.3, got -1 to 2", xp.asarray(np.array([0, 1, 2, -1])))]:
        with pytest.raises(ValueError, match=words):
            order_of(wrong, 4)


def test_images_have_four_axes_none_of_them_empty(xp):
    x = xp.ones((2, 1, 3, 4))
    assert images(x) is x
    for wrong in (x[0], x[:0], x[..., :0]):
        with pytest.raises(ValueError, match=r"x must be images \(N, C, H, W\) and not empty"):
            images(wrong)


@dataclass
class Shift:
    by: float
    model: object = None

    def __call__(self, rng, x, y):
        return x + self.by, y


def fit_with(batch, path):
    x, y = np.eye(3, dtype="float32"), np.arange(3)
    md.fit(md.nn.Linear(3, 3).init(0), md.optim.SGD(0.1), (x, y), 1, batch=batch, progress=False,
           checkpoint=path)


def test_a_resumed_run_knows_a_batch_dataclass_by_its_fields_and_weights(tmp_path):
    def line(seed):
        return md.nn.Linear(2, 2).init(seed)

    fit_with(Shift(0.5, line(3)), tmp_path / "run")
    fit_with(Shift(0.5, line(3)), tmp_path / "run")
    fit_with(pickle.loads(pickle.dumps(Shift(0.5, line(3)))), tmp_path / "run")
    for other in (Shift(0.25, line(3)), Shift(0.5, line(4)), Shift(0.5)):
        with pytest.raises(ValueError, match=r"another run: batch 'Shift\(by=0.5, model=digest"):
            fit_with(other, tmp_path / "run")
