"""Cases of the techniques that act on weights."""

import numpy as np

from ...check import Replay
from ...functional import relu
from ...nn import Linear
from ...tape import Tensor
from ...weights.dropconnect import DropConnect
from ...weights.l0 import L0, l0_penalty
from ...weights.smallify import Smallify, sign_variance, smallify_penalty, smallify_step
from ...weights.targeted import targeted_mask
from ...weights.variational import Variational, variational_penalty
from .case import EXACT, Case, bits, numbers, parameter

X, W, B = numbers(2, 3), numbers(2, 3, start=9), np.array([0.5, -0.25])
LAYER = {"x": X, "w": W, "b": B}


def _wrapped(kind, w, b, options=None, **values):
    """A Linear layer with these weights in a wrapper `kind` with these parameters."""
    layer = kind(Linear(w.shape[1], w.shape[0]), **(options or {})).init(seed=0)
    for name, value in ({"weight": w, "bias": b} | values).items():
        setattr(layer, name, value if isinstance(value, Tensor) else parameter(value))
    return layer


def _dropconnect():
    def train(title, mask, **more):
        return Case(title, "dropconnect.2 dropconnect.4", "dropconnect", LAYER,
                    {"mask": mask, **more}, grad="x w b")

    def moments(title, p, drop_bias=False):
        return Case(title, "dropconnect.5", "dropconnect_moments",
                    LAYER | {"p": p, "drop_bias": drop_bias}, gives="mean variance", grad="x w b")

    def inference(x, w, b, p, z):
        layer = DropConnect(3, 2, p, activation=relu, samples=len(z)).init(seed=0).eval()
        layer.weight.data, layer.bias.data, layer.rng = w, b, Replay(*z)
        return layer(x)

    return [
        train("a mask for each example", bits("101 011 110 010", 2, 2, 3)),
        train("one mask for the batch", bits("101 011")),
        train("connections of the bias dropped too", bits("101 011 110 010", 2, 2, 3),
              bias_mask=bits("10 11")),
        train("p = 1", bits("000 000")), train("p = 0", bits("111 111")),
        moments("moments, p = 0.5", 0.5), moments("moments, p = 0.2, with the bias", 0.2, True),
        moments("moments, p = 0: no variance", 0.0), moments("moments, p = 1: the bias", 1.0),
        Case("the mean of relu over given normal numbers z", "dropconnect.5 dropconnect.6",
             "DropConnect", LAYER | {"p": 0.5}, {"z": numbers(4, 2, 2, start=3)}, run=inference),
    ]


def _l0():
    stretch = {"beta": 2 / 3, "gamma": -0.1, "zeta": 1.1}
    noise, places = {"u": np.array([0.01, 0.25, 0.5, 0.9, 0.995])}, np.array([0.5, -1, 0, 2, 1])

    def layer(x, w, b, log_alpha, gates, u):
        module = _wrapped(L0, w, b, {"gates": gates}, log_alpha=log_alpha)
        module.rng = Replay(u)
        return module(x)

    def penalty(log_alpha, w, strength, examples):
        module = _wrapped(L0, w, B, {"gates": "output"}, log_alpha=log_alpha)
        return l0_penalty(strength, examples)(module, 0)

    def gated(gates, log_alpha, u):
        return Case(f"a linear layer, gates on each {gates}", "l0.1 l0.2 l0.6", "L0",
                    LAYER | {"log_alpha": log_alpha, "gates": gates}, {"u": u},
                    grad="x w b log_alpha", run=layer)

    return [
        Case("hard concrete gates, closed and open ones too", "l0.1 l0.2 l0.9", "hard_concrete",
             {"log_alpha": places, **stretch}, noise, gives="z", grad="log_alpha"),
        Case("another temperature and stretch", "l0.1 l0.2 l0.9", "hard_concrete",
             {"log_alpha": places, "beta": 0.5, "gamma": -0.2, "zeta": 1.3}, noise, gives="z",
             grad="log_alpha"),
        Case("in evaluation", "l0.8", "hard_concrete_expect",
             {"log_alpha": np.array([-4.0, -1.0, 0.0, 3.0]), "gamma": -0.1, "zeta": 1.1},
             gives="z", grad="log_alpha"),
        Case("the chance of not being 0", "l0.4 l0.10", "hard_concrete_nonzero",
             {"log_alpha": places, **stretch}, gives="chance", grad="log_alpha"),
        gated("output", np.array([0.5, -1.0]), np.array([0.25, 0.6])),
        gated("input", np.array([0.5, -1.0, 2.0]), np.array([0.25, 0.6, 0.02])),
        gated("weight", numbers(2, 3, start=2), np.array([[0.2, 0.5, 0.8], [0.4, 0.6, 0.7]])),
        Case("penalty: all weights of a gate count", "l0.7", "l0_penalty",
             {"log_alpha": np.array([0.5, -1.0]), "w": W, "strength": 0.5, "examples": 100},
             gives="penalty", grad="log_alpha", run=penalty),
    ]


