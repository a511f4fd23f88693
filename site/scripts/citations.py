"""Which works a text cites: "Srivastava 2014", "Wu & He 2018", "Ba, Kiros, Hinton (2016)", by its
arXiv id, or by its title in quotation marks.  The works themselves are site/data/references.toml.
"""

import calendar
import functools
import itertools
import re
import tomllib
import unicodedata
from pathlib import Path
from typing import NamedTuple

DATA = Path(__file__).parents[1] / "data" / "references.toml"
OWN = ("key", "without", "named")                 # what is not a field of BibTeX

_NAME = r"(?:[A-Z]\. ?)*[A-Z][a-zà-ÿ]+(?:[A-Z][a-z]+)?(?:-[A-Z][a-z]+)*"
_JOINED = r"(?:,? and |,? & |, )"
CITED = re.compile(rf"\b({_NAME}(?:{_JOINED}{_NAME})*)(?: et al\.| and others)?,? "
                    r"\(?((?:18|19|20)\d\d)\b(?!-\d)")
_ARXIV = re.compile(r"arXiv:(\d{4}\.\d{4,5})")
_QUOTED = re.compile(r'"([^"]+)"')
_NO_NAMES = {"After", "Around", "As", "At", "Before", "Between", "By", "During", "From", "In", "Of",
             "On", "Since", "The", "Until", "With", *calendar.month_name[1:], "ImageNet", "Python",
             "Version"}


class Work(NamedTuple):
    """One entry of the references: its key and what the file says of it."""

    key: str
    fields: dict

    @property
    def surnames(self):
        """The surnames of its authors, in order."""
        return [one.partition(",")[0] for one in self.fields["author"].split(" and ")]

    @property
    def short(self):
        """How we name it: "Wu & He 2018", "Srivastava et al. 2014"."""
        first, *others = self.surnames
        more = "" if not others else f" & {others[0]}" if len(others) == 1 else " et al."
        return f"{first}{more} {self.fields['year']}"


@functools.cache
def works(data=DATA):
    """{key: Work} of all references; ValueError where an entry lacks what it needs."""
    found = {key: Work(key, fields)
             for key, fields in tomllib.loads(data.read_text(encoding="utf-8")).items()}
    for work in found.values():
        if missing := {"author", "title", "year"} - work.fields.keys():
            raise ValueError(f"{data.name}: {work.key} has no {' and no '.join(sorted(missing))}")
        if not work.fields.keys() & {"doi", "arxiv", "without"}:
            raise ValueError(f"{data.name}: {work.key} needs a doi, an arxiv id, or a sentence why "
                             "there is neither (without)")
        if work.key != f"{plain(work.surnames[0])}{work.fields['year']}" and work.key != (
                f"{'-'.join(map(plain, work.surnames[:2]))}{work.fields['year']}"):
            raise ValueError(f"{data.name}: {work.key} must be the first author's surname and the "
                             "year")
    return found


def cited(text, where, known=None, prose=False):
    """The keys that a text cites, in the order of the references.

    ValueError, naming `where`, for a work that the references lack.  In `prose` a name before a
    year is a citation only if somebody of that name is among the authors.

    >>> cited("as Wu & He 2018 and Srivastava et al. 2014 have it", "a text")
    ['srivastava2014', 'wu2018']
    """
    known = works() if known is None else known
    text, found = flowing(text), set()
    authors = {plain(name) for work in known.values() for name in work.surnames}
    for key, work in known.items():
        for name in (*work.fields.get("named", ()), f'"{work.fields["title"]}'):
            if name.lower() in text.lower():
                found.add(key)
                text = text.replace(name, " ")
    for number in _ARXIV.findall(text):
        found.add(_one([work for work in known.values() if work.fields.get("arxiv") == number],
                       f"arXiv:{number}", where))
    for names, year in CITED.findall(text):
        people = [one.rpartition(". ")[2] for one in re.split(_JOINED, names)]
        people = [*itertools.dropwhile(_NO_NAMES.__contains__, people)]
        if people and not (prose and plain(people[0]) not in authors):
            found.add(_named(people, int(year), where, known))
    return [key for key in known if key in found]


def titles(text, where, known=None):
    """Check the titles that a "Papers" paragraph quotes: each must begin that of a work."""
    known = works() if known is None else known
    for quoted in _QUOTED.findall(flowing(text)):
        begins = [work for work in known.values()
                  if work.fields["title"].lower().startswith(quoted.lower().rstrip(","))]
        if not begins and not CITED.search(quoted) and " " in quoted:
            raise ValueError(f'{where} cites "{quoted}", a title that references.toml lacks')


def _named(people, year, where, known):
    """The key of the work by these people of that year."""
    fits = [work for work in known.values() if work.fields["year"] == year
            and plain(work.surnames[0]) == plain(people[0])]
    closer = [work for work in fits if len(people) > 1 and len(work.surnames) > 1
              and plain(work.surnames[1]) == plain(people[1])]
    fits = closer or fits
    if len(fits) > 1:                             # "Kingma 2015" is the one whose key says so
        fits = [work for work in fits if work.key == f"{plain(people[0])}{year}"]
    return _one(fits, f"{', '.join(people)} {year}", where)


def _one(fits, what, where):
    if not fits:
        raise ValueError(f"{where} cites {what}, which site/data/references.toml lacks")
    return fits[0].key


def plain(name):
    """A name in small plain letters.

    >>> plain("Dollár")
    'dollar'
    """
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in letters if letter.isascii())


def flowing(text):
    """A text without line ends and the marks of comments at their beginnings."""
    return re.sub(r"\s+", " ", re.sub(r"\n\s*#?\s*(?:- )?", " ", text))


def first(text):
    """The words of the first citation in a text, or "".

    >>> first("after Wu & He 2018, section 3")
    'Wu & He 2018'
    """
    match = CITED.search(text)
    return match[0] if match else ""
