"""Detectors: one adapter a family.

``dx.detectors`` is this module, and it can be called: ``dx.detectors()`` is the table of what there is.
"""

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.callable_module import make_callable
from detxai_nb.detectors.base import Adapter, Entry, Family, resize_image
from detxai_nb.detectors.registry import fetch, load_detector, register, table, wrap
from detxai_nb.detectors.trace.graph import GraphDetector, Predictions, box_side
from detxai_nb.detectors.trace.graph_trace import GraphTrace
from detxai_nb.detectors.wrapping.black_box import wrap_predict
from detxai_nb.detectors.wrapping.module import wrap_module
from detxai_nb.detectors.wrapping.onnx.detector import OnnxDetector

__all__ = [
    "Adapter",
    "Entry",
    "Family",
    "GraphDetector",
    "GraphTrace",
    "OnnxDetector",
    "Predictions",
    "box_side",
    "fetch",
    "load_detector",
    "register",
    "resize_image",
    "table",
    "wrap",
    "wrap_module",
    "wrap_predict",
]

make_callable(__name__)
