"""The field: which library has which technique, and how its layer is held against the equations.

`TABLE` says for each technique what there is in each library; a library that has none is not named.
An implementation is held against the form that is meant unless another is asked for, or against the
form that its own documentation states (`form`); what it is instead is found out, not written here.
"""

import os
import platform
import time
from collections.abc import Mapping
from contextlib import contextmanager
from importlib import metadata
from typing import Any, NamedTuple

from .. import __version__
from .report import FAILS, HOLDS, UNSEEN
from .run import SECONDS, check
from .techniques import NAMES

LIBRARIES = {               # distribution: (its name, the framework of the adapter)
    "minidrop": ("minidrop", "minidrop"), "torch": ("PyTorch", "torch"),
    "torchvision": ("torchvision", "torch"), "timm": ("timm", "torch"),
    "keras": ("Keras", "keras"), "flax": ("Flax", "jax"), "equinox": ("Equinox", "jax"),
    "kornia": ("kornia", "torch")}
VARIANT, NOT_VERIFIED = "variant", "cannot be verified"
OURS = "minidrop.verify.wrappers"
HERE, RULES = "minidrop.verify.wrappers_ours", "minidrop.verify.wrappers_rules"


class Entry(NamedTuple):
    """One implementation: where it lies, how it is called, and the form it says that it has."""

    place: str                                    # "package.module:callable"
    settings: Mapping[str, Any] = {}              # as `check` has them
    form: Mapping[str, Any] = {}
    name: str = ""                                # as its users write it, if not as it lies

    @property
    def title(self):
        """What its users call it, with what it is given beside the technique's parameters."""
        given = ", ".join(f"{key}={value!r}" for key, value in
                          self.settings.get("extra", {}).items())
        return (self.name or self.place.removeprefix(f"{OURS}:").replace(":", ".")) \
            + (f"({given})" if given else "")


def _kept(**extra):
    return {"extra": extra}


def _made(**fixed):
    return {"fixed": fixed}


