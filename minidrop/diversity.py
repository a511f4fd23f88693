r"""Diversity: how alike the members of an ensemble are, and what each of them adds.

Papers   Huang et al., "Snapshot ensembles: train 1, get M for free", ICLR 2017, arXiv:1704.00109:
         "Huang 2017".  Fort, Hu, Lakshminarayanan, "Deep ensembles: a loss landscape perspective",
         arXiv:1912.02757 (2019): "Fort 2019".  Krogh, Vedelsby, "Neural network ensembles, cross
         validation, and active learning", NIPS 7 (1995) 231-238: "Krogh & Vedelsby 1995".  Abe,
         Buchanan, Pleiss, Cunningham, "Pathologies of predictive diversity in deep ensembles",
         TMLR 2024, arXiv:2302.00704: "Abe 2024".
Where    The probabilities that trained networks give for the same examples.
Symbols  $p_{ink}$ what member $i$ of $M$ gives class $k$ of $K$ for example $n$ of $N$, $\bar p$
         the mean over the members, $c_{in}$ the class that member $i$ predicts, $y_n$ the label,
         $e_{nk}$ 1 where $k = y_n$ and else 0, $W_i$ the examples that member $i$ gets wrong,
         $\epsilon_i = |W_i| / N$ its error, $u_i = 1 / M$, $L$ a loss: cross-entropy
         $-\frac1N \sum_n \ln p_{ny_n}$ or squared error
         $\frac1N \sum_{nk} (p_{nk} - e_{nk})^2$.

Huang 2017, in words: correlation of two members' outputs, Pearson's, over all $N K$ numbers
$$ \rho_{ij} = \frac{\sum_{nk} (p_{ink} - \mu_i)(p_{jnk} - \mu_j)}
   {\sqrt{\sum_{nk} (p_{ink} - \mu_i)^2 \sum_{nk} (p_{jnk} - \mu_j)^2}}, \qquad
   \mu_i = \frac{1}{N K} \sum_{nk} p_{ink}                                  \tag{diversity.1} $$
By definition: of the errors of one member, the share that another makes too; or of both members'
$$ O_{ij} = \frac{|W_i \cap W_j|}{|W_i|}, \qquad
   J_{ij} = \frac{|W_i \cap W_j|}{|W_i \cup W_j|}                           \tag{diversity.2} $$
From (diversity.2): errors that are independent of each other would give
$$ O_{ij} = \epsilon_j, \qquad
   J_{ij} = \frac{\epsilon_i \epsilon_j}
                 {\epsilon_i + \epsilon_j - \epsilon_i \epsilon_j}          \tag{diversity.3} $$
Fort 2019, in words: disagreement, the share of examples for which two members predict other classes
$$ d_{ij} = \frac1N \sum_n [c_{in} \ne c_{jn}]                              \tag{diversity.4} $$
From the loss of the mean: the ensemble's is that of the members on average, less their diversity
$$ L(\bar p) = \frac1M \sum_i L(p_i) - D                                    \tag{diversity.5} $$
Abe 2024, in words (Jensen's gap), derived here: under cross-entropy D is a relative entropy
$$ D = \frac1N \sum_n \mathrm{KL} (u || r_n)
     = -\frac{1}{M N} \sum_{in} \ln (M r_{in}), \qquad
   r_{in} = \frac{p_{iny_n}}{\sum_j p_{jny_n}}                              \tag{diversity.6} $$
Krogh & Vedelsby 1995, in words (the ambiguity): under squared error D is the members' variance
$$ D = \frac{1}{M N} \sum_{ink} (p_{ink} - \bar p_{nk})^2                   \tag{diversity.7} $$
By definition: what a member adds is the rise of the ensemble's loss, or error, without it
$$ \Delta_i = L \Big( \frac{1}{M - 1} \sum_{j \ne i} p_j \Big) - L(\bar p)  \tag{diversity.8} $$

D is at least 0.  (diversity.6) compares equal shares with those that the members have in the
ensemble's probability of the label, and is 0 where all give it the same.
A good member has a small loss, or differs: (diversity.8) weighs the two.

Differs
- From the disagreement of Kuncheva and Whitaker (2003), who ask who is right: here two members
  that are wrong in different ways disagree.  [test_diversity_4_sees_two_ways_to_be_wrong]
- (diversity.6) needs the labels, (diversity.7) does not.
  [test_diversity_6_needs_the_labels_and_diversity_7_does_not]
"""

