r"""Stochastic weight averaging: the mean of the weights along the end of a run is one network.

Paper    Izmailov, Podoprikhin, Garipov, Vetrov, Wilson, "Averaging weights leads to wider optima
         and better generalization", UAI 2018, arXiv:1803.05407: "Izmailov 2018".  Official code:
         timgaripov/swa.
Where    Over time: the weights of one network at several moments of its training.
Symbols  $w$ weights of the moment, $w_1, \dots, w_n$ those that were averaged, $n$ how many,
         $w_{\mathrm{SWA}}$ their mean, $f$ a function of the weights such as an output of the
         network, $t$ a step, from 0, $s$ the number of steps before the first average, $\eta_t$ the
         learning rate, $\eta$ at the start and $\eta_{\mathrm{SWA}}$ at the end, $r$ the part of
         its fall that is over.

Izmailov 2018, in words: the mean takes the weights of one more moment in
$$ w_{\mathrm{SWA}} \leftarrow \frac{w_{\mathrm{SWA}} \, n + w}{n + 1}            \tag{swa.1} $$
From (swa.1): every moment weighs the same
$$ w_{\mathrm{SWA}} = \frac{1}{n} \sum_{i=1}^n w_i                                \tag{swa.2} $$
From (swa.2) and Taylor's formula, whose first order is zero: like an ensemble of weights close by
$$ f(w_{\mathrm{SWA}}) = \frac{1}{n} \sum_{i=1}^n f(w_i)
   + O \Big( \max_i \lVert w_i - w_{\mathrm{SWA}} \rVert^2 \Big)                  \tag{swa.3} $$
Official code: the rate is constant up to 0.5 s, falls in a straight line, is constant from 0.9 s
$$ \eta_t = (1 - r) \, \eta + r \, \eta_{\mathrm{SWA}}, \qquad
   r = \min \Big( 1, \; \max \Big( 0, \; \frac{t / s - 0.5}{0.4} \Big) \Big)      \tag{swa.4} $$

For a linear model f is linear in w and the rest in (swa.3) is zero: the mean of the weights and the
mean of the outputs are the same.  Where the weights lie far apart, as those of two runs do, (swa.3)
promises nothing.

Without noise  The mean is a network like any other, and its evaluation costs what that of one does.
Its batch norms need statistics of their own: `batch_norm_statistics`.

Differs
- From the official code, which counts epochs: here the rate falls step by step, and the values are
  those of an epoch where it begins.  [test_swa_4_has_the_values_of_the_official_code]
- From PyTorch's `SWALR`, whose default is a cosine: after a quarter of the way it has gone 0.146 of
  it, and here 0.25.  With `anneal_strategy="linear"` both are the same.
  [test_swa_4_a_straight_line_is_not_a_cosine]
- From PyTorch's `AveragedModel`, which goes on with the last statistics of batch norms unless
  `update_bn` is called: `SWA.average` takes the inputs to recompute them on, and refuses without.
  [test_batch_norms_get_statistics_of_their_own_and_no_buffer_is_averaged]
- From the official code and PyTorch, whose mean has the dtype of the weights: `SWA` keeps its mean
  in float64, since in float32, after 1,000 times the weight 0.1, (swa.1) is off by 123 units of the
  last digit.  [test_swa_1_float32_loses_digits_and_the_recorder_does_not]
"""

from ..arguments import alike, count, number
from ..xp import array_module


def swa(average, w, n):
    """The mean of n + 1 weights: `average`, the mean of n of them, takes `w` in.

    `average` and `w` are arrays of one shape, or lists of arrays of the same shapes; so is the
    result, in the dtypes of `average`.  `n` = 0 gives `w`.

    Source: Izmailov 2018.

    >>> import numpy as np
    >>> swa(np.array([1.0, 2.0]), np.array([4.0, 8.0]), n=2)
    array([2., 4.])
    """
    pairs, n = alike(average, w, "average", "w"), count(n, "n", least=0)
    taken = [(a * n + v) / (n + 1) for a, v in pairs]                             # Eq. (swa.1)
    return taken[0] if hasattr(type(average), "dtype") else taken


def swa_rates(lr, swa_lr, total, start):
    """Learning rates for stochastic weight averaging: an array (total,), one for each step.

    The rate is `lr` in the first half of the `start` steps before the first average, falls to
    `swa_lr` until 0.9 of them are over, and stays there.  `start` lies in 1..`total`.

        fit(..., schedules={"lr": swa_rates(0.1, 0.05, total, start)},
            recorder=SWA(net, start, every))

    Source: Izmailov 2018, official code.

    >>> swa_rates(0.1, 0.02, total=12, start=10)
    array([0.1 , 0.1 , 0.1 , 0.1 , 0.1 , 0.1 , 0.08, 0.06, 0.04, 0.02, 0.02,
           0.02])
    """
    lr, swa_lr = number(lr, "lr"), number(swa_lr, "swa_lr")
    total, start, xp = count(total, "total"), count(start, "start"), array_module()
    if start > total:
        raise ValueError(f"start must be at most total = {total}, got {start}")
    r = xp.clip((xp.arange(total) / start - 0.5) / 0.4, 0.0, 1.0)
    return (1 - r) * lr + r * swa_lr                                              # Eq. (swa.4)
