r"""MC dropout: keep the noise on, predict many times, and see how far the predictions agree.

Papers   Gal, Ghahramani, "Dropout as a Bayesian approximation: representing model uncertainty in
         deep learning", ICML 2016, arXiv:1506.02142: "Gal 2016".
         Houlsby, Huszar, Ghahramani, Lengyel, "Bayesian active learning for classification and
         preference learning", arXiv:1112.5745 (2011): "Houlsby 2011".
Where    Units, in evaluation: T passes through a trained network whose noise modules are on and
         whose other modules (batch norm) are in evaluation.
Symbols  $x$ (N, ...) examples, $f$ the network, $m_t$ all its noise in pass $t$ of $T$, $p_t$
         (N, K) probabilities, $H[p] = -\sum_k p_k \ln \, p_k$ in nats, $I$ mutual information,
         $y_t$ outputs of a regression, $\mathrm{Var}_m$ over the noise, $\tau$ precision of the
         data (Gal 2016 writes $p$ for our $q = 1 - p$), $l$ length scale of the prior, $\lambda$
         decay, $n$ number of training examples, $z_i$ their targets, $w$ weights of a linear layer.

Gal 2016, in words: one pass, with noise of its own
$$ p_t = \mathrm{softmax}(f(x; m_t))                                               \tag{mc.1} $$
Gal 2016, in words: the prediction is the mean over the passes
$$ \bar p = \frac{1}{T} \sum_t p_t                                                 \tag{mc.2} $$
Gal 2016, in words: how unsure the mean is, the predictive entropy
$$ H[\bar p] = - \sum_k \bar p_k \ln \bar p_k                                      \tag{mc.3} $$
Houlsby 2011, in words: the part of it that comes from passes that disagree
$$ I = H[\bar p] - \frac{1}{T} \sum_t H[p_t]                                       \tag{mc.4} $$
From (mc.3) and (mc.4), since the entropy is concave: the bounds, 0 where all passes agree
$$ 0 \le I \le H[\bar p] \le \ln K                                                 \tag{mc.5} $$
Gal 2016, in words: the mean of a regression
$$ \bar y = \frac{1}{T} \sum_t y_t                                                 \tag{mc.6} $$
Gal 2016, in words: its variance, that of the data and that of the passes
$$ \mathrm{Var}[y] \approx \frac{1}{\tau} + \frac{1}{T} \sum_t (y_t - \bar y)^2    \tag{mc.7} $$
Gal 2016, in words: tau, where the loss is $\sum_i (z_i - y_i)^2 / 2 n + \lambda \sum w^2$
$$ \tau = \frac{q \, l^2}{2 n \lambda}                                             \tag{mc.8} $$
From (dropout.3): the variance of a linear layer behind dropout
$$ \mathrm{Var}_m[w^\top (m \odot x) / q] = \frac{p}{q} \sum_i w_i^2 x_i^2         \tag{mc.9} $$
From (mc.6), since the passes are independent: the mean of T passes is surer by the root of T
$$ \mathrm{Var}_m[\bar y] = \mathrm{Var}_m[y_1] / T                                \tag{mc.10} $$

Without noise  One pass of the network in evaluation: no mean over masks, and no uncertainty.

Differs
- From Gal 2016, whose variance of several outputs is a matrix: here each output has its own, the
  diagonal of that matrix.  [test_mc_7_is_the_diagonal_of_the_papers_matrix]
- From Gal's code (yaringal/DropoutUncertaintyExps), where "standard" is a single pass with noise:
  here the network without averaging is the one in evaluation; for one linear layer a pass with
  noise has the larger expected squared error, by (mc.9).
  [test_mc_9_is_what_a_single_pass_adds_to_the_squared_error]
- From `model.train()` in PyTorch, which switches batch norm on too: here its running statistics
  are used and stay as they are.  [test_mc_1_leaves_batch_norm_in_evaluation]
- A network without noise modules is refused, where T equal passes would report that it is sure.
  [test_mc_1_needs_noise]
"""

import contextlib
import math
from typing import Any, NamedTuple

from ..arguments import COUNTED, count, describe, floating, number, probability
from ..functional import log, maximum, softmax, where
from ..nn import Noise, evaluation, noise_on, tells_memory


class MCPrediction(NamedTuple):
    """T passes on N examples and K classes: (mean, entropy, mutual_information), arrays.

    >>> MCPrediction(mean=0.5, entropy=0.69, mutual_information=0.0)[1]
    0.69
    """

    mean: Any                   # (N, K) probabilities
    entropy: Any                # (N,) of the mean, in nats: how unsure
    mutual_information: Any     # (N,) in nats: how much the passes disagree


class MCMoments(NamedTuple):
    """T passes of a regression: (mean, variance), arrays.

    >>> MCMoments(mean=0.5, variance=0.1).variance
    0.1
    """

    mean: Any                   # shaped like the model's output
    variance: Any               # likewise, of each output by itself


