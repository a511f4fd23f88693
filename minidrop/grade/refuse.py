"""What is refused before it runs: read from the syntax tree of a submission."""

import ast


def refusals(source):
    """[(line, sentence)] of everything in a submission that is not allowed."""
    return [(node.lineno, "minidrop may not be imported: it holds the answers")
            for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import | ast.ImportFrom)
            and any(name.split(".")[0] == "minidrop" for name in (
                [node.module or ""] if isinstance(node, ast.ImportFrom)
                else [alias.name for alias in node.names]))]
