"""A museum: eighteen ways in which dropout went wrong, as they were found in real libraries.

FAULTS, from the data of the site's page, tells where each was and what came of it, and which rule
of this house prevents it.  MUTANTS put them into minidrop, in the place of the right lines: each
looks right to somebody, by a check that it passes, and is killed by a test of this suite, as
tests/test_faults.py holds.
"""

import importlib
import tomllib
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np

import minidrop as md
from minidrop import catalog
from minidrop.check import gradcheck
from minidrop.ops.fused import masked
from minidrop.tape import data_of
from tests import (
    test_adam,
    test_dropblock,
    test_dropout,
    test_house,
    test_nn,
    test_targeted,
    test_ties,
)

X = np.array([[1.0, -2.0], [0.5, 3.0]])
ALL = np.ones((2, 2), bool)
dropout, dropout_mask, dropblock_seeds = md.dropout, md.dropout_mask, md.dropblock_seeds
dropblock_mask, dropblock_rate = md.dropblock_mask, md.dropblock_rate             # the right ones
targeted_candidates = md.targeted_candidates


class Fault(NamedTuple):
    """What a page shows of a fault."""

    number: int
    where: str
    link: str
    story: str                                    # one sentence
    rule: str                                     # of this house, which prevents it


class Mutant(NamedTuple):
    """A fault in the place of the right lines."""

    number: int
    plant: Callable                               # plant(patch) puts it there
    looks: Callable                               # a check that it passes
    killer: Callable                              # a test that must fail with it, by an assertion
    words: str                                    # of that assertion


def instead(module, **right):
    """A `plant` that puts functions in the place of the module's, and of those at the top."""
    def plant(patch):
        for name, wrong in right.items():
            patch.setattr(importlib.import_module(f"minidrop.{module}"), name, wrong)
            if name in vars(md):
                patch.setattr(md, name, wrong)
    return plant


def adjoint(wrong):
    """A `plant` for the gradient of masked(x, mask, scale)."""
    def plant(patch):
        for name in ("adjoints", "unread", "reads_result"):        # to be set back
            patch.setattr(masked, name, getattr(masked, name))
        masked.vjps(wrong)
    return plant


def printed(stem, old, new):
    """A `plant` for the docstring of a file, which the catalog then reads."""
    read = catalog.docstring

    def docstring(path):
        text = read(path)
        assert path.stem != stem or old in text
        return text.replace(old, new) if path.stem == stem else text

    return lambda patch: patch.setattr(catalog, "docstring", docstring)


def of_dropout(name, **given):
    return partial(getattr(test_dropout, f"test_dropout_{name}"), **given)


def of_dropblock(name, **given):
    return partial(getattr(test_dropblock, f"test_dropblock_{name}"), **given)


def of_targeted(name, **given):
    return partial(getattr(test_targeted, f"test_targeted_{name}"), **given)


ON_HOST = {"xp": np, "backend": "numpy"}
GRADIENT = of_dropout("2_gradient_for_a_given_mask", p=0.5, xp=np)
WRONG_GRADIENT = "gradient of .*, argument 0 .* the tape says .* differences say"
BOTH_ENDS = of_dropout("1_is_exact_at_both_ends", **ON_HOST)
MODES = of_dropout("module_follows_the_mode", **ON_HOST)
TIES = test_ties.test_every_equation_is_tied_both_ways
ARGUMENTS = test_house.test_noise_is_always_given_and_equations_have_no_mode


# --- the faults as code ---------------------------------------------------------------------------

def backward_without_the_mask(g, y, x, mask, scale):
    return g * scale


def scaled_in_place(x, mask, p):
    x *= mask / (1 - p)
    return x


def one_mask_for_all_channels(rng, shape, p, block, seeds="valid", shared=False):
    drawn = dropblock_seeds(rng, shape, p, block, seeds, shared=True)
    return np.broadcast_to(drawn, (*shape[:2], *drawn.shape[2:]))


def pooled_as_if_blocks_were_odd(seeds, block, clipped=False):
    if clipped:
        return dropblock_mask(seeds, block, clipped)
    (n, channels, rows, columns), half = seeds.shape, block // 2
    height, width = rows + block - 1, columns + block - 1
    padded = np.zeros((n, channels, height + 2 * half, width + 2 * half), bool)
    padded[:, :, 2 * half:2 * half + rows, 2 * half:2 * half + columns] = seeds
    windows = np.lib.stride_tricks.sliding_window_view(padded, (block, block), axis=(2, 3))
    return ~windows.any((-1, -2))[:, :, :height, :width]      # an even block gives a row too many


