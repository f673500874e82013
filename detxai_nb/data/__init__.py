"""Datasets: synthetic scenes with exact truth, folders in COCO format, PASCAL VOC and CrowdHuman."""

from detxai_nb.data import coco, crowdhuman, scenes, voc

__all__ = ["coco", "crowdhuman", "scenes", "voc"]
