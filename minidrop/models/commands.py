"""The command line of the models: `minidrop train`, and what `minidrop show MODEL` prints."""

import contextlib
import inspect
import math
import platform
import sys
import time

import click

from .. import data as data_sets
from .. import graph as graphs
from ..averages.snapshot import average_probabilities, cyclic_cosine, snapshot_steps
from ..binding import scaled
from ..data.commands import MADE
from ..data.published import SETS
from ..exits import Interrupted
from ..functional import accuracy
from ..inputs.flip_crop import flip_crop
from ..nn import Noise
from ..optim import SGD, Adam, AdamW, cosine, step_decay, warmup
from ..options import on_backend
from ..paths.stochastic_depth import StochasticDepth
from ..schedules.early_late import early, late
from ..snapshots import Snapshots, load_snapshots
from ..suggest import unknown
from ..train import evaluate, fit
from .named import MODELS, build, usual_shape
from .places import drop_paths, place, places

DATA = [*MADE, *SETS]
OPTIMIZERS = {
    "sgd": lambda lr, decay: SGD(0.05 if lr is None else lr, 0.9, True, decay),
    "adam": lambda lr, decay: Adam(0.001 if lr is None else lr, weight_decay=decay),
    "adamw": lambda lr, decay: AdamW(0.001 if lr is None else lr, weight_decay=decay),
}
SCHEDULES = {
    "cosine": lambda lr, steps: warmup(cosine(lr, steps), steps // 10),
    "step": lambda lr, steps: warmup(step_decay(lr, steps, sorted({steps // 2, 3 * steps // 4})),
                                     steps // 10),
    "constant": lambda lr, steps: [lr] * steps,
}


@click.command()
@click.argument("model")
@click.argument("data")
@click.option("--epochs", default=3, show_default=True, type=click.IntRange(min=1))
@click.option("--batch-size", default=64, show_default=True, type=click.IntRange(min=1))
@click.option("--optimizer", default="sgd", show_default=True, type=click.Choice([*OPTIMIZERS]),
              help="sgd is Nesterov's with momentum 0.9; a vit needs adam or adamw.")
@click.option("--lr", type=float, help="Learning rate: 0.05 for sgd, 0.001 for the others.")
@click.option("--weight-decay", default=0.0001, show_default=True)
@click.option("--schedule", show_default="cosine", type=click.Choice([*SCHEDULES]),
              help="Down to 0 along a cosine, or tenfold at 1/2 and 3/4 of the run, both after a "
                   "warm-up of a tenth of it; or constant.")
@click.option("--cycles", type=click.IntRange(min=1),
              help="So many cosines, each from the full rate down, in the place of a schedule.")
@click.option("--snapshots", type=click.Path(file_okay=False),
              help="Keep the network after each of the --cycles in this folder, and measure each "
                   "snapshot and their ensembles. With a --schedule too, the rate follows that.")
@click.option("--augment", is_flag=True, help="Flip and crop images, for photographs.")
@click.option("--place", "filled", multiple=True, metavar="PATTERN=LAYER",
              help="Fill places: '*drop=dropout:0.5'. With '*.sum=stochasticdepth:0.5' the "
                   "rate rises linearly, to 0.5 in the last block. May be given several times.")
@click.option("--dropout", type=float, metavar="RATE",
              help="Dropout in every place for it, of this rate.")
@click.option("--early", "early_", multiple=True, metavar="PATTERN=EPOCHS",
              help="Early dropout: places that match have their rate in so many first epochs and "
                   "then 0; with 'drop*=10:linear' it falls all the while.")
@click.option("--late", "late_", multiple=True, metavar="PATTERN=EPOCHS",
              help="Late dropout: 0 in so many first epochs, then the rate. Stochastic depth is "
                   "scaled in training for both, not in evaluation.")
@click.option("--seed", default=0, show_default=True, help="Of weights, noise and order.")
@click.option("--checkpoint", type=click.Path(dir_okay=False),
              help="Keep the run in this file; the same command goes on from it.")
@click.option("--test", is_flag=True, help="At the end also measure on the test part, once.")
@on_backend
def train(model, data, epochs, batch_size, optimizer, lr, weight_decay, schedule, cycles, snapshots,
          augment, filled, dropout, early_, late_, seed, checkpoint, test):
    """Train MODEL on DATA.

    `minidrop show` lists the models, `minidrop data list` the data.  Everything is chosen by the
    validation part; the test part is not even read without --test.  What two of them reached there:

    \b
        minidrop train lenet mnist --epochs 3         99.2 %
        minidrop train resnet20 cifar10 --epochs 2    70.9 %
    """
    if model in DATA and data in MODELS:
        raise click.UsageError(f"MODEL comes before DATA: minidrop train {data} {model}")
    if model not in MODELS:
        raise unknown("model", model, [*MODELS])
    if data not in DATA:
        raise unknown("data set", data, DATA)
    with _plainly(checkpoint):
        splits = _load(data, test)
        x, y = splits.train
        if augment and x.ndim != 4:
            raise ValueError(f"--augment is for images, and {data} are {x.ndim - 1}-d points")
        net = build(model, x.shape[1:], int(y.max()) + 1)
        if dropout is not None:
            filled = (*(f"{path}=dropout:{dropout}" for path, use in places(net).items()
                        if use == "dropout"), *filled)
        for one in filled:
            _fill(net, one, "inverted" if early_ or late_ else "paper")
        rule = OPTIMIZERS[optimizer](lr, weight_decay)
        steps = epochs * math.ceil(len(x) / batch_size)
        schedule, rates, taken = _rate(schedule, cycles, snapshots, rule.lr, steps)
        schedules = {"lr": rates}
        for option, rates, given in (("--early", early, early_), ("--late", late, late_)):
            for one in given:
                pattern, factors = _timed(option, rates, one, epochs, steps)
                if pattern in schedules:
                    raise click.UsageError(f"{option} {one}: these places have a schedule already")
                schedules[pattern] = factors
        size = sum(w.size for w in net.init(seed).parameters())
        click.echo(f"{model} on {data}: {size:,} parameters, {len(x):,} examples, {steps:,} steps "
                   f"of {batch_size}")
        click.echo(f"{rule}, {schedule}, seed {seed}")
        watch = Watch()
        recorders = [watch, *([Snapshots(snapshots, taken)] if snapshots else [])]
        history = fit(net, rule, splits, epochs, batch_size=batch_size, seed=seed,
                      schedules=schedules, batch=flip_crop if augment else None,
                      checkpoint=checkpoint, recorder=recorders)
        _report(history, epochs)
        if watch.ends:
            click.echo(watch.report())
        else:
            click.echo(f"the run in {checkpoint} was already finished")
        found = {"test": net}
        if snapshots:
            found["test, ensemble"] = _compare(load_snapshots(net, snapshots), taken, splits)
            made = f"md.models.build({model!r}, {x.shape[1:]}, {int(y.max()) + 1})"
            made += ", its places filled" if filled else ""
            click.echo(f"in Python: net = {made}; md.load_snapshots(net, {snapshots!r})")
        for name, one in found.items() if test else ():
            score = evaluate(one, splits.test)
            click.echo(f"{name}: loss {score.loss:.4f}, accuracy {100 * score.accuracy:.2f} %")


class Watch:
    """A recorder for `fit` that remembers when steps ended."""

    def __init__(self):
        self.start, self.ends = time.perf_counter(), []

    def __call__(self, step, net, loss):
        self.ends.append(time.perf_counter())

    def report(self):
        """Time in all, time of the median step, and peak memory, in a line."""
        words = f"time {time.perf_counter() - self.start:.1f} s"
        between = sorted(b - a for a, b in zip(self.ends, self.ends[1:], strict=False))
        if between:
            words += f", {1e3 * between[len(between) // 2]:.1f} ms a step"
        return f"{words}; peak memory {peak_memory()}"


def peak_memory():
    """The most memory this process has held at one time, in words."""
    try:
        import resource  # not on Windows
    except ImportError:
        return "unknown"
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return f"{peak / 1e6 if platform.system() == 'Darwin' else peak / 1e3:.0f} MB"


def page(name, graph):
    """Print what a model is and which places it has; with `graph` draw it and print its nodes."""
    click.echo(inspect.getdoc(inspect.getmodule(MODELS[name])))
    net, shape = build(name), usual_shape(name)
    if not graph:
        click.echo("\nPlaces, for `minidrop train --place` and `md.models.place`")
        longest = max(map(len, places(net)))
        for path, use in places(net).items():
            click.echo(f"    {path:{longest}}  {use}")
        click.echo(f"\n`minidrop show {name} --graph` draws it.")
        return
    from ..drawing import draw

    nodes = graphs.trace(net, shape)
    rows = [("path", "what", "gives", "parameters"), *graphs.table(nodes),
            ("", "", "", f"{graphs.total(nodes):,}")]
    *wide, last = (max(map(len, column)) for column in zip(*rows, strict=True))
    click.echo()
    for *words, number in rows:
        cells = [f"{word:{width}}" for word, width in zip(words, wide, strict=True)]
        click.echo("  ".join([*cells, f"{number:>{last}}"]).rstrip())
    draw(net, shape, name)


def _load(name, test):
    options = {"image": True} if name == "digits" else {"test": test} if name in SETS else {}
    return getattr(data_sets, name)(**options)


def _fill(net, text, scaling):
    """Fill the places that "PATTERN=LAYER:NUMBER:..." names; `scaling` is for stochastic depth."""
    pattern, equals, words = text.partition("=")
    name, *numbers = words.split(":")
    if not equals or not pattern or not name:
        raise click.UsageError(f"--place must be PATTERN=LAYER, such as 'drop=dropout:0.5', got "
                               f"{text!r}")
    top = sys.modules[__package__.partition(".")[0]]
    public = [getattr(top, one) for one in dir(top)]
    layers = {kind.__name__.lower(): kind for kind in public
              if inspect.isclass(kind) and issubclass(kind, Noise) and kind is not Noise}
    if (name := name.lower()) not in layers:
        raise unknown("layer", name, sorted(layers))
    try:
        values = [int(n) if n.lstrip("-").isdecimal() else float(n) for n in numbers]
        if layers[name] is StochasticDepth:
            drop_paths(net, *values, pattern=pattern, scaling=scaling)
            return
        layer = layers[name](*values)
    except (TypeError, ValueError) as error:
        raise click.UsageError(f"--place {text}: {error}; it is PATTERN=LAYER:NUMBER, such as "
                               "'drop=dropout:0.5'") from None
    place(net, pattern, layer)


def _rate(schedule, cycles, snapshots, lr, steps):
    """(what the rate follows, in words, its values, the steps after which snapshots are taken)."""
    if snapshots and not cycles:
        raise click.UsageError("--snapshots needs --cycles, the number of snapshots")
    if cycles and schedule and not snapshots:
        raise click.UsageError("--cycles beside a --schedule is for --snapshots FOLDER")
    taken = snapshot_steps(steps, cycles) if cycles else []
    if cycles and not schedule:
        short = steps - (len(taken) - 1) * taken[0]
        last = f", the last of {short}" if short < taken[0] else ""
        return (f"cosine in cycles of {taken[0]} steps, {len(taken)} in all{last}",
                cyclic_cosine(range(1, steps + 1), steps, cycles, lr), taken)
    schedule = schedule or "cosine"
    return schedule, SCHEDULES[schedule](lr, steps), taken


def _compare(ensemble, taken, splits):
    """Print how right each snapshot is, and together with the later ones; return the ensemble."""
    x, y = splits.validation
    probs = ensemble.probabilities(x)
    click.echo(f"{'snapshot':>8}{'step':>9}{'alone':>12}{'with later':>14}    validation")
    for k, step in enumerate(taken):
        alone, later = (100 * accuracy(average_probabilities(p), y)
                        for p in (probs[k:k + 1], probs[k:]))
        click.echo(f"{k + 1:8}{step:9}{alone:10.2f} %{later:12.2f} %")
    return ensemble


def _timed(option, rates, text, epochs, steps):
    """The schedule that "PATTERN=EPOCHS" or "PATTERN=EPOCHS:linear" names: (pattern, factors)."""
    pattern, _, words = text.partition("=")
    cutoff, _, kind = words.partition(":")
    try:
        factors = rates(1.0, int(cutoff) * (steps // epochs), steps, kind or "constant")
    except ValueError:
        raise click.UsageError(f"{option} must be PATTERN=EPOCHS with 0 to {epochs} epochs, such "
                               f"as 'drop*=1' or 'drop*=1:linear', got {text!r}") from None
    return f"{pattern}.p", scaled(factors)


def _report(history, epochs):
    each = len(history.loss) // epochs
    click.echo(f"{'epoch':>5}{'training':>12}{'validation':>12}{'accuracy':>12}")
    for k in range(epochs):
        click.echo(f"{k + 1:5}{history.loss[k * each:(k + 1) * each].mean():12.4f}"
                   f"{history.validation_loss[k]:12.4f}"
                   f"{100 * history.validation_accuracy[k]:10.2f} %")


@contextlib.contextmanager
def _plainly(checkpoint):
    """Errors in one sentence, and after Ctrl-C how to go on."""
    try:
        yield
    except (ValueError, MemoryError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt as error:
        saved = bool(getattr(error, "__notes__", None))
        raise Interrupted(
            f"interrupted; the run is saved, and the same command goes on from {checkpoint}"
            if saved else "interrupted, and nothing is saved; with --checkpoint PATH a run can go "
            "on") from None
