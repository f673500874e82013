"""Metrics of detections and explanations: pure functions, and the table of metrics that evaluations use.

``dx.metrics`` is this module, and it can be called: ``dx.metrics()`` is the table of all metrics.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.callable_module import make_callable

# A line for each metric's file; the table lists them in this order.
from detxai_nb.metrics import (  # isort: skip  # noqa: F401
    pointing,
    energy_pointing,
    map_compactness,
    visual_accuracy,
    object_discrimination,
    class_parts,
    tiny_objects,
    insertion_deletion,
    information_drop,
    zone_scores,
    zones,
    heat_effect,
)
from detxai_nb.metrics.baselines import centred_gaussians, random_maps
from detxai_nb.metrics.case import MetricInput, per_object
from detxai_nb.metrics.class_parts import part_effect, part_energy, part_share
from detxai_nb.metrics.crowd_detection import crowd_recall, jaccard_index, log_average_miss_rate
from detxai_nb.metrics.detection import average_precision
from detxai_nb.metrics.detection_cache import CachedDetections, DetectionCache, fastest_batch
from detxai_nb.metrics.energy_pointing import energy_pointing_game
from detxai_nb.metrics.heat_effect import PatchEffects, heat_effect_correlation, patch_effects, patches_of_box
from detxai_nb.metrics.information_drop import highest_part, masked_image, webp_bytes, webp_encoder
from detxai_nb.metrics.insertion_deletion import Curves, box_areas, perturbation_curves
from detxai_nb.metrics.map_compactness import compactness
from detxai_nb.metrics.map_energy import box_masks
from detxai_nb.metrics.matching import class_members, match
from detxai_nb.metrics.neighbours import NeighbourContrast, NeighbourShare, neighbour_contrast
from detxai_nb.metrics.object_discrimination import object_discrimination_index
from detxai_nb.metrics.perturbation import PerturbationSchedule
from detxai_nb.metrics.perturbation_path import PathPlan, PerturbationPath, follow_path, plan_path
from detxai_nb.metrics.pixel_ordering import pixel_order, tied_share
from detxai_nb.metrics.pointing import pointing_game
from detxai_nb.metrics.registry import METRICS, Measured, Metric, all_metrics, find_metric, metric, register
from detxai_nb.metrics.scoring import MapScorer
from detxai_nb.metrics.timing import RunningTime, running_time
from detxai_nb.metrics.tiny_objects import TINY, canvas_share
from detxai_nb.metrics.visual_accuracy import area_below, visual_accuracy_curve
from detxai_nb.metrics.zone_scores import zone_picture
from detxai_nb.metrics.zones import saliency_zones, zone_dice, zone_figures, zone_iou

if TYPE_CHECKING:
    import pandas

__all__ = [
    "METRICS",
    "TINY",
    "CachedDetections",
    "Curves",
    "DetectionCache",
    "MapScorer",
    "Measured",
    "Metric",
    "MetricInput",
    "NeighbourContrast",
    "NeighbourShare",
    "PatchEffects",
    "PathPlan",
    "PerturbationPath",
    "PerturbationSchedule",
    "RunningTime",
    "all_metrics",
    "area_below",
    "average_precision",
    "box_areas",
    "box_masks",
    "canvas_share",
    "centred_gaussians",
    "class_members",
    "compactness",
    "crowd_recall",
    "energy_pointing_game",
    "fastest_batch",
    "find_metric",
    "follow_path",
    "heat_effect_correlation",
    "highest_part",
    "jaccard_index",
    "log_average_miss_rate",
    "masked_image",
    "match",
    "metric",
    "neighbour_contrast",
    "object_discrimination_index",
    "part_effect",
    "part_energy",
    "part_share",
    "patch_effects",
    "patches_of_box",
    "per_object",
    "perturbation_curves",
    "pixel_order",
    "plan_path",
    "pointing_game",
    "random_maps",
    "register",
    "running_time",
    "saliency_zones",
    "table",
    "tied_share",
    "visual_accuracy_curve",
    "webp_bytes",
    "webp_encoder",
    "zone_dice",
    "zone_figures",
    "zone_iou",
    "zone_picture",
]


def table() -> pandas.DataFrame:
    """Return the table of metrics, those of installed packages included.

    Returns:
        A row for each metric, by name: title, which direction is better, unit, what it needs, whether it takes signed
        maps, settings with their defaults, and source.

    Example:
        >>> import detxai_nb as dx
        >>> dx.metrics().loc["vea", "better"]
        'higher'
    """
    import pandas as pd

    rows = [
        {
            "metric": m.name,
            "title": m.title,
            "better": "higher" if m.higher_is_better else "lower",
            "unit": m.unit,
            "needs": ", ".join(sorted(m.needs)),
            "signed maps": m.signed,
            "settings": ", ".join(f"{k}={v!r}" for k, v in m.settings.items()),
            "source": m.source,
        }
        for m in all_metrics().values()
    ]
    return pd.DataFrame(rows).set_index("metric")


make_callable(__name__)
