"""Suppression of duplicate predictions: greedy NMS, Soft-NMS, FeatureNMS and ODAM-NMS behind one signature.

A rule is called with boxes and scores, and says which to keep; ``NmsDetector`` puts a rule into a detector's ``detect``.
"""

from __future__ import annotations

from detxai_nb.nms.rules import FeatureNms, GreedyNms, Kept, OdamNms, Suppression
from detxai_nb.nms.soft import SoftNms

__all__ = ["FeatureNms", "GreedyNms", "Kept", "OdamNms", "SoftNms", "Suppression"]
