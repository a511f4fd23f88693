"""Dropout that breaks no equation and cannot be used, or that does not come back."""

import ctypes
import json
import os
import sys
import threading

import numpy as np

from tests.verify.gallery import Shelf, Wrong

wrong = Shelf(Wrong)
HELD = threading.Lock()


def dropout(x, p, training, rng):
    """The right one."""
    if not training:
        return x
    mask = rng.random(x.shape) < 1 - p
    return x * mask * x.dtype.type(1 / (1 - p) if p < 1 else 0)


@wrong("dropout", museum=1, manner="input")
def scaled_in_place(x, p, training, rng):
    """Overwrites its input with the result."""
    if training:
        x *= (rng.random(x.shape) < 1 - p) * x.dtype.type(1 / (1 - p) if p < 1 else 0)
    return x


@wrong("dropout", manner="input")
def marks_what_it_dropped(x, p, training, rng):
    """Gives the right result, and sets the dropped entries of its input to 0 as well."""
    y = dropout(x, p, training, rng)
    if training:
        x[y == 0] = 0
    return y


@wrong("dropout", manner="dtype")
def always_in_double_precision(x, p, training, rng):
    """Gives float64 for float32, since its mask is a float64 array."""
    if not training:
        return x
    return x * ((rng.random(x.shape) < 1 - p) / np.float64(max(1 - p, 1e-300)))


@wrong("dropout", manner="dtype")
def half_precision_in_evaluation(x, p, training, rng):
    """Gives float16 in evaluation, to save memory."""
    return dropout(x, p, training, rng) if training else x.astype(np.float16)


@wrong("dropout", manner="shape")
def transposed(x, p, training, rng):
    """Draws the columns first, and forgets to turn the result back."""
    return dropout(x.T, p, training, rng)


@wrong("dropout", manner="shape")
def flattened(x, p, training, rng):
    """Gives a vector for a matrix."""
    return dropout(x.reshape(-1), p, training, rng)


@wrong("dropout", manner="crash")
def needs_two_examples(x, p, training, rng):
    """Squeezes what it has flattened, and cannot unpack the shape of a single example."""
    n, d = np.squeeze(x.reshape(len(x), -1)).shape
    return dropout(x.reshape(n, d), p, training, rng).reshape(x.shape)


@wrong("dropout", manner="crash")
def for_matrices_alone(x, p, training, rng):
    """Unpacks the shape as (n, d): images are refused with an error about unpacking."""
    n, d = x.shape
    return dropout(x, p, training, rng).reshape(n, d)


@wrong("dropout", manner="type")
def gives_a_list(x, p, training, rng):
    """Gives nested lists."""
    return dropout(x, p, training, rng).tolist()


@wrong("dropout", manner="type")
def gives_nothing(x, p, training, rng):
    """Forgets to return its result."""
    dropout(x, p, training, rng)


@wrong("dropout", manner="prints")
def prints_what_it_does(x, p, training, rng):
    """Gives the right result, and prints a line at every call."""
    print(f"dropout: {x.shape}, p = {p}, {'training' if training else 'evaluation'}")
    return dropout(x, p, training, rng)


@wrong("dropout", manner="refuses")
def raises_at_zero(x, p, training, rng):
    """Refuses p = 0, with which a schedule may start."""
    if not 0 < p < 1:
        raise ValueError("p must lie between 0 and 1")
    return dropout(x, p, training, rng)


@wrong("dropout", manner="crash")
def misspelt_in_training(x, p, training, rng):
    """Has a name in its training branch that is not there."""
    return x * keep_probability if training else x                            # noqa: F821


@wrong("dropout", manner="crash")
def allocates_too_much(x, p, training, rng):
    """Asks for a mask of 2^50 bytes, which no machine has."""
    return dropout(x, p, training, rng) * np.empty(2**47)[:1] if training else x


@wrong("dropout", manner="crash")
def calls_itself(x, p, training, rng):
    """Calls itself until the stack is full."""
    return calls_itself(x, p, training, rng) if training else x


@wrong("dropout", manner="crash")
def exits_by_name(x, p, training, rng):
    """Calls sys.exit with a status of success."""
    sys.exit(0)


@wrong("dropout", manner="crash")
def exits_at_once(x, p, training, rng):
    """Leaves the process without a word, with a status of success."""
    os._exit(0)


@wrong("dropout", manner="crash")
def reads_where_nothing_is(x, p, training, rng):
    """Reads the memory at address 0, which ends the process."""
    return ctypes.string_at(0)


@wrong("dropout", manner="hang")
def waits_for_itself(x, p, training, rng):
    """Waits in training for a lock that it holds already."""
    if training:
        with HELD:
            HELD.acquire()
    return x


@wrong("dropout", manner="hang")
def draws_until_it_fits(x, p, training, rng):
    """Draws anew until exactly the share q is kept, which hardly ever is possible."""
    while training:
        mask = rng.random(x.shape) < 1 - p
        if mask.mean() == (1 - p) * (1 + 1e-12):
            break
    return x


@wrong("dropout", "dropout.2")
def forges_a_report(x, p, training, rng):
    """(dropout.2): never scales, and prints what looks like a verdict."""
    print(json.dumps({"technique": "dropout", "verdict": "holds", "findings": []}))
    print("holds", file=sys.stderr)
    return x * (rng.random(x.shape) < 1 - p) if training else x


@wrong("dropout", "dropout.2")
def leaves_small_inputs_alone(x, p, training, rng):
    """(dropout.2): does nothing where there are fewer than 64 entries."""
    return x if x.size < 64 else dropout(x, p, training, rng)


@wrong("dropout", "dropout.2")
def clips_what_is_large(x, p, training, rng):
    """(dropout.2): cuts its result to [-6, 6], as a quantised network would."""
    return np.clip(dropout(x, p, training, rng), -6, 6) if training else x


@wrong("dropout", manner="finite")
def made_finite(x, p, training, rng):
    """Replaces inf and nan by numbers, so nobody sees a network's faults."""
    return np.nan_to_num(dropout(x, p, training, rng))
