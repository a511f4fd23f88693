"""Training: `train_step` is one step, `fit` repeats it with a progress bar, `evaluate` looks."""

import math
from typing import Any, NamedTuple

from .arguments import COUNTED, called, count, describe, examples, flag, room, takes
from .binding import Binding
from .checkpoint import Checkpoint
from .doubts import Doubts, settle
from .functional import accuracy, cross_entropy
from .gpu import tells_memory
from .nn import Module, evaluation, modes_kept
from .noise import Stream, permutation
from .optim import Optimizer
from .placement import beside, chosen, home, placed
from .tape import Tensor, data_of
from .xp import array_module, floats


class History(NamedTuple):
    """What a run left behind, as NumPy arrays: losses per step, validation figures per epoch."""

    loss: Any                   # (steps,) training loss of each mini-batch, noise included
    validation_loss: Any        # (epochs,) in evaluation; empty without validation data
    validation_accuracy: Any    # (epochs,) share of right labels; nan where y holds no labels


class Diverged(ValueError):
    """The loss of a run is not finite."""


class Score(NamedTuple):
    """Mean loss and share of right labels on a data set, in evaluation."""

    loss: float
    accuracy: float


@tells_memory
def train_step(net, optimizer, x, y, loss=cross_entropy, penalty=None, project=None, step=0):
    """One step: loss, gradients, update.  Returns the loss as an array (), without its graph.

    `penalty(net, step)` is added to the loss, `project(net)` runs after the update.  Nothing waits
    for a GPU: where a check of values fails there, such as of the labels, the loss is nan.

    >>> import numpy as np
    >>> from minidrop.nn import Linear
    >>> from minidrop.optim import SGD
    >>> net, sgd = Linear(2, 3).init(seed=0), SGD(lr=0.5)
    >>> x, y = np.eye(2, dtype="float32"), np.array([0, 2])
    >>> bool(train_step(net, sgd, x, y) > train_step(net, sgd, x, y))
    True
    """
    _check_module(net)
    _check_optimizer(optimizer)
    try:
        return _stepped(net, optimizer, x, y, loss, penalty, project, step)
    except TypeError:
        _check_functions(loss, None, penalty, project)            # it may be one of them
        raise


def _stepped(net, optimizer, x, y, loss, penalty, project, step):
    count(step, "step", least=0)
    with Doubts() as doubts:
        value = loss(net(x), y)
        if penalty is not None:
            value = _added(value, penalty(net, step))
        if not isinstance(value, Tensor) or value.size != 1:
            raise ValueError(f"loss must give a Tensor with one number, got {describe(value)}")
        try:
            if value.requires_grad or not _closed(net):
                value.backward()
            optimizer.step(net)
        except BaseException:
            _forget(net)
            raise
        if project is not None:
            project(net)
        return doubts.unless(value.data)


def _added(value, more):
    try:
        return value + more
    except TypeError:
        raise TypeError(f"penalty must give a number or a Tensor, got {describe(more)}") from None


def _closed(net):
    """Whether a branch was left out on purpose; if all were, there may be nothing to learn."""
    return any(module.skipped for _, module in net.named_modules())


def _forget(net):
    """Clear what a step left unused: gradients, which the next would add to its own, and marks."""
    for _, thing in net.walk():
        if not isinstance(thing, Module):
            thing.grad = None
        elif thing.skipped:
            thing.skipped = False


