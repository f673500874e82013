"""prepare_workshop: studies, notebooks and wheels into one folder; called again it goes on where it stopped."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detxai_nb._version import __version__
from detxai_nb.files import as_path
from detxai_nb.lab import notebook_folder, series_files
from detxai_nb.workshop import contents
from detxai_nb.workshop.kit import TEACHER, Kit
from detxai_nb.workshop.material import CONSENT, NOTES, material_folder, without_lost_links
from detxai_nb.workshop.wheelhouse import FOLDER, WheelOptions, fill_wheelhouse

RECIPES = f"{TEACHER}/studies.json"
READ_ME = """Workshop with detxai-nb {version}, {seats} seats

Hand out everything but the folder teacher/, which holds the keys of the studies.

On each laptop, without a network, with Python {python}:
  python -m venv workshop
  workshop/bin/python -m pip install --no-index --find-links wheelhouse "detxai-nb[lab,survey]"
  (on Windows workshop\\Scripts\\python)
  workshop/bin/detxai-nb doctor
  workshop/bin/detxai-nb lab notebooks

For the teacher: teacher/instructor.md minute by minute, teacher/slides.html, teacher/consent.md.
The lesson is notebooks/10_workshop.ipynb. The detectors come with the package; nothing else has to be downloaded.
Collect answers:   in the folder notebooks, where notebook 10 looks for the folder class:
                   detxai-nb survey collect class/rank --study ../teacher/rank.study.json --address 0.0.0.0
                   and so for draw and detectors, each in a terminal of its own with another --port
