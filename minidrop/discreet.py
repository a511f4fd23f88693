"""Text that can be shown to strangers: without names of users and machines, paths and addresses."""

import getpass
import os
import platform
import re
import sys
from pathlib import Path

OCTET = r"(?:25[0-5]|2[0-4]\d|1?\d?\d)"           # "5.15.167.4-generic" is a kernel, "::2" a slice
ADDRESS = re.compile(r"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s;,'\"]+|\bwww\.[^\s;,'\"]+"
                     r"|[\w.+-]{1,64}@[\w-]{1,64}\.[\w.-]+"
                     rf"|(?<![\d.]){OCTET}(?:\.{OCTET}){{3}}(?![\d.]|-?[A-Za-z])"
                     r"|(?<![\w:])(?:[\dA-Fa-f]{1,4}:){7}[\dA-Fa-f]{1,4}"
                     r"|(?<![\w:])(?=[A-Fa-f:]*\d)[\dA-Fa-f]{3,4}(?::[\dA-Fa-f]{1,4}){0,6}"
                     r"::[\dA-Fa-f:]{0,40}(?!\w)")
ABSOLUTE = re.compile(              # to the end of the clause, since folders have spaces in them,
    r"(?:(?<=-[IL])|(?<=-isystem)|(?<![\w.~>$/\\-]))"
    r"(?:/[\w.~]|[A-Za-z]:[\\/]|\\\\[\w.?])(?:[^\n;,'\"<>]|'(?=\w)"
    r"|[;,](?! ?(?:[~$.</\\]|[A-Za-z]:[\\/]|minidrop/|lessons/))"      # or of one that goes on as a
    r"(?=[^\n;,'\"<>]*[^\d\s][\\/]))*")                                # path does: "acme, inc/x"
SECRET = re.compile("TOKEN|SECRET|PASS|KEY|CREDENTIAL|PROXY|AUTH", re.I)
PACKAGE = Path(__file__).parent


def discreet(text, hidden=()):
    """`text` without what tells who and where: paths begin at ~ or at the package's name.

    What is `hidden` is left out too, and what variables hold that are called tokens or proxies.

    >>> discreet(f"lessons in {PACKAGE}/_lessons; see /srv/their own/file, and 3/4 of it")
    'lessons in minidrop/_lessons; see <path>, and 3/4 of it'
    """
    for secret in sorted({*hidden, *secrets()}, key=len, reverse=True):
        text = text.replace(secret, "<secret>")
    known = folders()                             # before addresses, which end at a space
    for folder in sorted(known, key=len, reverse=True):
        text = re.sub(rf"{re.escape(folder)}(?![\w-])", known[folder], text)
    text = re.sub(r"\bfile:/+(?=[\w.~])", "/", text)
    text = ADDRESS.sub("<address>", text)
    text = ABSOLUTE.sub("<path>", text)
    for name, word in names().items():
        text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(name)}(?![A-Za-z0-9])", word, text, flags=re.I)
    return text


def _home():
    """The user's home; none where the system does not know it."""
    try:
        return [str(Path.home())]
    except RuntimeError:
        return []


def _user():
    """The user's name; none where the system does not know it, as in some containers."""
    try:
        return {getpass.getuser()}
    except (KeyError, OSError):
        return set()


def secrets():
    """What variables of the environment hold that are called tokens, keys or proxies."""
    return {value for name, value in os.environ.items() if SECRET.search(name) and len(value) > 3}


def folders():
    """{path: the word for it}: the package, the user's home, what variables and Python name."""
    paths = {sys.prefix: "<python>", sys.base_prefix: "<python>", str(Path.cwd()): "."}
    paths |= {value.rstrip("/\\"): f"${name}" if name.startswith("MINIDROP_") else "<path>"
              for name, value in os.environ.items() if Path(value).is_absolute()}
    paths |= dict.fromkeys(_home(), "~")
    paths |= {str(PACKAGE.parent / "lessons"): "lessons", str(PACKAGE): "minidrop"}
    paths |= {os.path.realpath(path): word for path, word in paths.items() if path}
    return {path: word for path, word in paths.items() if len(path) > 1}


def names():
    """{name: the word for it} of the user and of this machine, whole and up to its first dot."""
    users = {os.environ.get(name, "") for name in ("LOGNAME", "USER", "LNAME", "USERNAME")}
    users |= _user() | {Path(home).name for home in _home()}
    hosts = {platform.node(), os.environ.get("HOSTNAME", ""), os.environ.get("COMPUTERNAME", "")}
    hosts |= {host.partition(".")[0] for host in hosts}
    found = dict.fromkeys(sorted(hosts, key=len, reverse=True), "<host>") | dict.fromkeys(
        users, "<user>")
    return {name: word for name, word in found.items() if len(name) > 1}
