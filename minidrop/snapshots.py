"""Snapshots on disk: `Snapshots` writes the network while `fit` trains it, `load_snapshots` reads.

A folder holds the snapshots of one run.  `Snapshots` begins in a folder without any, each of its
files carries the digest of the one before, and `load_snapshots` follows them, so two runs cannot be
mixed unnoticed.

The baselines of Huang et al. 2017 (arXiv:1704.00109) beside it, with T steps in M cycles, where
`network()` makes a network and `train(net, steps, rates, **more)` is `fit` with a new optimizer:

    snapshot      rates = cyclic_cosine(range(1, T + 1), T, M, lr)
                  train(net.init(0), T, rates, recorder=Snapshots(folder, snapshot_steps(T, M)))
    single model  train(net.init(0), T, step_decay(lr, T, [T // 2, 3 * T // 4]))
    no cycles     the single model with the same recorder
    single cycle  for i in range(M): train(nets[i].init(i), T // M, cosine(lr, T // M)), whose
                  weights are drawn anew for every cycle
    independent   the single model M times, from init(0) to init(M - 1), at M times the cost
    dropout       the single model of a network with `Dropout`
"""

import contextlib
import copy
import os

from . import files
from .arguments import arrays_of, count, describe, iterable
from .averages.snapshot import SnapshotEnsemble
from .checkpoint import FORMAT, weights
from .nn import Module
from .xp import array_module, host

NAME = "snapshot-{:03}.safetensors"


class Snapshots:
    """A recorder for `fit`: it writes the network to `folder` after each of `steps`.

    `steps` says how many steps have been taken then, as `snapshot_steps(total, cycles)` does.  The
    files are snapshot-001.safetensors and so on, in the order of the steps; `load` reads one and
    `load_snapshots` all of them.  Each is written whole or not at all.

    A run that is killed and goes on from its checkpoint leaves the files of an undisturbed one, bit
    for bit.  ValueError before the first step where the folder holds snapshots already, or where
    the run is shorter than the last of `steps`; where a run that goes on finds that a snapshot it
    has taken is gone or another; and where another run writes to the folder meanwhile.

    >>> import os, tempfile
    >>> import minidrop as md
    >>> net, x = md.nn.Linear(4, 3).init(seed=0), md.gaussian(1, (40, 4))
    >>> rates = md.cyclic_cosine(range(1, 11), total=10, cycles=2, lr0=0.1)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     history = md.fit(net, md.optim.SGD(lr=0.1), (x, md.integers(2, 3, 40)), epochs=10,
    ...                      batch_size=40, schedules={"lr": rates}, progress=False,
    ...                      recorder=Snapshots(folder, md.snapshot_steps(10, cycles=2)))
    ...     sorted(os.listdir(folder)), len(load_snapshots(net, folder).members)
    (['snapshot-001.safetensors', 'snapshot-002.safetensors'], 2)
    """

    def __init__(self, folder, steps):
        self.folder = _folder(folder)
        iterable(steps, "steps", "several whole numbers, such as snapshot_steps(total, cycles)")
        self.steps = tuple(sorted({count(step, "steps") for step in steps}))
        if not self.steps:
            raise ValueError("steps must hold at least one whole number, got none")
        self._digests = []                        # of the files that this run has written

    def __repr__(self):
        return f"Snapshots({len(self._digests)} of {len(self.steps)}, in {self.folder})"

    def begin(self, total):
        """Called by `fit` before the first of `total` steps: is there room for these snapshots?"""
        if self.steps[-1] > count(total, "total"):
            raise ValueError(f"steps must be at most the {total} of the run, got {self.steps[-1]}")
        if found := _found(self.folder):
            raise ValueError(f"folder must hold no snapshots of another run, and {self.folder} "
                             f"holds {found[0]}; remove its snapshots, or give another folder")

    def state_dict(self):
        """{name: array}: the digests of the files written so far, a row each."""
        rows = [list(bytes.fromhex(digest)) for digest in self._digests]
        return {"digests": array_module().array(rows, dtype="uint8").reshape(len(rows), 32)}

    def load_state_dict(self, state):
        """Go on from `state`; ValueError where the files are not those that it tells of."""
        rows, = arrays_of(state, "digests")
        if rows.shape != (len(rows), 32) or rows.dtype != "uint8":
            raise ValueError(f"state must hold digests of 32 bytes, got {describe(rows)}")
        digests = [bytes(row).hex() for row in host(rows)]
        for k, digest in enumerate(digests, 1):
            path = self.folder / NAME.format(k)
            if not path.is_file() or files.digest(path) != digest:
                raise ValueError(f"{path} must be as this run has written it, and is "
                                 f"{'another' if path.is_file() else 'gone'}; put it back, or "
                                 "remove the checkpoint and the snapshots to start anew")
        self._digests = digests

    def __call__(self, step, net, loss):
        """Write `net` after the step number `step`, counted from 0, if that is asked for."""
        if not isinstance(net, Module):
            raise TypeError(f"net must be a Module, got {describe(net)}")
        before = [taken for taken in self.steps if taken <= count(step, "step", least=0)]
        del self._digests[len(before):]           # from here on they are taken anew
        if step + 1 not in self.steps:
            return
        if len(self._digests) < len(before):
            raise ValueError(f"step {step} comes after that of a snapshot which was not taken")
        k = len(before) + 1
        path = self.folder / NAME.format(k)
        facts = {"format": FORMAT, "snapshot": k, "of": len(self.steps), "step": step + 1,
                 "before": self._digests[-1] if before else ""}
        files.clear(path)
        if path.exists() and files.read(path)[1] != facts:
            raise ValueError(f"folder must hold no snapshots of another run, and {path} is of one")
        arrays = {f"model/{where}": array for where, array in net.state_dict().items()}
        try:
            files.write(path, arrays, facts)
        except OSError as error:
            raise OSError(error.errno, f"{error.strerror}: the snapshot {path} could not be "
                                       "written") from None
        self._digests.append(files.digest(path))


