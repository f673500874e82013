"""What one check of an installation found, in words that hold nothing of whoever asked."""

from __future__ import annotations

import getpass
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

STATES = ("ok", "missing", "remark")


@dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
        check: its name, one word.
        state: "ok", "missing" (the notebooks need it), or "remark" (they run without it).
        said: what was found.
        remedy: what helps; empty if nothing is wrong.
    """

    check: str
    state: str
    said: str
    remedy: str = ""

    def __post_init__(self) -> None:
        if self.state not in STATES:
            raise ValueError(f"a state is one of {', '.join(STATES)}, got {self.state!r}")

    def __str__(self) -> str:
        told = f"{self.check}: {self.said}"
        return f"{told}\n    {self.remedy}" if self.remedy else told


def without_places(text: str) -> str:
    """Return a message without the folders and the user name that it tells.

    Args:
        text: such as the text of an exception.

    Returns:
        One line; of a path only the last part is left.
    """
    said = " ".join(text.split())
    known = {str(Path.home()), str(Path.cwd()), sys.prefix, sys.base_prefix, tempfile.gettempdir()}
    for place in sorted((one for one in known if len(one) > 1), key=len, reverse=True):
        said = said.replace(place, "...")
    said = re.sub(r"(?:[A-Za-z]:|\.\.\.)?(?:[\\/][^\s'\"\\/:;,]+)*[\\/]([^\s'\"\\/:;,]+)", r".../\1", said)
    # "root" and the like are words that a message may need.
    name = _user()
    return re.sub(rf"\b{re.escape(name)}\b", "...", said) if len(name) > 2 and name != "root" else said


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # an account without a name
        return ""
