"""Widgets for notebooks: each is one anywidget whose front end lies in static/."""

from detxai_nb.widgets.comparison import Comparison
from detxai_nb.widgets.discrimination import Discrimination
from detxai_nb.widgets.explorer import Explorer
from detxai_nb.widgets.nms_explorer import NmsExplorer
from detxai_nb.widgets.perturbation import Perturbation
from detxai_nb.widgets.predict import Predict
from detxai_nb.widgets.sanity_check import SanityCheck
from detxai_nb.widgets.score_threshold import ScoreThreshold
from detxai_nb.widgets.survey import Survey
from detxai_nb.widgets.tiny_objects import TinyObjects
from detxai_nb.widgets.what_if import WhatIf

__all__ = [
    "Comparison",
    "Discrimination",
    "Explorer",
    "NmsExplorer",
    "Perturbation",
    "Predict",
    "SanityCheck",
    "ScoreThreshold",
    "Survey",
    "TinyObjects",
    "WhatIf",
]