def valid_region_of_w_by_h(seeds, block, clipped=False):
    if clipped:
        return dropblock_mask(seeds, block, clipped)
    n, channels, rows, columns = seeds.shape
    height, width = rows + block - 1, columns + block - 1
    valid = np.zeros((width, height), bool)
    valid[:columns, :rows] = True
    starts = np.zeros((n, channels, height, width), bool)
    starts[:, :, valid.reshape(height, width)] = seeds.reshape(n, channels, -1)
    return dropblock_mask(starts, block)[:, :, :height, :width]


def rate_without_the_border(p, block, height, width):
    return p / block**2


KEY = md.Stream(0).state


def a_key_made_once(rng, shape, p, key=KEY):
    stream = md.Stream(0)
    stream.state = key
    return dropout_mask(stream, shape, p)


def from_the_global_stream(rng, shape, p):
    return np.random.random(shape) < 1 - p        # noqa: NPY002


def kept_above_p(rng, q, shape):
    return md.uniform(rng, shape) > 1 - q


def mask_from_output_and_input(g, y, x, mask, scale):
    x, y = data_of(x), data_of(y)
    with np.errstate(invalid="ignore"):
        return g * np.where(x == 0, 1, y / x)


def mask_drawn_again(g, y, x, mask, scale):
    again = dropout_mask(md.Stream(0, "backward"), x.shape, 1 - 1 / scale)
    return masked(g, again, scale)


def drawn_at_every_call(patch):
    stream = md.Stream(0)
    instead("units.dropout", dropout=lambda x, mask, p: dropout(
        x, dropout_mask(stream, x.shape, p), p))(patch)


def kept_with_p(rng, shape, p):
    return dropout_mask(rng, shape, 1 - p)


def dropout_that_trains_by_default(x, mask, p, training=True):
    return dropout(x, mask, p) if training else x


def forward_of_a_function(patch):
    def forward(layer, x):
        mask = dropout_mask(layer.rng, x.shape, layer.p)
        return dropout_that_trains_by_default(x, mask, layer.p)    # nobody passes the mode on

    patch.setattr(md.Dropout, "forward", forward)


def scaled_to_keep_the_square(x, mask, p):
    return x * mask / (1 - p)**0.5


def scaled_in_evaluation_too(patch):
    patch.setattr(md.Dropout, "expect", lambda layer, x: x * (1 - layer.p))


SCALED_LATER = r"""A docstring, in words: train without a scale, and shrink the weights later
$$ y_i = q \, x_i \tag{dropout.8} $$

Without noise  Inverted"""


def single_weights_of_a_unit(patch):
    def sample(layer, shape):
        candidates = targeted_candidates(layer.weight, layer.gamma, layer.unit)
        each = np.broadcast_to(candidates.reshape(len(candidates), -1), layer.weight.shape)
        return ~each | dropout_mask(layer.rng, each.shape, layer.alpha)

    patch.setattr(md.TargetedDropout, "sample", sample)


def modes_exchanged(patch):
    forward = md.TargetedDropout.forward

    def exchanged(layer, x):
        layer.training = not layer.training
        try:
            return forward(layer, x)
        finally:
            layer.training = not layer.training

    patch.setattr(md.TargetedDropout, "forward", exchanged)


def wrapped_in_a_new_parameter(patch):
    apply = md.TargetedDropout.apply
    patch.setattr(md.TargetedDropout, "apply",
                  lambda layer, weight, mask: md.Tensor(apply(layer, data_of(weight), mask)))


def strictly_below_a_threshold(w, gamma, unit):
    size = md.functional.magnitudes(w, unit)
    index = min(int(gamma * size.shape[-1]), size.shape[-1] - 1)
    chosen = size < np.sort(size, axis=-1)[..., index, None]
    return chosen if unit else chosen.reshape(w.shape)


def others_dropped(rng, candidates, alpha, unit):
    return ~candidates & ~dropout_mask(rng, candidates.shape, alpha)


