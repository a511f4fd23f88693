"""A run on disk: what a later process needs to end in the same bits as an undisturbed run.

Kept are the parameters and buffers of the model and which of them are frozen, the state of the
optimizer, the position of every stream, the losses and scores so far, and with them the place
within the epoch; schedules follow from the step; and what a recorder has collected, if it has a
`state_dict`.  Kept too is what must be the same for a run to go on: its settings.  Not kept is what
a module holds in plain attributes and changes while it trains: make that a buffer.

When: at the start, after every epoch, and within an epoch after the step in which Ctrl-C came or
SECONDS had gone since the last time.  Saving within epochs takes at most one part in SHARE of the
time.  A disk that is full stops the run, and the last good file stays; so does a check of values
that failed on a GPU, which is looked at before every save.
"""

import time

from . import files
from .arguments import describe, flag
from .doubts import settle
from .interrupt import Interrupt
from .nn import Module, Noise, shrink
from .nn.module import TooLarge
from .noise import Stream
from .settings import model, numbers, plain
from .xp import array_module, floats

FORMAT, OLDEST = 5, 5                             # OLDEST: whose weights `load` reads
SECONDS = 30.0
SHARE = 20
ANEW = "name another file, or remove it to start anew"


def save(net, path):
    """Write the parameters and buffers of a network to the file `path`, which `load` reads.

    >>> import tempfile
    >>> from minidrop.nn import Linear
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Linear(2, 1).init(seed=3), f"{folder}/line")
    ...     line = load(Linear(2, 1), f"{folder}/line")
    >>> bool((line.weight.data == Linear(2, 1).init(seed=3).weight.data).all())
    True
    """
    arrays = {f"model/{where}": array for where, array in _network(net).state_dict().items()}
    files.write(files.path_of(path), arrays, {"format": FORMAT})


def load(net, path, compressed=False):
    """Give `net` the values in the file `path`, by `save` or a checkpoint of `fit`; returns `net`.

    With `compressed` the file may be of a smaller network, which `compress` or `remove_dead` made
    of one like `net`: the layers get the sizes of the file.  Numbers of another dtype than those of
    `net` are rounded to it.  ValueError for a file that is not whole, or of a format to come, for a
    network of other paths or shapes, and for a value that is not finite, or too large for `net`.

    >>> import os, tempfile
    >>> from minidrop.nn import Linear
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(Linear(2, 1).init(seed=3), os.path.join(folder, "line"))
    ...     os.listdir(folder), load(Linear(2, 1), os.path.join(folder, "line")).weight.shape
    (['line'], (1, 2))
    >>> from minidrop.models import mlp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(mlp(64, 12, 10).init(seed=0), f"{folder}/small")
    ...     load(mlp(64, 32, 10), f"{folder}/small", compressed=True).hidden1.linear
    Linear(n_in=64, n_out=12)
    """
    state, _ = weights(files.path_of(path))
    if flag(compressed, "compressed"):
        shrink(_network(net), state)
    try:
        return _network(net).load_state_dict(state)
    except TooLarge:
        raise
    except ValueError as error:
        if compressed or not dict(net.named_parameters()).keys() <= state.keys():
            raise
        raise ValueError(f"{error}; a network that compress made smaller needs "
                         "compressed=True") from None


def weights(path):
    """({path of a parameter or buffer: array}, facts) of a file; ValueError where it has none.

    Nor are they given where they are not finite: such a network answers with nothing but nan.
    """
    arrays, facts = files.read(path)
    if (form := facts.get("format", FORMAT)) not in (known := range(OLDEST, FORMAT + 1)):
        raise ValueError(f"{path} is of format {files.short(form)}, and this minidrop loads "
                         f"{' or '.join(map(str, known))}; load it with the one that wrote it")
    state = {name.removeprefix("model/"): array for name, array in arrays.items()
             if name.startswith("model/")}
    for name, array in state.items():
        if not array_module(array).isfinite(array).all():
            raise ValueError(f"{path} holds values of {files.short(name)} that are not finite; the "
                             "network diverged before it was saved")
    return state, facts


def _network(net):
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    return net