from typing import Any, NamedTuple

from .arguments import describe, member_probabilities, option
from .tape import data_of
from .xp import array_module

LOSSES = ("cross_entropy", "squared_error")


class Ambiguity(NamedTuple):
    """The loss of an ensemble, and what it is made of: ensemble = mean(members) - diversity.

    >>> Ambiguity(ensemble=0.5, members=[0.75, 0.5], diversity=0.125).ensemble
    0.5
    """

    ensemble: float             # the loss of the averaged probabilities
    members: Any                # (M,) the loss of each
    diversity: float            # at least 0


class Contribution(NamedTuple):
    """What each member adds: how much loss and error rise without it, arrays (M,).

    >>> Contribution(loss=[0.1, -0.1], error=[0.0, 0.0]).loss
    [0.1, -0.1]
    """

    loss: Any
    error: Any


def correlation(probs):
    """Pearson's correlation of the members' outputs, each all its N K numbers: (M, M), float64.

    `probs` is (M, N, K), rows of probabilities.  Symmetric, with 1 on the diagonal.  ValueError for
    a member whose output is constant.

    Source: Huang 2017.

    >>> import numpy as np
    >>> p = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> correlation(np.stack([p, p, 1 - p]))
    array([[ 1.,  1., -1.],
           [ 1.,  1., -1.],
           [-1., -1.,  1.]])
    """
    z = _members(probs).reshape(len(probs), -1)
    xp, flat = array_module(z), (z.max(1) == z.min(1)).tolist()
    if True in flat:
        raise ValueError(f"probs[{flat.index(True)}] must not be constant to have a correlation, "
                         f"got {float(z[flat.index(True), 0]):g} everywhere")
    z = z - z.mean(1, keepdims=True)
    z /= xp.sqrt((z * z).sum(1, keepdims=True))
    found = xp.clip(z @ z.T, -1, 1)                                         # Eq. (diversity.1)
    return xp.where(xp.eye(len(z)) == 1, 1.0, (found + found.T) / 2)


def error_overlap(probs, y, per="member"):
    """How many errors two members share: (M, M), float64.

    `probs` is (M, N, K), `y` labels (N,).  With `per="member"` entry (i, j) is the share of i's
    errors that j makes too, with "union" (Jaccard's index, symmetric) the share of the errors of
    either that both make.  nan where there is no error to share.  Errors independent of each other
    would give the error of j, and (diversity.3).

    >>> import numpy as np
    >>> right, wrong = [1.0, 0.0], [0.0, 1.0]
    >>> probs = np.array([[wrong, wrong, right], [wrong, right, right]])
    >>> error_overlap(probs, np.array([0, 0, 0]))
    array([[1. , 0.5],
           [1. , 1. ]])
    """
    option(per, "per", ("member", "union"))
    p = _members(probs)
    wrong = (p.argmax(-1) != _labels(y, p)).astype("float64")
    both, each = wrong @ wrong.T, wrong.sum(1)
    total = each[:, None] if per == "member" else each[:, None] + each - both
    xp = array_module(p)
    return xp.where(total > 0, both / xp.maximum(total, 1), xp.nan)         # Eq. (diversity.2)


def disagreement(probs):
    """The share of examples for which two members predict different classes: (M, M), float64.

    `probs` is (M, N, K).  Symmetric, with 0 on the diagonal.

    Source: Fort 2019.

    >>> import numpy as np
    >>> p = np.array([[1.0, 0.0], [0.5, 0.5]])
    >>> disagreement(np.stack([p, 1 - p]))
    array([[0. , 0.5],
           [0.5, 0. ]])
    """
    classes = _members(probs).argmax(-1)
    return (classes[:, None] != classes).mean(-1)                           # Eq. (diversity.4)


