r"""DropConnect: silence each connection, anew for every example, with probability p.

Paper    Wan, Zeiler, Zhang, LeCun, Fergus, "Regularization of neural networks using DropConnect",
         ICML 2013, PMLR 28(3) 1058-1066: "Wan 2013".
Where    Weights: W (out, in) of a linear layer, one draw for each weight of each example.
Symbols  $p$ drop probability, $q = 1 - p$ (Wan 2013 writes $p$ for our $q$), $M_n$ mask of example
         $n$ (1 keeps), $v$ input (`x` in the code), $W$ weights, $b$ bias, $u$ pre-activation, $a$
         activation, $r$ output, a bar the gradient of the loss, $Z$ samples, $\Phi$ and
         $\varphi$ distribution and density of the standard normal, $\odot$ the product by entries.

Wan 2013, in words: a mask of the weights for each training example
$$ M_{noi} \sim \mathrm{Bernoulli}(q)                                      \tag{dropconnect.1} $$
Wan 2013, in words: each example meets a network of its own, unscaled
$$ u_n = (M_n \odot W) \, v_n + b                                          \tag{dropconnect.2} $$
Wan 2013, in words: the activation is part of the layer
$$ r_n = a(u_n)                                                            \tag{dropconnect.3} $$
From (dropconnect.2): a weight learns from the examples that kept it
$$ \bar v_n = (M_n \odot W)^\top \bar u_n, \qquad
   \bar W = \sum_n M_n \odot (\bar u_n v_n^\top)                           \tag{dropconnect.4} $$
Wan 2013, in words: mean and variance of a pre-activation, a sum of Bernoulli variables
$$ \mu = q \, W v + b, \qquad \sigma^2 = p \, q \, (W \odot W)(v \odot v)  \tag{dropconnect.5} $$
Wan 2013, in words: the output without noise, by Z samples of a normal variable of these moments
$$ r = \frac{1}{Z} \sum_{z=1}^{Z} a(u_z), \qquad
   u_z \sim \mathcal{N}(\mu, \sigma^2)                                     \tag{dropconnect.6} $$
Wan 2013, in words: what (dropconnect.6) approximates, the mean over all masks
$$ r = \sum_M P(M) \; a\big( (M \odot W) \, v + b \big)                    \tag{dropconnect.7} $$
From (dropconnect.6), $Z \to \infty$: a ReLU lets the upper tail through
$$ \mathbb{E}[\max(u, 0)] = \mu \, \Phi(\mu / \sigma) + \sigma \, \varphi(\mu / \sigma)
                                                                           \tag{dropconnect.8} $$

Without noise  By `inference`: "gaussian" is (dropconnect.6), "mean" $r = a(\mu)$, "mc"
(dropconnect.7) for Z masks.  The first and the last draw in evaluation too.

Memory  A mask takes one byte a connection.  Masked weights, four bytes each, exist for so many
examples at a time as a core's cache holds (on a GPU 64 MB of them), or for one, in the forward pass
and anew in the backward pass, never for all (N, out, in).  A bit a connection would be an eighth,
but no array that can be looked at, replayed or transposed.  Inference "mc" draws masks for all the
examples that it is given: evaluate in small batches.
[test_dropconnect_2_and_4_hold_no_float_for_each_connection]

Differs
- From Wan 2013, where the layer has the activation: it stands behind the layer here, unless it is
  given as `activation`; averaging u before it is no more than a noisy way to the mean network.
  [test_dropconnect_6_before_the_activation_is_the_mean_network]
- From (dropconnect.7), although (dropconnect.6) stands for it: W = [[1, 2], [3, 4]], v = [1, 1],
  p = 0.5 and a ReLU give [1.5, 3.5], and the normal variable [1.5466, 3.5917].
  [test_dropconnect_7_and_8_the_normal_variable_is_an_approximation]
- From Chainer's simplified DropConnect, which divides by $q$ in training and takes the mean in
  evaluation: nothing is scaled in training.  [test_dropconnect_2_and_5_scale_in_evaluation_only]
- From the weight drop of language models (AWD-LSTM): it has one mask for a whole batch, as
  `per="batch"` has, but divides by $q$ in training and scales nothing in evaluation.
  [test_dropconnect_2_one_mask_for_the_batch_is_dropout_of_the_weights]
- From EfficientNet's `drop_connect`, which silences a whole branch for an example and so is
  stochastic depth.  [test_dropconnect_1_draws_every_connection_of_every_example_by_itself]
- The bias is kept; `drop_bias=True` drops it too, as the weight of one more input that is 1.
  [test_dropconnect_module_drops_its_bias_as_one_more_weight]
- From libraries that select: a dropped inf or nan gives nan.
  [test_dropconnect_2_a_dropped_infinity_is_nan]
"""

