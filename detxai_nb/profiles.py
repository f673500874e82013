"""The two profiles of the notebooks: "quick" with bundled models and scenes, "paper" with a paper's detector and data.

The environment variable ``DETXAI_NB_PROFILE`` selects one.
"""

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
from detxai_nb.data.voc import AS_COCO, VocDataset
from detxai_nb.detectors import load_detector
from detxai_nb.files import as_path, write_atomically
from detxai_nb.types import Detector

PROFILES = ("quick", "paper")
"""The names of the profiles; the first is the default."""
PROFILE = "DETXAI_NB_PROFILE"
"""The environment variable that selects the profile."""
COCO = "DETXAI_NB_COCO"
"""The environment variable with the path of COCO val2017."""
VOC = "DETXAI_NB_VOC"
"""The environment variable with the path of PASCAL VOC 2012."""
PAPER_DATA = ("coco", "voc")
"""The datasets of the paper profile; the first is the default."""
RECORD = ".detxai-nb-paths.json"
"""The file in the working folder that keeps the paths the user has typed, so that each is asked for only once."""
STORES = "detxai-nb-runs"
"""The folder in the working folder that keeps the evaluations of the paper profile."""


@dataclass(frozen=True)
class Profile:
    """What a notebook works with.

    Attributes:
        name: one of ``PROFILES``.
        detector: the detector.
        dataset: the dataset.
        store: the folder of the evaluations, or None to keep them in memory.
    """

    name: str
    detector: Detector
    dataset: Sequence[Sample]
    store: Path | None

    def at(self, run: str) -> Path | None:
        """Return where the rows of one evaluation are stored, for the argument ``store=``.

        Args:
            run: a name for the evaluation.

        Returns:
            A folder, or None (in memory) in the quick profile.
        """
        return None if self.store is None else self.store / run