@tells_memory
def mc_predict(model, x, passes):
    """Mean probabilities of a classifier with its noise on, their entropy, mutual information.

    The `model` gives logits (N, K) for `x`, an array or Tensor of N examples, and is called
    `passes` times; memory does not grow with them.  Its noise comes from its own streams, so a
    second call has new passes.  The modes are afterwards what they were, nothing is recorded.
    ValueError for a model without noise modules, and for logits of another shape.

    Source: Gal 2016; Houlsby 2011 for the mutual information.

    >>> import minidrop as md, numpy as np
    >>> net = md.nn.Sequential(md.Dropout(0.5), md.nn.Linear(4, 3)).init(seed=0)
    >>> mean, entropy, mutual = mc_predict(net, np.ones((2, 4), "float32"), passes=100)
    >>> mean.shape, entropy.shape, bool((0 < mutual).all() and (mutual < entropy).all())
    ((2, 3), (2,), True)
    """
    mean = within = 0.0                           # both are running means: equal passes stay equal
    with _noisy(model, x):
        for t in range(1, count(passes, "passes") + 1):
            p = softmax(_logits(model, x))                                         # Eq. (mc.1)
            mean = mean + (p - mean) / t                                           # Eq. (mc.2)
            within = within + (_entropy(p) - within) / t
    entropy = _entropy(mean)                                                       # Eq. (mc.3)
    return MCPrediction(mean, entropy, maximum(entropy - within, 0.0))             # Eq. (mc.4)


@tells_memory
def mc_moments(model, x, passes, tau=None):
    """Mean and variance of a regression with its noise on: of each output by itself.

    Like `mc_predict`, but for a `model` whose output, of any shape, is the prediction itself.  The
    variance is that of the passes (their mean square, not divided by T - 1); with `tau`, the
    precision of the data, 1 / tau is added to it.

    Source: Gal 2016.

    >>> import minidrop as md, numpy as np
    >>> mean, variance = mc_moments(md.Dropout(0.5).init(seed=0), np.ones(3), passes=1000)
    >>> bool((abs(mean - 1) < 0.2).all() and (abs(variance - 1) < 0.2).all())      # 1 and p / q
    True
    """
    noise = 0.0 if tau is None else 1 / number(tau, "tau", 2.0**-126)         # finite in float32
    mean = spread = 0.0
    with _noisy(model, x):
        for t in range(1, count(passes, "passes") + 1):
            y = _output(model, x)
            step = y - mean
            mean = mean + step / t                                                 # Eq. (mc.6)
            spread = spread + (step * (y - mean) - spread) / t
    return MCMoments(mean, spread + noise)                                         # Eq. (mc.7)


def mc_precision(p, length, n, decay):
    """The precision tau that a network trained with dropout ascribes to its data.

    `p` is the drop rate, `length` the prior's length scale (weights of deviation 1 / length), `n`
    the number of training examples, and `decay` the factor of the sum of squared weights beside a
    mean over the examples of half squared errors.  Beside `mse_loss`, a mean over D outputs too and
    without the half, and c times `l2`, which has one, decay is c D / 4.

    Source: Gal 2016.

    >>> mc_precision(p=0.5, length=2.0, n=100, decay=0.001)
    10.0
    """
    q, length = 1 - probability(p), number(length, "length", most=1e150)
    decay = number(decay, "decay", 1e-300)        # 1 / decay is finite
    n = count(n, "n", most=COUNTED)
    tau = q * length**2 / (2 * n * decay)                                          # Eq. (mc.8)
    if tau == math.inf:
        raise ValueError(f"decay must leave a finite precision, got {decay!r} beside length "
                         f"{length!r}")
    return tau


@contextlib.contextmanager
def _noisy(model, x):
    if floating(x).ndim == 0 or len(x) == 0:
        raise ValueError(f"x must hold at least one example, got shape {x.shape}")
    with evaluation(model):
        noise_on(model)
        if not any(isinstance(module, Noise) for _, module in model.named_modules()):
            raise ValueError("model must have a noise module, such as Dropout, or all passes are "
                             f"the same; got a {type(model).__name__} without one")
        yield


def _output(model, x):
    """What the model gives, as an array of at least float32, in which many passes can be added."""
    y = model(x)
    y = floating(y.data if hasattr(y, "requires_grad") else y, "the model's output")
    return y if y.dtype.itemsize >= 4 else y.astype("float32")


def _logits(model, x):
    z = _output(model, x)
    if z.ndim != 2 or len(z) != len(x) or z.shape[1] == 0:
        raise ValueError(f"model must give logits ({len(x)}, K), K at least 1, got {describe(z)}")
    return z


def _entropy(p):
    """H of probabilities (N, K) in nats, (N,); 0 ln 0 is 0."""
    return 0.0 - (p * log(where(p > 0, p, 1.0))).sum(-1)
