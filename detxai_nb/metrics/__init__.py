"""Pure functions that measure detections and explanations."""

from detxai_nb.metrics.detection import average_precision
from detxai_nb.metrics.localization import box_masks, energy_pointing_game
from detxai_nb.metrics.matching import match

__all__ = ["average_precision", "box_masks", "energy_pointing_game", "match"]
