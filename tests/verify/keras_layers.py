"""Layers of Keras, right and wrong."""

import keras
from keras import ops

from tests.verify.gallery import Right, Shelf, Wrong

right, wrong = Shelf(Right), Shelf(Wrong)
right("dropout", name="keras.layers.Dropout")(keras.layers.Dropout)
right("gaussian", name="keras.layers.GaussianDropout")(keras.layers.GaussianDropout)


class Rated(keras.layers.Layer):
    """A layer that has a rate and a seed."""

    def __init__(self, rate=0.5, seed=None, **more):
        super().__init__(**more)
        self.rate, self.seeds = rate, keras.random.SeedGenerator(seed)

    def keep(self, shape):
        """A mask of `shape`, of zeros and ones."""
        u = keras.random.uniform(shape, seed=self.seeds)
        return ops.cast(u < 1 - self.rate, "float32")

    def scale(self):
        """1 / q, and 0 for q = 0."""
        return 1 / (1 - self.rate) if self.rate < 1 else 0.0


@right("dropout")
class MaskedByHand(Rated):
    """A mask of its own, with a generator of seeds."""

    def call(self, inputs, training=False):
        """x times mask, divided by q."""
        if not training:
            return inputs
        return inputs * self.keep(ops.shape(inputs)) * self.scale()


@wrong("dropout", "dropout.3", "dropout.2", museum=12)
class TrainsAlways(Rated):
    """(dropout.3): takes `training`, and never looks at it."""

    def call(self, inputs, training=False):
        """The same in both modes."""
        return inputs * self.keep(ops.shape(inputs)) * self.scale()


@wrong("dropout", "dropout.1", museum=5)
class SeededByANumber(Rated):
    """(dropout.1): gives the same whole number as a seed to each call."""

    def call(self, inputs, training=False):
        """The same mask at every call."""
        if not training:
            return inputs
        u = keras.random.uniform(ops.shape(inputs), seed=7)
        return inputs * ops.cast(u < 1 - self.rate, inputs.dtype) * self.scale()


@wrong("gaussian", "gaussian.1")
class DeviationOfTheRate(Rated):
    """(gaussian.1): the deviation is the rate itself, as in GaussianNoise."""

    def call(self, inputs, training=False):
        """x times noise."""
        if not training:
            return inputs
        return inputs * keras.random.normal(ops.shape(inputs), 1.0, self.rate, seed=self.seeds)


RIGHT, WRONG = tuple(right), tuple(wrong)