def _max_norm():
    w = np.array([[3.0, 4.0], [0.3, -0.4], [0.0, 0.0], [-6.0, 8.0]])
    return [
        Case("rows above, below and at 0", "max_norm.1", "max_norm", {"w": w, "limit": 2.0},
             gives="w"),
        Case("a row of exactly the limit stays", "max_norm.1", "max_norm", {"w": w, "limit": 5.0},
             gives="w"),
        Case("a convolution: all of an output map is one row", "max_norm.1", "max_norm",
             {"w": numbers(2, 2, 1, 2), "limit": 1.5}, gives="w"),
    ]


def _pruning():
    ties = np.array([[1.0, -1.0, 0.5, 1.0], [0.0, -2.0, 2.0, 0.0], [3.0, 0.1, 0.2, -0.3]])

    def case(title, sparsity, unit, w=ties):
        return Case(title, f"pruning.{1 + unit} pruning.3", "magnitude_mask",
                    {"w": w, "sparsity": sparsity, "unit": unit}, gives="mask")

    return [
        case("half of each row; of equal sizes the first goes", 0.5, False),
        case("a share that is rounded down", 0.3, False), case("nothing", 0.0, False),
        case("everything", 1.0, False), case("one of three rows", 0.34, True),
        case("of rows of equal length the first goes", 0.5, True,
             np.array([[3.0, 4.0], [0.0, 5.0], [6.0, 8.0], [-4.0, 3.0]])),
        case("0.29 of 100 are 29", 0.29, False, numbers(1, 100)),
    ]


def _smallify():
    def steps(signs, mean, variance, decay):
        means, variances = [], []
        for sign in signs:
            mean, variance = sign_variance(sign, mean, variance, decay)
            means.append(mean)
            variances.append(variance)
        return np.stack(means), np.stack(variances)

    def forward(x, w, b, switch, alive):
        layer = _wrapped(Smallify, w, b, switch=switch)
        layer.alive = alive
        return layer(x)

    def step(switch, mean, variance, alive, decay, threshold):
        layer = _wrapped(Smallify, W, B, {"decay": decay, "threshold": threshold}, switch=switch)
        layer.mean, layer.variance, layer.alive = mean, variance, alive
        smallify_step(layer)
        return layer.switch.data, layer.mean, layer.variance, layer.alive

    def fold(w, b, switch, alive):
        layer = _wrapped(Smallify, w, b, switch=switch)
        layer.alive = alive
        layer.fold()
        return layer.weight.data, layer.bias.data

    def penalty(w, b, switch, switch_strength, weight_strength, power):
        layer = _wrapped(Smallify, w, b, switch=switch)
        return smallify_penalty(switch_strength, weight_strength, power)(layer, 0)

    switch, on, one = np.array([0.75, -0.5]), np.array([1.0, 1.0]), np.array([1.0, 0.0])
    signs, start = np.array([[1.0, -1.0], [1.0, 1.0], [0.0, -1.0]]), np.ones(2)
    state = {"variance": np.array([0.1, 0.4]), "alive": on, "decay": 0.9, "threshold": 0.5}
    return [
        *(Case(f"three signs, decay = {decay}", "smallify.7", "sign_variance",
               {"signs": signs, "mean": start, "variance": np.zeros(2), "decay": decay},
               gives="mean variance", run=steps) for decay in (0.0, 0.9, 0.99)),
        Case("a linear layer", "smallify.1 smallify.2", "Smallify",
             LAYER | {"switch": switch, "alive": on}, grad="x w b switch", run=forward),
        Case("the second switch is dead", "smallify.1 smallify.2", "Smallify",
             LAYER | {"switch": switch, "alive": one}, grad="x w b switch", run=forward),
        Case("a step that kills the second switch", "smallify.7 smallify.8", "smallify_step",
             {"switch": switch, "mean": np.array([0.9, 0.8]), **state},
             gives="switch mean variance alive", run=step),
        Case("a step that kills none", "smallify.7 smallify.8", "smallify_step",
             {"switch": switch, "mean": np.array([0.9, -0.8]), **state},
             gives="switch mean variance alive", run=step),
        Case("folded into the weights", "smallify.10", "smallify_fold",
             {"w": W, "b": B, "switch": switch, "alive": one}, gives="w b", run=fold),
        *(Case(f"penalty, power = {power}", "smallify.3", "smallify_penalty",
               {"w": W, "b": B, "switch": switch, "switch_strength": 0.1, "weight_strength": 0.01,
                "power": power}, gives="penalty", grad="w b switch", run=penalty)
          for power in (1, 2)),
    ]


