"""One clean call of every public callable, of which rubbish replaces one argument at a time.

Where tests/test_errors.py has a right call it is that one; all others are written here, as
{argument: value}.  `Class.method` calls the method of its `self`, `Class()` a layer, with the first
of INPUTS that it takes, and what follows a blank says in which form a function is called.
"""

import contextlib
import copy
import functools
import importlib
import inspect
import itertools
import os
from typing import Any, NamedTuple

import numpy as np

import minidrop as md
from minidrop import nn
from minidrop.tape import Primitive
from tests.test_errors import WRONG, example, net, noisy

X = np.arange(1, 13, dtype="float32").reshape(4, 3)
LABELS = np.array([0, 1, 2, 0])
ROWS = np.array([[0.5, 0.25, 0.25], [0.125, 0.625, 0.25], [0.25, 0, 0.75], [1, 0, 0]], "float32")
IMAGES = np.arange(64, dtype="float32").reshape(2, 2, 4, 4)
INPUTS = (X, IMAGES, IMAGES[:, :1], IMAGES.reshape(2, 4, 2, 4), IMAGES.reshape(1, 4, 4, 4),
          IMAGES.reshape(2, 16, 2), IMAGES.reshape(4, 4, 4), X[:, :2], X.reshape(2, 3, 2),
          X.reshape(2, 2, 3))
STREAM, LINEAR = md.Stream(0), net()
PAIR_OF_NETS = md.SnapshotEnsemble([net(), net()])
VALUE = inspect.Parameter.empty                   # what an argument without a default has for one


def drops():
    return nn.Sequential(nn.Linear(3, 4), nn.ReLU(), md.BatchNorm(4), nn.Linear(4, 3)).init(0)


def graph(**more):
    """A number and the Tensor that it was made from."""
    x, y = example()
    return {"y": y, "xs": x} | more


def step(optimizer):
    """An optimizer, and a network with gradients for it."""
    model = net()
    md.cross_entropy(model(X), LABELS).backward()
    return {"self": optimizer, "model": model}


def kept(optimizer):
    """An optimizer that is made anew, the state of one that has made a step, and their network."""
    given = step(optimizer)
    optimizer.step(given["model"])
    return {"self": copy.deepcopy(optimizer), "state": optimizer.state_dict(),
            "model": given["model"]}


RECORDERS = {
    "SWA": lambda net: md.SWA(net, 1, 1), "EMA": lambda net: md.EMA(net, 0.9),
    "Dynamics": lambda net: md.Dynamics(net, (X, LABELS), [1, 2], batches=2, batch_size=2),
    "WeightPath": lambda net: md.WeightPath(net, [1, 2])}


def taken(recorder):
    """The recorder after a step."""
    recorder(0, getattr(recorder, "_net", LINEAR), None)
    return recorder


def recorded(name, method):
    """A recorder, and right arguments of a method of it."""
    model = net()
    recorder = taken(RECORDERS[name](model))
    more = {"__call__": {"step": 1, "net": model, "loss": None}, "to": {"backend": "numpy"},
            "load_state_dict": {"state": recorder.state_dict()}, "begin": {"total": 5},
            "average": {"x": X}}
    return {"self": recorder} | more[method]


def saved(path):
    """The path of a file of weights."""
    md.save(net(), path)
    return path


def shots(folder):
    """The path of a folder of snapshots."""
    if not os.path.exists(folder):
        taken(md.Snapshots(folder, [1]))
    return folder


def lenet(**more):
    return {"net": md.models.lenet()} | more


SIMPLE = ("FirstToken", "Flatten", "GlobalAvgPool2d", "Identity", "LogSoftmax", "MeanToken", "ReLU",
          "SELU", "Sigmoid", "Softmax", "Tanh")