def load_snapshots(net, folder):
    """The `SnapshotEnsemble` of all snapshots in `folder`, oldest first, in evaluation.

    Its members are copies of `net`, which has their layers and stays as it is; its values do not
    matter.  `load_snapshots(net, folder).last(m)` is the ensemble of the last m.  ValueError where
    a snapshot is missing, is not whole or does not fit `net`, and where they are of several runs.

    >>> import tempfile
    >>> import minidrop as md
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     snapshots, net = Snapshots(folder, [1, 3]), md.nn.Linear(4, 3)
    ...     for step in range(3):
    ...         snapshots(step, net.init(seed=step), loss=None)
    ...     ensemble = load_snapshots(net, folder)
    >>> bool((ensemble.members[0].weight.data == net.init(seed=0).weight.data).all())
    True
    """
    if not isinstance(net, Module):
        raise TypeError(f"net must be a Module, got {describe(net)}")
    folder = _folder(folder)
    members: list[Module] = []
    names, before, number = _found(folder), "", 1
    if not names:
        raise ValueError(f"folder must hold snapshots, as Snapshots writes them, and {folder} "
                         "holds none")
    while len(members) < number:
        path = folder / NAME.format(len(members) + 1)
        if path.name not in names:
            raise ValueError(f"folder {folder} must hold every snapshot of its run, and "
                             f"{path.name} is missing; a run that was stopped goes on from its "
                             "checkpoint, and load reads a single snapshot")
        state, facts = weights(path)
        number = facts.get("of", 0)
        if (facts.get("snapshot"), facts.get("before")) != (len(members) + 1, before):
            raise ValueError(f"folder {folder} must hold the snapshots of one run, and {path.name} "
                             "does not follow on those before it")
        members.append(copy.deepcopy(net).load_state_dict(state))
        before = files.digest(path)
    if odd := [name for name in names if name not in map(NAME.format, range(1, number + 1))]:
        raise ValueError(f"folder {folder} must hold the snapshots of one run, which has {number}, "
                         f"and holds {odd[0]} too")
    return SnapshotEnsemble(members).eval()


def _folder(folder):
    return files.path_of(folder, "folder", "folder")


def _found(folder):
    """The names of what looks like a snapshot, in order."""
    with contextlib.suppress(FileNotFoundError):
        return sorted(name for name in os.listdir(folder)
                      if name.startswith("snapshot-") and name.endswith(".safetensors"))
    return []
