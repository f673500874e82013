"""The two ways to run the notebooks: "quick" with what the package brings, "paper" with a paper's detector and COCO."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.sample import Sample
from detxai_nb.data.scenes import Scenes
from detxai_nb.detectors import load_detector
from detxai_nb.files import write_atomically
from detxai_nb.types import Detector

PROFILES = ("quick", "paper")
PROFILE = "DETXAI_NB_PROFILE"
COCO = "DETXAI_NB_COCO"
RECORD = ".detxai-nb-paths.json"
"""In the working folder: where the datasets lie, so that they are asked for once."""
STORES = "detxai-nb-runs"
"""The folder, in the working folder, of the paper profile's evaluations."""


@dataclass(frozen=True)
class Profile:
    """What a notebook works with: ``name`` is one of ``PROFILES``, ``store`` a folder for evaluations or None."""

    name: str
    detector: Detector
    dataset: Sequence[Sample]
    store: Path | None

    def at(self, run: str) -> Path | None:
        """Where the rows of this run go, to be handed on as ``store=``; None, in memory, in the quick profile."""
        return None if self.store is None else self.store / run


def name() -> str:
    """The profile that the environment variable DETXAI_NB_PROFILE asks for, "quick" by default.

    Raises ``ValueError`` for any other value.
    """
    found = os.environ.get(PROFILE) or PROFILES[0]
    if found not in PROFILES:
        raise ValueError(f"{PROFILE} is {' or '.join(PROFILES)}, got {found!r}")
    return found


def current(
    detector: str = "tiny-fcos",
    paper_detector: str = "fcos_resnet50_fpn",
    scenes: int = 8,
    paper_weights: str | None = None,
) -> Profile:
    """Detector, dataset and store of the profile that DETXAI_NB_PROFILE asks for.

    "quick": the bundled ``detector`` on the CPU and the first ``scenes`` synthetic scenes, those with which
    ``detxai-nb evaluate --scenes`` begins; rows stay in memory. "paper": ``paper_detector`` with its downloaded weights
    and COCO val2017 (see ``coco``); the rows of each run are kept in the folder ``STORES``, so that it goes on where it
    stopped. ``paper_weights``: for a detector that does not download its weights, the name of the environment variable
    that says where their file lies; without it the file is asked for as COCO is.

    Raises ``ValueError`` for an unknown profile, and what ``load_detector``, ``weights`` and ``coco`` raise.
    """
    if name() == "quick":
        return Profile("quick", load_detector(detector, device="cpu"), Scenes(scenes), None)
    dataset = coco()
    store = Path(STORES)
    store.mkdir(exist_ok=True)
    own: dict[str, Any] = {} if paper_weights is None else {"weights": weights(paper_weights, paper_detector)}
    return Profile("paper", load_detector(paper_detector, **own), dataset, store)


def weights(variable: str, detector: str) -> Path:
    """The file of weights of ``detector``, from where the environment ``variable`` says, or found as ``coco`` is.

    Raises ``FileNotFoundError`` where there is no such file, or where it is not known and nobody can be asked.
    """
    unknown = f"the paper profile needs weights of {detector}: set {variable} to their file, or {PROFILE}=quick"
    given = os.environ.get(variable) or _remembered(variable)
    path = Path(given or _ask(f"The weights of {detector} lie in (file): ", unknown)).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; {unknown}")
    if not given:
        _remember(variable, path)
    return path


def coco() -> CocoDataset:
    """COCO val2017, from where DETXAI_NB_COCO says; else from where it lay last time; else the reader is asked once.

    The place is a COCO annotation file, a folder with ``instances.json``, or COCO's own folder with
    ``annotations/instances_val2017.json``; images lie in ``images`` or ``val2017`` beside it. What was typed is kept in
    ``RECORD`` in the working folder once it could be read.

    Raises ``FileNotFoundError`` where nothing lies there, or where it is not known and nobody can be asked.
    """
    given = os.environ.get(COCO) or _remembered(COCO)
    if given:
        return open_coco(given)
    unknown = f"the paper profile needs COCO val2017: set {COCO} to its annotation file or folder, or {PROFILE}=quick"
    typed = _ask("COCO val2017 lies in (annotation file or folder): ", unknown)
    dataset = open_coco(typed)
    _remember(COCO, Path(typed))
    return dataset


def open_coco(place: str | os.PathLike[str]) -> CocoDataset:
    """The dataset at ``place``, which is read as ``coco`` describes; raises what ``CocoDataset`` raises."""
    path = Path(place).expanduser()
    official = path / "annotations" / "instances_val2017.json"
    path = official if official.is_file() else path
    split = re.fullmatch(r"instances_(\w+)", path.stem)
    beside = path.parent.parent / split[1] if split else path
    return CocoDataset(path, beside if beside.is_dir() and path.is_file() else None)


def _record() -> dict[str, str]:
    """The places that were typed, by the variable that could have said them."""
    path = Path(RECORD)
    if not path.is_file():
        return {}
    try:
        return {str(name): str(place) for name, place in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path.resolve()} is damaged; delete it, and you are asked again") from error


def _remembered(variable: str) -> str | None:
    """The place in ``RECORD``, None where there is none."""
    return _record().get(variable)


def _remember(variable: str, place: Path) -> None:
    text = json.dumps({**_record(), variable: str(place.expanduser().resolve())}, indent=1)
    write_atomically(Path(RECORD), lambda file: file.write(text.encode()))


def _ask(question: str, unknown: str) -> str:
    """What the reader types; FileNotFoundError saying ``unknown`` where nobody can or nothing is typed."""
    try:
        typed = input(question).strip()
    except (EOFError, OSError, RuntimeError) as error:  # ipykernel raises a RuntimeError where no front end can ask
        raise FileNotFoundError(unknown) from error
    if not typed:
        raise FileNotFoundError(unknown)
    return typed
