"""What a report says, and how it reads."""

import io
import json
import os
import sys
import warnings

import numpy as np
import pytest
from rich.console import Console

import minidrop as md
from minidrop.verify import FAILS, HOLDS, UNSEEN, check, conforms, run
from minidrop.verify.run import variant_of
from minidrop.verify.technique import shown, states
from minidrop.verify.techniques import technique_named
from minidrop.verify.text import bound

pytestmark = pytest.mark.slow


def dropout(x, p, training, rng):
    return np.where(rng.random(x.shape) >= p, x / (1 - p) if p < 1 else 0 * x, 0) if training else x


def unscaled(x, p, training, rng):
    return x * (rng.random(x.shape) >= p) if training else x * (1 - p)


def finding(report, name):
    return next(one for one in report if one.check == name)


@pytest.fixture(scope="module")
def report():
    """That of an implementation which is wrong, and a known variant."""
    return check(unscaled, "dropout")


def test_a_report_is_read_in_a_terminal_and_in_python(tmp_path, report):
    assert repr(report).startswith("<Report: dropout ") and "\n" not in repr(report)
    lines = str(report).splitlines()
    assert max(map(len, lines)) <= 100
    assert "fails            (dropout.2)  y_i = m_i x_i / q" in lines
    at = next(i for i, line in enumerate(lines) if "as if kept, or as if dropped" in line)
    assert [line.split()[0] for line in lines[at + 1:at + 4]] == ["input", "found", "due"]
    assert len({line.index(line.split()[1]) for line in lines[at + 1:at + 4]}) == 1
    assert "fails dropout.2, dropout.3" in str(report) and "--form scaling=paper" in str(report)
    assert "a right implementation is failed with a probability below" in str(report)
    assert f"numpy {np.__version__}" in str(report) and f"minidrop {md.__version__}" in str(report)
    assert [one.word for one in report].count(FAILS) == len(report.failures) == 3
    report.write(tmp_path / "report.json")
    assert json.loads((tmp_path / "report.json").read_text("utf-8")) == report.json()


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_a_report_has_colours_in_a_terminal_and_keeps_to_its_width(width, report):
    out = io.StringIO()
    Console(file=out, force_terminal=True, width=width, color_system="standard",
            legacy_windows=False).print(report)
    assert "\x1b[32mholds" in out.getvalue() and "\x1b[1;31mfails" in out.getvalue()
    bare = io.StringIO()
    Console(file=bare, width=width).print(report)
    assert "\x1b" not in bare.getvalue()
    assert max(map(len, bare.getvalue().splitlines())) <= min(width, 100)


def test_a_factor_that_is_missing_in_evaluation_is_told_as_one():
    def unweighed(x, p, training, rng):
        return x * (rng.random(x.shape) >= p) if training else x

    odd = finding(check(unweighed, "dropout", scaling="paper"), "evaluation")
    assert (odd.word, odd.found, odd.due) == (FAILS, "[[1]]", "[[0.5]]")
    assert odd.claim.startswith("In evaluation the factor is as stated")


def test_a_zero_has_no_sign():
    zeros = np.array([-0.0, 0.0, -1.0])
    assert shown(zeros) == shown(zeros.astype("float32")) == "[0, 0, -1]"


def test_the_bound_is_rounded_up():
    assert bound(2.4e-8) == "3e-08" and bound(9.5e-9) == "1e-08" and bound(1e-9) == "1e-09"


def test_what_never_answers_gets_one_finding_and_not_fifteen():
    def broken(x, p, training):
        raise RuntimeError("no kernel image\nand so on")

    report = check(broken, "dropout")
    assert [one.check for one in report.failures] == ["answer"] and not report.holds
    assert finding(report, "answer").found == "RuntimeError: no kernel image"
    assert finding(report, "values").word == UNSEEN and report.verdict == "gives no answer"
    assert len([line for line in str(report).splitlines() if "gave no answer" in line]) <= 4


@pytest.mark.parametrize("wrong, found, due", [
    (lambda x, p: x.ravel(), "an array of the shape (1,)", "(1, 1)"),
    (lambda x, p: [1.0], "a list", "a NumPy array"),
    (lambda x, p: sys.exit(3), "SystemExit: 3", "an array"),
    (lambda x, p: None, "a NoneType", "a NumPy array"),
])
def test_a_wrong_type_or_shape_or_an_exit_is_a_finding(wrong, found, due):
    [one] = check(wrong, "dropout").failures
    assert (one.check, one.found, one.due) == ("answer", found, due)