@tells_memory
def fit(net, optimizer, data, epochs, loss=cross_entropy, batch_size=64, batch=None, penalty=None,
        project=None, schedules=None, checkpoint=None, recorder=None, seed=0, progress=True,
        backend=None):
    """Train `net` and return its `History`.

    `data` is a pair (x, y), or splits with `.train` and `.validation`.  Every epoch takes the
    examples in a new order, drawn from `seed`.  `batch(rng, x, y)` cuts or mixes each mini-batch;
    `schedules` maps patterns over the model's attributes, or "lr", to arrays with one value per
    step, epochs * ceil(N / batch_size) in all; `recorder(step, net, loss)` is called after each
    step, or each of a list of recorders in turn; one with `begin` is first told the number of
    steps.  `progress` is True, False, or the label of a bar that disappears when it is done.
    Scheduled numbers and the modes of the modules are afterwards what they were before: to use a
    network that was not in evaluation without its noise, call `net.eval()`.

    `backend` "cupy" computes the run on the GPU: network, data, optimizer and recorders with `to`
    are moved there once, and afterwards are where they were.  None takes MINIDROP_BACKEND or, where
    that is not set, the network's own backend; data go where the network is.  Functions that are
    called in between see arrays of that backend.

    `checkpoint` is the path of a file that keeps the run: it is written after every epoch, within
    long epochs every half minute, and when Ctrl-C comes, which then waits for the end of the step
    (a second Ctrl-C does not).  Where the file is there, the run goes on from it, to the bits of an
    undisturbed run: call fit again with the same arguments.  `recorder` sees each step that is
    taken, so those that were taken after the last save it sees again; one that has `state_dict` and
    `load_state_dict`, as `Dynamics` and `Snapshots` have, goes on from the file too.

    ValueError for empty or unequal data, for schedules that fit nothing, for a backend that cannot
    run, and as soon as the loss of an epoch is not finite; MemoryError where the GPU is full.

    >>> import numpy as np
    >>> from minidrop.nn import Linear
    >>> from minidrop.optim import SGD
    >>> x, y = np.eye(2, dtype="float32"), np.array([0, 1])
    >>> history = fit(Linear(2, 2).init(0), SGD(lr=1.0), (x, y), epochs=5, progress=False)
    >>> history.loss.shape, bool(history.loss[0] > history.loss[-1])
    ((5,), True)
    """
    _check_module(net)
    _check_functions(loss, batch, penalty, project)
    recorders = _recorders(recorder)
    _check_optimizer(optimizer)
    (x, y), validation = _parts(data)
    backend = chosen(net, backend)
    epochs, batch_size = count(epochs, "epochs"), count(batch_size, "batch_size", most=COUNTED)
    steps = -(-len(x) // batch_size)              # in an epoch
    room(epochs * steps, "epochs", each=8)        # a loss is kept of each
    binding = Binding(net, optimizer, schedules, epochs * steps)
    streams = {name: Stream(seed, f"fit/{name}", backend) for name in ("order", "batch")}
    saved = Checkpoint(checkpoint, net, optimizer, streams, {
        "epochs": epochs, "batch_size": batch_size, "seed": streams["order"].key[0],
        "schedules": binding.digest(), "data": (x, y), "validation": validation, "loss": loss,
        "batch": batch, "penalty": penalty, "project": project}, epochs * steps, recorders)
    with modes_kept(net), binding, saved, _bar(epochs * steps, progress) as bar:
        done, losses, scores = saved.resume()
        bar.initial = bar.n = len(losses)
        with placed(backend, net, optimizer, *recorders, batch, penalty, project), Doubts():
            net.train()
            _forget(net)
            x, y = beside((x, y), backend)
            validation = validation and beside(validation, backend)
            for epoch in range(done, epochs):
                first = len(losses) - epoch * steps       # where the epoch goes on
                batches = _batches(x, y, batch_size, batch, first, **streams)
                for step, (xb, yb) in enumerate(batches, len(losses)):
                    binding.set(step)
                    losses.append(train_step(net, optimizer, xb, yb, loss, penalty, project, step))
                    for record in recorders:
                        record(step, net, losses[-1])
                    bar.update()
                    saved.after_step(epoch, losses, scores)
                settle()
                losses[-steps:] = floats(losses[-steps:])
                mean = _finite_mean(losses[-steps:], epoch + 1, optimizer.lr)
                if validation:
                    scores.append(evaluate(net, validation, loss))
                saved.save(epoch + 1, losses, scores)
                bar.set_postfix_str(_postfix(mean, scores), refresh=False)
    return _history(losses, scores)


def _check_functions(loss, batch, penalty, project):
    called(loss, "loss", "outputs", "y")
    for function, name, *given in (
            (batch, "batch", "rng", "x", "y"),
            (penalty, "penalty", "net", "step"), (project, "project", "net")):
        takes(function, name, *given)


def _finite_mean(losses, epochs, lr):
    """The mean loss of an epoch; Diverged where it is not finite."""
    mean = sum(losses) / len(losses)
    if not math.isfinite(mean):
        raise Diverged(f"the loss is {mean} after epoch {epochs}; lower the learning rate (lr is "
                       f"{lr:g}) or look at the data")
    return mean


def _history(losses, scores):
    xp = array_module()
    validated = xp.array(scores, dtype="float64").reshape(len(scores), len(Score._fields))
    return History(xp.array(losses), *validated.T)


def _recorders(recorder):
    """What `fit` is given as its recorder, as a list."""
    several = isinstance(recorder, list | tuple) and not callable(recorder)
    found = list(recorder) if several else [] if recorder is None else [recorder]
    for i, one in enumerate(found):
        name = f"recorder[{i}]" if several else "recorder"
        called(one, name, "step", "net", "loss")
    return found


def _batches(x, y, batch_size, transform, first, order, batch):
    """The mini-batches of one epoch from `first` on, in an order drawn from the stream `order`.

    Until the last of them the stream stays where it was, so that the order can be drawn again.
    """
    start = order.state
    rows = permutation(order, len(x))
    end, order.state = order.state, start
    for i in range(first * batch_size, len(x), batch_size):
        part = rows[i:i + batch_size]
        xb, yb = x[part], y[part]
        if i + batch_size >= len(x):
            order.state = end
        yield (xb, yb) if transform is None else _cut(transform(batch, xb, yb))


def _cut(pair):
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise TypeError(f"batch must return a pair (x, y), got {describe(pair)}")
    return pair


@tells_memory
def evaluate(net, data, loss=cross_entropy, batch_size=1024):
    """The `Score` of `net` on a pair (x, y), in evaluation: no noise, nothing recorded or drawn
    (but for the inference "mc", and DropConnect's "gaussian", which draw from the layer's stream).
    It is computed where the network is.

    The modes of the modules are afterwards what they were before.

    >>> import numpy as np
    >>> from minidrop.nn import Linear
    >>> score = evaluate(Linear(2, 2).init(0), (np.eye(2, dtype="float32"), np.array([0, 1])))
    >>> 0 <= score.accuracy <= 1
    True
    """
    _check_module(net)
    x, y = examples(data)
    called(loss, "loss", "outputs", "y")
    batch_size = count(batch_size, "batch_size", most=COUNTED)
    total, right, there = 0.0, 0.0, home(net)
    with evaluation(net):
        for i in range(0, len(x), batch_size):
            xb, yb = beside((x[i:i + batch_size], y[i:i + batch_size]), there)
            z = net(xb)
            total += float(data_of(loss(z, yb))) * len(xb)
            labels = yb.ndim == 1 and yb.dtype.kind in "iu"
            right += (accuracy(z, yb) if labels else math.nan) * len(xb)
    return Score(total / len(x), right / len(x))


def _check_module(net):
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")


def _check_optimizer(optimizer):
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"optimizer must be an Optimizer, got {describe(optimizer)}")


def _parts(data):
    if hasattr(data, "train"):
        validation = getattr(data, "validation", None)
        seen = validation and examples(validation, "data.validation")
        return examples(data.train, "data.train"), seen
    return examples(data), None


def _bar(total, progress):
    from tqdm import tqdm  # here, so that importing minidrop stays cheap

    label = progress if isinstance(progress, str) else "fit"
    if label is not progress:
        flag(progress, "progress")
    return tqdm(total=total, desc=label, unit="step", disable=not progress, mininterval=0.2,
                dynamic_ncols=True, leave=progress is True)


def _postfix(mean, scores):
    seen = f"loss {mean:.3f}"
    return seen if not scores else f"{seen}, validation {100 * scores[-1][1]:.1f} %"
