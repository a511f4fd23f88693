"""Does a task go through its arrays by loops of Python?  Read from the text, for course files.

Seen are `for`, `while`, comprehensions and what stands for them (map, np.vectorize, np.ndindex and
the like), in the function or in functions of the same file that it names.  Recursion is not seen.
"""

import ast

LOOPS = (ast.For, ast.AsyncFor, ast.While, ast.ListComp, ast.SetComp, ast.DictComp,
         ast.GeneratorExp)
HIDDEN = {"map", "filter", "reduce", "vectorize", "frompyfunc", "apply_along_axis", "nditer",
          "ndindex", "ndenumerate", "fromiter"}


def with_loops(text, function, given=()):
    """Whether the `function` of a file has loops; those of the names `given` came with the stub.

    >>> with_loops("def f(x):\\n    return x + 1", "f")
    False
    >>> with_loops("def g(x):\\n    return [y for y in x]\\nf = lambda x: g(x)", "f")
    True
    """
    tree = ast.parse(text)
    defined: dict[str, ast.AST] = {}
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined[node.name] = node
        elif isinstance(node, ast.Assign):
            defined |= {target.id: node for target in node.targets if isinstance(target, ast.Name)}
    seen, todo = set(given), [function]
    while todo:
        name = todo.pop()
        if name in seen or name not in defined:
            continue
        seen.add(name)
        for node in ast.walk(defined[name]):
            word = node.id if isinstance(node, ast.Name) else \
                node.attr if isinstance(node, ast.Attribute) else ""
            if isinstance(node, LOOPS) or word in HIDDEN:
                return True
            todo.append(word)
    return False
