"""Datasets: synthetic scenes with exact truth, and folders in COCO format."""

from detxai_nb.data import coco, scenes

__all__ = ["coco", "scenes"]
