"""Tiny objects: how large their maps are, how much energy a neighbour gets, and how alike the maps of two objects are.

After G-CAME, sec. 4.2.3 and figure 5: maps of tiny objects drift to their surroundings, and the maps of two touching
objects may be the same. ``objects`` and ``pairs`` measure both, ``plot`` and ``crops`` show it.
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
