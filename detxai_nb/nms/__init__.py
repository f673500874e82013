"""Suppression of duplicate predictions: greedy NMS, Soft-NMS, FeatureNMS and ODAM-NMS behind one signature.

A rule is called with boxes and scores and says which to keep; ``NmsDetector`` puts one into a detector's ``detect``.
"""

from __future__ import annotations

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.nms.detector import NmsDetector, candidates, remove_duplicates
from detxai_nb.nms.embedding import DetectorEmbedding, EmbeddingForm, EmbeddingHead, load_embedding, save_embedding
from detxai_nb.nms.rules import FeatureNms, GreedyNms, Kept, OdamNms, Suppression
from detxai_nb.nms.soft import SoftNms
from detxai_nb.nms.vectors import MapVectors, map_vectors

__all__ = [
    "DetectorEmbedding",
    "EmbeddingForm",
    "EmbeddingHead",
    "FeatureNms",
    "GreedyNms",
    "Kept",
    "MapVectors",
    "NmsDetector",
    "OdamNms",
    "SoftNms",
    "Suppression",
    "candidates",
    "load_embedding",
    "map_vectors",
    "remove_duplicates",
    "save_embedding",
]
