"""Cases of averages, schedules, optimizers and of measures of training."""

import numpy as np

from ...averages.snapshot import SnapshotEnsemble, cyclic
from ...nn import Linear
from ...optim import SGD, Adam, AdamW
from .case import Case, numbers

PROBS = np.array([[[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [1.0, 0.0, 0.0]],
                  [[0.2, 0.5, 0.3], [0.1, 0.2, 0.7], [0.5, 0.5, 0.0]],
                  [[0.1, 0.2, 0.7], [0.3, 0.5, 0.2], [0.0, 0.0, 1.0]]])


def _ema():
    pair = {"average": np.array([0.5, -1.0, 2.0]), "w": np.array([1.5, 0.25, -1.0])}
    return [
        *(Case(f"one step, mu = {mu}", "ema.1", "ema", pair | {"mu": mu}, gives="average",
               grad="average w") for mu in (0.0, 0.9, 0.999)),
        *(Case(f"corrected, t = {t}", "ema.3", "ema_corrected",
               {"average": pair["average"], "mu": 0.9, "t": t}, gives="average", grad="average")
          for t in (1, 2, 50)),
    ]


def _swa():
    def rates(lr, swa_lr, total, start):
        return Case(f"rates, the average starts at step {start} of {total}", "swa.4", "swa_rates",
                    {"lr": lr, "swa_lr": swa_lr, "total": total, "start": start}, gives="rates")

    return [
        *(Case(f"one step, n = {n}", "swa.1", "swa", {
            "average": np.array([0.5, -1.0, 2.0]), "w": np.array([1.5, 0.25, -1.0]), "n": n},
            gives="average", grad="average w") for n in (0, 1, 7)),
        rates(0.1, 0.05, 10, 6), rates(0.05, 0.1, 8, 8), rates(0.1, 0.01, 4, 1),
    ]


def _fge():
    return [
        *(Case(f"rates, a cycle of {cycle}", "fge.1 fge.2", "fge_rates",
               {"alpha1": 0.05, "alpha2": 0.0005, "total": 10, "cycle": cycle}, gives="rates")
          for cycle in (2, 4, 6)),
        *(Case(f"when networks are kept, {total} steps", "fge.3", "fge_steps",
               {"total": total, "cycle": 4}, gives="steps") for total in (2, 10, 12)),
    ]


def _snapshot():
    def half_line(t, total, cycles):
        length = -(-total // cycles)
        return cyclic(t, total, cycles, lambda k: 1 - k / length)

    def ensemble(x, weights, biases):
        members = [Linear(w.shape[1], w.shape[0]).init(seed=0) for w in weights]
        for member, w, b in zip(members, weights, biases, strict=True):
            member.weight.data, member.bias.data = w, b
        return SnapshotEnsemble(members).eval()(x)

    when = {"t": np.arange(1, 11), "total": 10}
    return [
        *(Case(f"rates, {cycles} cycles of 10 steps", "snapshot.1 snapshot.2", "cyclic_cosine",
               when | {"cycles": cycles, "lr0": 0.2}, gives="rates") for cycles in (1, 2, 3)),
        Case("another wave: f(k) = 1 - k / c, c the length of a cycle", "snapshot.1", "cyclic",
             when | {"cycles": 3}, gives="rates", run=half_line),
        *(Case(f"when snapshots are taken, {total} steps, {cycles} cycles", "snapshot.4",
               "snapshot_steps", {"total": total, "cycles": cycles}, gives="steps")
          for total, cycles in [(10, 5), (10, 3), (10, 4), (5, 5)]),
        Case("mean of the probabilities (m, N, K)", "snapshot.5", "average_probabilities",
             {"probs": PROBS}, gives="probs"),
        Case("votes; of equally many the larger mean probability", "snapshot.8", "majority_vote",
             {"probs": PROBS}, gives="labels"),
        Case("log of the mean probabilities of three linear networks", "snapshot.5 snapshot.6",
             "SnapshotEnsemble", {"x": numbers(2, 3), "weights": numbers(3, 2, 3, start=4),
                                  "biases": numbers(3, 2, start=1)}, gives="logs", run=ensemble),
    ]


def _early_late():
    def case(which, kind, cutoff, total, number):
        return Case(f"{which}, {kind}, {cutoff} of {total}", f"early_late.{number}", which,
                    {"p": 0.5, "cutoff": cutoff, "total": total, "kind": kind}, gives="p")

    return [
        case("early", "constant", 3, 6, 1), case("early", "linear", 4, 6, 2),
        case("early", "linear", 1, 3, 2), case("early", "constant", 0, 3, 1),
        case("early", "linear", 5, 5, 2), case("late", "constant", 2, 6, 3),
        case("late", "linear", 2, 6, 4), case("late", "constant", 0, 3, 3),
    ]


def _ramps():
    def case(name, number, gives="values", **given):
        said = ", ".join(f"{key} = {value}" for key, value in given.items())
        return Case(said, " ".join(f"ramps.{k}" for k in number), name, given, gives=gives)

    return [
        case("linear_ramp", "2", start=0.0, end=0.5, total=6, steps=None),
        case("linear_ramp", "2", start=1.0, end=0.2, total=6, steps=3),
        case("targeted_ramp", "34", "gamma alpha", gamma=0.75, alpha=0.9, total=6, steps=None),
        case("targeted_ramp", "34", "gamma alpha", gamma=0.75, alpha=0.9, total=6, steps=4),
        case("gradual_sparsity", "5", start=0.0, end=0.9, total=8, steps=6, first=2),
        case("gradual_sparsity", "5", start=0.5, end=0.9, total=4, steps=None, first=0),
    ]


def _adam():
    def run(kind):
        def steps(w, gradients, lr, betas, eps, weight_decay):
            optimizer = kind(lr, betas, eps, weight_decay)
            w, m, v = w.copy(), np.zeros_like(w), np.zeros_like(w)
            taken = []
            for t, g in enumerate(gradients, 1):
                optimizer.update(w, g, m, v, t)
                taken.append([w.copy(), m.copy(), v.copy()])
            return [np.stack(each) for each in zip(*taken, strict=True)]
        return steps

    def case(title, kind, more, **options):
        given = {"w": np.array([1.0, -0.5, 0.0]), "gradients": np.array(
            [[0.5, -2.0, 0.0], [0.25, 1e-9, 3.0], [-1.0, -2.0, 0.1]])}
        rest = {"lr": 0.1, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0} | options
        return Case(title, f"adam.1 adam.2 adam.3 adam.4{more}", f"optim.{kind.__name__}",
                    given | rest, gives="w m v", run=run(kind))

    return [
        case("three steps", Adam, " adam.7"), case("other decays", Adam, "", betas=[0.0, 0.5]),
        case("weight decay in the gradient", Adam, " adam.5", weight_decay=0.1),
        case("decoupled weight decay", AdamW, " adam.6", weight_decay=0.1),
    ]


def _sgd():
    def steps(w, gradients, lr, momentum, nesterov, weight_decay):
        optimizer = SGD(lr, momentum, nesterov, weight_decay)
        w, v, taken = w.copy(), np.zeros_like(w), []
        for g in gradients:
            optimizer.update(w, g, v)
            taken.append([w.copy(), v.copy()])
        return [np.stack(each) for each in zip(*taken, strict=True)]

    def case(title, tags, **options):
        rest = {"lr": 0.1, "momentum": 0.0, "nesterov": False, "weight_decay": 0.0} | options
        given = {"w": np.array([1.0, -0.5]), "gradients": np.array([[0.5, -2.0], [0.25, 1.0]])}
        return Case(title, tags, "optim.SGD", given | rest, gives="w v", run=steps)

    return [
        case("no momentum", "sgd.2 sgd.3"), case("momentum", "sgd.2 sgd.3", momentum=0.9),
        case("Nesterov's form", "sgd.2 sgd.4", momentum=0.9, nesterov=True),
        case("weight decay", "sgd.1 sgd.2 sgd.3", momentum=0.9, weight_decay=0.1),
    ]


def _schedules():
    def case(title, tags, name, **given):
        return Case(title, tags, f"optim.{name}", given, gives="rates")

    return [
        case("two milestones", "lr.1", "step_decay", lr=0.1, total=6, milestones=[2, 4],
             factor=0.1),
        case("half a wave", "lr.2", "cosine", lr=0.1, total=5, floor=0.01),
        case("waves that double", "lr.4 lr.5", "cosine_restarts", lr=0.1, total=8, period=2,
             growth=2, floor=0.0),
        case("two steps of warm-up", "lr.3", "warmup", schedule=np.array([1.0, 1.0, 0.5]), steps=2,
             start=0.1),
    ]


def _dynamics():
    grads = {"grads": np.array([[3.0, 4.0, 0.0], [-1.0, 0.5, 2.0], [0.0, -2.0, 1.0]])}
    apart = {"grads": np.array([[1.0, 0.0], [-2.0, 0.0]])}
    return [
        Case("lengths", "dynamics.1", "gradient_norm", grads, gives="norms"),
        Case("the lengths of large numbers", "dynamics.1", "gradient_norm",
             {"grads": np.array([[3e200, 4e200]])}, gives="norms"),
        Case("distance", "dynamics.2", "model_distance",
             {"params": np.array([1.0, 2.0, 3.0]), "params0": np.array([4.0, -2.0, 3.0])},
             gives="distance"),
        Case("three directions", "dynamics.3 dynamics.6", "gradient_direction_variance", grads,
             gives="variance"),
        Case("opposite directions", "dynamics.3 dynamics.6", "gradient_direction_variance", apart,
             gives="variance"),
        Case("three directions and a reference", "dynamics.4 dynamics.7",
             "gradient_direction_error", grads | {"reference": np.array([1.0, 1.0, -1.0])},
             gives="error"),
    ]


def _diversity():
    probs, labelled = {"probs": PROBS}, {"probs": (PROBS + 0.2) / 1.6, "y": np.array([0, 2, 0])}

    def losses(name, gives, tags):
        return [Case(f"{name}, loss = {loss}", tag, name, labelled | {"loss": loss}, gives=gives)
                for loss, tag in tags.items()]

    return [
        Case("correlation of the outputs", "diversity.1", "correlation", probs,
             gives="correlation"),
        *(Case(f"shared errors, per = {per}", "diversity.2", "error_overlap",
               labelled | {"per": per}, gives="overlap") for per in ("member", "union")),
        Case("a member without errors shares none of them: 0 / 0", "diversity.2", "error_overlap",
             {"probs": PROBS[:2, 2:], "y": np.array([0]), "per": "member"}, gives="overlap"),
        Case("predictions that differ", "diversity.4", "disagreement", probs,
             gives="disagreement"),
        *losses("ambiguity", "ensemble members diversity", {
            "cross_entropy": "diversity.5 diversity.6",
            "squared_error": "diversity.5 diversity.7"}),
        *losses("leave_one_out", "loss error", {"cross_entropy": "diversity.8",
                                                "squared_error": "diversity.8"}),
    ]


CASES = {"ema": _ema, "swa": _swa, "fge": _fge, "snapshot": _snapshot, "early_late": _early_late,
         "ramps": _ramps, "adam": _adam, "sgd": _sgd, "schedules": _schedules,
         "dynamics": _dynamics, "diversity": _diversity}