def ambiguity(probs, y, loss="cross_entropy"):
    """The exact parts of an ensemble's loss, members on average less diversity: an `Ambiguity`.

    `probs` is (M, N, K), `y` labels (N,), `loss` "cross_entropy", in nats, or "squared_error", the
    sum over the classes (Brier's score).  Both are means over the examples.  Under cross-entropy a
    label's probability of 0 is a ValueError.

    Source: Krogh & Vedelsby 1995; Abe 2024.

    >>> import numpy as np
    >>> found = ambiguity(np.array([[[0.5, 0.5]], [[0.25, 0.75]]]), np.array([1]))
    >>> round(found.ensemble, 4), found.members.round(4), round(found.diversity, 4)
    (0.47, array([0.6931, 0.2877]), 0.0204)
    """
    option(loss, "loss", LOSSES)
    p = _members(probs)
    y = _labels(y, p, loss)
    mean, xp = p.mean(0), array_module(p)
    if loss == "squared_error":
        gap = ((p - mean)**2).sum(-1).mean()                                # Eq. (diversity.7)
    else:
        at = p[:, xp.arange(len(y)), y]
        gap = -xp.log(len(p) * at / at.sum(0)).mean()                       # Eq. (diversity.6)
    return Ambiguity(float(_loss(mean, y, loss)), _loss(p, y, loss), max(0.0, float(gap)))


def leave_one_out(probs, y, loss="cross_entropy"):
    """What each member adds to the averaged probabilities: a `Contribution`.

    `probs` is (M, N, K) with at least two members; `y` and `loss` as for `ambiguity`.  Below 0 the
    others are better without this member.

    >>> import numpy as np
    >>> probs = np.array([[[0.9, 0.1]], [[0.5, 0.5]], [[0.4, 0.6]]])
    >>> leave_one_out(probs, np.array([0])).loss.round(3)
    array([ 0.288, -0.08 , -0.154])
    """
    option(loss, "loss", LOSSES)
    p = _members(probs)
    y = _labels(y, p, loss)
    if len(p) < 2:
        raise ValueError("probs must hold at least two members, got one")
    xp, members = array_module(p), range(len(p))
    rests = xp.stack([p[[j for j in members if j != i]].mean(0) for i in members])
    mean = p.mean(0)
    return Contribution(_loss(rests, y, loss) - _loss(mean, y, loss),       # Eq. (diversity.8)
                        _error(rests, y) - _error(mean, y))


def _loss(p, y, loss):
    """The mean loss of probabilities (..., N, K): (...)."""
    xp = array_module(p)
    if loss == "squared_error":
        return ((p - (y[:, None] == xp.arange(p.shape[-1])))**2).sum(-1).mean(-1)
    return -xp.log(p[..., xp.arange(len(y)), y]).mean(-1)


def _error(p, y):
    return (p.argmax(-1) != y).mean(-1)


def _members(probs):
    """The array (M, N, K) of rows of probabilities, in float64."""
    return data_of(member_probabilities(probs)).astype("float64")


def _labels(y, p, loss=None):
    """The array (N,) of labels, to which cross-entropy must find a probability in each member."""
    y, (_, n, classes) = data_of(y), p.shape
    xp = array_module(p, y)                       # refuses a mixture
    if getattr(y, "shape", None) != (n,) or y.dtype.kind not in "iu":
        raise ValueError(f"y must be whole numbers of shape ({n},), a label for each example, got "
                         f"{describe(y)}")
    if not 0 <= int(y.min()) <= int(y.max()) < classes:
        raise ValueError(f"y must lie in 0..{classes - 1}, got {int(y.min())}..{int(y.max())}")
    if loss == "cross_entropy" and not bool((p[:, xp.arange(n), y] > 0).all()):
        raise ValueError("probs must be above 0 at the label, for the loss is infinite there; "
                         "compute softmax in float64, or take loss='squared_error'")
    return y
