"""The table of the field: which library has which technique, and how its layer is called.

A library that has none is not named.  An implementation is held against the form that is meant
unless another is asked for, or against the form that its own documentation states (`form`); what it
is instead is found out, and not written here.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

OURS = "minidrop.verify.field.wrappers"
HERE, RULES = "minidrop.verify.field.wrappers_ours", "minidrop.verify.field.wrappers_rules"


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
    "activations": {
        "minidrop": (Entry("minidrop.functional:gelu", _kept(approximate="none")),
                     Entry("minidrop.functional:gelu", form={"what": "gelu tanh"}),
                     Entry("minidrop.functional:selu", form={"what": "selu"})),
        "torch": (Entry("torch.nn.functional:gelu"),
                  Entry("torch.nn.functional:gelu", _kept(approximate="tanh"),
                        {"what": "gelu tanh"}),
                  Entry("torch.nn.functional:selu", form={"what": "selu"})),
        "keras": (Entry("keras.activations:gelu"),
                  Entry("keras.activations:gelu", _kept(approximate=True), {"what": "gelu tanh"}),
                  Entry("keras.activations:selu", form={"what": "selu"}))},
    "dynamics": {
        "minidrop": (Entry("minidrop:gradient_norm", form={"what": "norm"}),
                     Entry("minidrop:model_distance", form={"what": "distance"}),
                     Entry("minidrop:gradient_direction_variance", form={"what": "variance"}),
                     Entry("minidrop:gradient_direction_error", form={"what": "error"}))},
    "early_late": {"minidrop": (Entry("minidrop:early"),
                                Entry("minidrop:late", form={"when": "late"}))},
    "ema": {
        "minidrop": (Entry(f"{HERE}:ema", name="minidrop.ema"),),
        "torch": (Entry(f"{RULES}:torch_ema", name="torch.optim.swa_utils.AveragedModel"
                        "(multi_avg_fn=get_ema_multi_avg_fn(decay))"),)},
    "fge": {"minidrop": (Entry("minidrop:fge_rates"),
                         Entry("minidrop:fge_steps", form={"what": "steps"}))},
    "l1": {"minidrop": (Entry("minidrop:l1"),),
           "keras": (Entry(f"{RULES}:keras_l1", name="keras.regularizers.L1(1)"),)},
    "l2": {"minidrop": (Entry("minidrop:l2"),),
           "keras": (Entry(f"{RULES}:keras_l2", name="keras.regularizers.L2(1)"),)},
    "max_norm": {
        "minidrop": (Entry("minidrop:max_norm"),),
        "torch": (Entry(f"{RULES}:torch_renorm", name="torch.renorm(w, p=2, dim=0, "
                        "maxnorm=limit)"),),
        "keras": (Entry(f"{RULES}:keras_max_norm", name="keras.constraints.MaxNorm(limit, "
                        "axis=all but the first)"),)},
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
    "pruning": {"minidrop": (Entry("minidrop:magnitude_mask"),)},
    "ramps": {"minidrop": (Entry("minidrop:linear_ramp"),
                           Entry("minidrop:targeted_ramp", form={"what": "targeted"}),
                           Entry("minidrop:gradual_sparsity", form={"what": "gradual"}))},
    "smallify": {"minidrop": (Entry(f"{HERE}:sign_variance", form={"what": "variance"},
                                    name="minidrop.sign_variance"),)},
    "swa": {
        "minidrop": (Entry(f"{HERE}:swa", name="minidrop.swa"),
                     Entry("minidrop:swa_rates", form={"what": "rates"})),
        "torch": (Entry(f"{RULES}:torch_swa", name="torch.optim.swa_utils.AveragedModel"),)},
    "cutout": {"minidrop": (Entry("minidrop:Cutout"),)},
    "flip_crop": {"minidrop": (Entry(f"{HERE}:flip_crop", name="minidrop.flip_crop"),)},
    "attentive_cutmix": {"minidrop": (Entry("minidrop:attentive_cutmix"),)},
    "dropconnect": {
        "minidrop": (Entry(f"{HERE}:dropconnect", name="minidrop.DropConnect"),)},
    "l0": {"minidrop": (Entry("minidrop:hard_concrete"),
                        Entry("minidrop:hard_concrete_nonzero", form={"what": "open"}))},
    "targeted": {
        "minidrop": (Entry(f"{HERE}:targeted", name="minidrop.targeted_dropout"),)},
    "batch_norm": {
        "minidrop": (Entry(f"{HERE}:batch_norm", name="minidrop.BatchNorm"),),
        "torch": (Entry("torch.nn.functional:batch_norm"),),
        "keras": (Entry("keras.layers:BatchNormalization"),),
        "flax": (Entry("flax.linen:BatchNorm"), Entry("flax.nnx:BatchNorm"))},
    "layer_norm": {
        "minidrop": (Entry(f"{HERE}:layer_norm", name="minidrop.layer_norm"),),
        "torch": (Entry(f"{RULES}:torch_layer_norm", name="torch.nn.functional.layer_norm"),),
        "keras": (Entry("keras.layers:LayerNormalization", {"layout": "NCHW"}),),
        "flax": (Entry("flax.linen:LayerNorm"),),
        "equinox": (Entry("equinox.nn:LayerNorm", form={"axes": "all but the first"}),)},
    "instance_norm": {
        "minidrop": (Entry("minidrop:instance_norm"),),
        "torch": (Entry("torch.nn.functional:instance_norm"),),
        "flax": (Entry("flax.linen:InstanceNorm", {"layout": "NHWC"}),)},
    "group_norm": {
        "minidrop": (Entry("minidrop:group_norm"),),
        "torch": (Entry("torch.nn.functional:group_norm"),),
        "keras": (Entry("keras.layers:GroupNormalization", _kept(axis=1)),),
        "flax": (Entry("flax.linen:GroupNorm", {"layout": "NHWC"}),)},
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
