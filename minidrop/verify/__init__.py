"""Hold any implementation of a technique against the equations, from outside.

`check(impl, "dropout")` treats it as a black box in training and evaluation, and returns a Report;
`conforms(impl, "dropout")` is the line for a test suite.
"""

from .report import FAILS, HOLDS, UNSEEN, Finding, Report
from .run import check, conforms

__all__ = ["FAILS", "HOLDS", "UNSEEN", "Finding", "Report", "check", "conforms"]