def name() -> str:
    """Return the name of the profile that the environment variable DETXAI_NB_PROFILE selects.

    Returns:
        "quick", the default, or "paper".

    Raises:
        ValueError: if the variable has any other value.
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
    *,
    mode: str = "plain",
    paper_data: str = "coco",
) -> Profile:
    """Return detector, dataset and store of the profile that DETXAI_NB_PROFILE selects.

    "quick" uses a bundled detector on the CPU and synthetic scenes, the same with which ``detxai-nb evaluate --scenes``
    begins; rows stay in memory. "paper" uses the detector of the paper with its downloaded weights and COCO val2017
    (see ``coco``) or VOC 2012 (see ``voc``); the rows of each evaluation are kept in the folder ``STORES``, so that it
    resumes where it stopped.

    Args:
        detector: the bundled detector of the quick profile.
        paper_detector: the detector of the paper profile.
        scenes: the number of scenes of the quick profile.
        paper_weights: for a detector whose weights are not downloaded: the environment variable with the path of their
            file. If it is not set, the user is asked for the path, as for COCO.
        mode: the mode of the scenes of the quick profile, as in ``scenes.make``.
        paper_data: the dataset of the paper profile, one of ``PAPER_DATA``.

    Returns:
        The profile.

    Raises:
        ValueError: if the profile, the mode or the dataset is unknown.
        FileNotFoundError: if the dataset or the weights are missing. ``load_detector`` raises further errors.
    """
    if paper_data not in PAPER_DATA:
        raise ValueError(f"paper_data is {' or '.join(PAPER_DATA)}, got {paper_data!r}")
    if name() == "quick":
        return Profile("quick", load_detector(detector, device="cpu"), Scenes(scenes, mode=mode), None)
    dataset: Sequence[Sample] = coco() if paper_data == "coco" else voc()
    store = Path(STORES)
    store.mkdir(exist_ok=True)
    own: dict[str, Any] = {} if paper_weights is None else {"weights": weights(paper_weights, paper_detector)}
    return Profile("paper", load_detector(paper_detector, **own), dataset, store)


def weights(variable: str, detector: str) -> Path:
    """Return the path of a detector's weights.

    It comes from the environment variable, or from what the user typed last time; otherwise the user is asked.

    Args:
        variable: the environment variable with the path.
        detector: the name of the detector, for the question and the error message.

    Returns:
        The file.

    Raises:
        FileNotFoundError: if the file does not exist, or if its path is unknown and there is no user to ask.
    """
    unknown = f"the paper profile needs weights of {detector}: set {variable} to their file, or {PROFILE}=quick"
    given = os.environ.get(variable) or _remembered(variable)
    path = as_path(given or _ask(f"Path of the weights of {detector} (file): ", unknown), "a file of weights")
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}; {unknown}")
    if not given:
        _remember(variable, path)
    return path


def coco() -> CocoDataset:
    """Open COCO val2017.

    Its path comes from the environment variable DETXAI_NB_COCO, or from what the user typed last time; otherwise the
    user is asked. A typed path is kept in the file ``RECORD`` in the working folder once the dataset could be read.
    The path is one that ``open_coco`` accepts.

    Returns:
        The dataset.

    Raises:
        FileNotFoundError: if there is no dataset at the path, or if it is unknown and there is no user to ask.
        ValueError: if ``RECORD`` is damaged, or the file is not a COCO dataset.
    """
    given = os.environ.get(COCO) or _remembered(COCO)
    if given:
        return open_coco(given)
    unknown = f"the paper profile needs COCO val2017: set {COCO} to its annotation file or folder, or {PROFILE}=quick"
    typed = _ask("Path of COCO val2017 (annotation file or folder): ", unknown)
    dataset = open_coco(typed)
    _remember(COCO, Path(typed))
    return dataset


def voc() -> VocDataset:
    """Open the images of PASCAL VOC 2012's validation set that have masks, their classes named as COCO names them.

    The path of its folder comes from the environment variable DETXAI_NB_VOC, or is asked for and kept as that of COCO
    is. A mask is that of all objects of a class, as an image classifier is measured.

    Returns:
        The dataset.

    Raises:
        FileNotFoundError: if there is no dataset at the path, or if it is unknown and there is no user to ask.
        ValueError: if ``RECORD`` is damaged, or the folder's files are no VOC dataset.
    """
    given = os.environ.get(VOC) or _remembered(VOC)
    unknown = f"the paper profile needs PASCAL VOC 2012: set {VOC} to its folder VOCdevkit/VOC2012, or {PROFILE}=quick"
    place = given or _ask("Path of PASCAL VOC 2012 (folder VOCdevkit/VOC2012): ", unknown)
    dataset = VocDataset(place, "Segmentation/val", rename=AS_COCO, masks="class")
    if not given:
        _remember(VOC, Path(place))
    return dataset


def open_coco(place: str | os.PathLike[str]) -> CocoDataset:
    """Open a COCO dataset by its annotation file or its folder.

    Args:
        place: a COCO annotation file, a folder with ``instances.json``, or COCO's own folder with
            ``annotations/instances_val2017.json``. The images lie in ``images`` beside the annotation file, or for
            ``annotations/instances_NAME.json`` in ``NAME`` beside ``annotations``.

    Returns:
        The dataset.

    Raises:
        FileNotFoundError: if the file or the folder of images is missing.
        ValueError: if the file is not a COCO dataset.
    """
    path = as_path(place, "the folder of a dataset")
    official = path / "annotations" / "instances_val2017.json"
    path = official if official.is_file() else path
    split = re.fullmatch(r"instances_(\w+)", path.stem)
    beside = path.parent.parent / split[1] if split else path
    return CocoDataset(path, beside if beside.is_dir() and path.is_file() else None)


def _record() -> dict[str, str]:
    """The paths that the user has typed, by the environment variable that could have set them."""
    path = Path(RECORD)
    if not path.is_file():
        return {}
    try:
        return {str(name): str(place) for name, place in json.loads(path.read_text(encoding="utf-8")).items()}
    except (ValueError, AttributeError) as error:
        raise ValueError(f"{path.resolve()} is damaged; delete it, and you will be asked again") from error


def _remembered(variable: str) -> str | None:
    """The path that ``RECORD`` has for the variable, or None."""
    return _record().get(variable)


def _remember(variable: str, place: Path) -> None:
    text = json.dumps({**_record(), variable: str(place.expanduser().resolve())}, indent=1)
    write_atomically(Path(RECORD), lambda file: file.write(text.encode()))


def _ask(question: str, unknown: str) -> str:
    """What the user types; FileNotFoundError with the message ``unknown`` if there is no user or nothing is typed."""
    try:
        typed = input(question).strip()
    except (EOFError, OSError, RuntimeError) as error:  # ipykernel raises RuntimeError if the front end has no input
        raise FileNotFoundError(unknown) from error
    if not typed:
        raise FileNotFoundError(unknown)
    return typed
