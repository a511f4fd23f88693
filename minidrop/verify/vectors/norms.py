"""Cases of the norms, of stochastic depth, of the penalties and of the functions of networks."""

import numpy as np

from ...norms.batch_norm import BatchNorm
from ...paths.stochastic_depth import survival
from .case import EXACT, Case, numbers

SKIP, BRANCH = numbers(2, 3), numbers(2, 3, start=9)


def _stochastic_depth():
    def lengths(q_last, blocks, rule, number):
        return Case(f"survival of {blocks} blocks, rule = {rule}, q_last = {q_last}",
                    f"stochastic_depth.{number}", "survival",
                    {"blocks": blocks, "q_last": q_last, "rule": rule}, gives="q", run=_survival)

    def train(title, gate, p, scaling):
        tags = "stochastic_depth.5" if scaling == "paper" else "stochastic_depth.7"
        return Case(f"{title}, scaling = {scaling}", tags, "stochastic_depth",
                    {"skip": SKIP, "branch": BRANCH, "p": p, "scaling": scaling}, {"gate": gate},
                    grad="skip branch")

    rules = {"paper": 1, "linspace": 2, "efficientnet": 3}
    gates = {"the batch is kept": True, "the batch is dropped": False,
             "a gate for each example": np.array([True, False])}
    return [
        *(lengths(q, n, rule, k) for rule, k in rules.items() for q, n in [(0.5, 5), (0.8, 1)]),
        *(train(title, gate, 0.25, scaling) for scaling in ("paper", "inverted")
          for title, gate in gates.items()),
        train("p = 0", True, 0.0, "inverted"), train("p = 1", False, 1.0, "inverted"),
        Case("evaluation, scaling = paper", "stochastic_depth.6", "stochastic_depth_expect",
             {"skip": SKIP, "branch": BRANCH, "p": 0.25, "scaling": "paper"}, grad="skip branch"),
        Case("evaluation, scaling = inverted", "stochastic_depth.8", "stochastic_depth_expect",
             {"skip": SKIP, "branch": BRANCH, "p": 0.25, "scaling": "inverted"},
             grad="skip branch"),
    ]


def _survival(blocks, q_last, rule):
    return np.array([survival(block, blocks, q_last, rule) for block in range(1, blocks + 1)])


def _batch_norm():
    def steps(x, running_mean, running_var, momentum):
        layer, means, variances = BatchNorm(x.shape[2], momentum).init(seed=0), [], []
        layer.running_mean, layer.running_var = running_mean, running_var
        for batch in x:
            layer(batch)
            means.append(layer.running_mean)
            variances.append(layer.running_var)
        return np.stack(means), np.stack(variances)

    scales = {"weight": np.array([1.5, -0.5]), "bias": np.array([0.25, 0.0]), "eps": 1e-5}
    known = {"mean": np.array([0.1, -0.3]), "var": np.array([2.0, 0.25])}
    start = {"running_mean": np.zeros(2), "running_var": np.ones(2)}
    first, every = "batch_norm.1 batch_norm.2 batch_norm.5 batch_norm.6", "x weight bias"
    return [
        Case("training, (N, C)", first, "batch_norm", {"x": numbers(3, 2), **scales}, grad=every),
        Case("training, (N, C, H, W)", first, "batch_norm", {"x": numbers(2, 2, 1, 2), **scales},
             grad=every),
        Case("a channel of equal numbers: eps alone", first, "batch_norm",
             {"x": np.array([[1.5, 1.0], [1.5, -2.0]]), **scales}, grad="weight bias"),
        Case("evaluation", "batch_norm.4", "batch_norm", {"x": numbers(3, 2), **known, **scales},
             grad=every),
        *(Case(f"running statistics over three batches, momentum = {momentum}",
               "batch_norm.1 batch_norm.3", "BatchNorm",
               {"x": numbers(3, 4, 2), **start, "momentum": momentum},
               gives="running_mean running_var", run=steps) for momentum in (0.1, None)),
    ]


def _layer_norm():
    def case(title, x, shape):
        return Case(title, "layer_norm.1 layer_norm.2 layer_norm.3", "layer_norm",
                    {"x": x, "shape": shape, "weight": numbers(*shape, start=5),
                     "bias": numbers(*shape, start=2), "eps": 1e-5}, grad="x weight bias")

    return [case("the last axis", numbers(2, 4), [4]),
            case("the last two axes", numbers(2, 2, 3), [2, 3])]


def _instance_norm():
    return [Case(f"{len(shape)} axes", "instance_norm.1 instance_norm.2 instance_norm.3 "
                 "instance_norm.4", "instance_norm",
                 {"x": numbers(*shape), "weight": np.array([1.5, -0.5]),
                  "bias": np.array([0.25, 0.0]), "eps": eps}, grad="x weight bias")
            for shape, eps in [((2, 2, 3), 1e-5), ((1, 2, 2, 2), 0.1)]]


def _group_norm():
    return [Case(f"{groups} groups of {4 // groups} channels", "group_norm.1 group_norm.2 "
                 "group_norm.3 group_norm.4", "group_norm",
                 {"x": numbers(2, 4, 2), "groups": groups, "weight": numbers(4, start=5),
                  "bias": numbers(4, start=2), "eps": 1e-5}, grad="x weight bias")
            for groups in (1, 2, 4)]


def _normalise():
    return [Case(f"over the axes {list(axes)}", "normalise.1 normalise.2 normalise.3", "normalise",
                 {"x": numbers(2, 3, 2), "axes": list(axes), "eps": 1e-5}, grad="x")
            for axes in [(0,), (0, 2), (1, 2)]]


def _l1():
    return [Case("weights above, below and at 0", "l1.1 l1.2", "l1",
                 {"params": np.array([1.5, -0.25, 0.0, -3.0])}, gives="penalty", grad="params")]


def _l2():
    return [Case("half of the squares", "l2.1 l2.2", "l2",
                 {"params": np.array([1.5, -0.25, 0.0, -3.0])}, gives="penalty", grad="params")]


def _activations():
    x = {"x": np.array([-6.0, -1.5, -0.1, 0.0, 0.4, 2.0, 7.0])}
    return [
        Case("the tanh form", "activations.2", "gelu", x | {"approximate": "tanh"}, grad="x"),
        Case("at 0 the slope of below", "activations.3", "selu", x, grad="x"),
    ]


def _attention():
    given = {"q": numbers(2, 3), "k": numbers(3, 3, start=7), "v": numbers(3, 2, start=3)}
    return [
        Case("two queries, three tokens", "attention.1", "attention", given, grad="q k v"),
        Case("the weights alone", "attention.1", "attention_weights",
             {"q": given["q"], "k": given["k"]}, gives="weights", grad="q k"),
        Case("one token takes all", "attention.1", "attention",
             {"q": numbers(2, 3), "k": numbers(1, 3), "v": numbers(1, 2)}, grad="v",
             tolerance=EXACT),
    ]


CASES = {"stochastic_depth": _stochastic_depth, "batch_norm": _batch_norm,
         "layer_norm": _layer_norm, "instance_norm": _instance_norm, "group_norm": _group_norm,
         "normalise": _normalise, "l1": _l1, "l2": _l2, "activations": _activations,
         "attention": _attention}
