"""Lessons as notebooks, with what they printed and drew: for Jupyter, VS Code and GitHub."""

import base64

from minidrop import lesson

INSTALL = """*This notebook needs minidrop: in a copy of its repository run*
`pip install -e . jupyterlab`*, and then* `jupyter lab` *here.
What it printed and drew is shown below; run its cells to see it anew.*
"""


def notebook(name, done, alt):
    """The text of a lesson's .ipynb; `done` is its `Executed`, `alt` {figure: what it shows}."""
    import nbformat
    from nbformat import v4

    outputs, made = iter(done.outputs), [v4.new_markdown_cell(INSTALL, id="install")]
    count = 0
    for cell in lesson.cells(lesson.path_of(name).read_text(encoding="utf-8")):
        text, id = cell.text.strip("\n"), f"line-{cell.line}"
        if cell.kind == "markdown":
            made.append(v4.new_markdown_cell(text, id=id))
            continue
        count += 1
        made.append(v4.new_code_cell(text, id=id, execution_count=count,
                                     outputs=list(_outputs(next(outputs), done, alt))))
    book = v4.new_notebook(cells=made, metadata={
        "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"},
        "language_info": {"name": "python", "file_extension": ".py"}})
    nbformat.validate(book)
    return nbformat.writes(book) + "\n"


def _outputs(output, done, alt):
    from nbformat import v4

    if output.text:
        yield v4.new_output("stream", name="stdout", text=output.text)
    for figure in output.figures:
        png = base64.b64encode(done.figures[figure]).decode()
        yield v4.new_output("display_data", data={"image/png": png, "text/plain": alt[figure]})
