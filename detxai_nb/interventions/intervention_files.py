"""Files of interventions: ``.npz`` archives of plain arrays, read whole and compared with what they say."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from detxai_nb.arrays import plain_array
from detxai_nb.files import write_atomically
from detxai_nb.heatmap_files import DETECTION_ARRAYS, DETECTION_FIELDS, read_whole
from detxai_nb.interventions.answers import ORIGIN, OVERLAP, Answers
from detxai_nb.interventions.controls import PLACES, Controls
from detxai_nb.interventions.intervention import Intervention
from detxai_nb.interventions.region import Region
from detxai_nb.types import Detections

FORMAT = "detxai-nb intervention 1"
_DETECTIONS = ("detections", "found_before", "found")
_ANSWERS = ("scores", "labels", "label_scores", "boxes")


def write_intervention(path: Path, one: Intervention) -> None:
    """Write an intervention to a file; an existing one is replaced only by a complete one.

    Args:
        path: the file.
        one: the intervention.

    Raises:
        FileNotFoundError: if the folder does not exist.
        OSError: if the file cannot be written.
    """
    arrays: dict[str, np.ndarray] = {
        "image": one.image,
        "picture": one.picture,
        "region": one.region.mask,
        "control_masks": one.controls.masks,
        "control_scores": one.controls.scores.numpy(),
    }
    about: dict[str, Any] = {}
    for owner in _DETECTIONS:
        found: Detections = getattr(one, owner)
        about[owner] = {name: getattr(found, name) for name in DETECTION_FIELDS}
        for name in DETECTION_ARRAYS:
            if (value := getattr(found, name)) is not None:
                arrays[f"{owner}.{name}"] = plain_array(value, name)
    for owner in ("before", "after"):
        arrays |= {f"{owner}.{name}": getattr(getattr(one, owner), name).numpy() for name in _ANSWERS}
    meta = {
        "format": FORMAT,
        "fill": one.fill,
        "matched_by": one.matched_by,
        "about": one.about,
        "seed": one.seed,
        "settings": dict(one.settings),
        "region": {"kind": one.region.kind, "settings": dict(one.region.settings)},
        "controls": {"places": one.controls.places, "same_shape": one.controls.same_shape},
        "detections": about,
        "shapes": {name: list(array.shape) for name, array in arrays.items()},
    }
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    everything: Any = arrays
    write_atomically(path, lambda file: np.savez_compressed(file, **everything))


def read_intervention(path: Path) -> Intervention:
    """Read what ``write_intervention`` wrote.

    Args:
        path: the file.

    Returns:
        The intervention, on the CPU.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: for anything else than a whole file of this version's format.
    """
    return read_whole(path, "a file written by Intervention.save", FORMAT, "ask the detector again", _whole)


def _whole(arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> Intervention:
    if {name: list(array.shape) for name, array in arrays.items()} != meta["shapes"]:
        raise ValueError("its arrays are not those that were saved")
    image, picture = arrays["image"], arrays["picture"]
    if image.dtype != np.uint8 or picture.dtype != np.uint8:
        raise ValueError(f"its pictures are {image.dtype} and {picture.dtype}, expected uint8")
    places = tuple(meta["controls"]["places"])
    if meta["matched_by"] not in (ORIGIN, OVERLAP) or not set(places) <= set(PLACES):
        raise ValueError("it says of objects or controls what this version does not know")
    masks, scores = arrays["control_masks"], torch.from_numpy(arrays["control_scores"])
    if masks.dtype != bool or masks.shape != (len(places), *image.shape[:2]) or len(scores) != len(places):
        raise ValueError("its controls do not belong together")
    others: dict[str, Any] = {name: _detections(arrays, meta["detections"][name], name) for name in _DETECTIONS}
    others |= {name: _answers(arrays, name) for name in ("before", "after")}
    return Intervention(
        image=image,
        picture=picture,
        region=Region(arrays["region"], meta["region"]["kind"], meta["region"]["settings"]),
        fill=meta["fill"],
        matched_by=meta["matched_by"],
        controls=Controls(places, masks, tuple(map(bool, meta["controls"]["same_shape"])), scores),
        about=meta["about"],
        seed=meta["seed"],
        settings=meta["settings"],
        **others,
    )


def _detections(arrays: Mapping[str, np.ndarray], fields: Mapping[str, Any], owner: str) -> Detections:
    about: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in fields.items()}
    tensors: dict[str, Any] = {
        name: torch.from_numpy(arrays[f"{owner}.{name}"]) for name in DETECTION_ARRAYS if f"{owner}.{name}" in arrays
    }
    return Detections(**tensors, **about)


def _answers(arrays: Mapping[str, np.ndarray], owner: str) -> Answers:
    scores, labels, label_scores, boxes = (torch.from_numpy(arrays[f"{owner}.{name}"]) for name in _ANSWERS)
    right = scores.ndim == 1 and scores.shape == labels.shape == label_scores.shape and boxes.shape == (len(scores), 4)
    if not right or labels.dtype != torch.int64:
        raise ValueError(f"its answers {owner} do not belong together")
    return Answers(scores, labels, label_scores, boxes)