def test_a_keyboard_interrupt_of_the_implementation_is_its_own_fault():
    def asks(x, p, training, rng):
        if p == 0.75:
            raise KeyboardInterrupt
        return dropout(x, p, training, rng)

    report = check(asks, "dropout")
    assert finding(report, "values").found == "KeyboardInterrupt"
    assert finding(report, "rate 0").word == HOLDS


def test_ctrl_c_is_the_users():
    import signal

    def slow(x, p, training, rng):
        signal.raise_signal(signal.SIGINT)
        return dropout(x, p, training, rng)

    with pytest.raises(KeyboardInterrupt):
        check(slow, "dropout")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_endless_loop_is_a_finding_and_three_are_enough():
    def hangs(x, p, training, rng):
        while p == 0.5:
            pass
        return dropout(x, p, training, rng)

    report = check(hangs, "dropout", seconds=0.05)
    assert [one.check for one in report.failures] == ["evaluation", "values", "together"]
    assert finding(report, "evaluation").found.startswith("no answer in 0.0")
    assert "not tried, since 3 checks before it had no end" in finding(report, "dtype").found


def test_one_that_is_slow_is_not_failed():
    import time

    def slow(x, p, training, rng):
        time.sleep(0.05)
        return dropout(x, p, training, rng)

    report = check(slow, "dropout", seconds=0.1)
    assert not report.failures
    said = "its answers come too slowly for 1 s by the wall clock"
    assert finding(report, "values").found == said


def test_prints_are_kept_and_fail_and_warnings_are_told(capfd):
    def talks(x, p, training, rng):
        print("hello")
        sys.stderr.write("careful\n")
        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return dropout(x, p, training, rng)

    report = check(talks, "dropout")
    assert report.verdict == "fails prints" and not report.broken
    assert finding(report, "prints").found.startswith(r"'hello\nhello\n")
    assert finding(report, "prints").input == "x = [[1]], p = 0.5, in evaluation"
    told, wrote = report.remarks
    assert told.startswith("it warned ") and told.endswith(" times: DeprecationWarning: old")
    assert wrote.startswith(r"it wrote to stderr: 'careful\n") and told in str(report)
    assert capfd.readouterr() == ("", "")


def test_the_working_directory_stays_what_it_is(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "below").mkdir()

    def moves(x, p, training, rng):
        os.chdir(tmp_path / "below")
        return dropout(x, p, training, rng)

    report = check(moves, "dropout")
    assert report.verdict == "fails folder"
    assert finding(report, "folder").found == str(tmp_path / "below")
    assert os.getcwd() == str(tmp_path)


def test_nothing_can_be_read_from_stdin():
    def asks(x, p):
        return x * float(input("how much? "))

    [answer, prints] = check(asks, "dropout").failures
    assert answer.found.startswith("EOFError") and "how much?" in prints.found


def test_a_pair_of_variants_is_named_where_one_alone_does_not_explain():
    def both(x, q, training, rng):
        return unscaled(x, 1 - q, training, rng)

    report = check(both, "dropout", bind={"q": "p"}, rate="drop")
    assert report.form == {"rate": "keep", "scaling": "paper"}
    assert report.variant == ("the rate given is a keep probability, and test-time scaling, as in "
                              "the papers of 2012 and 2014")
    assert "--rate keep --form scaling=paper" in str(report)
    assert check(both, "dropout", bind={"q": "p"}, rate="keep", scaling="paper").holds


def test_a_variant_is_named_only_where_it_explains_and_in_time(report):
    def half(x, p, training, rng):
        return x * (rng.random(x.shape) >= p) / 2 if training else x

    assert check(half, "dropout").variant == ""

    from minidrop.verify.run import boxed
    from minidrop.verify.techniques import technique_named

    technique = technique_named("dropout")
    box = boxed(unscaled, technique, {})
    assert variant_of(box, technique, report.failures, 0.0) == ("", {})


def test_pytest_shows_what_fails_and_no_more():
    with pytest.raises(AssertionError) as caught:
        conforms(unscaled, "dropout")
    text = str(caught.value)
    assert "(dropout.2)" in text and "(dropout.1)" not in text and len(text.splitlines()) < 30
    assert caught.traceback[-1].frame.f_locals["__tracebackhide__"]


def test_an_implementation_can_be_called():
    with pytest.raises(ValueError, match="got a float"):
        check(0.5, "dropout")


def test_a_check_of_ours_that_breaks_accuses_nobody():
    @states("dropout.1")
    def broken(box):
        """A check that is wrong."""
        raise TypeError("no such thing")

    technique = technique_named("dropout")
    found = run.finding_of(run.boxed(md.Dropout, technique, {}), broken)
    assert found.word == "cannot be seen"
    assert found.found == f"{run.OUR_FAULT}: TypeError: no such thing"