# --- what looked right ----------------------------------------------------------------------------

def drops_half():
    assert abs(md.dropout_mask(3, 10_000, 0.5).mean() - 0.5) < 0.03            # 6 standard errors


def a_layer_drops_half():
    kept = md.Dropout(0.5).init(3)(np.ones(10_000)) > 0
    assert abs(kept.mean() - 0.5) < 0.03


def right_at_rate_0():
    gradcheck(lambda t: md.dropout(t, ALL, 0.0), X)


def seeds_come_at_the_asked_rate():
    seeds = md.dropblock_seeds(0, (500, 4, 9, 9), 0.5, 3)
    assert abs(seeds.mean() - dropblock_rate(0.5, 3, 9, 9)) < 0.02


def right_for(block, rows, columns):
    seeds = np.random.default_rng(0).random((5, 3, rows, columns)) < 0.1
    assert (md.dropblock_mask(seeds, block) == dropblock_mask(seeds, block)).all()


def right_for_one_pixel():
    assert md.dropblock_rate(0.3, 1, 5, 7) == 0.3


def right_on_average():
    total = sum(md.dropout(X, ALL, 0.5) for _ in range(4000)) / 4000
    assert np.abs(total - X).max() < 6 * 3 / 4000**0.5


def keeps_the_square():
    masks = md.check.all_masks(4).reshape(-1, 2, 2)
    np.testing.assert_allclose(np.mean([md.dropout(X, m, 0.5)**2 for m in masks], axis=0), X**2)


def keeps_so_many_weights():
    w = np.random.default_rng(0).normal(size=(100, 200))
    layer = test_targeted.targeted(w, 0.5, 0.5, unit=True)
    layer(np.ones((1, 200)))
    kept = md.targeted_dropout(w, layer.noise) != 0
    assert abs(kept.mean() - 0.75) < 0.25                         # 7 standard errors


def evaluation_is_without_noise():
    layer = test_targeted.targeted(X, 0.5, 0.0, unit=False).eval()
    np.testing.assert_allclose(layer(X).data, X @ X.T)


def right_where_none_are_equal():
    w = np.random.default_rng(0).normal(size=(4, 8))
    assert (md.targeted_candidates(w, 0.5, False) == targeted_candidates(w, 0.5, False)).all()


def right_where_all_candidates_are_dropped():
    mask = md.targeted_mask(0, np.array([[True, True, False, False]]), 1.0, unit=False)
    assert mask.tolist() == [[False, False, True, True]]


PAGE = tomllib.loads((catalog.PACKAGE.parent / "site/data/museum.toml").read_text("utf-8"))
TOLD = {told["number"]: told for room in PAGE["room"] for told in room["exhibit"]}
FAULTS = tuple(Fault(number, *(TOLD[number][key] for key in ("where", "link", "story", "rule")))
               for number in range(1, 19))        # the page shows more, which tests hold otherwise


ADAM_BY_HAND = test_adam.test_adam_1_and_2_and_3_and_4_step_as_by_hand
EVEN_BLOCK = of_dropblock("5_is_the_sum_over_all_seeds", height=4, width=4, block=2, p=0.1)
WIDER_THAN_HIGH = of_dropblock("5_is_the_sum_over_all_seeds", height=3, width=5, block=2, p=0.1)
NOT_CLOSE, NOT_EQUAL = "Not equal to tolerance", "Arrays are not equal"

