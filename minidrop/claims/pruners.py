"""The methods that claims on pruning compare: what each puts into a network, or into its loss."""

from fnmatch import fnmatchcase

from ..models import place, wrap
from ..penalties.l1 import l1
from ..schedules.ramps import targeted_ramp
from ..units.dropout import Dropout
from ..weights.l0 import L0, l0_penalty
from ..weights.smallify import Smallify, smallify_penalty, smallify_step
from ..weights.targeted import TargetedDropout
from ..weights.variational import Variational, variational_penalty


def layers(own):
    """The pattern of the layers that a method acts on, and that are pruned."""
    return "stage*.conv*" if "net" in own else "hidden*.linear"


def method(arm, net, own, examples, total):
    """Put the method into a network that is not yet drawn; what `fit` takes for it."""
    there, unit, c = layers(own), own["unit"], own.get("strength")
    if arm == "dropout":
        place(net, there.partition(".")[0] + ".drop", Dropout(own["p"]))
    elif arm == "L1":
        return {"penalty": lambda net, step: c * l1(weights(net, own))}
    elif arm == "L0":
        gates = "output" if unit else "weight"
        wrap(net, there, lambda layer: L0(layer, gates, start=own["start"]))
        return {"penalty": l0_penalty(c, examples)}
    elif arm == "variational":
        wrap(net, there, Variational)
        return {"penalty": variational_penalty(examples, c, (total // 6, total // 2))}
    elif arm == "Smallify":
        wrap(net, there, lambda layer: Smallify(layer, decay=0.9))
        return {"penalty": smallify_penalty(c, c / 10), "project": smallify_step}
    elif arm in ("targeted", "ramping"):
        rates = own["gamma"], own["alpha"]
        wrap(net, there, lambda layer: TargetedDropout(layer, *rates, unit=unit))
        if arm == "ramping":
            ramps = targeted_ramp(*rates, total, round(own["ramp"] * total))
            return {"schedules": dict(zip(("*.gamma", "*.alpha"), ramps, strict=True))}
    return {}


def weights(net, own):
    """The weights of the layers that are pruned."""
    pattern = f"{layers(own)}.weight"
    return [w for path, w in net.named_parameters() if fnmatchcase(path, pattern)]
