r"""Multi-sample dropout: one pass through the body of a network, m dropout masks for its head.

Paper    Inoue, "Multi-sample dropout for accelerated training and better generalization",
         arXiv:1905.09788 (2019): "Inoue 2019".  No official code is known.
Where    Units: the features that the body of a network gives to its head, m masks for each example
         of a step, all for the same weights.
Symbols  $h$ features of an example, (N, D) or (N, C, H, W), $m$ number of samples, $k$ one of them,
         $r_k$ its mask (1 keeps), $p$ drop probability, $q = 1 - p$, $g$ head, $z_k$ logits,
         $y$ target, $\ell$ loss, $L$ that of all samples of an example (the examples of a batch
         are averaged as ever), $\delta_k = \mathrm{softmax}(z_k) - y$, $w$ any weight,
         $\mathrm{Var}_r$ the variance over the masks, $f_k$ flip (1 mirrors), $(u_k, v_k)$ shift
         in pixels, $P$ the largest, $c$ channel, $i, j$ row and column.

Inoue 2019, in words: a mask for each sample, for each entry of each example
$$ r_{ki} \sim \mathrm{Bernoulli}(q), \quad k = 1, \dots, m               \tag{multi_sample.1} $$
Inoue 2019, in words: the same features under every mask
$$ h_k = r_k \odot h / q                                                  \tag{multi_sample.2} $$
Inoue 2019, in words: all samples go through one head
$$ z_k = g(h_k)                                                           \tag{multi_sample.3} $$
Inoue 2019, in words (reduce "losses"): the mean of their losses
$$ L = \frac{1}{m} \sum_k \ell(z_k, y)                                    \tag{multi_sample.4} $$
From (multi_sample.2) to (multi_sample.4): plain dropout on the batch repeated m times, same masks
$$ L(h; r_1, \dots, r_m) = L_1(h, \dots, h; \, r_1, \dots, r_m)           \tag{multi_sample.5} $$
From (multi_sample.4), for cross-entropy behind a head $z = W h + b$: what flows back
$$ \frac{\partial L}{\partial h} = \frac{1}{m} \sum_k \frac{r_k}{q} \odot W^\top \delta_k, \qquad
   \frac{\partial L}{\partial W} = \frac{1}{m} \sum_k \delta_k h_k^\top   \tag{multi_sample.6} $$
From (multi_sample.4), since the masks are independent: the same mean gradient, less noise
$$ \mathbb{E} \Big[ \frac{\partial L}{\partial w} \Big] = \mathbb{E} \Big[ \frac{\partial \ell_1}
   {\partial w} \Big], \qquad \mathrm{Var}_r \Big[ \frac{\partial L}{\partial w} \Big] =
   \frac{1}{m} \mathrm{Var}_r \Big[ \frac{\partial \ell_1}{\partial w} \Big]
                                                                          \tag{multi_sample.7} $$
Public code, not the paper (reduce "logits"): the loss of the mean logits
$$ L' = \ell \Big( \frac{1}{m} \sum_k z_k, \, y \Big)                     \tag{multi_sample.8} $$
Jensen's inequality, since cross-entropy is convex in the logits: another objective, and a lower one
$$ L' \le L                                                               \tag{multi_sample.9} $$
From (multi_sample.8), with $\bar z$ the mean of the logits: every sample has the same gradient
$$ \frac{\partial L'}{\partial z_k} = \frac{1}{m} (\mathrm{softmax}(\bar z) - y), \qquad
   \frac{\partial L}{\partial z_k} = \frac{\delta_k}{m}                  \tag{multi_sample.10} $$
Inoue 2019, in words, for feature maps: horizontal flips (by chance here, for each example)
$$ f_k \sim \mathrm{Bernoulli}(1/2)                                      \tag{multi_sample.11} $$
Inoue 2019, in words, for feature maps: other zero padding (as a shift here, for each example)
$$ u_k, v_k \sim \mathrm{Uniform}\{-P, \dots, P\}                        \tag{multi_sample.12} $$
From (multi_sample.11) and (multi_sample.12): left and right change places, zeros come in
$$ h'_{kcij} = h_{kc,i+u_k,l}, \quad l = j + v_k, \text{ or } W - 1 - j - v_k \text{ if } f_k = 1;
   \quad 0 \text{ outside}                                               \tag{multi_sample.13} $$
From (multi_sample.3): the mean of the probabilities of all samples, for inference "mc"
$$ \bar p = \frac{1}{m} \sum_k \mathrm{softmax}(z_k)                     \tag{multi_sample.14} $$

Without noise  One pass of body and head, $z = g(h)$: without a mask all samples are the same.

Differs
- From a batch that is repeated m times in front of the body: noise in the body is drawn once for
  all samples.  [test_multi_sample_5_holds_no_more_behind_a_body_with_dropout]
- Batch norm in the body sees N examples and not m N, m of them equal: the loss is the same, but
  what a repeated batch adds to the running variance is m (N - 1) / (m N - 1) times as much.
  [test_multi_sample_5_behind_batch_norm_all_but_the_running_variance_is_equal]
- Batch norm in the head sees the rows of all m samples, where a loop over samples would normalise
  each with its own mean and move the running statistics m times.
  [test_multi_sample_3_batch_norm_in_the_head_sees_the_rows_of_all_samples]
- From public code that averages logits, as `reduce="logits"` does: for h = (2, 1), the identity as
  head, q = 1/2, masks (1, 1) and (1, 0) and class 0 its loss is .0486, and the paper's .0725.
  [test_multi_sample_4_the_numbers_of_one_small_case]
- From code that adds the m losses without dividing: its learning rate is m times ours.
  [test_multi_sample_4_summed_losses_multiply_the_learning_rate]
- From code with another rate for each sample: here one holds for all.  The mean of several calls,
  each with a rate of its own, is that loss.
  [test_multi_sample_4_other_rates_are_a_mean_of_calls]
- From Inoue's patent (US 11630988), which pads half of the samples on the right and half on the
  left, at a pooling layer: here each sample of each example moves at random, along both axes.
  [test_multi_sample_12_one_column_to_the_right_is_a_pad_on_the_left_of_a_pool]
"""

