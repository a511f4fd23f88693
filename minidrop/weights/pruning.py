r"""Magnitude pruning: the smallest weights, or the units with the shortest weights, become zero.

Papers   Han, Pool, Tran, Dally, "Learning both weights and connections for efficient neural
         networks", NeurIPS 2015, arXiv:1506.02626: "Han 2015".
         Gomez, Zhang, Kamalakara, Madaan, Swersky, Gal, Hinton, "Learning sparse networks using
         targeted dropout", arXiv:1905.13678 (2019): "Gomez 2019", and its code, for-ai/TD.
Where    Weights of a trained network, (out, in); a filter counts as a row of n_in kh kw weights.
Symbols  $W$ weights, $w_o$ row $o$ of them, the incoming weights of unit $o$, $s$ sparsity, the
         share that is removed, $n$ how many weights of a row (or units of a layer) there are, $k$
         how many of them are kept, argmax-k the places of the k largest, $m$ mask (1 keeps).

Gomez 2019, in words: weight pruning keeps, for each unit, the largest weights
$$ m_{oi} = [\, i \in \mathrm{argmax}\text{-}k_{\, 1 \le i \le n} \; |W_{oi}| \,]
                                                                            \tag{pruning.1} $$
Gomez 2019, in words: unit pruning keeps the units with the longest weights
$$ m_o = [\, o \in \mathrm{argmax}\text{-}k_{\, 1 \le o \le n} \; \lVert w_o \rVert_2 \,]
                                                                            \tag{pruning.2} $$
Ours: how many are removed, with room for the rounding of s n; of equal ones the first
$$ n - k = \lfloor s \, n + 10^{-9} \rfloor                                 \tag{pruning.3} $$
From (pruning.1) to (pruning.3): masks are nested
$$ s_1 \le s_2 \; \Rightarrow \; m(s_2) \le m(s_1)                          \tag{pruning.4} $$
From the same: what has been pruned stays as it is when it is pruned again
$$ m(s) \odot W = W \; \text{where} \; W = m(s) \odot W_0                   \tag{pruning.5} $$

What follows pruning, here as in Gomez 2019, is no further training: a network is judged as it is.
Han 2015 trains what is left, and prunes and trains again; `gradual_sparsity` prunes meanwhile.

Without noise  The same: there is none, and evaluation uses the weights as they are.

Memory   A weight that is zero takes as much memory and time as any other, since arrays are dense.
         Units do not, once `compress` has taken them out: with half of its units 784-1024-1024-10
         has 36 % of the numbers and of the products, with a quarter of them 14 %.  Of its time on
         one core a forward pass then takes less than 60 % and less than 30 %: the command
         `minidrop bench pruning` measures how much.

Differs
- From for-ai/TD, which keeps what is at least as large as the entry int(s n) of the sorted row, and
  so every equal one: counts here are exact, also where 0.29 of 100 would become 28.
  [test_pruning_3_the_official_threshold_keeps_ties_and_loses_one]
- From the same, which leaves out what has logit, fc or init in its name: here the last layer is
  left out, or what a pattern does not name.
  [test_prune_knows_every_model_and_leaves_its_last_layer,
  test_prune_by_a_pattern_takes_the_last_layer_biases_and_norms]
- From PyTorch's `torch.nn.utils.prune`, which removes round(s n): half of 3 is 1 here and 2 there.
  [test_pruning_3_pytorch_rounds_to_the_nearest]
- From PyTorch, which keeps the old weights and a mask beside them: here weights are overwritten,
  and a copy is the caller's to take.  [test_prune_changes_the_weights_in_place_and_nothing_else]
- A unit whose weights are removed is not silent: its bias is left, and a batch norm behind it, so
  it puts out the same for every example.
  [test_pruning_2_a_removed_unit_puts_out_its_bias_and_a_norm_its_shift]
"""

import contextlib

from ..arguments import describe, flag, matching, option, probability, without_nan
from ..functional import magnitudes, smallest
from ..nn import Conv2d, Module, Wrapped
from ..nn import compress as compress  # what makes a pruned network smaller
from ..xp import array_module


def magnitude_mask(w, sparsity, unit):
    """Which weights of `w` (out, ...) magnitude pruning keeps: boolean, True keeps.

    `unit` False: in the shape of `w`; of each row (of each filter) floor(sparsity n + 1e-9) weights
    are removed, the smallest.  `unit` True: (out,); so many units are removed, those of the
    smallest L2 norms.  Of equal ones the first are removed.  ValueError for nan.

    Source: Gomez 2019.

    >>> import numpy as np
    >>> w = np.array([[0.1, -0.4, 0.2, 0.3], [5.0, 6.0, -7.0, 8.0]])
    >>> magnitude_mask(w, 0.5, unit=False).astype(int)
    array([[0, 1, 0, 1],
           [0, 0, 1, 1]])
    >>> magnitude_mask(w, 0.5, unit=True)
    array([False,  True])
    """
    sparsity = probability(sparsity, "sparsity")
    if flag(unit, "unit"):
        norms = without_nan(magnitudes(w, unit=True), "w")
        return ~smallest(norms, sparsity)                                       # Eq. (pruning.2)
    sizes = without_nan(magnitudes(w, unit=False), "w")
    return ~smallest(sizes, sparsity).reshape(w.shape)                          # Eq. (pruning.1)


