"""Interventions: change a region of a picture, ask the detector again, and see whether what a heat map claims is so.

A region is filled (``intervene``), or a synthetic scene is drawn once more without a part or an object
(``counterfactual``). Whatever is painted over, some score falls: what filling an equal area elsewhere does is measured
beside it.
"""

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.interventions.answers import LEAST_SCORE, MIN_IOU, ORIGIN, OVERLAP, Answers
from detxai_nb.interventions.controls import PLACES, Controls
from detxai_nb.interventions.experiment import Experiment, counterfactual, intervene
from detxai_nb.interventions.fill import FILLS, Fill
from detxai_nb.interventions.intervention import REDRAWN, Intervention
from detxai_nb.interventions.region import Region

__all__ = [
    "FILLS",
    "LEAST_SCORE",
    "MIN_IOU",
    "ORIGIN",
    "OVERLAP",
    "PLACES",
    "REDRAWN",
    "Answers",
    "Controls",
    "Experiment",
    "Fill",
    "Intervention",
    "Region",
    "counterfactual",
    "intervene",
]