from ..arguments import (
    count,
    describe,
    fitting,
    flag,
    floating,
    keep_mask,
    option,
    probability,
    room,
    shape_of,
    takes,
)
from ..functional import linear, masked, masked_linear, maximum, sqrt
from ..nn import Noise, Parameter, fan_in_uniform
from ..noise import bernoulli, gaussian
from ..xp import array_module


def dropconnect_mask(rng, batch, w_shape, p, per="example"):
    """Draw a keep-mask of the weights: boolean (batch, out, in), or (out, in) with `per="batch"`.

    `w_shape` is (out, in), `p` the probability that a connection is dropped, `rng` a `Stream` or an
    int seed.

    Source: Wan 2013.

    >>> dropconnect_mask(0, 2, (2, 4), p=0.5).astype(int)
    array([[[0, 0, 1, 0],
            [0, 1, 0, 1]],
    <BLANKLINE>
           [[1, 1, 0, 0],
            [0, 0, 1, 0]]])
    """
    shape = count(batch, "batch", least=0), *shape_of(w_shape, "w_shape")
    if len(shape) != 3:
        raise ValueError(f"w_shape must be (out, in), got {w_shape!r}")
    each = option(per, "per", ("example", "batch")) == "example"
    return bernoulli(rng, 1 - probability(p), shape if each else shape[1:])    # Eq. (dropconnect.1)


def dropconnect(x, w, b, mask, bias_mask=None):
    """Pre-activations (N, out) of a linear layer without the connections that `mask` drops.

    `x` (N, in), `w` (out, in) and `b` (out,) or None are floating arrays or Tensors.  `mask` is
    boolean (True keeps): (N, out, in), one for each example, or (out, in), one for all; axes of
    size 1 are stretched.  `bias_mask` (N, out) or (out,) drops biases as well.  Nothing is scaled.

    Source: Wan 2013.

    >>> import numpy as np
    >>> x, w, b = np.ones((2, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.0, 10.0])
    >>> dropconnect(x, w, b, np.array([[[True, False], [False, True]], [[True, True]] * 2]))
    array([[ 1., 14.],
           [ 3., 17.]])
    """
    _layer(x, w, b)
    mask = keep_mask(mask, (len(x), *w.shape))
    if mask.ndim < 3 and bias_mask is None:
        return linear(x, masked(w, mask, 1.0), b)
    if mask.ndim < 3:
        u = linear(x, masked(w, mask, 1.0))
    else:
        every = array_module(mask).broadcast_to(mask, (len(x), *w.shape))
        u = masked_linear(x, w, every)                                         # Eq. (dropconnect.2)
    if bias_mask is not None:
        if b is None:
            raise ValueError("bias_mask must be None where b is None, got "
                             f"{describe(bias_mask)}")
        b = b * keep_mask(bias_mask, u.shape, "bias_mask")
    return u if b is None else u + b


def dropconnect_moments(x, w, b, p, drop_bias=False):
    """Mean and variance (N, out) of the pre-activations over all masks: a pair.

    `x` (N, in), `w` (out, in) and `b` (out,) or None are floating arrays or Tensors, `p` the
    probability that a connection is dropped; with `drop_bias` a bias is one of them.

    Source: Wan 2013.

    >>> import numpy as np
    >>> dropconnect_moments(np.ones((1, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]), None, p=0.5)
    (array([[1.5, 3.5]]), array([[1.25, 6.25]]))
    """
    _layer(x, w, b)
    q = 1 - probability(p)
    mean, variance = q * linear(x, w), (1 - q) * q * linear(x * x, w * w)      # Eq. (dropconnect.5)
    if flag(drop_bias, "drop_bias") and b is not None:
        return mean + q * b, variance + (1 - q) * q * (b * b)
    return (mean if b is None else mean + b), variance


