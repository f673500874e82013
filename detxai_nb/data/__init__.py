"""Datasets: synthetic scenes with exact ground truth, and readers of the formats in which others keep theirs.

Each dataset is a sequence of ``Sample`` objects: ``dx.data.scenes.Scenes``, ``dx.data.coco.CocoDataset``,
``dx.data.voc.VocDataset``, ``dx.data.crowdhuman.CrowdHuman`` and ``dx.data.yolo.YoloDataset``. What the readers find
goes through one door, ``annotations.as_annotations``.
"""

from detxai_nb.data import coco, crowdhuman, scenes, voc, yolo
from detxai_nb.data.sample import Sample

__all__ = ["Sample", "coco", "crowdhuman", "scenes", "voc", "yolo"]


def __dir__() -> list[str]:
    return sorted(__all__)