from functools import partial

from ..arguments import (
    count,
    describe,
    flag,
    floating,
    keep_mask,
    option,
    probability,
    shape_of,
    takes,
)
from ..functional import broadcast_to, cross_entropy, exp, flip_and_shift, log, log_softmax
from ..nn import Module, Noise
from ..noise import bernoulli, integers
from .dropout import dropout

REDUCE = ("losses", "logits")


def multi_sample_masks(rng, shape, p, m):
    """Draw `m` keep-masks for features of `shape`: boolean (m, *shape), False with probability p.

    `rng` is a `Stream` or an int seed.

    Source: Inoue 2019.

    >>> multi_sample_masks(3, (2, 4), p=0.5, m=3).shape
    (3, 2, 4)
    """
    samples = count(m, "m"), *shape_of(shape)
    return bernoulli(rng, 1 - probability(p), samples)                    # Eq. (multi_sample.1)


def multi_sample_flips(rng, shape, m):
    """Draw which of `m` samples of feature maps (N, C, H, W) are mirrored: boolean (m, N).

    Source: Inoue 2019, in words.

    >>> multi_sample_flips(3, (2, 8, 4, 4), m=3).astype(int)
    array([[1, 0],
           [1, 1],
           [1, 1]])
    """
    return bernoulli(rng, 0.5, _maps(shape, m))                         # Eq. (multi_sample.11)


def multi_sample_shifts(rng, shape, m, padding=1):
    """Draw how far `m` samples of maps (N, C, H, W) move: (m, N, 2), each in -padding..padding.

    Source: Inoue 2019, in words.

    >>> multi_sample_shifts(0, (1, 8, 4, 4), m=3).tolist()
    [[[1, 0]], [[-1, 0]], [[1, 0]]]
    """
    most = count(padding, "padding", least=0)
    return integers(rng, 2 * most + 1, (*_maps(shape, m), 2)) - most     # Eq. (multi_sample.12)