class Checkpoint:
    """The file `path` of a run of `net` and `optimizer` that also draws from `streams` (by name).

    `settings` must be the same for a run to go on: numbers, strings, functions and pairs (x, y), by
    name.  `steps` is how many there are in all.  Those of `recorders` with `state_dict` and
    `load_state_dict` are kept too, with their settings.  Without a path (None) nothing is read or
    written.  Within it, Ctrl-C waits for the end of a step, where the state is whole.
    """

    def __init__(self, path, net, optimizer, streams, settings, steps, recorders=()):
        self.path = None if path is None else files.path_of(path, "checkpoint")
        self.name, self.net, self.optimizer, self.streams = str(path), net, optimizer, streams
        kept = [recorder for recorder in recorders if hasattr(recorder, "load_state_dict")]
        self.kept = {f"recorder{k if k > 1 else ''}": one for k, one in enumerate(kept, 1)}
        self.recorders = recorders
        self.settings = {}
        if self.path:
            known = {id(thing): f"net {path}".rstrip() for path, thing in net.walk()}
            known[id(optimizer)] = "optimizer"    # what training changes is told by its place
            self.settings = {name: plain(value, known) for name, value in settings.items()}
            self.settings |= {"seed of init": net._seed, "optimizer": type(optimizer).__name__}
            self.settings |= numbers("optimizer", optimizer, known) | model(net)
            for name, recorder in self.kept.items():
                self.settings[name] = type(recorder).__name__
                self.settings |= numbers(name, recorder, known)
        self.steps, self.step, self.due, self.stamp = steps, None, 0.0, None
        self.interrupt = Interrupt()

    def __enter__(self):
        if self.path:
            self.interrupt.__enter__()
        return self

    def __exit__(self, kind, error, trace):
        if isinstance(error, KeyboardInterrupt) and self.step is not None:
            error.add_note(f"the run is saved as it was after step {self.step} of {self.steps}; "
                           f"to go on, call fit again with checkpoint={self.name!r}")
        self.interrupt.__exit__(kind, error, trace)

    def resume(self):
        """(epochs done, losses, scores) of the file, all put in its place; else (0, [], []).

        A run that does not go on from a file begins, which recorders with `begin` are told.
        """
        if self.path:
            files.clear(self.path)
            self.stamp = files.stamp(self.path)
            if self.stamp:
                arrays, facts = files.read(self.path, "checkpoint")
                if self._is_of_this_run(facts):
                    return self._load(arrays, facts)
        for recorder in self.recorders:
            if hasattr(recorder, "begin"):
                recorder.begin(self.steps)
        self.save(0, [], [])
        return 0, [], []

    def after_step(self, epochs, losses, scores):
        """Save within an epoch, where Ctrl-C asked for it or the last time is long ago."""
        if self.path and (self.interrupt.asked or time.monotonic() >= self.due):
            self.save(epochs, losses, scores)

    def save(self, epochs, losses, scores):
        """Write the state after so many whole epochs and losses; then answer Ctrl-C, if it came."""
        if not self.path:
            return
        settle()                                  # a file that goes on from a broken check hides it
        if files.stamp(self.path) not in (None, self.stamp):          # another process wrote it
            self._is_of_this_run(files.read(self.path, "checkpoint")[1])
        losses[:] = floats(losses)
        xp, start, self.interrupt.busy = array_module(), time.monotonic(), True
        arrays = {f"model/{path}": array for path, array in self.net.state_dict().items()}
        arrays |= {f"optimizer/{key}": a for key, a in self.optimizer.state_dict().items()}
        for name, recorder in self.kept.items():
            arrays |= {f"{name}/{key}": a for key, a in recorder.state_dict().items()}
        arrays["history/losses"] = xp.array(losses, dtype="float64")
        arrays["history/scores"] = xp.array(scores, dtype="float64")
        facts = {"format": FORMAT, "settings": self.settings, "epochs": epochs,
                 "step": len(losses),
                 "frozen": [path for path, w in self.net.named_parameters() if not w.requires_grad],
                 "streams": {name: stream.state for name, stream in self._all_streams().items()}}
        try:
            files.write(self.path, arrays, facts)
        except OSError as error:
            last = "none was written before" if self.step is None else \
                f"the last good one, after step {self.step}, stays"
            raise OSError(error.errno, f"{error.strerror}: the checkpoint {self.name} after step "
                          f"{len(losses)} could not be written; {last}") from None
        finally:
            self.interrupt.busy = False
        self.step, self.stamp, now = len(losses), files.stamp(self.path), time.monotonic()
        self.due = now + max(SECONDS, SHARE * (now - start))
        if self.interrupt.asked:
            raise KeyboardInterrupt

    def _is_of_this_run(self, facts):
        """Whether a file may be gone on from; ValueError where it is in the way of this run."""
        if facts.get("format") != FORMAT:
            raise ValueError(f"checkpoint {self.name} is of format {facts.get('format', 1)}, and "
                             f"this minidrop reads format {FORMAT}; {ANEW}, or go on with the "
                             "minidrop that wrote it")
        self._check(facts)
        there, here = facts["settings"], self.settings
        names = there.keys() | here.keys()
        if here["seed of init"] is None:          # a model without values takes those of the file
            names -= {"seed of init"}
        odd = [files.short(f"{name} {there.get(name)!r:.60} there and {here.get(name)!r:.60} here")
               for name in sorted(names) if there.get(name) != here.get(name)]
        if odd and (facts["step"] or self.step is not None):
            more = f", and {len(odd) - 3} more" if len(odd) > 3 else ""
            raise ValueError(f"checkpoint {self.name} is of another run: {', '.join(odd[:3])}"
                             f"{more}; {ANEW}")
        return not odd

    def _check(self, facts):
        """ValueError for facts that `save` never writes, though their digest is right."""
        kinds = {"settings": dict, "epochs": int, "step": int, "frozen": list, "streams": dict}
        odd = [name for name, kind in kinds.items() if type(facts.get(name)) is not kind]
        if odd or not 0 <= facts["epochs"] <= facts["step"]:
            raise ValueError(f"checkpoint {self.name} is no run that was saved: its "
                             f"{' and '.join(odd) or 'epochs and step'} cannot be; {ANEW}")

    def _load(self, arrays, facts):
        parts: dict[str, dict] = {part: {} for part in ("model", "optimizer", "history",
                                                        *self.kept)}
        for name, array in arrays.items():
            part, _, rest = name.partition("/")
            parts.setdefault(part, {})[rest] = array
        losses, scores = (parts["history"].get(name) for name in ("losses", "scores"))
        try:
            if losses is None or scores is None or losses.shape != (facts["step"],):
                raise ValueError(f"it has not the losses of {facts['step']} steps")
            if odd := {*map(str, facts["frozen"])} - dict(self.net.named_parameters()).keys():
                raise ValueError(f"it has frozen {len(odd)} parameters that are none of the model")
            streams = self._all_streams(make=True)
            if odd := streams.keys() - facts["streams"].keys():
                raise ValueError(f"it lacks the streams {', '.join(sorted(odd))}")
            self.net.load_state_dict(parts["model"])
            self.optimizer.load_state_dict(parts["optimizer"], self.net)
            for name, recorder in self.kept.items():
                recorder.load_state_dict(parts[name])
            for name, stream in streams.items():
                stream.state = facts["streams"][name]
        except (TypeError, ValueError, LookupError) as error:
            raise ValueError(f"checkpoint {self.name} does not fit: {files.short(error)}") from None
        for path, w in self.net.named_parameters():
            w.requires_grad = path not in facts["frozen"]
        self.step, self.due = facts["step"], time.monotonic() + SECONDS
        return facts["epochs"], losses.tolist(), scores.tolist()

    def _all_streams(self, make=False):
        found = {f"fit/{name}": stream for name, stream in self.streams.items()}
        for path, module in self.net.named_modules():
            if make and isinstance(module, Noise) and not isinstance(module.rng, Stream):
                module.rng = Stream(0, path)
            if isinstance(getattr(module, "rng", None), Stream):
                found[f"net/{path}"] = module.rng
        return found
