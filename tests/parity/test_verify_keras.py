"""minidrop.verify on Keras, with whichever backend is set: how its layers and functions run."""

import numpy as np
import pytest

from minidrop.verify import check
from minidrop.verify.adapters import adapter_for
from minidrop.verify.box import Box
from minidrop.verify.techniques import technique_named
from tests.verify.holders import assert_linear, assert_norm

pytestmark = pytest.mark.reference


def test_dropout_of_keras_holds_whatever_it_is_given_as(keras):
    def function(x, rate, training, seed):
        return keras.random.dropout(x, rate, seed=seed) if training else x

    layers = keras.layers
    for impl, settings in ((layers.Dropout, {}), (lambda p: layers.Dropout(p), {}),
                           (function, {}), (layers.Dropout(0.3), {"fixed": {"p": 0.3}})):
        report = check(impl, "dropout", **settings)
        assert report.holds and "keras:" in report.subject, str(report)


def test_layers_hold_what_is_put_into_them(keras):
    assert_linear(keras.layers.Dense)
    assert_norm(keras.layers.BatchNormalization, unbiased=False)
    assert_norm(lambda momentum, eps: keras.layers.BatchNormalization(
        axis=1, momentum=momentum, epsilon=eps), unbiased=False)


def test_the_layout_is_that_of_the_layer(keras):
    dropout = technique_named("dropout")
    for layout in "channels_last", "channels_first":
        held = Box(adapter_for(keras.layers.SpatialDropout2D(0.5, data_format=layout), dropout),
                   fixed={"p": 0.5})
        maps = held.train(np.ones((8, 16, 3, 5), np.float32), p=0.5).y.reshape(8, 16, 15)
        assert (maps == maps[..., :1]).all() and 0 < maps.mean() < 2
