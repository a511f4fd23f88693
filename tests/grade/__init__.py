"""Tests of exercises and their grader."""

import functools

from minidrop.grade.exercise import exercise_named

loaded = functools.cache(exercise_named)          # an exercise that no test changes
