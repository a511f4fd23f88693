from ourlayers import OurDropout, UnscaledDropout

from minidrop.verify import conforms


def test_our_dropout_conforms():
    conforms(OurDropout, "dropout")


def test_our_other_dropout_conforms():
    conforms(UnscaledDropout, "dropout")
