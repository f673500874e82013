"""Where the teacher's notes, the consent sheet and the slides lie: in the package, or in a clone's docs."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
NOTES, CONSENT, SLIDES = "instructor.md", "consent.md", "slides.md"


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