def multi_sample(h, masks, p, flips=None, shifts=None):
    """The features `h` (N, ...) under each of m masks (m, N, ...): the samples (m, N, ...).

    `h` is a floating array or Tensor, `p` the rate of the masks, which may have axes of size 1
    where h has more.  For feature maps (N, C, H, W) alone: `flips`, boolean (m, N), mirrors some,
    left to right, and `shifts`, whole numbers (m, N, 2), are the rows and columns by which each
    then moves, up and to the left.

    Source: Inoue 2019.

    >>> import numpy as np
    >>> multi_sample(np.array([[2.0, 1.0]]), np.array([[[True, True]], [[True, False]]]), p=0.5)
    array([[[4., 2.]],
    <BLANKLINE>
           [[4., 0.]]])
    """
    if floating(h, "h").ndim == 0:
        raise ValueError("h must have a row for each example, got shape ()")
    if len(getattr(masks, "shape", ())) != h.ndim + 1 or not len(masks):
        raise ValueError(f"masks must be (m, N, ...) for h {h.shape}, got {describe(masks)}")
    x = broadcast_to(h, shape=(len(masks), *h.shape))
    x = dropout(x, keep_mask(masks, x.shape, "masks"), p)                 # Eq. (multi_sample.2)
    if flips is None and shifts is None:
        return x
    if h.ndim != 4:
        raise ValueError(f"flips and shifts need images h (N, C, H, W), got shape {h.shape}")
    return flip_and_shift(x, flips, shifts)


def multi_sample_loss(head, h, y, masks, p, reduce="losses", loss=cross_entropy, flips=None,
                      shifts=None):
    """The mean loss of the features `h` (N, ...) under m masks, all through one `head`.

    `head` is a Module or a function.  It is called once, with the m samples stacked on the batch
    axis, row k N + n for sample k of example n; so noise within it is drawn anew for each sample.
    `y` are the N targets (labels or probabilities), `masks` boolean (m, N, ...), and `flips` and
    `shifts` as in `multi_sample`.  `loss(outputs, targets)` must be a mean over its rows, as
    `cross_entropy` and `mse_loss` are.  With `reduce="logits"` it is the loss of the mean logits.

    Source: Inoue 2019; public code for "logits".

    >>> import numpy as np
    >>> h, y, masks = np.array([[2.0, 1.0]]), np.array([0]), np.array([[[1, 1]], [[1, 0]]]) > 0
    >>> for reduce in ("losses", "logits"):
    ...     print(f"{multi_sample_loss(lambda x: x, h, y, masks, 0.5, reduce):.4f}")
    0.0725
    0.0486
    """
    for function, name, *given in ((head, "head", "h"), (loss, "loss", "outputs", "y")):
        if takes(function, name, *given) is None:
            raise TypeError(f"{name} must be a function, got None")
    return _reduced(_outputs(head, multi_sample(h, masks, p, flips, shifts)), y, reduce, loss, "y")


def multi_sample_cross_entropy(logits, target, reduce="losses", label_smoothing=0.0):
    """Cross-entropy for `fit` beside `MultiSampleDropout`: of logits (m, N, K) or (N, K).

    In training the logits are (m, N, K), and this is the mean of the m losses, or with
    `reduce="logits"` the loss of the mean logits; in evaluation they are (N, K), and it is
    `cross_entropy`, whose `label_smoothing` it takes.

    Source: Inoue 2019; public code for "logits".

    >>> import numpy as np
    >>> z, y = np.array([[[4.0, 2.0]], [[4.0, 0.0]]]), np.array([0])
    >>> print(f"{multi_sample_cross_entropy(z, y):.4f} {multi_sample_cross_entropy(z[0], y):.4f}")
    0.0725 0.1269
    """
    loss = partial(cross_entropy, label_smoothing=label_smoothing)
    option(reduce, "reduce", REDUCE)
    if floating(logits, "logits").ndim != 3 or 0 in logits.shape:
        return loss(logits, target)
    return _reduced(logits, target, reduce, loss, "target")


