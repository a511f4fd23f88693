"""Norms, optimisers and schedules of other libraries, as functions with our names.

Each calls the library as its documentation does, and computes nothing itself.
"""

import math


def torch_layer_norm(x, w, b, eps):
    """torch.nn.functional.layer_norm over the axes that w has."""
    import torch

    return torch.nn.functional.layer_norm(x, w.shape, w, b, eps)


def torch_adam(w, gradients, lr, beta1, beta2, eps, weight_decay=0.0):
    """torch.optim.Adam: the weights after each gradient."""
    return _steps("Adam", w, gradients, lr, beta1, beta2, eps, weight_decay)


def torch_adamw(w, gradients, lr, beta1, beta2, eps, weight_decay=0.0):
    """torch.optim.AdamW: the weights after each gradient."""
    return _steps("AdamW", w, gradients, lr, beta1, beta2, eps, weight_decay)


def _steps(rule, w, gradients, lr, beta1, beta2, eps, weight_decay):
    import torch

    w, found = torch.nn.Parameter(w.detach().clone()), []
    made = getattr(torch.optim, rule)([w], lr, (beta1, beta2), eps, weight_decay)
    for g in gradients.detach():
        w.grad = g.clone()
        made.step()
        found.append(w.detach().clone())
    return torch.stack(found)


def keras_adam(w, gradients, lr, beta1, beta2, eps, weight_decay=0.0):
    """keras.optimizers.Adam: the weights after each gradient."""
    import keras

    variable, found = keras.Variable(w, dtype=w.dtype), []
    made = keras.optimizers.Adam(lr, beta1, beta2, eps, weight_decay=weight_decay or None)
    for g in gradients:
        made.apply([g], [variable])
        found.append(keras.ops.copy(variable.value))
    return keras.ops.stack(found)


def torch_restarts(t, total, cycles, lr):
    """CosineAnnealingWarmRestarts: the rate of iteration t, the first of which is 1."""
    import torch

    made = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(made, math.ceil(total / cycles))
    for _ in range(t - 1):
        made.step()
        schedule.step()
    return torch.tensor(made.param_groups[0]["lr"], dtype=torch.float64)


def timm_restarts(t, total, cycles, lr):
    """timm's CosineLRScheduler, by updates: the rate of iteration t, the first of which is 1."""
    import torch

    from .wrappers import timm

    made = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr)
    schedule = timm.scheduler.CosineLRScheduler(
        made, math.ceil(total / cycles), cycle_limit=cycles, t_in_epochs=False)
    schedule.step_update(t - 1)
    return torch.tensor(made.param_groups[0]["lr"], dtype=torch.float64)


def keras_restarts(t, total, cycles, lr):
    """keras.optimizers.schedules.CosineDecayRestarts: the rate of iteration t, from 1."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecayRestarts(
        lr, math.ceil(total / cycles), t_mul=1.0)
    return schedule(t - 1)


def torch_ema(w, decay):
    """AveragedModel with get_ema_multi_avg_fn: the average after each of the weights w (n, ...)."""
    import torch

    return _averages(w, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(decay))


def torch_swa(w):
    """AveragedModel: the average of the weights w (n, ...)."""
    return _averages(w)[-1]


def _averages(w, **how):
    import torch

    model, found = torch.nn.ParameterList([w[0].detach().clone()]), []
    average = torch.optim.swa_utils.AveragedModel(model, **how)
    for one in w.detach():
        model[0].data = one.clone()
        average.update_parameters(model)
        found.append(next(average.parameters()).detach().clone())
    return torch.stack(found)


def keras_l1(w):
    """keras.regularizers.L1 of strength 1."""
    import keras

    return keras.regularizers.L1(1.0)(w)


def keras_l2(w):
    """keras.regularizers.L2 of strength 1."""
    import keras

    return keras.regularizers.L2(1.0)(w)


def torch_renorm(w, limit):
    """torch.renorm, which shortens what is longer than the limit, along axis 0."""
    import torch

    return torch.renorm(w, 2, 0, limit)


def keras_max_norm(w, limit):
    """keras.constraints.MaxNorm, over all axes but the first, as w (out, ...) has them."""
    import keras

    return keras.constraints.MaxNorm(limit, axis=[*range(1, len(w.shape))])(w)
