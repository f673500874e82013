"""Misses: why annotated objects were not detected, and what is wrong with the detections that nothing answers to.

``explain_misses`` looks at all that a detector predicted before it decided. Every miss has one cause, after Miller et
al. (RA-L 2022), every false alarm one kind, after TIDE (Bolya et al., ECCV 2020). ``explain_candidate`` shows what
speaks for a missed object and what against.
"""

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.misses.analysis import explain_misses
from detxai_nb.misses.causes import CAUSES
from detxai_nb.misses.false_alarms import FALSE_ALARMS
from detxai_nb.misses.figures import plot_miss, plot_misses
from detxai_nb.misses.report import SIZES, MissReport
from detxai_nb.misses.signed_maps import explain_candidate

__all__ = [
    "CAUSES",
    "FALSE_ALARMS",
    "SIZES",
    "MissReport",
    "explain_candidate",
    "explain_misses",
    "plot_miss",
    "plot_misses",
]