class DropConnect(Noise):
    """A linear layer whose connections are dropped while it trains.

    `activation` is a function such as `relu`, or None.  `inference` says what is done in
    evaluation: "gaussian" averages the activation of `samples` normal variables, "mean" takes the
    activation of their mean, "mc" averages over `samples` masks.  `per` is "example" or "batch".
    With `drop_bias` the last column of the mask is the bias's.  The mask stays in `.noise`.

    >>> import numpy as np
    >>> from minidrop import relu
    >>> layer = DropConnect(3, 2, 0.5, activation=relu).init(seed=0)
    >>> layer(np.ones((5, 3), "float32")).shape, layer.noise.shape
    ((5, 2), (5, 2, 3))
    """

    scaling = "paper"                             # in evaluation p counts, in training it does not

    def __init__(self, n_in, n_out, p, inference="gaussian", activation=None, samples=32,
                 per="example", bias=True, drop_bias=False):
        self.n_in, self.n_out, self.p = count(n_in, "n_in"), count(n_out, "n_out"), probability(p)
        self.inference = option(inference, "inference", ("gaussian", "mean", "mc"))
        self.activation = takes(activation, "activation", "u")
        self.samples = count(samples, "samples")
        self.per = option(per, "per", ("example", "batch"))
        self.drop_bias = flag(drop_bias, "drop_bias")
        if drop_bias and not bias:
            raise ValueError("drop_bias must be False where bias is False, got True")
        room(self.n_in * self.n_out, "n_in and n_out", each=4)
        self.weight = Parameter((n_out, n_in), fan_in_uniform(n_in))
        self.bias = Parameter((n_out,), fan_in_uniform(n_in)) if flag(bias, "bias") else None

    def noise_shape(self, x):
        """The shape of an input that fits the weights; ValueError for any other."""
        return _layer(x, self.weight, self.bias).shape

    def sample(self, shape):
        w_shape = self.n_out, self.n_in + self.drop_bias
        return dropconnect_mask(self.rng, shape[0], w_shape, self.p, self.per)

    def apply(self, x, mask):
        mask, bias_mask = (mask[..., :-1], mask[..., -1]) if self.drop_bias else (mask, None)
        u = dropconnect(x, self.weight, self.bias, mask, bias_mask)
        return self._activate(u)                                               # Eq. (dropconnect.3)

    def expect(self, x):
        shape = self.noise_shape(x)
        if self.inference == "mc":
            return self._average(lambda: self.apply(x, self.sample(shape)))    # Eq. (dropconnect.7)
        mean, variance = dropconnect_moments(x, self.weight, self.bias, self.p, self.drop_bias)
        if self.inference == "mean":
            return self._activate(mean)
        least = array_module().finfo(str(mean.dtype)).smallest_normal     # its root has a slope
        sigma = sqrt(maximum(variance, float(least)))
        return self._average(lambda: self._activate(mean + sigma * fitting(    # Eq. (dropconnect.6)
            gaussian(self.rng, mean.shape), mean, "noise")))

    def _activate(self, u):
        return u if self.activation is None else self.activation(u)

    def _average(self, output):
        return sum(output() for _ in range(self.samples)) / self.samples


def _layer(x, w, b):
    """x (N, in), if it fits w (out, in) and b (out,)."""
    if len(getattr(w, "shape", ())) != 2:         # known before init, unlike ndim
        raise ValueError(f"w must be an array of shape (out, in), got {describe(w)}")
    floating(w, "w")
    if b is not None:
        if getattr(b, "shape", None) != w.shape[:1]:
            raise ValueError(f"b must be an array of shape {w.shape[:1]}, got {describe(b)}")
        floating(b, "b")
    if floating(x).ndim != 2 or x.shape[1] != w.shape[1]:
        raise ValueError(f"x must have shape (N, {w.shape[1]}) to meet weights of shape {w.shape}, "
                         f"got {x.shape}")
    return x