TABLE: dict[str, dict[str, tuple[Entry, ...]]] = {
    "dropout": {
        "minidrop": (Entry("minidrop:Dropout"),), "torch": (Entry("torch.nn:Dropout"),),
        "keras": (Entry("keras.layers:Dropout"),),
        "flax": (Entry("flax.linen:Dropout"), Entry("flax.nnx:Dropout")),
        "equinox": (Entry("equinox.nn:Dropout"),)},
    "gaussian": {
        "minidrop": (Entry("minidrop:GaussianDropout"),),
        "keras": (Entry("keras.layers:GaussianDropout"),)},
    "alpha": {
        "minidrop": (Entry("minidrop:AlphaDropout"),
                     Entry("minidrop:FeatureAlphaDropout", form={"feature": True})),
        "torch": (Entry("torch.nn:AlphaDropout"),
                  Entry("torch.nn:FeatureAlphaDropout", form={"feature": True})),
        "keras": (Entry("keras.layers:AlphaDropout"),)},
    "spatial": {
        "minidrop": (Entry("minidrop:SpatialDropout"),),
        "torch": (Entry("torch.nn:Dropout1d", form={"axes": 3}), Entry("torch.nn:Dropout2d"),
                  Entry("torch.nn:Dropout3d", form={"axes": 5})),
        "keras": (Entry("keras.layers:SpatialDropout1D", {"layout": "NHWC"}, {"axes": 3}),
                  Entry("keras.layers:SpatialDropout2D", {"layout": "NHWC"}),
                  Entry("keras.layers:SpatialDropout3D", {"layout": "NHWC"}, {"axes": 5}))},
    "dropblock": {
        "minidrop": (Entry("minidrop:DropBlock"),),
        "torchvision": (Entry(f"{OURS}:torchvision.ops.DropBlock2d"),),
        "timm": (Entry(f"{OURS}:timm.layers.DropBlock2d"),
                 Entry(f"{OURS}:timm.layers.DropBlock2d", _kept(couple_channels=False)))},
    "stochastic_depth": {
        "minidrop": (Entry(f"{HERE}:stochastic_depth", name="minidrop.StochasticDepth"),),
        "torchvision": (
            Entry(f"{OURS}:torchvision.ops.StochasticDepth", _kept(mode="batch")),
            Entry(f"{OURS}:torchvision.ops.StochasticDepth", _kept(mode="row"))),
        "timm": (Entry(f"{OURS}:timm.layers.DropPath"),
                 Entry(f"{OURS}:timm.layers.DropPath", _kept(scale_by_keep=False)))},
    "mixup": {
        "minidrop": (Entry("minidrop:Mixup"),),
        "torchvision": (Entry(f"{OURS}:TorchvisionMixUp", name="torchvision.transforms.v2.MixUp"),),
        "timm": (Entry(f"{OURS}:TimmMixup",
                       name="timm.data.Mixup(mixup_alpha=alpha, label_smoothing=0)"),),
        "keras": (Entry(f"{OURS}:KerasMixUp", name="keras.layers.MixUp"),),
        "kornia": (Entry(f"{OURS}:KorniaMixUp", _made(alpha=1.0),
                         name="kornia.augmentation.RandomMixUpV2"),)},
    "cutmix": {
        "minidrop": (Entry("minidrop:CutMix"),),
        "torchvision": (
            Entry(f"{OURS}:TorchvisionCutMix", name="torchvision.transforms.v2.CutMix"),),
        "timm": (Entry(f"{OURS}:TimmCutMix", name="timm.data.Mixup(mixup_alpha=0, "
                       "cutmix_alpha=alpha, label_smoothing=0)"),),
        "keras": (Entry(f"{OURS}:KerasCutMix", _made(alpha=1.0),
                        name="keras.layers.CutMix(factor=(alpha, alpha))"),),
        "kornia": (Entry(f"{OURS}:KorniaCutMix", name="kornia.augmentation.RandomCutMixV2"
                         "(beta=alpha, use_correct_lambda=True)"),)},
    "attentive_cutmix": {"minidrop": (Entry("minidrop:attentive_cutmix"),)},
    "dropconnect": {
        "minidrop": (Entry(f"{HERE}:dropconnect", name="minidrop.DropConnect"),)},
    "mc": {"minidrop": (Entry(f"{HERE}:mc_prediction", name="minidrop.mc_predict"),
                        Entry(f"{HERE}:mc_moments", form={"what": "moments"},
                              name="minidrop.mc_moments"))},
    "multi_sample": {
        "minidrop": (Entry(f"{HERE}:multi_sample", name="minidrop.multi_sample_loss"),)},
    "variational": {
        "minidrop": (Entry(f"{HERE}:variational", name="minidrop.local_reparameterisation"),
                     Entry("minidrop:variational_log_alpha", form={"what": "log alpha"}),
                     Entry("minidrop:variational_kl", form={"what": "kl"}),
                     Entry(f"{HERE}:variational_kept", form={"what": "keep"},
                           name="minidrop.Variational.expect"))},
    "l0": {"minidrop": (Entry("minidrop:hard_concrete"),
                        Entry("minidrop:hard_concrete_nonzero", form={"what": "open"}))},
    "targeted": {
        "minidrop": (Entry(f"{HERE}:targeted", name="minidrop.targeted_dropout"),)},
    "batch_norm": {
        "minidrop": (Entry(f"{HERE}:batch_norm", name="minidrop.BatchNorm"),),
        "torch": (Entry("torch.nn.functional:batch_norm"),)},
    "layer_norm": {
        "minidrop": (Entry(f"{HERE}:layer_norm", name="minidrop.layer_norm"),),
        "torch": (Entry(f"{RULES}:torch_layer_norm", name="torch.nn.functional.layer_norm"),)},
    "instance_norm": {
        "minidrop": (Entry("minidrop:instance_norm"),),
        "torch": (Entry("torch.nn.functional:instance_norm"),)},
    "group_norm": {
        "minidrop": (Entry("minidrop:group_norm"),),
        "torch": (Entry("torch.nn.functional:group_norm"),)},
    "adam": {
        "minidrop": (Entry(f"{HERE}:adam", name="minidrop.optim.Adam"),),
        "torch": (Entry(f"{RULES}:torch_adam", name="torch.optim.Adam"),
                  Entry(f"{RULES}:torch_adamw", name="torch.optim.AdamW",
                        form={"decay": "decoupled"})),
        "keras": (Entry(f"{RULES}:keras_adam", name="keras.optimizers.Adam"),)},
    "snapshot": {
        "minidrop": (Entry("minidrop:cyclic_cosine"),
                     Entry("minidrop:snapshot_steps", form={"what": "steps"}),
                     Entry("minidrop:average_probabilities", form={"what": "mean"}),
                     Entry("minidrop:majority_vote", form={"what": "vote"})),
        "torch": (Entry(f"{RULES}:torch_restarts", name="torch.optim.lr_scheduler."
                        "CosineAnnealingWarmRestarts(T_0=ceil(T / M))"),),
        "timm": (Entry(f"{RULES}:timm_restarts", name="timm.scheduler.CosineLRScheduler"
                       "(t_initial=ceil(T / M), cycle_limit=M)"),),
        "keras": (Entry(f"{RULES}:keras_restarts", name="keras.optimizers.schedules."
                        "CosineDecayRestarts(first_decay_steps=ceil(T / M), t_mul=1)"),)},
}