MUTANTS = (
    Mutant(1, adjoint(backward_without_the_mask), right_at_rate_0, GRADIENT, WRONG_GRADIENT),
    Mutant(1, instead("units.dropout", dropout=scaled_in_place), of_dropout("2_by_hand", xp=np),
           of_dropout("2_leaves_its_input_alone", xp=np), NOT_EQUAL),
    Mutant(2, instead("units.dropblock", dropblock_seeds=one_mask_for_all_channels),
           seeds_come_at_the_asked_rate,
           of_dropblock("2_samples_every_place_of_every_map_by_itself", seeds="valid"),
           "draws, where .* were due"),
    Mutant(3, instead("units.dropblock", dropblock_mask=pooled_as_if_blocks_were_odd),
           partial(right_for, 3, 5, 7), EVEN_BLOCK, NOT_CLOSE),
    Mutant(3, instead("units.dropblock", dropblock_mask=valid_region_of_w_by_h),
           partial(right_for, 2, 5, 5), WIDER_THAN_HIGH, NOT_CLOSE),
    Mutant(4, instead("units.dropblock", dropblock_rate=rate_without_the_border),
           right_for_one_pixel, of_dropblock("1_by_hand"), "0.0111.* == 0.0308"),
    Mutant(5, instead("units.dropout", dropout_mask=a_key_made_once), drops_half,
           of_dropout("1_draws_anew_at_every_call"), "1.0.* < 1"),
    Mutant(5, instead("units.dropout", dropout_mask=a_key_made_once), drops_half,
           ARGUMENTS, "dropout_mask has a default for its key"),
    Mutant(6, instead("units.dropout", dropout_mask=from_the_global_stream), drops_half,
           of_dropout("module_repeats_its_masks_after_init", **ON_HOST), NOT_EQUAL),
    Mutant(6, printed("dropout", "Without noise  Inverted", SCALED_LATER), MODES,
           TIES, r"\(dropout.8\) is neither computed nor shown"),
    Mutant(7, printed("adam", r"\sqrt{\hat v}", r"\hat v"),
           partial(ADAM_BY_HAND, md.optim.Adam, 0.0, 1e-8, (0.9, 0.999), np),
           partial(test_adam.test_adam_4_is_printed_as_it_is_computed, xp=np), NOT_CLOSE),
    Mutant(8, instead("units.dropout", bernoulli=kept_above_p), BOTH_ENDS,
           of_dropout("1_is_exact_at_both_ends_for_the_rarest_draws_too", bits=0), "np.False_"),
    Mutant(9, adjoint(mask_from_output_and_input), GRADIENT,
           of_dropout("2_has_the_gradient_of_its_mask_where_the_input_is_0_too", xp=np), NOT_EQUAL),
    Mutant(10, adjoint(mask_drawn_again), right_at_rate_0, GRADIENT, WRONG_GRADIENT),
    Mutant(11, drawn_at_every_call, right_on_average, GRADIENT, "noise drawn anew at every call"),
    Mutant(11, instead("units.dropout", dropout_mask=kept_with_p), drops_half,
           BOTH_ENDS, "np.False_"),
    Mutant(12, forward_of_a_function, a_layer_drops_half, partial(
        test_nn.test_evaluation_never_draws_and_training_does, build=lambda: md.Dropout(0.5),
        **ON_HOST), "drawn where no noise is allowed"),
    Mutant(12, instead("units.dropout", dropout=dropout_that_trains_by_default),
           of_dropout("2_by_hand", xp=np), ARGUMENTS, "dropout has a mode, training"),
    Mutant(14, instead("units.dropout", dropout=scaled_to_keep_the_square), keeps_the_square,
           of_dropout("3_mean_and_variance_over_all_masks", xp=np, p=0.5), NOT_CLOSE),
    Mutant(14, scaled_in_evaluation_too, of_dropout("2_by_hand", xp=np),
           of_dropout("module_has_both_scalings", xp=np, scaling="inverted", noisy=[2, 0, 6, 8],
                      calm=[1, 2, 3, 4]), NOT_EQUAL),
    Mutant(15, single_weights_of_a_unit, keeps_so_many_weights,
           of_targeted("6_a_unit_is_dropped_as_a_whole", xp=np), "== {0, 30}"),
    Mutant(16, modes_exchanged, evaluation_is_without_noise, of_targeted(
        "module_follows_the_mode_and_its_noise_can_be_turned_on", xp=np), NOT_CLOSE),
    Mutant(16, wrapped_in_a_new_parameter, of_targeted("1_by_hand", xp=np),
           of_targeted("8_reaches_the_parameter", xp=np), "None is not None"),
    Mutant(17, instead("weights.targeted", targeted_candidates=strictly_below_a_threshold),
           right_where_none_are_equal,
           of_targeted("3_and_4_take_k_where_a_threshold_fails", xp=np), r"== \[\[1, 1, 0, 0"),
    Mutant(18, instead("weights.targeted", targeted_mask=others_dropped),
           right_where_all_candidates_are_dropped,
           of_targeted("7_the_expected_number_of_weights_kept_over_all_masks", gamma=0.5,
                       unit=False, alpha=0.33), NOT_CLOSE),
)
