"""Bundled detectors for pictures that are a quarter of the usual size, where a test asks nothing of the size."""

from __future__ import annotations

from typing import Any

import detxai_nb as dx
from detxai_nb.detectors.registry import DETECTORS

HEIGHT, WIDTH = 128, 160
"""Of a picture that enters the network as it is; its usual input would be 256x320, to which a picture is magnified."""


def load_small(name: str, **settings: Any) -> Any:
    """A bundled detector on the CPU that does not magnify pictures of ``HEIGHT`` x ``WIDTH`` pixels."""
    family = DETECTORS[name].family
    if family in ("yolox", "classifier"):
        settings["input_size"] = (HEIGHT, WIDTH)
    elif family == "detr":
        settings.update(shortest_edge=HEIGHT, longest_edge=2 * WIDTH)
    detector: Any = dx.load_detector(name, device="cpu", **settings)
    if family == "ssd":
        detector.module.transform.fixed_size = (WIDTH, HEIGHT)
    elif hasattr(detector.module, "transform"):
        detector.module.transform.min_size = (HEIGHT,)
    return detector
