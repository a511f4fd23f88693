"""One step of training with each model and each technique, by the name in its register.

`MODELS` and `TECHNIQUES` hold functions that make a `Step`.  A test sees to it that no name of
`models.MODELS` or of the catalogue is missing.
"""

import copy
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

import minidrop as md
from minidrop import models, nn
from minidrop.placement import home
from minidrop.xp import backend_module, host, to_backend

N, CLASSES = 6, 3


class Step(NamedTuple):
    """A network, the shape of an example, what `fit` is told, and what is looked at afterwards."""

    net: nn.Module
    shape: tuple
    optimizer: Callable = lambda: md.optim.SGD(0.1, momentum=0.9, weight_decay=0.01)
    options: dict = {}
    look: Callable | None = None                  # (net, x, y) -> array or several


def taken(step, backend, dtype):
    """{name: array on the host} of all that one step changed or gave."""
    net, optimizer, seen = step.net.init(0).astype(dtype), step.optimizer(), {}
    x = md.gaussian(md.Stream(1, "x"), (N, *step.shape)).astype(dtype)
    y = md.integers(md.Stream(1, "y"), CLASSES, N)

    def look(_, net, loss):
        found = step.look(net, *(to_backend(part, home(net)) for part in (x, y)))
        several = found if isinstance(found, list | tuple) else [found]
        seen.update({f"seen {k}": numbers(one) for k, one in enumerate(several)})

    history = md.fit(net, optimizer, (x, y), 1, batch_size=N, backend=backend, progress=False,
                     recorder=look if step.look else None, **step.options)
    found = {"loss": history.loss} | seen | net.state_dict() | optimizer.state_dict()
    return {name: np.asarray(array) for name, array in found.items()}


def numbers(value):
    return host(value.data if isinstance(value, md.Tensor) else value) \
        if hasattr(value, "dtype") else np.asarray(value, "float64")


# --- networks around a layer ---------------------------------------------------------------------

def flat(*layers, **rest):
    """A network for vectors (6,), with the layers on 8 units."""
    return Step(nn.Sequential(nn.Linear(6, 8), *layers, nn.ReLU(), nn.Linear(8, CLASSES)), (6,),
                **rest)


def maps(*layers, **rest):
    """A network for images (2, 8, 8), with the layers on 4 maps."""
    return Step(nn.Sequential(nn.Conv2d(2, 4, 3, padding=1), *layers, nn.ReLU(), nn.MaxPool2d(2),
                              nn.Flatten(), nn.Linear(64, CLASSES)), (2, 8, 8), **rest)


def told(**options):
    return maps(options=options)


def watched(look, **rest):
    return flat(md.BatchNorm(8), md.Dropout(0.5), look=look, **rest)


def scheduled(rates, **rest):
    return flat(md.Dropout(0.5), options={"schedules": rates}, **rest)


def filled(name):
    """A model with dropout wherever it has a place for a layer of units."""
    shape = (2, 16, 16) if name == "lenet" else (2, 8, 8)
    net = models.build(name, shape, CLASSES)
    for path in models.places(net):
        if path.endswith("drop"):
            models.place(net, path, md.Dropout(0.2))
        elif path.endswith("sum"):
            models.drop_paths(net, 0.2, pattern=path)
    return Step(net, shape)


def probabilities(net, x):
    """(2, N, CLASSES): of the network, with its noise and without."""
    with nn.evaluation(net):
        calm = md.softmax(net(x).data)
    return backend_module(home(net)).stack([calm, calm[::-1]])


def average(kind):
    """A look at what a recorder of weights has averaged."""
    def look(net, x, y):
        recorder = kind(net)
        recorder(0, net, None)
        recorder(1, net, None)
        return [w.data for w in recorder.average(x).parameters()]
    return look


def front():
    return nn.Sequential(nn.Conv2d(2, 3, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2)).init(4)


def dynamics(net, x, y):
    curves = md.Dynamics(net, (x, y), [0], batches=3, batch_size=4)
    return [curves.gradient_norm, curves.gradient_direction_variance,
            curves.gradient_direction_error]


def other(net):
    return copy.deepcopy(net).init(1).astype(net.parameters()[0].dtype).to(home(net))


