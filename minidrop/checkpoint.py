"""A run on disk: what a later process needs to end in the same bits as an undisturbed run.

One safetensors file holds the arrays of the model and the optimizer, the losses and the scores; its
header holds, as JSON, the position of every stream and the settings of the run.  Nothing is ever
unpickled, and a file takes the place of the last one only when it is whole.
"""

import json
import os
from pathlib import Path

from .arguments import describe
from .nn import Noise
from .noise import Stream
from .xp import array_module, host

FORMAT = 1


class Checkpoint:
    """The file `path` of a run of `net` and `optimizer` that also draws from `streams` (by name).

    `settings` are what must be the same for a run to go on: plain numbers and strings by name.
    Without a path (None) nothing is read or written.
    """

    def __init__(self, path, net, optimizer, streams, settings):
        if not isinstance(path, str | os.PathLike | None):
            raise TypeError(f"checkpoint must be the path of a file, got {describe(path)}")
        self.path, self.net, self.optimizer = path and Path(path), net, optimizer
        self.streams, self.settings = streams, {"format": FORMAT} | settings

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.path and isinstance(error, KeyboardInterrupt):
            error.add_note("to go on after the last whole epoch, call fit again with "
                           f"checkpoint={str(self.path)!r}")

    def resume(self):
        """(epochs done, losses, scores) of the file, all put in its place; else (0, [], [])."""
        if not self.path or not self.path.exists():
            return 0, [], []
        arrays, facts = _read(self.path)
        _same_run(self.path, facts.get("settings"), self.settings)
        parts: dict[str, dict] = {"model": {}, "optimizer": {}, "history": {}}
        for name, array in arrays.items():
            part, _, rest = name.partition("/")
            parts[part][rest] = array
        self.net.load_state_dict(parts["model"])
        self.optimizer.load_state_dict(parts["optimizer"], self.net)
        for name, stream in self._all_streams(make=True).items():
            stream.state = facts["streams"][name]
        history = parts["history"]
        return facts["epochs_done"], list(history["losses"]), history["scores"].tolist()

    def save(self, epochs_done, losses, scores):
        """Write the state after `epochs_done` epochs; the old file stays until this is whole."""
        if not self.path:
            return
        from safetensors.numpy import save  # here, so that importing minidrop stays cheap

        arrays = {f"model/{path}": array for path, array in self.net.state_dict().items()}
        arrays |= {f"optimizer/{key}": a for key, a in self.optimizer.state_dict().items()}
        xp = array_module()
        arrays["history/losses"] = xp.array([float(loss) for loss in losses])
        arrays["history/scores"] = xp.array(scores, dtype="float64").reshape(len(scores), -1)
        facts = {"settings": self.settings, "epochs_done": epochs_done, "streams": {
            name: stream.state for name, stream in self._all_streams().items()}}
        whole = save({name: host(array).copy() for name, array in arrays.items()},
                     metadata={"minidrop": json.dumps(facts)})
        _replace(self.path, whole)

    def _all_streams(self, make=False):
        found = {f"fit/{name}": stream for name, stream in self.streams.items()}
        for path, module in self.net.named_modules():
            if isinstance(module, Noise):
                if make and not isinstance(module.rng, Stream):
                    module.rng = Stream(0, path)
                found[f"net/{path}"] = module.rng
        return found


def _read(path):
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as file:
            facts = json.loads((file.metadata() or {})["minidrop"])
            return {name: file.get_tensor(name) for name in file.keys()}, facts    # noqa: SIM118
    except (SafetensorError, OSError, KeyError, ValueError) as error:
        raise ValueError(f"checkpoint {path} is not a whole checkpoint of minidrop ({error}); "
                         "remove it to start anew") from None


def _same_run(path, saved, settings):
    if saved != settings:
        odd = [f"{name} {(saved or {}).get(name)!r} there and {settings.get(name)!r} here"
               for name in sorted((saved or {}).keys() | settings.keys())
               if (saved or {}).get(name) != settings.get(name)]
        raise ValueError(f"checkpoint {path} is of another run: {', '.join(odd)}; remove it to "
                         "start anew")


def _replace(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
