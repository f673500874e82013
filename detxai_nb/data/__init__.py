"""Datasets: synthetic scenes with exact ground truth, and readers of the formats in which others keep theirs.

Each dataset is a sequence of ``Sample`` objects: ``dx.data.scenes.Scenes``, ``dx.data.coco.CocoDataset``,
``dx.data.voc.VocDataset``, ``dx.data.crowdhuman.CrowdHuman``, ``dx.data.yolo.YoloDataset`` and
``dx.data.image_folder.ImageFolder``; ``dx.data.subsets.Subset`` is part of one, and
``dx.data.imagenet`` says which of ImageNet's classes are COCO's and VOC's. What the readers find goes through one
door, ``annotations.as_annotations``.
"""

from detxai_nb.data import coco, crowdhuman, image_folder, imagenet, scenes, subsets, voc, yolo
from detxai_nb.data.sample import Sample

__all__ = ["Sample", "coco", "crowdhuman", "image_folder", "imagenet", "scenes", "subsets", "voc", "yolo"]


def __dir__() -> list[str]:
    return sorted(__all__)
