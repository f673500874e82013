"""verify_workshop: whether the folder of a workshop is whole, and tells no seat what only the teacher knows."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from detxai_nb.files import as_path
from detxai_nb.workshop.kit import SUMS, file_digest, read_sums
from detxai_nb.workshop.wheelhouse import FOLDER


@dataclass(frozen=True)
class VerifiedWorkshop:
    """What came of checking a folder.

    Attributes:
        files: how many are listed.
        faults: what is missing, changed, not listed, or tells a key.
        remarks: what a workshop can do without.
    """

    files: int
    faults: tuple[str, ...]
    remarks: tuple[str, ...]

    def __str__(self) -> str:
        told = f"{self.files} files are as they were prepared" if not self.faults else f"{len(self.faults)} faults"
        return "\n".join([told, *(f"  {one}" for one in self.faults), *(f"remark: {one}" for one in self.remarks)])


def verify_workshop(folder: str | os.PathLike[str]) -> VerifiedWorkshop:
    """Check the folder of a workshop, or a copy of it without the teacher's part.

    Args:
        folder: that ``prepare_workshop`` filled.

    Returns:
        What was found.

    Raises:
        TypeError: if ``folder`` is no path.
        FileNotFoundError: if there is no list of checksums.
        ValueError: if a list of checksums is damaged or names a file outside of the folder.
    """
    place = as_path(folder, "the folder of a workshop")
    if not (place / SUMS).is_file():
        raise FileNotFoundError(f"there is no {SUMS} in {place}; prepare it: detxai-nb workshop prepare {place}")
    digests = read_sums(place)
    faults = []
    for name, digest in sorted(digests.items()):
        path = place / name
        if not path.is_file():
            faults.append(f"{name} is missing")
        elif file_digest(path) != digest:
            faults.append(f"{name} is not what was prepared")
    for part in ("studies", FOLDER):
        listed = {name for name in digests if name.startswith(f"{part}/")}
        there = {path.relative_to(place).as_posix() for path in (place / part).glob("*") if path.is_file()}
        faults += [f"{name} is in no list" for name in sorted(there - listed)]
    faults += [f for path in sorted((place / "studies").glob("*.study.json")) for f in _told_key(path)]
    remarks = []
    if not any(name.startswith(f"{FOLDER}/detxai_nb-") for name in digests):
        remarks.append(f"there is no {FOLDER} with this package: each laptop needs its installation already")
    return VerifiedWorkshop(len(digests), tuple(faults), tuple(remarks))


def _told_key(path: Path) -> list[str]:
    """A fault if a study that is handed out has its key, or cannot be read."""
    from detxai_nb.survey import Study

    try:
        study = Study.load(path)
    except ValueError:
        return [f"studies/{path.name} is no study"]
    return [f"studies/{path.name} holds its key, which belongs into teacher/"] if study.key is not None else []
