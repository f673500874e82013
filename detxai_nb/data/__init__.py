"""Datasets: synthetic scenes with exact ground truth, and readers of COCO, PASCAL VOC and CrowdHuman.

Each dataset is a sequence of ``Sample`` objects: ``dx.data.scenes.Scenes``, ``dx.data.coco.CocoDataset``,
``dx.data.voc.VocDataset`` and ``dx.data.crowdhuman.CrowdHuman``. What the readers find goes through one door,
``annotations.as_annotations``.
"""

from detxai_nb.data import coco, crowdhuman, scenes, voc
from detxai_nb.data.sample import Sample

__all__ = ["Sample", "coco", "crowdhuman", "scenes", "voc"]


def __dir__() -> list[str]:
    return sorted(__all__)
