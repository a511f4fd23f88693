r"""Exponential moving average of weights: the newest weigh most, and old ones fade away.

Papers   Polyak, Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on
         Control and Optimization 30 (1992) 838-855: averages of iterates, with equal weights.
         Louizos, Welling, Kingma, "Learning sparse neural networks through L0 regularization", ICLR
         2018, arXiv:1712.01312: their official code has the correction, "the code of Louizos 2018".
Where    Over time: the weights of one network along its training.
Symbols  $w_t$ weights at the moment t, from 1, $\bar w_t$ their average, $\hat w_t$ the same
         without the pull of its start towards 0, $\mu$ memory, in $[0, 1)$.

In words: a step of the average
$$ \bar w_t = \mu \, \bar w_{t-1} + (1 - \mu) \, w_t                              \tag{ema.1} $$
From (ema.1), where the average starts at 0: what the weights weigh in it, and together
$$ \bar w_t = (1 - \mu) \sum_{i=1}^t \mu^{t-i} w_i, \qquad
   (1 - \mu) \sum_{i=1}^t \mu^{t-i} = 1 - \mu^t                                   \tag{ema.2} $$
The code of Louizos 2018: divided by that sum, all weigh 1 together
$$ \hat w_t = \bar w_t / (1 - \mu^t)                                              \tag{ema.3} $$
PyTorch's `AveragedModel`: an average that starts at the first weights needs no correction
$$ \bar w_1 = w_1, \quad \text{so} \quad
   \bar w_t = \mu^{t-1} w_1 + (1 - \mu) \sum_{i=2}^t \mu^{t-i} w_i                \tag{ema.4} $$
From (ema.3), as the memory grows: the plain mean
$$ \lim_{\mu \to 1} \hat w_t = \frac{1}{t} \sum_{i=1}^t w_i                       \tag{ema.5} $$

Without noise  The average is a network like any other.  Its batch norms need statistics of their
own: `batch_norm_statistics`.

Differs
- From PyTorch's `get_ema_multi_avg_fn`, in which the first weights weigh most for long: with
  mu = 0.999 they have 0.906 of the average after 100 steps, and 0.0095 here.  PyTorch's is
  `EMA(..., kind="first")`.  [test_ema_3_and_4_what_the_first_weights_weigh]
- From PyTorch, where mu = 1 is allowed, with which an average never moves: here mu is below 1.
  [test_ema_1_a_memory_of_1_is_refused]
- From the same, whose average has the dtype of the weights: `EMA` keeps its average in float64,
  since in float32, on its way from 1 to 1.01 with mu = 0.9999, (ema.1) stops at 1.0089, where a
  step is lost in the last digit.
  [test_ema_1_float32_stops_before_it_arrives_and_the_recorder_does_not]
"""

from ..arguments import alike, below_one, count, several


def ema(average, w, mu):
    """The moving average a step later: `mu` of `average` and 1 - `mu` of the new weights `w`.

    `average` and `w` are arrays of one shape, or lists of arrays of the same shapes; so is the
    result, in the dtypes of `average`.  `mu` lies in [0, 1).

    >>> import numpy as np
    >>> ema(np.array([1.0, 2.0]), np.array([2.0, 4.0]), mu=0.75)
    array([1.25, 2.5 ])
    """
    pairs, mu = alike(average, w, "average", "w"), below_one(mu, "mu")
    moved = [mu * a + (1 - mu) * v for a, v in pairs]                             # Eq. (ema.1)
    return moved[0] if hasattr(type(average), "dtype") else moved


def ema_corrected(average, mu, t):
    """The moving average of `t` steps that started at 0, without the bias of that start.

    `average` is an array or a list of them, and so is the result.

    Source: the code of Louizos 2018.

    >>> import numpy as np
    >>> first = ema(np.zeros(2), np.array([1.0, 3.0]), mu=0.75)
    >>> first, ema_corrected(first, mu=0.75, t=1)
    (array([0.25, 0.75]), array([1., 3.]))
    """
    arrays, mu, t = several(average, "average"), below_one(mu, "mu"), count(t, "t")
    corrected = [a / (1 - mu**t) for a in arrays]                                 # Eq. (ema.3)
    return corrected[0] if hasattr(type(average), "dtype") else corrected
