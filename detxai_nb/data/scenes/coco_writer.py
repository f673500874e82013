"""Write synthetic scenes to disk as a COCO dataset with the masks of the parts."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image
from pycocotools import mask as rle

from detxai_nb.data.scenes.shapes import KINDS

if TYPE_CHECKING:
    from detxai_nb.data.scenes.scene import Scene

ANNOTATIONS = "instances.json"
_UNFINISHED = "unfinished.json"


def write(folder: Path, scenes: Iterable[Scene], info: dict[str, Any]) -> Path:
    """Write images/*.png and then instances.json; ``info`` says what made them and is kept in the file.

    A finished dataset of the same ``info`` is left as it is; one whose writing was interrupted is written again. Raises
    FileExistsError, and changes nothing, if the folder holds anything else.
    """
    target = folder / ANNOTATIONS
    if target.exists() and _made_by(target) == info:
        return folder
    if folder.exists() and any(folder.iterdir()) and _made_by(folder / _UNFINISHED) != info:
        raise FileExistsError(
            f"{folder} is not empty and holds something else than the scenes asked for ({info}): "
            "name another folder, or empty this one first"
        )
    (folder / "images").mkdir(parents=True, exist_ok=True)
    _replace(folder / _UNFINISHED, {"info": info})
    _replace(target, _annotations(folder, scenes, info))
    (folder / _UNFINISHED).unlink()
    return folder


def _annotations(folder: Path, scenes: Iterable[Scene], info: dict[str, Any]) -> dict[str, Any]:
    """The COCO dictionary; writes each scene's picture on the way."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for scene in scenes:
        height, width = scene.image.shape[:2]
        number, name = scene.index + 1, f"{scene.index:06d}.png"
        Image.fromarray(scene.image).save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        if scene.cue is not None:
            images[-1]["cue_segmentation"] = encode(scene.cue)
        for box, label, mask, part in zip(scene.boxes.tolist(), scene.labels.tolist(), scene.masks, scene.parts):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": label + 1,
                    "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "segmentation": encode(mask),
                    "part_segmentation": encode(part),
                }
            )
    categories = [
        {"id": number + 1, "name": kind.name, "part": kind.part_name, "supercategory": KINDS[number // 2 * 2].name}
        for number, kind in enumerate(KINDS)
    ]
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def encode(mask: np.ndarray) -> dict[str, Any]:
    """A mask [H,W] as COCO's compressed run lengths, with ``counts`` as text."""
    packed = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in packed["size"]], "counts": packed["counts"].decode("ascii")}


def _made_by(path: Path) -> Any:
    """The ``info`` of a dataset file; None where there is no such file or it is no dataset."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return content.get("info") if isinstance(content, dict) else None


def _replace(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file as a whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(content), encoding="utf-8")
    os.replace(part, path)
