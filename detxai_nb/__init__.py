"""Why an object detector sees what it sees, shown inside a notebook."""

from detxai_nb import data, detections, detectors, evaluation, methods, metrics, plots, profiles, sanity, tiny, widgets
from detxai_nb._version import __version__
from detxai_nb.detectors import load_detector, wrap, wrap_predict
from detxai_nb.evaluation import evaluate, paired, read_evaluation, report, reproduce
from detxai_nb.explaining.explain import compare, explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.image import load_image
from detxai_nb.types import Cancelled, Detections, Target

__all__ = [
    "Cancelled",
    "Detections",
    "HeatMaps",
    "Target",
    "__version__",
    "compare",
    "data",
    "detections",
    "detectors",
    "evaluate",
    "evaluation",
    "explain",
    "load_detector",
    "load_image",
    "methods",
    "metrics",
    "paired",
    "plots",
    "profiles",
    "read_evaluation",
    "report",
    "reproduce",
    "sanity",
    "tiny",
    "widgets",
    "wrap",
    "wrap_predict",
]


def __dir__() -> list[str]:
    return sorted(__all__)
