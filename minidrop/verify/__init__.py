"""Hold any implementation of a technique against the equations, from outside.

`check(impl, "dropout")` treats it as a black box in training and evaluation, and returns a Report;
`check("package.module:callable", "dropout")` does so in a process of its own, which may come to any
end.  `conforms(impl, "dropout")` is the line for a test suite:

    from minidrop.verify import conforms

    def test_our_dropout_conforms():
        conforms(OurDropout, "dropout")
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(__name__, submod_attrs={
    "report": ["FAILS", "HOLDS", "UNSEEN", "Finding", "Report"], "run": ["check", "conforms"]})
