"""open_study: a study of the prepared folder, or a small one that is made at once where there is none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from detxai_nb.files import as_path
from detxai_nb.workshop import contents

if TYPE_CHECKING:
    from detxai_nb.survey import Study
    from detxai_nb.types import Progress

PLACES = (".", "studies", "../studies")
"""Where the studies lie, seen from the folder of the notebooks."""
_SEATS, _MASKS = 4, 30


def open_study(
    name: str, folder: str | os.PathLike[str] = ".", *, masks: int = _MASKS, progress: Progress | None = None
) -> Study:
    """Open a study of a workshop, or make a small one where no prepared folder is at hand.

    Args:
        name: of one of ``STUDIES``: "rank", "draw" or "detectors".
        folder: where the notebook lies; the study is looked for there, in ``studies`` and in ``../studies``.
        masks: of D-RISE for each object, if a small one is made.
        progress: called as ``progress(done, total)`` after each object of a small one.

    Returns:
        The study that was handed out, without its key; or one of two objects and four seats with its key, the same
        each time.

    Raises:
        TypeError: if the folder is no path.
        ValueError: for an unknown name, or a file that is no study.

    Example:
        >>> import tempfile
        >>> from detxai_nb.workshop import open_study
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     study = open_study("detectors", folder)
        >>> study.title, len(study.items), study.key is None
        ('Which detector is better?', 2, False)
    """
    known = {one.name: one for one in contents.STUDIES}
    if name not in known:
        raise ValueError(f"there is no study {name!r:.40} in a workshop; there are {', '.join(map(repr, known))}")
    found = find_study(name, as_path(folder, "the folder of the notebooks"))
    if found is None:
        return known[name].small().build(_SEATS, masks, progress)
    from detxai_nb.survey import Study

    return Study.load(found)


def find_study(name: str, folder: Path) -> Path | None:
    """Return where a study of a prepared folder lies.

    Args:
        name: of the study.
        folder: where the notebook lies.

    Returns:
        Its file; None if there is none.
    """
    from detxai_nb.survey.study import ENDING

    for place in PLACES:
        path = folder / place / f"{name}{ENDING}"
        if path.is_file():
            return path
    return None
