"""Dropout as it went wrong: each docstring names the equation that is broken."""

import numpy as np

from tests.verify.gallery import Shelf, Wrong

wrong = Shelf(Wrong)
LAW, SCALE, MEAN = "dropout.1", "dropout.2", "dropout.3"


def inverse(q):
    """1 / q, and 0 for q = 0."""
    return 1 / q if q > 0 else 0.0


def keep(x, p, rng, shape=None):
    """The right mask."""
    return rng.random(x.shape if shape is None else shape) < 1 - p


def multiplied(x, mask, scale):
    """x times mask times scale, in the type of x."""
    return x * mask * x.dtype.type(scale)


@wrong("dropout", LAW)
def one_mask_for_all_examples(x, p, training, rng):
    """(dropout.1): draws a mask of one example, which all share."""
    return multiplied(x, keep(x, p, rng, x.shape[1:]), inverse(1 - p)) if training else x


@wrong("dropout", LAW)
def one_mask_for_all_units(x, p, training, rng):
    """(dropout.1): draws one number for each example, which silences it whole."""
    mask = keep(x, p, rng, (len(x), *[1] * (x.ndim - 1)))
    return multiplied(x, mask, inverse(1 - p)) if training else x


@wrong("dropout", LAW)
def one_mask_for_all_channels(x, p, training, rng):
    """(dropout.1): all entries along axis 1 share a draw."""
    mask = keep(x, p, rng, (len(x), 1, *x.shape[2:]))
    return multiplied(x, mask, inverse(1 - p)) if training else x


@wrong("dropout", LAW)
def exactly_so_many(x, p, training, rng):
    """(dropout.1): silences round(p n) entries of each call: their number has no variance."""
    if not training:
        return x
    mask = np.ones(x.size, bool)
    mask[rng.permutation(x.size)[:round(p * x.size)]] = False
    return multiplied(x, mask.reshape(x.shape), inverse(1 - p))


@wrong("dropout", LAW, museum=8)
def kept_above_p_in_half_precision(x, p, training, rng):
    """(dropout.1): keeps where u > p, and one u of 2048 is exactly 0: p = 0 drops too."""
    u = rng.integers(0, 2048, x.shape) / 2048     # what half precision has between 0 and 1
    return multiplied(x, u > p, inverse(1 - p)) if training else x


@wrong("dropout", LAW, museum=8)
def kept_above_p(x, p, training, rng):
    """(dropout.1): keeps where u > p, so the draw 0, one of 2^53, is dropped at p = 0."""
    return multiplied(x, rng.random(x.shape) > p, inverse(1 - p)) if training else x


@wrong("dropout", LAW)
def eight_random_bits(x, p, training, rng):
    """(dropout.1): compares a byte with 255 q: q = 0.5 is 128/256, but q = 0.9 is 230/256."""
    byte = rng.integers(0, 256, x.shape)
    return multiplied(x, byte <= int(255 * (1 - p)), inverse(1 - p)) if training else x


@wrong("dropout", LAW, museum=5)
def state_as_a_default(x, p, training, state=np.random.default_rng(0).bit_generator.state):  # noqa: B008
    """(dropout.1): the state of its generator is made once, so every call has the same mask."""
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    return multiplied(x, keep(x, p, rng), inverse(1 - p)) if training else x


@wrong("dropout", LAW, museum=5)
class KeyMadeWhenBuilt:
    """(dropout.1): the layer's key is made with the layer, and never moves on."""

    def __init__(self, p):
        self.p, self.key = p, 7

    def forward(self, x, training):
        """The same mask at every call."""
        mask = keep(x, self.p, np.random.default_rng(self.key)) if training else np.ones_like(x)
        self.mask = mask * x.dtype.type(inverse(1 - self.p) if training else 1)
        return x * self.mask

    def backward(self, g):
        """g times the mask."""
        return g * self.mask


@wrong("dropout", LAW, museum=6)
def from_the_global_stream(x, p, training, rng):
    """(dropout.1): is given a generator, and draws from another: no run can be repeated."""
    mask = np.random.random(x.shape) < 1 - p                                  # noqa: NPY002
    return multiplied(x, mask, inverse(1 - p)) if training else x


@wrong("dropout", LAW, museum=11)
def kept_with_p(x, p, training, rng):
    """(dropout.1): p keeps where it should drop, so p = 0 is not the identity."""
    return multiplied(x, rng.random(x.shape) < p, inverse(1 - p)) if training else x


@wrong("dropout", SCALE, museum=11)
def drawn_although_given(x, mask, p):
    """(dropout.2): is given a mask, and draws one anew at every call."""
    mask = np.random.random(mask.shape) < 1 - p                               # noqa: NPY002
    return multiplied(x, mask, inverse(1 - p))


@wrong("dropout", MEAN, SCALE, museum=12)
def ignores_the_mode(x, p, training, rng):
    """(dropout.3): drops in evaluation too."""
    return multiplied(x, keep(x, p, rng), inverse(1 - p))


@wrong("dropout", MEAN, SCALE, museum=6)
def scaled_in_both_modes(x, p, training, rng):
    """(dropout.3): divides by q while training, and multiplies by q in evaluation as well."""
    if not training:
        return x * x.dtype.type(1 - p)
    return multiplied(x, keep(x, p, rng), inverse(1 - p))