def entries(technique=None, library=None):
    """(technique, library, Entry) of everything in the table that can be verified."""
    return [(name, where, entry) for name in NAMES if technique in (None, name)
            for where in LIBRARIES if library in (None, where)
            for entry in TABLE.get(name, {}).get(where, ())]


def version_of(library):
    """The version of a library; None where it is not installed.  Nothing is imported."""
    if library == "minidrop":
        return __version__
    try:
        return metadata.version(library)
    except metadata.PackageNotFoundError:
        return None


def installed():
    """{library: version or None} of all in the table."""
    return {library: version_of(library) for library in LIBRARIES}


def verified(technique, library, entry, seed=0, seconds=SECONDS, watch=None):
    """The cell of one implementation, held against the equations in a process of its own."""
    begun = time.monotonic()
    settings = {"framework": LIBRARIES[library][1], **entry.settings}
    cell = {"technique": technique, "library": library, "implementation": entry.title}
    try:
        with backend():
            report = check(entry.place, technique, seed=seed, seconds=seconds, watch=watch,
                           **settings, **entry.form)
    except ValueError as error:
        return cell | {"word": NOT_VERIFIED, "reason": str(error), "versions": versions(library)}
    return cell | judged(report) | {"versions": versions(library) | dict(report.versions),
                                    "seconds": round(time.monotonic() - begun, 1)}


def judged(report):
    """What a report comes to: one word, what it is instead, and all that failed."""
    failures = [finding._asdict() | {"tags": list(finding.tags)} for finding in report.failures]
    named, _, unexplained = report.variant.partition(" (which does not explain ")
    word, reason = HOLDS if report.holds else FAILS, ""
    if not report.holds and (not failures or "answer" in [one["check"] for one in failures]):
        word, reason = NOT_VERIFIED, report.verdict
    elif named and not unexplained:
        word = VARIANT
    return {
        "word": word, **({"reason": reason} if reason else {}),
        "held against": dict(report.options), "variant": named, "form": dict(report.form),
        "unexplained": [one for one in unexplained.removesuffix(")").split(", ") if one],
        "broken": report.broken, "failures": failures,
        "equations": {tag: word for tag, word, _ in report.equations()},
        "unseen": {one.check: one.found for one in report if one.word == UNSEEN},
        "remarks": list(report.remarks), "alarm": report.alarm}


def versions(library):
    """What a cell depends on: the library and what it computes with, NumPy, Python and minidrop."""
    below = {"torchvision": ["torch"], "timm": ["torch", "torchvision"], "kornia": ["torch"],
             "keras": [os.environ.get("KERAS_BACKEND") or keras_backend() or ""],
             "flax": ["jax"], "equinox": ["jax"]}
    found = {name: version_of(name) for name in (library, "numpy", *below.get(library, ())) if name}
    return {"minidrop": __version__, "python": platform.python_version()} | {
        name: version for name, version in found.items() if version}


def keras_backend():
    """What Keras is to compute with: the first that is installed, or what the user has said."""
    there = [name for name in ("torch", "jax", "tensorflow") if version_of(name)]
    return os.environ.get("KERAS_BACKEND") or next(iter(there), None)


@contextmanager
def backend():
    """Within it, processes that import Keras find a backend that is installed."""
    before, chosen = os.environ.get("KERAS_BACKEND"), keras_backend()
    if chosen:
        os.environ["KERAS_BACKEND"] = chosen
    try:
        yield
    finally:
        if before is None:
            os.environ.pop("KERAS_BACKEND", None)
