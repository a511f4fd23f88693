"""A deck of slides for each lesson: its question, equations, figures, answer, references.

A deck is one file that needs no network: reveal.js, KaTeX with its fonts and the figures lie in it.
"""

import base64
import functools
import html
import re
from pathlib import Path

from minidrop import lesson

from . import executed, lesson_text, lessons

ASSETS = Path(__file__).parents[1] / "pages" / "assets"
LINES = 14                                        # of printed text that a slide can hold
EXTENSIONS = ["tables", "pymdownx.arithmatex"]
SETTINGS = {"pymdownx.arithmatex": {"generic": True}}

DECK = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}
</style>
</head>
<body>
<div class="reveal"><div class="slides">
{slides}
</div></div>
<script>
{script}
</script>
</body>
</html>
"""

FIRST = """<p class="small">minidrop, lesson {number} of {many}</p>
<h1>{subject}</h1>
<p class="question">{question}</p>
<p class="small"><span class="screen">Arrow keys go on and back, <code>o</code> shows all slides;
<a href="?print-pdf">this page</a> prints them or makes a PDF. </span>The lesson with its code:
<a href="../lessons/{name}.html">lessons/{name}</a>, or <code>minidrop lesson {name}</code>.
Text: CC BY 4.0.</p>"""


def pages():
    """{path: content} of all decks."""
    done = executed.results()
    alt = lessons.alt_texts(done)
    return {f"slides/{name}.html": deck(name, found, alt) for name, found in done.items()}


def deck(name, done, alt):
    """The text of a deck."""
    slides = "\n".join(f"<section>\n{slide}\n</section>" for slide in outline(name, done, alt))
    return DECK.format(title=html.escape(lesson.title(name)), slides=slides, style=style(),
                       script=script())


def outline(name, done, alt):
    """The slides of a lesson as HTML, one after another."""
    subject, _, question = lesson.title(name).partition(": ")
    question = question[:1].upper() + question[1:]
    yield FIRST.format(number=lesson.ORDER.index(name) + 1, many=len(lesson.ORDER), name=name,
                       subject=html.escape(subject), question=html.escape(question))
    cells = lesson.cells(lesson.path_of(name).read_text(encoding="utf-8"))
    outputs, heading = iter(done.outputs), html.escape(subject)
    for i, cell in enumerate(cells):
        if cell.kind == "code":
            output = next(outputs)
            yield from (figure(done.figures[one], alt[one]) for one in output.figures)
        elif i == 0:
            yield beginning(cell.text, done.outputs[0].text)
        else:
            for part in re.split(r"^(?=## )", cell.text, flags=re.M):
                heading, text = headed(part, heading)
                yield from slides_of(heading, lesson_text.apart(text), question)


def beginning(text, printed):
    """The slide below the title: what a lesson begins with, and the picture that it prints."""
    shown = as_html(lesson_text.apart(text.partition("\n")[2].partition("\n## ")[0]))
    if 0 < len(printed.splitlines()) <= LINES:
        shown += f"\n<pre><code>{html.escape(printed.rstrip())}</code></pre>"
    return shown


def headed(part, heading):
    """(heading, text) of a section; a part without heading goes on under the one before."""
    match = re.match(r"## (.*)\n", part)
    return (match[1], part[match.end():]) if match else (heading, part)


def slides_of(heading, text, question):
    """The slides of one section: those of its equations, or all of it where it closes a lesson."""
    if heading.startswith("Exercises"):
        yield f"<h2>Two questions</h2>\n{as_html(listed(text))}"
    elif heading == "References":
        yield f"<h2>References</h2>\n{as_html(listed(text))}"
    elif text.startswith("So: "):
        yield f"<h2>{html.escape(question)}</h2>\n{as_html(text)}"
    else:
        yield from equations(heading, text)


def equations(heading, text):
    """A slide for each run of equations of a section, with the paragraph that leads to them."""
    lead, run = "", []
    for block in [*re.split(r"\n{2,}", text), ""]:
        if block.startswith("$$"):
            run.append(block)
            continue
        if run:
            yield as_html("\n\n".join([f"## {heading}", lead, *run]))
        lead, run = block, []


def listed(text):
    """The list that a section holds, without what stands behind it."""
    match = re.search(r"^(\d\.|-) .*?(?=\n\n(?!\d\.|-| )|\Z)", text, re.M | re.S)
    return match[0] if match else text


def figure(png, alt):
    """A figure, within the file."""
    data = base64.b64encode(png).decode()
    return f'<img src="data:image/png;base64,{data}" alt="{html.escape(alt)}">'


def as_html(text):
    """Markdown as HTML, its formulas marked for KaTeX."""
    import markdown

    return markdown.markdown(text, extensions=EXTENSIONS, extension_configs=SETTINGS)


@functools.cache
def style():
    """All style sheets, the fonts of KaTeX within them."""
    sheets = [(ASSETS / path).read_text(encoding="utf-8")
              for path in ("reveal/reveal.css", "katex/katex.min.css", "slides.css")]
    return re.sub(r"url\((fonts/[\w-]+\.woff2)\)", _font, "\n".join(sheets))


def _font(match):
    font = (ASSETS / "katex" / match[1]).read_bytes()
    return f"url(data:font/woff2;base64,{base64.b64encode(font).decode()})"


@functools.cache
def script():
    """All scripts: reveal.js and KaTeX, with their licences, and what sets them going."""
    licences = [(ASSETS / path / "LICENSE").read_text(encoding="utf-8")
                for path in ("reveal", "katex", "katex/fonts")]
    sources = [(ASSETS / path).read_text(encoding="utf-8")
               for path in ("reveal/reveal.js", "katex/katex.min.js", "maths.js", "slides.js")]
    return "".join(f"/*\n{text.strip()}\n*/\n" for text in licences) + "\n".join(sources)
