"""Tiny objects: how large the maps of small objects are, what they give to a neighbour, and how alike two of them are.

After G-CAME, sec. 4.2.3 and figure 5: maps of tiny objects drift to what lies around them, and the maps of two that
touch may be the same. ``objects`` and ``pairs`` measure both, ``plot`` and ``crops`` show it.
"""

from detxai_nb.metrics.tiny_objects import TINY
from detxai_nb.tiny.figures import crops, plot
from detxai_nb.tiny.functional import box_distances, half_energy_share, nearest_boxes, similarity
from detxai_nb.tiny.object_table import objects
from detxai_nb.tiny.pair_table import pairs

__all__ = [
    "TINY",
    "box_distances",
    "crops",
    "half_energy_share",
    "nearest_boxes",
    "objects",
    "pairs",
    "plot",
    "similarity",
]
