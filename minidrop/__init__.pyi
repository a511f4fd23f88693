"""The public names and where they live; `__init__.py` imports each when it is first asked for."""

from . import (
    allocator as allocator,
    averages as averages,
    batch_statistics as batch_statistics,
    binding as binding,
    check as check,
    checkpoint as checkpoint,
    costs as costs,
    curvature as curvature,
    damage as damage,
    data as data,
    diversity as diversity,
    dynamics as dynamics,
    exchange as exchange,
    functional as functional,
    gradients as gradients,
    inputs as inputs,
    intervals as intervals,
    landscape as landscape,
    models as models,
    nn as nn,
    noise as noise,
    norms as norms,
    optim as optim,
    paths as paths,
    penalties as penalties,
    recorder as recorder,
    regimes as regimes,
    schedules as schedules,
    sharpness as sharpness,
    snapshots as snapshots,
    surface as surface,
    tape as tape,
    train as train,
    units as units,
    weight_averages as weight_averages,
    weights as weights,
    xp as xp,
)
from .allocator import tune as tune
from .averages.ema import ema as ema, ema_corrected as ema_corrected
from .averages.fge import fge_rates as fge_rates, fge_steps as fge_steps
from .averages.snapshot import (
    SnapshotEnsemble as SnapshotEnsemble,
    average_probabilities as average_probabilities,
    cyclic as cyclic,
    cyclic_cosine as cyclic_cosine,
    majority_vote as majority_vote,
    snapshot_steps as snapshot_steps,
)
from .averages.swa import swa as swa, swa_rates as swa_rates
from .batch_statistics import batch_norm_statistics as batch_norm_statistics
from .binding import scaled as scaled
from .check import (
    Forbid as Forbid,
    Record as Record,
    Replay as Replay,
    all_masks as all_masks,
    exact_moments as exact_moments,
    gradcheck as gradcheck,
)
from .checkpoint import load as load, save as save
from .costs import Cost as Cost, cost as cost
from .curvature import hessian_product as hessian_product
from .damage import (
    Damage as Damage,
    PruningCurve as PruningCurve,
    pruning_curve as pruning_curve,
    pruning_damage as pruning_damage,
    removal_damage as removal_damage,
)
from .diversity import (
    Ambiguity as Ambiguity,
    Contribution as Contribution,
    ambiguity as ambiguity,
    correlation as correlation,
    disagreement as disagreement,
    error_overlap as error_overlap,
    leave_one_out as leave_one_out,
)
from .dynamics import (
    gradient_direction_error as gradient_direction_error,
    gradient_direction_variance as gradient_direction_variance,
    gradient_norm as gradient_norm,
    model_distance as model_distance,
)
from .exchange import from_dlpack as from_dlpack
from .functional import (
    accuracy as accuracy,
    attention as attention,
    attention_weights as attention_weights,
    avg_pool2d as avg_pool2d,
    conv2d as conv2d,
    cross_entropy as cross_entropy,
    exp as exp,
    fold as fold,
    gelu as gelu,
    global_avg_pool2d as global_avg_pool2d,
    linear as linear,
    log as log,
    log_softmax as log_softmax,
    max_pool2d as max_pool2d,
    mse_loss as mse_loss,
    one_hot as one_hot,
    patches as patches,
    relu as relu,
    selu as selu,
    sigmoid as sigmoid,
    softmax as softmax,
    sqrt as sqrt,
    tanh as tanh,
    unfold as unfold,
)
from .gradients import (
    flat as flat,
    full_gradient as full_gradient,
    mini_batch_gradients as mini_batch_gradients,
)
from .inputs.attentive_cutmix import (
    AttentiveCutMix as AttentiveCutMix,
    attention_cells as attention_cells,
    attentive_cutmix as attentive_cutmix,
)
from .inputs.cutmix import (
    CutMix as CutMix,
    cutmix as cutmix,
    cutmix_box as cutmix_box,
    cutmix_center as cutmix_center,
)
from .inputs.cutout import (
    Cutout as Cutout,
    cutout as cutout,
    cutout_centers as cutout_centers,
    cutout_mask as cutout_mask,
)
from .inputs.flip_crop import (
    crop as crop,
    crop_offsets as crop_offsets,
    flip as flip,
    flip_crop as flip_crop,
    flip_mask as flip_mask,
)
from .inputs.mixup import Mixup as Mixup, mixup as mixup, mixup_weight as mixup_weight
from .intervals import (
    Interval as Interval,
    mean_interval as mean_interval,
    student as student,
)
from .landscape import (
    InterpolationCurve as InterpolationCurve,
    barrier as barrier,
    interpolate as interpolate,
    interpolation_curve as interpolation_curve,
)
from .nn import (
    Module as Module,
    Noise as Noise,
    Parameter as Parameter,
    compress as compress,
    noise_on as noise_on,
)
from .noise import (
    Stream as Stream,
    bernoulli as bernoulli,
    beta as beta,
    coin as coin,
    gaussian as gaussian,
    integers as integers,
    permutation as permutation,
    uniform as uniform,
)
from .norms.batch_norm import BatchNorm as BatchNorm, batch_norm as batch_norm
from .norms.group_norm import GroupNorm as GroupNorm, group_norm as group_norm
from .norms.instance_norm import InstanceNorm as InstanceNorm, instance_norm as instance_norm
from .norms.layer_norm import LayerNorm as LayerNorm, layer_norm as layer_norm
from .norms.normalise import normalise as normalise
from .paths.stochastic_depth import (
    StochasticDepth as StochasticDepth,
    path_gate as path_gate,
    stochastic_depth as stochastic_depth,
    stochastic_depth_expect as stochastic_depth_expect,
    survival as survival,
)
from .penalties.l1 import l1 as l1
from .penalties.l2 import l2 as l2
from .recorder import Dynamics as Dynamics
from .regimes import Regime as Regime, regime as regime
from .schedules.early_late import early as early, late as late
from .schedules.ramps import (
    gradual_sparsity as gradual_sparsity,
    linear_ramp as linear_ramp,
    targeted_ramp as targeted_ramp,
)
from .sharpness import (
    Curvature as Curvature,
    RandomSharpness as RandomSharpness,
    largest_curvature as largest_curvature,
    random_sharpness as random_sharpness,
)
from .snapshots import Snapshots as Snapshots, load_snapshots as load_snapshots
from .surface import (
    LossSurface as LossSurface,
    Plane as Plane,
    Shadow as Shadow,
    WeightPath as WeightPath,
    loss_surface as loss_surface,
)
from .tape import Tensor as Tensor, grad as grad, no_grad as no_grad
from .train import evaluate as evaluate, fit as fit, train_step as train_step
from .units.alpha import (
    AlphaDropout as AlphaDropout,
    FeatureAlphaDropout as FeatureAlphaDropout,
    alpha_affine as alpha_affine,
    alpha_dropout as alpha_dropout,
)
from .units.dropblock import (
    DropBlock as DropBlock,
    dropblock as dropblock,
    dropblock_drop_map as dropblock_drop_map,
    dropblock_mask as dropblock_mask,
    dropblock_rate as dropblock_rate,
    dropblock_seeds as dropblock_seeds,
)
from .units.dropout import (
    Dropout as Dropout,
    dropout as dropout,
    dropout_mask as dropout_mask,
    dropout_original as dropout_original,
    dropout_original_expect as dropout_original_expect,
)
from .units.gaussian import (
    GaussianDropout as GaussianDropout,
    gaussian_dropout as gaussian_dropout,
    gaussian_noise as gaussian_noise,
)
from .units.mc import (
    MCMoments as MCMoments,
    MCPrediction as MCPrediction,
    mc_moments as mc_moments,
    mc_precision as mc_precision,
    mc_predict as mc_predict,
)
from .units.multi_sample import (
    MultiSampleDropout as MultiSampleDropout,
    multi_sample as multi_sample,
    multi_sample_cross_entropy as multi_sample_cross_entropy,
    multi_sample_flips as multi_sample_flips,
    multi_sample_loss as multi_sample_loss,
    multi_sample_masks as multi_sample_masks,
    multi_sample_shifts as multi_sample_shifts,
)
from .units.spatial import (
    SpatialDropout as SpatialDropout,
    spatial_dropout as spatial_dropout,
    spatial_dropout_mask as spatial_dropout_mask,
)
from .weight_averages import EMA as EMA, SWA as SWA, WeightAverage as WeightAverage
from .weights.dropconnect import (
    DropConnect as DropConnect,
    dropconnect as dropconnect,
    dropconnect_mask as dropconnect_mask,
    dropconnect_moments as dropconnect_moments,
)
from .weights.l0 import (
    L0 as L0,
    expected_l0 as expected_l0,
    hard_concrete as hard_concrete,
    hard_concrete_expect as hard_concrete_expect,
    hard_concrete_noise as hard_concrete_noise,
    hard_concrete_nonzero as hard_concrete_nonzero,
    l0_penalty as l0_penalty,
)
from .weights.max_norm import apply_max_norm as apply_max_norm, max_norm as max_norm
from .weights.pruning import (
    magnitude_mask as magnitude_mask,
    prune as prune,
    pruned as pruned,
)
from .weights.smallify import (
    Smallify as Smallify,
    sign_variance as sign_variance,
    smallify_fold as smallify_fold,
    smallify_penalty as smallify_penalty,
    smallify_step as smallify_step,
)
from .weights.targeted import (
    TargetedDropout as TargetedDropout,
    targeted_candidates as targeted_candidates,
    targeted_dropout as targeted_dropout,
    targeted_mask as targeted_mask,
)
from .weights.variational import (
    Variational as Variational,
    local_reparameterisation as local_reparameterisation,
    variational_kl as variational_kl,
    variational_log_alpha as variational_log_alpha,
    variational_penalty as variational_penalty,
)

__version__: str
