"""Where the teacher's notes, the consent sheet and the slides lie: in the package, or in a clone's docs."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
NOTES, CONSENT, SLIDES = "instructor.md", "consent.md", "slides.md"

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\(([^)\s]+)\)")


def without_lost_links(text: str, there: Collection[str]) -> str:
    """Return a text whose links all lead somewhere when it lies in another folder.

    Args:
        text: Markdown.
        there: the files that lie beside it there.

    Returns:
        The text; of a link to another file its words are left.
    """

    def mended(link: re.Match[str]) -> str:
        target = link[2].partition("#")[0]
        return link[0] if not target or ":" in target or target in there else link[1]

    return _LINK.sub(mended, text)


def material_folder() -> Path:
    """Return the folder of what a teacher reads and shows.

    Returns:
        The folder, which holds NOTES, CONSENT and SLIDES.

    Raises:
        FileNotFoundError: if neither place has the notes.
    """
    places = (_PACKAGE / "workshop_material", _PACKAGE.parent / "docs" / "workshop")
    for place in places:
        if (place / NOTES).is_file():
            return place
    raise FileNotFoundError(f"there is no {NOTES} in {places[0]} or {places[1]}; install detxai-nb again")
