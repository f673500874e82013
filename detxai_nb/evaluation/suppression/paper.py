"""The figures that the ODAM paper prints on suppression in crowds (CrowdHuman's validation set, ResNet-50)."""

from __future__ import annotations

from typing import NamedTuple

FAMILIES = {"fcos": "FCOS", "faster_rcnn": "Faster R-CNN"}
"""The families of detectors and what they are called."""


class PrintedRow(NamedTuple):
    """A row of table 5 or 8 for one family.

    Attributes:
        ap, ji, mr: in percent.
        recall: in percent, of table 5 only.
        seconds: an image, of table 5 only.
    """

    ap: float
    ji: float
    mr: float
    recall: float | None = None
    seconds: float | None = None


TABLE_5: dict[tuple[str, str, bool], PrintedRow] = {
    ("fcos", "nms", False): PrintedRow(87.8, 78.4, 45.5, 93.2, 0.114),
    ("fcos", "soft-nms", False): PrintedRow(80.8, 74.9, 89.0, 93.0, 0.47),
    ("fcos", "feature-nms", False): PrintedRow(89.3, 78.1, 45.6, 95.4, 0.145),
    ("fcos", "odam-nms", True): PrintedRow(89.3, 81.1, 44.5, 95.5, 0.178),
    ("faster_rcnn", "nms", False): PrintedRow(86.9, 79.5, 43.2, 90.3, 0.092),
    ("faster_rcnn", "soft-nms", False): PrintedRow(76.5, 61.9, 84.8, 92.3, 0.284),
    ("faster_rcnn", "feature-nms", False): PrintedRow(82.0, 65.7, 68.8, 94.9, 0.120),
    ("faster_rcnn", "odam-nms", True): PrintedRow(88.1, 80.5, 42.8, 91.5, 0.140),
}
"""By family, rule and whether with ODAM-Train."""
TABLE_8: dict[tuple[str, str, bool], PrintedRow] = {
    ("fcos", "nms", False): PrintedRow(87.8, 78.4, 45.5),
    ("fcos", "nms", True): PrintedRow(87.5, 78.9, 45.6),
    ("fcos", "odam-nms", False): PrintedRow(87.5, 78.5, 54.0),
    ("fcos", "odam-nms 0.1-0.9", False): PrintedRow(88.6, 80.4, 45.5),
    ("fcos", "odam-nms", True): PrintedRow(89.3, 81.1, 44.5),
    ("faster_rcnn", "nms", False): PrintedRow(86.9, 79.5, 43.2),
    ("faster_rcnn", "nms", True): PrintedRow(87.0, 79.3, 43.8),
    ("faster_rcnn", "odam-nms", False): PrintedRow(88.9, 78.7, 44.3),
    ("faster_rcnn", "odam-nms 0.1-0.9", False): PrintedRow(89.0, 79.8, 43.7),
    ("faster_rcnn", "odam-nms", True): PrintedRow(88.1, 80.5, 42.8),
}
"""By family, rule and whether with ODAM-Train. The first row of NMS is taken to be the one without."""
RECALLS_PRINTED: dict[tuple[str, str, bool], tuple[float, float, float]] = {
    ("faster_rcnn", "nms", False): (79.5, 83.6, 64.2),
    ("faster_rcnn", "odam-nms", True): (80.5, 83.8, 68.2),
    ("fcos", "nms", False): (75.3, 79.0, 61.6),
    ("fcos", "nms", True): (78.5, 82.1, 65.3),
    ("fcos", "odam-nms", False): (81.1, 83.6, 72.1),
    ("fcos", "odam-nms", True): (81.1, 82.7, 75.1),
}
"""Tables 7 and 9: recall in percent of all objects, the sparse and the crowd set, by family, rule and training."""
OBJECTS_PRINTED = (99481, 78273, 21208)
"""The objects of these sets in the paper."""
