"""Python in colours: the lines of a text as HTML, in the classes that the theme knows."""

import html
import keyword
import re

_STRING = (r'"""(?:\\.|[^\\])*?"""' r"|'''(?:\\.|[^\\])*?'''"
           r'|"(?:\\.|[^"\\\n])*"' r"|'(?:\\.|[^'\\\n])*'")
_TOKEN = re.compile(
    r"(?P<c>\#[^\n]*)"
    rf"|(?P<s>(?<!\w)[rRbBfFuU]{{0,2}}(?:{_STRING}))"
    r"|(?<=def\ )(?P<nf>\w+)|(?<=class\ )(?P<nc>\w+)"
    r"|(?P<nd>@[A-Za-z_][\w.]*)"
    rf"|(?P<k>\b(?:{'|'.join(keyword.kwlist)})\b)"
    r"|(?P<m>(?<!\w)\d[\w.]*)", re.S)


def lines(text):
    """The lines of `text` as HTML, without their ends.

    >>> lines("return 1  # one")
    ['<span class="k">return</span> <span class="m">1</span>  <span class="c"># one</span>']
    """
    coloured, done = [], 0
    for token in _TOKEN.finditer(text):
        coloured.append(html.escape(text[done:token.start()], quote=False))
        begin, end = f'<span class="{token.lastgroup}">', "</span>"
        inside = html.escape(token[0], quote=False)
        coloured.append(begin + inside.replace("\n", f"{end}\n{begin}") + end)
        done = token.end()
    coloured.append(html.escape(text[done:], quote=False))
    return "".join(coloured).replace('<span class="s"></span>', "").split("\n")
