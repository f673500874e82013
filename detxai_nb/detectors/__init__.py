"""Detectors: one adapter file a family."""

from detxai_nb.detectors.black_box import wrap_predict
from detxai_nb.detectors.registry import detectors, load_detector, wrap

__all__ = ["detectors", "load_detector", "wrap", "wrap_predict"]
