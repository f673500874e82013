"""Detectors: one adapter file a family."""

from detxai_nb.detectors.registry import detectors, load_detector, wrap

__all__ = ["detectors", "load_detector", "wrap"]