MORE = {f"nn.{name}": {} for name in SIMPLE} | {
    "batch_norm_statistics": {"net": drops(), "x": X},
    "fit": WRONG["fit"][0] | {"progress": False},
    "grad": graph, "gradcheck": {"f": md.tanh, "inputs": [X / 20]},
    "gradual_sparsity": {"start": 0.0, "end": 1.0, "total": 5},
    "hessian_product": lambda: {"loss": (pair := example())[1], "params": [pair[0]],
                                "direction": [X[0, :1]]},
    "linear_ramp": {"start": 0.0, "end": 1.0, "total": 5},
    "loss_surface": WRONG["loss_surface"][0],
    "mini_batch_gradients": {"net": net(), "batches": [(X, LABELS)]},
    "no_grad": {}, "tune": {},
    "pruned": {"model": nn.Sequential(net(), net()), "sparsity": 0.5, "unit": False},
    "scaled": {"values": [0.5, 0.5]}, "Record": {"stream": 0}, "Replay": {"draws": (X,)},
    "train_step": {"net": net(), "optimizer": md.optim.SGD(0.1), "x": X, "y": LABELS},
    "WeightAverage": {"net": net(), "start": 1, "every": 1},

    "nn.OnWeights": {"layer": net()}, "nn.Wrapped": {"layer": net()}, "nn.constant": {"value": 0.5},
    "nn.Sequential": {"layers": (net(), nn.ReLU())},
    "nn.evaluation": {"model": noisy()}, "nn.modes_kept": {"model": noisy()},

    "models.Residual": {"branch": net(), "skip": nn.Identity()},
    "models.build": {"name": "mlp", "shape": (1, 4, 4), "classes": 3},
    "models.drop_paths": lambda: {"net": md.models.resnet8(), "p": 0.5},
    "models.lenet": {}, "models.mixer": {"depth": 1}, "models.vit": {"depth": 1},
    "models.mlp": {"sizes": (4, 3)}, "models.resnet": {"depth": 8}, "models.vgg_small": {},
    "models.place": lambda: lenet(pattern="hidden.drop", layer=md.Dropout(0.5)),
    "models.places": lenet, "models.wrap": lambda: lenet(pattern="out", make=nn.OnWeights),
    "models.remove_dead": {"net": nn.Sequential(md.Smallify(net()), nn.ReLU(), net()).init(0)},

    "data.digits": {}, "data.moons": {"n": 20}, "data.spirals": {"n": 20}, "data.blobs": {"n": 20},
    "data.shapes": {"n": 10},

    "functional.flip_and_shift": {"x": IMAGES, "flips": np.array([True, False]),
                                  "shifts": np.array([[0, 1], [1, 0]])},
    "functional.moments": {"x": X, "axes": (0,)}, "functional.magnitudes": {"w": X, "unit": False},
    "functional.smallest": {"scores": X, "share": 0.5},
    "functional.soft_targets": {"y": LABELS, "classes": 3},

    "verify.check": {"impl": md.Dropout, "technique": "dropout", "seconds": 5.0},
    "verify.conforms": {"impl": md.Dropout, "technique": "dropout"},

    "batch_norm known": {"x": X, "mean": X[0], "var": X[1]},
    "cross_entropy rows": {"logits": X, "target": ROWS},
    "multi_sample_cross_entropy rows": {"logits": X[None], "target": ROWS},
    "functional.soft_targets rows": {"y": ROWS, "classes": 3},

    "Module.init": {"self": net(), "seed": 0}, "Module.train": {"self": net(), "mode": False},
    "Module.to": {"self": net(), "backend": "numpy"},
    "Module.astype": {"self": net(), "dtype": "float64"},
    "Module.load_state_dict": {"self": net(), "state": net().state_dict()},
    "Stream.to": {"self": STREAM, "backend": "numpy"}, "Stream.words": {"self": STREAM, "n": 5},
    "Stream.bits": {"self": STREAM, "shape": 5}, "noise.die": {"rng": 0, "sides": 6},
    "Tensor.backward": lambda: {"self": example()[1], "g": np.ones(1, "float32")},
    "optim.SGD.step": lambda: step(md.optim.SGD(0.1)),
    "optim.Adam.step": lambda: step(md.optim.Adam()),
    "optim.SGD.load_state_dict": lambda: kept(md.optim.SGD(0.1, momentum=0.5)),
    "optim.Adam.load_state_dict": lambda: kept(md.optim.Adam()),
    "optim.Adam.to": {"self": md.optim.Adam(), "backend": "numpy"},

    "save": {"net": net(), "path": "weights"}, "Snapshots": {"folder": "shots", "steps": [1, 2]},
    "load": lambda: {"net": net(), "path": saved("weights")},
    "load_snapshots": lambda: {"net": net(), "folder": shots("shots")},
    "Snapshots.begin": lambda: {"self": md.Snapshots("none", [1, 2]), "total": 2},
    "Snapshots.load_state_dict": lambda: {"self": (one := taken(md.Snapshots("new", [1]))),
                                          "state": one.state_dict()},
    "SnapshotEnsemble.last": {"self": PAIR_OF_NETS, "m": 1},
    "SnapshotEnsemble.probabilities": {"self": PAIR_OF_NETS, "x": X},

    "Tensor.__matmul__": {"self": md.Tensor(X), "other": X.T.copy()},
    "Tensor.reshape": {"self": md.Tensor(X), "shape": (3, 4)},
    "Tensor.transpose": {"self": md.Tensor(X), "axes": (1, 0)},
    "Tensor.swapaxes": {"self": md.Tensor(X), "first": 0, "second": 1},
    "Tensor.argmax": {"self": md.Tensor(X), "axis": 1},
    "Tensor.astype": {"self": md.Tensor(X), "dtype": "float64"},
    "functional.broadcast_to": {"x": X[0], "shape": (4, 3)},
} | {f"Tensor.{name}": {"self": md.Tensor(X), "axis": 1} for name in (
    "sum", "mean", "max", "min", "var", "std")} | {
    f"{name}.{method}": functools.partial(recorded, name, method) for name in RECORDERS
    for method in ("__call__", "to", "load_state_dict")} | {
    f"{name}.{method}": functools.partial(recorded, name, method) for name in ("SWA", "EMA")
    for method in ("begin", "average")}