def prune(model, sparsity, unit, scope="row", pattern=None):
    """Set the smallest weights of a network to zero, in place; the share that is kept, by path.

    `scope` says what is compared: "row" the weights of each row, "layer" those of a layer, "global"
    those of all layers.  Units (`unit` True) are compared within their layer under the first two;
    "global" compares their L2 norms as they are, and can take all units of a layer.

    Without a `pattern` the weights of all layers from `n_in` to `n_out` but the last are pruned,
    frozen ones too: those of Linear, Conv2d and DropConnect, and no biases, norms, embeddings or
    projections of attention.  The last is the one that the network was given last, as
    `named_modules` lists them; a network whose `forward` ends in another layer needs a pattern.
    That names parameters by their path, whole or from a dot on: "hidden*.weight", or "*.weight" for
    the last layer too, or "bias" for all biases, each of them a row.

    Layers around a layer, such as `L0`, say by themselves what may go (`score`).  What they learned
    is no size: where layers go by different measures, "global" is a ValueError, as is nan, and
    nothing is changed.

    A path's share is that of its weights (units with `unit`) which this call did not set to zero.
    Zeros of before go first, and count as kept where there are more of them than were asked for;
    `cost` counts what is not zero.

    Source: Gomez 2019 for rows and units, Han 2015 for pruning by magnitude.

    >>> from minidrop.models import mlp
    >>> net = mlp(64, 32, 10).init(seed=0)
    >>> prune(net, 0.75, unit=False)
    {'hidden1.linear.weight': 0.25}
    >>> int((net.hidden1.linear.weight.data != 0).sum())                    # 16 of 64 in each row
    512
    """
    sparsity = probability(sparsity, "sparsity")
    option(scope, "scope", ("row", "layer", "global"))
    layers = _layers(model)
    chosen = _chosen(model, layers, pattern)
    scores = {path: _scores(path, w, layers.get(id(w)), unit) for path, w in chosen.items()}
    if scope == "global":
        _check_alike(chosen, layers, unit)
    if scope != "row":
        scores = {path: score.reshape(-1) for path, score in scores.items()}
    removed = _smallest_of_all(scores, sparsity) if scope == "global" else {
        path: smallest(score, sparsity) for path, score in scores.items()}
    for path, w in chosen.items():
        w.data[removed[path].reshape(w.shape[:1] if unit else w.shape)] = 0
    return {path: int((~gone).sum()) / gone.size for path, gone in removed.items()}


@contextlib.contextmanager
def pruned(model, sparsity, unit, scope="row", pattern=None):
    """Within, the network is pruned as by `prune`; then its weights are again what they were.

    >>> from minidrop.models import mlp
    >>> net = mlp(64, 32, 10).init(seed=0)
    >>> with pruned(net, 0.75, unit=False) as kept:
    ...     kept, int((net.hidden1.linear.weight.data == 0).sum())
    ({'hidden1.linear.weight': 0.25}, 1536)
    >>> bool(net.hidden1.linear.weight.data.all())
    True
    """
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    before = [(w, w.data, w.data.copy()) for w in model.parameters()]
    try:
        yield prune(model, sparsity, unit, scope, pattern)
    finally:
        for w, array, values in before:
            w.data = array
            array[...] = values


def _layers(model):
    """{id of a weight: the layer it belongs to}; at the end the weight of the last layer."""
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    found: dict[int, Module] = {}
    for _, module in model.named_modules():       # noise on weights comes before its layer
        if isinstance(module, Conv2d | Wrapped) or _is_linear(module):
            found[id(module.weight)] = found.pop(id(module.weight), module)
    return found


def _is_linear(module):
    """Whether it has the weights (n_out, n_in) of a linear map."""
    sizes = [getattr(module, name, None) for name in ("n_out", "n_in")]
    return None not in sizes and getattr(getattr(module, "weight", None), "shape", 0) == (*sizes,)


def _chosen(model, layers, pattern):
    """{path: parameter} of what is pruned."""
    there = dict(model.named_parameters())
    if pattern is not None:
        return {path: there[path] for path in matching(pattern, there, what="parameter")}
    if len(layers) < 2:
        raise ValueError("model must have a Linear or Conv2d before its last one, which is left; "
                         "name what to prune by a pattern, such as '*.weight'")
    *chosen, _ = layers
    return {path: w for path, w in there.items() if id(w) in chosen}


def _scores(path, w, layer, unit):
    """What is compared, as rows: (out, n), or for units (out,); of a bias each entry is a unit."""
    rows = w.data if w.ndim > 1 else w.data.reshape((-1, 1) if unit else (1, -1))
    scores = layer.score(unit) if isinstance(layer, Wrapped) else magnitudes(rows, unit)
    return without_nan(scores if unit else scores.reshape(len(rows), -1), path)


def _check_alike(chosen, layers, unit):
    """ValueError unless all that is chosen goes by the same measure."""
    found: dict[str, str] = {}
    for path, w in chosen.items():
        layer = layers.get(id(w))
        found.setdefault(layer.measure(unit) if isinstance(layer, Wrapped) else "size", path)
    if len(found) > 1:
        goes = ", ".join(f"{path} by {measure}" for measure, path in found.items())
        raise ValueError("scope 'global' compares all layers and needs one measure for them, got "
                         f"{goes}; take the scope 'layer', or choose by a pattern")


def _smallest_of_all(scores, sparsity):
    """The smallest of all scores together, {path: boolean}."""
    xp = array_module(*scores.values())
    gone, start = smallest(xp.concatenate(list(scores.values())), sparsity), 0
    removed = {}
    for path, score in scores.items():
        removed[path] = gone[start:start + score.size]
        start += score.size
    return removed
