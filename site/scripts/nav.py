"""The order of the pages: the nav of site/mkdocs.yml, which the build writes."""

import itertools
from pathlib import Path

from minidrop import catalog, lesson
from minidrop.grade import exercise_names

PAGES = Path(__file__).parents[1] / "pages"
MARK = "# nav: written by site/scripts/nav.py\n"


def plan():
    """[(title, page or list)] of the whole site."""
    placed = [t for t in catalog.techniques() if catalog.place_of(t.path) < len(catalog.PLACES)]
    places = [(place.capitalize(), [*map(technique, there)])
              for place, there in itertools.groupby(placed, lambda t: t.path.parent.name)]
    others = [technique(t) for t in catalog.techniques() if t not in placed]
    lessons = [page(f"lessons/{name}.md", numbered(name))
               for name in lesson.written()]
    exercises = [page(f"exercises/{name}.md", name) for name in exercise_names()]
    return [
        page("index.md", "Home"),
        ("Lessons", [page("lessons/index.md"), *lessons]),
        ("Techniques", [page("techniques/index.md"), *places, ("Around them", others)]),
        ("Widgets", [page("widgets.md")]),
        ("Look up", [page("tables/map.md"), page("tables/equations.md"),
                     page("tables/bibliography.md"), page("tables/settings.md"),
                     page("tables/names.md"), page("tables/glossary.md"),
                     page("tables/primitives.md"), page("tables/api.md"), page("history.md"),
                     page("axes.md"), page("promises.md"), page("command-line.md"),
                     page("determinism.md"), page("gpu.md"), page("speed.md"),
                     page("changelog.md"), page("releasing.md"), page("licences.md")]),
        ("Check", [page("verify.md"), page("field.md"), page("tables/museum.md"),
                   page("tables/claims.md"), page("not-reproduced.md")]),
        ("Teach", [page("teaching.md"), ("Exercises", [page("exercises/index.md"), *exercises])]),
    ]


def page(path, title=None):
    """An entry of the nav."""
    return (title, path)


def numbered(name):
    """A lesson by the number that pages call it, and what it is about."""
    return f"{lesson.ORDER.index(name) + 1}. {lesson.title(name).partition(':')[0]}"


def technique(t):
    """The entry of a technique: its page, under its name."""
    return page(f"techniques/{t.name}.md", t.summary.partition(":")[0])


def lines(entries, depth=1):
    """The entries as YAML; what is not there yet is left out."""
    for title, there in entries:
        dent = "  " * depth
        if isinstance(there, list):
            inside = list(lines(there, depth + 2))
            if inside:
                yield f"{dent}- {quoted(title)}:"
                yield from inside
        elif (PAGES / there).is_file():
            yield f"{dent}- {quoted(title)}: {there}" if title else f"{dent}- {there}"


def quoted(text):
    """A string of YAML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def written(config):
    """The text of mkdocs.yml with the nav at its end."""
    return config.partition(MARK)[0] + MARK + "nav:\n" + "\n".join(lines(plan())) + "\n"
