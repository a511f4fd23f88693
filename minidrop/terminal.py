"""What a reader sees in a terminal: Markdown by rich, formulas in Unicode by pylatexenc."""

import re
import textwrap

from pylatexenc.latex2text import LatexNodes2Text, MacroTextSpec, get_default_latex_context_db
from rich.cells import cell_len
from rich.console import Console
from rich.markdown import Markdown
from rich.syntax import Syntax
from rich.text import Text

_DISPLAY = re.compile(r"\$\$(.*?)\$\$", re.S)
_INLINE = re.compile(r"\$([^$\n]+)\$")
_RAISED = re.compile(r"([\^_])\{([^{}]*[^\w{}][^{}]*)\}")
_RELATION = re.compile(r" *([∼←→⊙=≠≤≥≈∈]) *")
_SWALLOWED = re.compile(r"(\\[A-Za-z]+) (?=[-+/]|\\(?:log|ln|exp|sin|cos)(?![a-z]))"
                        r"|(\\(?:log|ln|exp|sin|cos|sum|prod)) (?=[\w\\|])")
_CLOSING = re.compile(r" +(?=\\r(?:Vert|vert|angle)(?![a-z]))")
_TAG = re.compile(r"\\tag\{([\w.]+)\}")


class _Console(Console):
    def on_broken_pipe(self):
        """Rich would end the process here; the command line has an exit code for that."""
        raise


def console(**options):
    """A console at most 100 columns wide, like the source."""
    made = _Console(highlight=False, **options)
    made.width = min(made.width, 100)
    return made


def formula(latex):
    """A LaTeX formula as a line of Unicode, its tag left out.

    >>> formula(r"y_i = \\frac{m_i x_i}{1 - p} \\tag{dropout.2}")
    'y_i = (m_i x_i)/(1 - p)'
    """
    latex = _TAG.sub("", latex).replace(r"\tfrac", r"\frac").replace(r"\dfrac", r"\frac")
    latex = _RAISED.sub(r"\1(\2)", latex)           # x^{1/2} is x^(1/2), not x^1/2
    latex = latex.replace(r"\qquad", " QUAD ")
    latex = _CLOSING.sub("", latex)
    latex = _SWALLOWED.sub(r"\1\2{} ", latex)       # pylatexenc swallows the space after a macro
    text = " ".join(_converter().latex_to_text(latex).split())
    text = _RELATION.sub(r" \1 ", text)
    return text.replace(", QUAD", ",    ").replace("QUAD", "   ").strip()


def plain(text):
    """Markdown with its inline formulas as Unicode."""
    return _INLINE.sub(lambda match: formula(match[1]), text)


def print_markdown(out, text):
    """Print Markdown with formulas; displayed ones stand alone, their tag at the right."""
    for i, part in enumerate(_DISPLAY.split(text)):
        if i % 2:
            print_formula(out, part)
        elif part.strip():
            out.print(Markdown(plain(part).strip()))


def print_formula(out, latex, style="bold"):
    """Print one formula, indented, its tag at the right."""
    tag = _TAG.search(latex)
    label = f"({tag[1]})" if tag else ""
    lines = textwrap.wrap(formula(latex), max(20, out.width - len(label) - 6)) or [""]
    out.print()
    for i, line in enumerate(lines):
        right = label if i == len(lines) - 1 else ""
        space = " " * (out.width - len(label) - 5 - cell_len(line))
        out.print(Text("    " + line + space, style), Text(right, "dim"),
                  sep="", end="\n", overflow="ignore", no_wrap=True)
    out.print()


def print_code(out, code):
    """Print Python code with a bar at its left."""
    for line in Syntax(code, "python", background_color="default").highlight(code).split("\n"):
        out.print(Text("  │ ", "dim") + line, overflow="ignore", no_wrap=True, crop=False)


def _converter():
    context = get_default_latex_context_db()
    context.add_context_category("minidrop", prepend=True, macros=[
        MacroTextSpec("frac", simplify_repl=_fraction), MacroTextSpec("ne", "≠"),
        MacroTextSpec("gets", "←"), MacroTextSpec("overline", simplify_repl=_overline)])
    return LatexNodes2Text(math_mode="text", latex_context=context)


def _overline(node, l2tobj):
    return "".join(letter + "\u0305" for letter in l2tobj.nodelist_to_text(node.nodeargs).strip())


def _fraction(node, l2tobj):
    above, below = (l2tobj.nodelist_to_text([arg]).strip() for arg in node.nodeargs)
    return "/".join(part if re.fullmatch(r"\w+|\W", part) else f"({part})"
                    for part in (above, below))
