"""The modes of a network: kept, evaluation for a while, noise alone."""

import contextlib

from ..arguments import describe
from ..tape import no_grad
from .module import Module, Noise


def _modules(model):
    if not isinstance(model, Module):
        raise TypeError(f"model must be a Module, got {describe(model)}")
    return [module for _, module in model.named_modules()]


@contextlib.contextmanager
def modes_kept(model):
    """Give every module its mode and its `skipped` mark back, whatever happens within.

    >>> model = Module()
    >>> with modes_kept(model):
    ...     model.eval().training
    False
    >>> model.training
    True
    """
    before = [(module, module.training, module.skipped) for module in _modules(model)]
    try:
        yield
    finally:
        for module, mode, skipped in before:
            module.training = mode
            if module.skipped != skipped:
                module.skipped = skipped


@contextlib.contextmanager
def evaluation(model):
    """Within, the model is in evaluation and nothing is recorded; then the modes are as before.

    >>> model = Module()
    >>> with evaluation(model):
    ...     model.training
    False
    """
    with modes_kept(model), no_grad():
        model.eval()
        yield


def noise_on(model):
    """Switch the noise modules alone to training, for Monte-Carlo dropout after `model.eval()`.

    Their children keep their mode: a batch norm within a stochastic branch stays in evaluation.
    `evaluate` switches them off again while it looks.  Returns the model.

    >>> noise_on(Noise().eval()).training
    True
    """
    for module in _modules(model):
        if isinstance(module, Noise):
            module.training = True
    return model