Slips, paper:      detxai-nb survey print teacher/rank.study.json sheets.html --key key.html
Check the folder:  detxai-nb workshop check .   (or sha256sum -c SHA256SUMS)
"""


@dataclass(frozen=True)
class PreparedWorkshop:
    """What came of preparing a folder.

    Attributes:
        folder: the folder.
        states: of each file but the wheels: "written", "unchanged", "replaced" or "kept".
        wheels: the names of the wheels that are needed.
        problems: what is not there or not up to date, with the reason.
    """

    folder: Path
    states: dict[str, str]
    wheels: tuple[str, ...]
    problems: tuple[str, ...]

    def __str__(self) -> str:
        counts = {state: list(self.states.values()).count(state) for state in ("written", "replaced", "unchanged")}
        told = [f"{count} {state}" for state, count in counts.items() if count]
        lines = [f"{self.folder}: {len(self.states)} files ({', '.join(told) or 'none written'})"]
        if self.wheels:
            lines[0] += f", {len(self.wheels)} wheels"
        return "\n".join([*lines, *(f"  not done: {one}" for one in self.problems)])


def prepare_workshop(
    folder: str | os.PathLike[str],
    *,
    seats: int = 30,
    masks: int = 500,
    wheels: WheelOptions | None = None,
    force: bool = False,
    progress: Callable[[str, int, int], None] | None = None,
) -> PreparedWorkshop:
    """Prepare the folder of a workshop for laptops without a network.

    ``studies/`` holds what seats see, ``teacher/`` the same with the keys, notes, a consent sheet and slides;
    ``notebooks/`` the series; ``wheelhouse/`` the packages; SHA256SUMS the checksums of all. Each file is written whole
    or not at all. Called again, it does what is missing. A file that was changed, or a study that other settings made,
    is kept unless ``force``: answers to it may be out already.

    Args:
        folder: is made if it is missing.
        seats: of each study.
        masks: of D-RISE for each object of a study.
        wheels: which wheels to download, such as ``WheelOptions(["windows"])``; None downloads none.
        force: whether to overwrite files that were changed, and studies of other settings.
        progress: called as ``progress(study, done, total)`` after each object.

    Returns:
        What was done and what was not; where no index can be reached, all but the wheels is there.

    Raises:
        TypeError: if a path is none.
        ValueError: if ``folder`` is a file, a list of checksums in it is damaged, or a setting is out of range.
    """
    if isinstance(seats, bool) or not isinstance(seats, int) or not 1 <= seats <= 1000:
        raise ValueError(f"seats are a whole number from 1 to 1000, got {seats!r:.40}")
    kit = Kit(as_path(folder, "the folder of a workshop"))
    kit.folder.mkdir(parents=True, exist_ok=True)
    states: dict[str, str] = {}
    problems: list[str] = []
    for one in contents.STUDIES:
        states |= _study(kit, one, seats, masks, force, progress, problems)
    for path in series_files(notebook_folder()):
        name = f"notebooks/{path.name}"
        states[name] = kit.put(name, path.read_bytes(), force=force)
    for name, content in _for_the_teacher(problems).items():
        states[name] = kit.put(name, content, force=force)
    states["README.txt"] = kit.put("README.txt", _read_me(seats), force=force)
    problems += [f"{name} was changed and is kept; --force overwrites it" for name, s in states.items() if s == "kept"]
    found: list[str] = []
    if wheels is not None:
        try:
            found = fill_wheelhouse(kit, wheels, force=force)
        except RuntimeError as error:
            problems.append(f"{FOLDER}: {error}; run the same again where an index of packages can be reached")
        if any(name.startswith("nvidia_") for name in found):
            problems.append(
                f"{FOLDER}: PyTorch came in its build for GPUs, several GB; its index has builds for the CPU"
            )
    return PreparedWorkshop(kit.folder, states, tuple(found), tuple(problems))


def _for_the_teacher(problems: list[str]) -> dict[str, bytes]:
    """Notes, consent sheet and slides, by file."""
    # Here, so that the module can be run by itself.
    from detxai_nb.workshop.slides import make_slides

    folder = material_folder()
    names = (NOTES, CONSENT)
    texts = {name: without_lost_links((folder / name).read_text(encoding="utf-8"), names) for name in names}
    found = {f"{TEACHER}/{name}": text.encode("utf-8") for name, text in texts.items()}
    try:
        found[f"{TEACHER}/slides.html"] = make_slides().encode("utf-8")
    except ImportError:
        problems.append('the slides are made by nbconvert, which is missing: pip install "detxai-nb[lab]"')
    return found


def _study(
    kit: Kit,
    one: contents.WorkshopStudy,
    seats: int,
    masks: int,
    force: bool,
    progress: Callable[[str, int, int], None] | None,
    problems: list[str],
) -> dict[str, str]:
    """Make the two files of a study, unless they are there."""
    from detxai_nb.survey.study_files import study_bytes

    public, secret = f"studies/{one.name}.study.json", f"{TEACHER}/{one.name}.study.json"
    recipes, recipe = _recipes(kit), {**one.recipe(seats, masks), "version": __version__}
    there = [name for name in (public, secret) if (kit.folder / name).exists()]
    if recipes.get(one.name) == recipe and kit.intact(public) and kit.intact(secret):
        return {public: "unchanged", secret: "unchanged"}
    if one.name in recipes and recipes[one.name] != recipe and there and not force:
        problems.append(f"the study {one.name} was made with other settings and is kept; --force makes it anew")
        return {name: "unchanged" for name in there if kit.intact(name)}
    changed = [name for name in there if name in kit.digests and not kit.intact(name)]
    if changed and not force:
        return {name: "kept" if name in changed else "unchanged" for name in there}
    study = one.build(seats, masks, None if progress is None else lambda done, total: progress(one.name, done, total))
    states = {secret: kit.put(secret, study_bytes(study), force=force)}
    if states[secret] != "kept":  # the two belong together
        states[public] = kit.put(public, study_bytes(study.without_key()), force=force)
    if "kept" not in states.values():
        content = json.dumps({**recipes, one.name: recipe}, indent=1, sort_keys=True).encode()
        states[RECIPES] = kit.put(RECIPES, content, force=True)
    return states


def _recipes(kit: Kit) -> dict[str, Any]:
    """What the studies were made of; an unreadable file counts as nothing known."""
    try:
        found = json.loads((kit.folder / RECIPES).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _read_me(seats: int) -> bytes:
    import sys

    python = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return READ_ME.format(version=__version__, seats=seats, python=python).encode()
