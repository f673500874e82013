"""Write synthetic scenes to disk as a COCO dataset that also has the masks of the parts."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as rle

from detxai_nb.data.scenes.scene import Scene
from detxai_nb.data.scenes.shapes import CLASSES
from detxai_nb.files import write_atomically

ANNOTATIONS = "instances.json"
_UNFINISHED = "unfinished.json"


def write_dataset(folder: Path, scenes: Iterable[Scene], info: dict[str, Any]) -> Path:
    """Write ``images/*.png`` and then ``instances.json`` into a folder.

    A finished dataset with the same ``info`` is left as it is; one whose writing was interrupted is written again.

    Args:
        folder: the folder of the dataset, which is made if it is missing.
        scenes: the scenes, in the order in which they are written.
        info: the arguments that determine the scenes, as JSON data; kept in the file.

    Returns:
        The folder.

    Raises:
        FileExistsError: if the folder holds anything else; nothing is changed then.
    """
    target = folder / ANNOTATIONS
    if target.exists() and _made_by(target) == info:
        return folder
    if folder.exists() and any(folder.iterdir()) and _made_by(folder / _UNFINISHED) != info:
        raise FileExistsError(
            f"{folder} is not empty and holds something else than the requested scenes ({info}): "
            "name another folder, or empty this one first"
        )
    (folder / "images").mkdir(parents=True, exist_ok=True)
    _replace(folder / _UNFINISHED, {"info": info})
    _replace(target, _annotations(folder, scenes, info))
    (folder / _UNFINISHED).unlink()
    return folder


def _annotations(folder: Path, scenes: Iterable[Scene], info: dict[str, Any]) -> dict[str, Any]:
    """Write the image of each scene, and return the COCO dictionary."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for scene in scenes:
        height, width = scene.image.shape[:2]
        number, name = scene.index + 1, f"{scene.index:06d}.png"
        Image.fromarray(scene.image).save(folder / "images" / name)
        images.append({"id": number, "file_name": name, "width": width, "height": height})
        if scene.cue is not None:
            images[-1]["cue_segmentation"] = encode_mask(scene.cue)
        for box, label, mask, part in zip(scene.boxes.tolist(), scene.labels.tolist(), scene.masks, scene.parts):
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": label + 1,
                    "bbox": [box[0], box[1], box[2] - box[0], box[3] - box[1]],
                    "area": int(mask.sum()),
                    "iscrowd": 0,
                    "segmentation": encode_mask(mask),
                    "part_segmentation": encode_mask(part),
                }
            )
    categories = [
        {"id": number + 1, "name": kind.name, "part": kind.part_name, "supercategory": CLASSES[number // 2 * 2].name}
        for number, kind in enumerate(CLASSES)
    ]
    return {"info": info, "images": images, "annotations": annotations, "categories": categories}


def encode_mask(mask: np.ndarray) -> dict[str, Any]:
    """Return a mask as COCO's compressed run lengths.

    Args:
        mask: bool ``[H,W]``.

    Returns:
        ``size`` [H, W] and ``counts`` as text, ready for JSON.
    """
    packed = rle.encode(np.asfortranarray(mask, np.uint8))
    return {"size": [int(side) for side in packed["size"]], "counts": packed["counts"].decode("ascii")}


def _made_by(path: Path) -> Any:
    """The ``info`` of a dataset file; None if the file is missing or is not a dataset."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return content.get("info") if isinstance(content, dict) else None


def _replace(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file completely or not at all."""
    write_atomically(path, lambda file: file.write(json.dumps(content).encode("utf-8")))
