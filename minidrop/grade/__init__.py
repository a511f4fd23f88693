"""Exercises and their grader: `minidrop grade start dropout`, `minidrop grade check dropout.py`.

An exercise lies in lessons/exercises/NAME.py and holds tasks.  A task is a function written as
naive loops, which is its specification; its key is a function of the library; its mistakes and its
other right solutions are what the grader itself is tested with.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "exercise": ["Exercise", "Task", "exercise_named", "exercise_names"],
    "judges": ["same", "drawn", "rate", "shared", "independent", "only", "law"],
    "laws": ["within", "distribution", "beside", "apart"],
    "marking": ["mark"],
    "values": ["Function", "Rng", "numbers"]})