MODELS = {name: (lambda name=name: filled(name)) for name in models.MODELS}
HOST = {                    # techniques of which nothing is computed beside a network, and why
    "intervals": "a handful of results, on the host",
    "regimes": "a handful of results, on the host",
}
TECHNIQUES = {
    # inputs
    "attentive_cutmix": [lambda: told(batch=md.AttentiveCutMix(front(), 3, CLASSES))],
    "cutmix": [lambda: told(batch=md.CutMix(1.0, CLASSES))],
    "cutout": [lambda: told(batch=md.Cutout(3)), lambda: told(batch=md.Cutout(3, (0.1, 0.2)))],
    "flip_crop": [lambda: told(batch=md.flip_crop)],
    "mixup": [lambda: told(batch=md.Mixup(1.0, CLASSES)),
              lambda: told(batch=md.Mixup(1.0, CLASSES, per="example"))],
    # units
    "alpha": [lambda: flat(md.AlphaDropout(0.5)), lambda: maps(md.FeatureAlphaDropout(0.5))],
    "dropblock": [lambda: maps(md.DropBlock(0.3, 3)), lambda: maps(md.DropBlock(0.3, 2, "all")),
                  lambda: maps(md.DropBlock(0.3, 3, shared=True, norm="sample"))],
    "dropout": [lambda: flat(md.Dropout(0.5)), lambda: flat(md.Dropout(0.5, "paper"))],
    "gaussian": [lambda: flat(md.GaussianDropout(0.5))],
    "mc": [lambda: watched(lambda net, x, y: md.mc_predict(net, x, 3)),
           lambda: watched(lambda net, x, y: md.mc_moments(net, x, 3, tau=2.0))],
    "multi_sample": [lambda: Step(nn.Sequential(nn.Linear(6, 8), md.MultiSampleDropout(
        nn.Linear(8, CLASSES), 0.5, 4)), (6,), options={"loss": md.multi_sample_cross_entropy})],
    "spatial": [lambda: maps(md.SpatialDropout(0.5))],
    # weights
    "dropconnect": [lambda: flat(md.DropConnect(8, 8, 0.5)),
                    lambda: flat(md.DropConnect(8, 8, 0.5, per="batch", drop_bias=True)),
                    lambda: flat(md.DropConnect(8, 8, 0.5), look=lambda net, x, y: net.eval()(x))],
    "l0": [lambda: flat(md.L0(nn.Linear(8, 8)), options={"penalty": md.l0_penalty(0.1, N)}),
           lambda: maps(md.L0(nn.Conv2d(4, 4, 3, padding=1), gates="weight"))],
    "max_norm": [lambda: flat(options={"project": clipped})],
    "pruning": [lambda: flat(look=pruned), lambda: maps(look=pruned)],
    "smallify": [lambda: flat(md.Smallify(nn.Linear(8, 8)),
                              options={"penalty": md.smallify_penalty(0.1, 0.01)})],
    "targeted": [lambda: flat(md.TargetedDropout(nn.Linear(8, 8), 0.5, 0.5, unit=False)),
                 lambda: flat(md.TargetedDropout(nn.Linear(8, 8), 0.5, 0.5, unit=True))],
    "variational": [lambda: flat(md.Variational(nn.Linear(8, 8)),
                                 options={"penalty": md.variational_penalty(N)}),
                    lambda: maps(md.Variational(nn.Conv2d(4, 4, 1), local=False))],
    # paths, norms, penalties
    "stochastic_depth": [lambda: flat(md.StochasticDepth(nn.Linear(8, 8), 0.3)),
                         lambda: flat(md.StochasticDepth(nn.Linear(8, 8), 0.3, mode="row",
                                                         scaling="inverted"))],
    "batch_norm": [lambda: flat(md.BatchNorm(8)), lambda: maps(md.BatchNorm(4))],
    "group_norm": [lambda: maps(md.GroupNorm(2, 4))],
    "instance_norm": [lambda: maps(md.InstanceNorm(4, affine=True))],
    "layer_norm": [lambda: flat(md.LayerNorm(8))],
    "normalise": [lambda: flat(look=lambda net, x, y: md.normalise(x, 1))],
    "l1": [lambda: flat(options={"penalty": lambda net, step: md.l1(net.parameters())})],
    "l2": [lambda: flat(options={"penalty": lambda net, step: md.l2(net.parameters())})],
    # averages, schedules, optimizers
    "ema": [lambda: watched(average(lambda net: md.EMA(net, 0.9))),
            lambda: watched(average(lambda net: md.EMA(net, 0.9, kind="first")))],
    "swa": [lambda: watched(average(lambda net: md.SWA(net, 1, 1)))],
    "fge": [lambda: scheduled({"lr": md.fge_rates(0.1, 0.01, 4, 4)[:1]})],
    "snapshot": [lambda: watched(lambda net, x, y: [
        md.average_probabilities(probabilities(net, x)), md.majority_vote(probabilities(net, x)),
        md.SnapshotEnsemble([net, other(net)]).eval().probabilities(x)])],
    "early_late": [lambda: scheduled({"dropout1.p": md.early(0.5, 1, 1)}),
                   lambda: scheduled({"dropout1.p": md.late(0.5, 1, 1)})],
    "ramps": [lambda: flat(md.TargetedDropout(nn.Linear(8, 8), 0.5, 0.5, unit=False), options={
        "schedules": {"*.gamma": md.targeted_ramp(0.5, 0.5, 4)[0][2:3]}})],
    "schedules": [lambda: scheduled({"lr": md.optim.cosine(0.1, 1)})],
    "sgd": [lambda: flat(optimizer=lambda: md.optim.SGD(0.1, 0.9, True, 0.1))],
    "adam": [lambda: flat(optimizer=lambda: md.optim.Adam(0.1)),
             lambda: flat(optimizer=lambda: md.optim.AdamW(0.1, weight_decay=0.1))],
    # functions
    "activations": [lambda: flat(nn.GELU(), nn.SELU(), nn.Sigmoid(), nn.Tanh(), nn.Softmax(),
                                 nn.LogSoftmax())],
    "attention": [lambda: Step(nn.Sequential(
        nn.PatchEmbedding(2, 6, (2, 2), (8, 8)), nn.PositionEmbedding(16, 6),
        nn.MultiHeadAttention(6, 2), nn.FirstToken(), nn.Linear(6, CLASSES)), (2, 8, 8))],
    "winograd": [lambda: maps(nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))],
    # measures
    "batch_statistics": [lambda: watched(
        lambda net, x, y: [*md.batch_norm_statistics(net, x, 3).state_dict().values()])],
    "compression": [lambda: flat(look=compressed)],
    "curvature": [lambda: watched(curved)],
    "damage": [lambda: flat(look=lambda net, x, y: md.pruning_curve(
        net, (x, y), [0.0, 0.5], unit=False)[1:])],
    "diversity": [lambda: watched(lambda net, x, y: [
        md.ambiguity(probabilities(net, x), y).ensemble, md.correlation(probabilities(net, x)),
        md.disagreement(probabilities(net, x)), md.error_overlap(probabilities(net, x), y)])],
    "dynamics": [lambda: watched(dynamics)],
    "landscape": [lambda: watched(lambda net, x, y: md.interpolation_curve(
        net, other(net), (x, y), [0.0, 0.5, 1.0])[1:])],
    "sharpness": [
        lambda: flat(look=lambda net, x, y: md.largest_curvature(
            net, (x, y), tolerance=1e-9, iterations=2000).value),
        lambda: flat(look=lambda net, x, y: md.random_sharpness(
            net, (x, y), 0.1, 2, rng=1).rise.mean)],
    "surface": [lambda: watched(lambda net, x, y: md.loss_surface(
        net, md.Plane(net, other(net), other(net).init(2).to(home(net))), (x, y),
        ([0.0, 0.5], [0.0, 1.0]), progress=False)[2:])],
}


def clipped(net):
    for w in net.parameters():
        if w.ndim == 2:
            w.data = md.max_norm(w.data, 0.5)


def pruned(net, x, y):
    shares = md.prune(net, 0.5, unit=False)
    return [*shares.values(), *(w.data for w in net.parameters())]


def compressed(net, x, y):
    md.prune(net, 0.5, unit=True)
    with nn.evaluation(net):
        return md.compress(net)(x)


def curved(net, x, y):
    net = other(net).eval()
    params = net.parameters()
    return md.hessian_product(md.cross_entropy(net(x), y), params, [w.data for w in params])