def _targeted():
    w = np.array([[1.0, -1.0, 0.5, 1.0], [0.0, -2.0, 2.0, 0.1]])

    def candidates(title, gamma, unit, w=w):
        return Case(title, f"targeted.{3 + unit}", "targeted_candidates",
                    {"w": w, "gamma": gamma, "unit": unit}, gives="candidates")

    def mask(candidates, alpha, unit, kept):
        return targeted_mask(Replay(kept), candidates, alpha, unit)

    def drawn(title, candidates, kept, unit):
        return Case(title, "targeted.6", "targeted_mask",
                    {"candidates": candidates, "alpha": 0.5, "unit": unit}, {"kept": kept},
                    gives="mask", run=mask)

    return [
        candidates("weights: half of each row, of equal ones the first", 0.5, False),
        candidates("weights: 0.6 of 4 are 2", 0.6, False),
        candidates("no candidates", 0.0, False), candidates("all candidates", 1.0, False),
        candidates("units: the shorter row", 0.5, True),
        candidates("units: 0.4 of 2 are none", 0.4, True),
        candidates("a convolution: the rows are flattened", 0.5, False, numbers(2, 1, 2, 2)),
        drawn("only candidates are dropped", bits("1010 0110"), bits("0011 1010"), False),
        drawn("without candidates nothing is", bits("0000 0000"), bits("0000 0000"), False),
        drawn("units", bits("10"), bits("00"), True),
        Case("weights", "targeted.1", "targeted_dropout", {"w": w},
             {"mask": bits("1010 0111")}, gives="w", grad="w", tolerance=EXACT),
        Case("units: a mask for each row", "targeted.1 targeted.2", "targeted_dropout", {"w": w},
             {"mask": bits("01")}, gives="w", grad="w", tolerance=EXACT),
    ]


def _variational():
    wide = {"log_sigma2": numbers(2, 3, start=4) - 1}

    def train(x, w, b, log_sigma2, local, noise):
        layer = _wrapped(Variational, w, b, {"local": local}, log_sigma2=log_sigma2)
        layer.rng = Replay(noise)
        return layer(x)

    def evaluate(x, w, b, log_sigma2, threshold):
        options = {"threshold": threshold}
        return _wrapped(Variational, w, b, options, log_sigma2=log_sigma2).eval()(x)

    def penalty(w, log_sigma2, examples, scale, warm_up, step):
        layer = _wrapped(Variational, w, B, log_sigma2=log_sigma2)
        return variational_penalty(examples, scale, warm_up)(layer, step)

    ratio = {"log_alpha": np.array([-8.0, -3.0, -1.0, -0.25])}
    any_ratio = {"log_alpha": np.array([-8.0, -1.0, 0.0, 3.0, 8.0])}
    every = "x w b log_sigma2"
    return [
        Case("how noisy each weight is; a weight of 0 too", "variational.2",
             "variational_log_alpha", {"theta": np.array([1.0, -0.5, 0.0]),
                                       "log_sigma2": np.array([-10.0, 0.0, 2.0])},
             gives="log_alpha", grad="theta log_sigma2"),
        Case("divergence, the approximation of 2015, for alpha up to 1", "variational.9",
             "variational_kl", ratio | {"approximation": "kingma"}, gives="kl", grad="log_alpha"),
        Case("divergence, the approximation of 2017", "variational.10", "variational_kl",
             any_ratio | {"approximation": "molchanov"}, gives="kl", grad="log_alpha"),
        Case("noise on the outputs", "variational.4", "local_reparameterisation",
             {"mean": X, "variance": abs(numbers(2, 3, start=4)) + 0.5},
             {"noise": numbers(2, 3, start=20)}, gives="b", grad="mean variance"),
        Case("a linear layer, local noise", "variational.3 variational.4 variational.5",
             "Variational", LAYER | wide | {"local": True}, {"noise": numbers(2, 2, start=20)},
             grad=every, run=train),
        Case("a linear layer, noise on the weights", "variational.1", "Variational",
             LAYER | wide | {"local": False}, {"noise": numbers(2, 3, start=20)}, grad=every,
             run=train),
        Case("in evaluation: weights with a log alpha above 3 are 0", "variational.2 "
             "variational.12", "Variational", LAYER | {
                 "log_sigma2": np.array([[4.0, -3.0, 0.0], [-1.0, 6.0, -9.0]]), "threshold": 3.0},
             grad="x w b", run=evaluate),
        *(Case(f"penalty, step {step} of a warm-up from 10 to 30", "variational.2 variational.10 "
               "variational.11", "variational_penalty",
               {"w": W, **wide, "examples": 50, "scale": 1.0, "warm_up": [10, 30], "step": step},
               gives="penalty", grad="w log_sigma2", run=penalty) for step in (5, 15, 40)),
    ]


CASES = {"dropconnect": _dropconnect, "l0": _l0, "max_norm": _max_norm, "pruning": _pruning,
         "smallify": _smallify, "targeted": _targeted, "variational": _variational}