@wrong("dropout", SCALE, museum=14)
def scaled_to_keep_the_square(x, p, training, rng):
    """(dropout.2): divides by the root of q, which keeps the mean square and not the mean."""
    return multiplied(x, keep(x, p, rng), inverse(1 - p) ** 0.5) if training else x


@wrong("dropout", MEAN, SCALE, museum=14)
def divided_in_evaluation(x, p, training, rng):
    """(dropout.3): divides by q in evaluation too."""
    mask = keep(x, p, rng) if training else np.ones(x.shape)
    return multiplied(x, mask, inverse(1 - p)).astype(x.dtype)


@wrong("dropout", SCALE)
def never_scaled(x, p, training, rng):
    """(dropout.2): scales in neither mode."""
    return x * keep(x, p, rng) if training else x


@wrong("dropout", SCALE)
def divided_by_p(x, p, training, rng):
    """(dropout.2): divides by p where it should divide by q, which p = 0.5 hides."""
    return multiplied(x, keep(x, p, rng), inverse(p)) if training else x


@wrong("dropout", SCALE)
def scaled_by_the_share_kept(x, p, training, rng):
    """(dropout.2): divides by the share that this mask has kept, as DropBlock does."""
    mask = keep(x, p, rng)
    return multiplied(x, mask, inverse(mask.mean())) if training else x


@wrong("dropout", SCALE)
def scaled_by_one_plus_p(x, p, training, rng):
    """(dropout.2): multiplies by 1 + p, which is nearly 1 / q for small p."""
    return multiplied(x, keep(x, p, rng), 1 + p) if training else x


@wrong("dropout", SCALE)
def set_to_the_mean(x, p, training, rng):
    """(dropout.2): gives a silenced unit the mean of the batch where it should be 0."""
    return np.where(keep(x, p, rng), x, x.mean()).astype(x.dtype) if training else x


@wrong("dropout", SCALE, LAW)
def nan_at_one(x, p, training, rng):
    """(dropout.2): at p = 1 it computes 0 / 0 where all should be 0."""
    if not training:
        return x
    with np.errstate(all="ignore"):
        return x * (keep(x, p, rng) / np.float64(1 - p)).astype(x.dtype)


@wrong("dropout", SCALE)
class BackwardForAll:
    """(dropout.2): the backward pass draws its mask again, one for all examples."""

    def __init__(self, p):
        self.p = p

    def forward(self, x, training):
        """Right."""
        self.training = training
        mask = np.random.rand(*x.shape) < 1 - self.p                          # noqa: NPY002
        return multiplied(x, mask, inverse(1 - self.p)) if training else x

    def backward(self, g):
        """g times a mask of one example."""
        mask = np.random.rand(*g.shape[1:]) < 1 - self.p                      # noqa: NPY002
        return multiplied(g, mask, inverse(1 - self.p)) if self.training else g


@wrong("dropout", SCALE, museum=1)
class BackwardWithoutTheMask(BackwardForAll):
    """(dropout.2): the backward pass scales, and forgets the mask."""

    def backward(self, g):
        """g times the scale."""
        return multiplied(g, 1, inverse(1 - self.p)) if self.training else g


@wrong("dropout", SCALE)
class BackwardWithoutTheScale(BackwardForAll):
    """(dropout.2): the backward pass multiplies by the mask, and forgets the scale."""

    def forward(self, x, training):
        """Right."""
        self.mask = np.ones(x.shape, bool)
        if training:
            self.mask = np.random.rand(*x.shape) < 1 - self.p                 # noqa: NPY002
        return multiplied(x, self.mask, inverse(1 - self.p) if training else 1)

    def backward(self, g):
        """g times the mask."""
        return g * self.mask


@wrong("dropout", SCALE, museum=10)
class BackwardDrawnAgain(BackwardForAll):
    """(dropout.2): the backward pass draws the mask again, and the generator has moved on."""

    def backward(self, g):
        """As forward does it."""
        return self.forward(g, self.training)


@wrong("dropout", SCALE, museum=9)
class BackwardFromTheOutput(BackwardForAll):
    """(dropout.2): backward takes the mask from output / input, wrong where the input is 0."""

    def forward(self, x, training):
        """Right."""
        self.x, self.y = x, super().forward(x, training)
        return self.y

    def backward(self, g):
        """g times output / input, and g itself where the input is 0."""
        with np.errstate(all="ignore"):
            return np.where(self.x == 0, g, g * self.y / self.x).astype(g.dtype)


@wrong("dropout", "dropout.5", options={"scaling": "paper"})
def scaled_by_p_in_evaluation(x, p, training, rng):
    """(dropout.5): multiplies by p in evaluation, as popular articles say it, and not by q."""
    return x * keep(x, p, rng) if training else x * x.dtype.type(p)


@wrong("dropout", "dropout.5", options={"scaling": "paper"})
def not_scaled_at_test_time(x, p, training, rng):
    """(dropout.5): trains as in the papers, and forgets q in evaluation."""
    return x * keep(x, p, rng) if training else x