class MultiSampleDropout(Noise):
    """The last part of a network, `head`, behind m dropout masks of its input.

    In training it gives logits (m, N, classes), for `fit(..., loss=multi_sample_cross_entropy)`, in
    evaluation (N, classes).  It takes the place of the last part of a model, before `init`:

        net.out = md.MultiSampleDropout(net.out, p=0.5, m=8)            # of any model here

        head = md.nn.Sequential(hidden=net.hidden, out=net.out)         # LeNet, VGG: two layers
        net.hidden, net.out = md.nn.Identity(), md.MultiSampleDropout(head, 0.5, 8)

        head = md.nn.Sequential(pool=net.pool, out=net.out)             # ResNet, maps behind it
        net.pool = md.nn.Identity()
        net.out = md.MultiSampleDropout(head, 0.5, 8, flip=True, padding=1)

    A second rate is another layer within the head: dropout "of 35 %", say, may be 40 % here and
    `md.Dropout(0.3)` between two layers of the head, which draws anew for each of the m samples.
    `flip` mirrors samples of feature maps at random, `padding` is how far they are shifted.  The
    last noise stays in `.noise`: the masks or, with flips or shifts, (masks, flips, shifts).

    `inference` is "mean" (one pass of the head) or "mc": m samples in evaluation too, which cost m
    rows of the head for each example and one pass of the body, and give the logarithm of the mean
    of their probabilities.  After `noise_on(net.eval())` there is one sample a pass, (N, classes),
    so that `mc_predict` averages as many samples as passes.

    >>> import numpy as np
    >>> from minidrop.nn import Linear
    >>> layer, h = MultiSampleDropout(Linear(6, 3), p=0.5, m=8).init(seed=0), np.ones((4, 6), "f")
    >>> layer(h).shape, layer.noise.shape, layer.eval()(h).shape
    ((8, 4, 3), (8, 4, 6), (4, 3))
    """

    def __init__(self, head, p, m, flip=False, padding=0, inference="mean"):
        if not isinstance(head, Module) or isinstance(head, Noise):
            raise TypeError("head must be a Module that is not itself noise (wrap that in "
                            f"nn.Sequential), got {describe(head)}")
        self.head, self.p, self.m = head, probability(p), count(m, "m")
        self.flip, self.padding = flag(flip, "flip"), count(padding, "padding", least=0)
        self.inference = option(inference, "inference", ("mean", "mc"))

    def sample(self, shape):
        m = 1 if self._alone() else self.m
        masks = multi_sample_masks(self.rng, shape, self.p, m)
        if not (self.flip or self.padding):
            return masks
        return (masks, multi_sample_flips(self.rng, shape, m) if self.flip else None,
                multi_sample_shifts(self.rng, shape, m, self.padding) if self.padding else None)

    def apply(self, x, noise):
        masks, flips, shifts = noise if isinstance(noise, tuple) else (noise, None, None)
        return _outputs(self.head, multi_sample(x, masks, self.p, flips, shifts))

    def expect(self, x):
        if self.inference == "mean":
            return self.head(x)
        z = log_softmax(self.apply(x, self.sample(self.noise_shape(floating(x)))))
        top = z.max(0)
        return log(exp(z - top).mean(0)) + top                           # Eq. (multi_sample.14)

    def forward(self, x):
        z = super().forward(x)
        return z[0] if self._alone() else z

    def _alone(self):
        """Whether the noise is on in a network that is in evaluation, as `noise_on` leaves it."""
        return self.training and not self.head.training


def _maps(shape, m):
    """(m, N) for feature maps of `shape`."""
    if len(shape_of(shape)) != 4:
        raise ValueError(f"shape must be that of feature maps, (N, C, H, W), got {shape!r}")
    return count(m, "m"), shape[0]


def _outputs(head, x):
    """What one call of `head` makes of samples (m, N, ...): (m, N, ...)."""
    m, n, *rest = x.shape
    z = head(x.reshape(m * n, *rest))                                     # Eq. (multi_sample.3)
    if getattr(z, "shape", ())[:1] != (m * n,):
        raise ValueError(f"head must give m N = {m * n} rows, as it gets, not {describe(z)}")
    return z.reshape(m, n, *z.shape[1:])


def _reduced(z, y, reduce, loss, name):
    """The loss of outputs (m, N, ...) for the N targets `y`, which are called `name`."""
    m, n = z.shape[:2]
    if getattr(y, "shape", ())[:1] != (n,):
        raise ValueError(f"{name} must have a row for each of {n} examples, got {describe(y)}")
    if option(reduce, "reduce", REDUCE) == "logits":
        return loss(z.mean(0), y)                                         # Eq. (multi_sample.8)
    every = broadcast_to(y, shape=(m, *y.shape)).reshape(m * n, *y.shape[1:])
    return loss(z.reshape(m * n, *z.shape[2:]), every)                    # Eq. (multi_sample.4)