LEFT_OUT = {
    "Forbid": "takes nothing that could be wrong",
    "optim.Optimizer": "what a rule of one's own derives from",
    "models.resnet8, models.resnet20, models.resnet32, models.resnet56, models.resnet110":
        "models.resnet of a depth",
    "data.mnist, data.fashion, data.cifar10, data.cifar100, data.svhn, data.usps":
        "published files, in test_data_files.py",
    "grade.Task, grade.Exercise, grade.same, grade.drawn, grade.law, grade.rate, grade.shared, "
    "grade.independent, grade.only, grade.within, grade.distribution, grade.beside, grade.apart, "
    "grade.numbers, grade.mark, grade.exercise_named, grade.exercise_names":
        "for authors of exercises, in tests/grade",
}


class Call(NamedTuple):
    """A callable and its right arguments; `defaults` has all arguments, VALUE where there is none.

    `fresh` makes the arguments anew, and `run` calls with some.
    """

    name: str
    fresh: Any
    run: Any
    defaults: dict


def public():
    """{name: thing} of all that is public and called, but for results, errors and modules."""
    packages = [importlib.import_module(f"minidrop.{name}") for name in
                ("nn", "optim", "models", "data", "functional", "verify", "grade", "claims")]
    found = {name: getattr(md, name) for name in dir(md)}
    for package in packages:
        found |= {f"{package.__name__[9:]}.{name}": getattr(package, name)
                  for name in package.__all__ if getattr(md, name, None) is not
                  getattr(package, name) and not isinstance(getattr(package, name), Primitive)}
    return {name: thing for name, thing in found.items()
            if callable(thing) and not is_record(thing)}


def is_record(thing):
    """Whether a class is what others return: a tuple with names, a report, an error."""
    return isinstance(thing, type) and (
        issubclass(thing, tuple | Exception) or thing.__module__.endswith(("report", "claim")))


@functools.cache
def calls():
    """A `Call` of everything that has a clean one: those of test_errors, of MORE, and layers."""
    found = []
    for name, given in ({name: right for name, (right, _) in WRONG.items()} | MORE).items():
        thing = functools.reduce(_part, name.split()[0].split("."), md)
        found.append(Call(name, _copies(given), _runner(thing), _defaults(thing)))
        if isinstance(thing, type) and issubclass(thing, nn.Module):
            found += _layer(found[-1])
    return found


def _part(owner, name):
    return getattr(owner, name, None) or importlib.import_module(f"{owner.__name__}.{name}")


def _copies(given):
    """A function that makes {argument: value} anew; arrays of ones become others."""
    if callable(given):
        return given
    given = {argument: _varied(value) for argument, value in given.items()}
    return lambda: copy.deepcopy(given)


def _varied(value):
    if isinstance(value, np.ndarray) and value.dtype.kind == "f" and (value == 1).all():
        return 1 + (np.arange(value.size) * 7 % 11).reshape(value.shape).astype(value.dtype)
    return value


def _defaults(thing):
    thing = thing.forward if isinstance(thing, Primitive) else thing
    parameters = inspect.signature(thing).parameters
    return {name: parameter.default for name, parameter in parameters.items()
            if parameter.kind is not parameter.VAR_KEYWORD and name != "self"}


def _runner(thing):
    """thing(arguments), where those that a `*` takes, `self` and a primitive's go by place."""
    names = inspect.signature(thing.forward if isinstance(thing, Primitive) else thing).parameters

    starred = [name for name, parameter in names.items()
               if parameter.kind is parameter.VAR_POSITIONAL]
    before = ["self", *itertools.takewhile(lambda name: name not in starred, names)][
        :None if starred else 1]

    def run(arguments):
        placed, named = [], dict(arguments)
        for name, parameter in names.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                given = named.pop(name, ())
                placed += given if isinstance(given, list | tuple) else [given]
            elif isinstance(thing, Primitive) or name in before:
                placed += [named.pop(name)] if name in named else []
        return _entered(thing(*placed, **named))
    return run


def _entered(result):
    """What a context gives, or a generator yields."""
    if isinstance(result, contextlib.AbstractContextManager):
        with result as result:
            return result
    return list(result) if inspect.isgenerator(result) else result


def _layer(made):
    """The call of the layer that a call makes, [] for an abstract one."""
    layer = made.run(made.fresh()).init(0)
    if type(layer) in (nn.Module, nn.Noise, nn.OnWeights, nn.Wrapped):
        return []

    def run(arguments):
        return copy.deepcopy(layer)(arguments["x"])

    for x in INPUTS:
        with contextlib.suppress(ValueError, TypeError):
            run({"x": x})
            return [Call(f"{made.name}()", _copies({"x": x}), run, {"x": VALUE})]
    raise ValueError(f"none of INPUTS is right for {made.name}")
