"""The other end of process.py: a submission in a process that knows neither minidrop nor a key.

It is started as a script, imports NumPy and nothing of minidrop, reads a line of JSON for each call
from stdin, and answers with one.  What is due never comes here.
"""

import base64
import json
import os
import sys

import numpy as np

KINDS = "biuf"                                    # booleans, integers, floats: what may travel


def encode(value):
    """A value as JSON can hold it; TypeError for what is no number, array, text or list of them."""
    if isinstance(value, np.ndarray | np.generic):
        array = np.ascontiguousarray(value)
        if array.dtype.kind not in KINDS:
            raise TypeError(f"an array of {array.dtype}")
        array = array.astype(array.dtype.newbyteorder("<"))
        return {"array": base64.b64encode(array.tobytes()).decode(), "shape": np.shape(value),
                "type": array.dtype.str}
    if isinstance(value, tuple | list):
        return {"tuple": [encode(one) for one in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return {"value": value}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(one)] for key, one in value.items()]}
    raise TypeError(type(value).__name__)


def decode(message, rng=None, function=None):
    """The value of a message; ValueError for what encode does not write."""
    kind, what = next(iter(message.items()))
    if kind == "array":
        if message["type"][1:2] not in KINDS:
            raise ValueError(message["type"])
        flat = np.frombuffer(base64.b64decode(what), np.dtype(message["type"]))
        return flat.reshape(tuple(map(int, message["shape"]))).copy()
    if kind == "tuple":
        return tuple(decode(one, rng, function) for one in what)
    if kind == "dict":
        return {decode(key): decode(one, rng, function) for key, one in what}
    if kind == "value":
        return what
    if kind == "rng" and rng:
        return rng(what)
    if kind == "function" and function:
        return function(what)
    raise ValueError(kind)


def main():
    """Run the submission, and answer calls until there are no more."""
    line = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)

    def send(message):
        data = (json.dumps(message) + "\n").encode()
        while data:
            data = data[os.write(line, data):]

    job = json.loads(sys.stdin.readline())
    space = {"__name__": "submission"}
    try:
        exec(compile(job["source"], "submission", "exec"), space)
    except BaseException as error:
        send({"fault": "raised", "said": told(error)})
        return
    send({"ready": True})
    for text in sys.stdin:
        call = json.loads(text)
        try:
            send({"values": [encode(answer(space, call, i)) for i in range(call["times"])]})
        except NotImplementedError as error:
            send({"fault": "unwritten", "said": str(error)})
        except TypeError as error:
            send({"fault": "raised", "said": told(error)})
        except BaseException as error:
            send({"fault": "raised", "said": told(error)})


def answer(space, call, i):
    """What the function of the submission returns in its i-th call."""
    given = {name: decode(one, rng=lambda seed: np.random.default_rng([seed, i]),
                          function=lambda source: eval(source, {"np": np}))
             for name, one in call["arguments"].items()}
    return space[call["function"]](*given.values())


def told(error):
    """An exception as one line."""
    return f"{type(error).__name__}: {error}".partition("\n")[0][:300]


if __name__ == "__main__":
    main()
