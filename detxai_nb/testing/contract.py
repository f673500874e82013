"""The contract that every adapter passes, as one call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import numpy as np

from detxai_nb.capabilities import Capabilities
from detxai_nb.testing.behaviour import (
    FAILURES,
    check_batches,
    check_boxes,
    check_detections,
    check_graph,
    check_inference_mode,
    check_is_open,
    check_left_as_it_was,
    check_placement,
    check_refusals,
    check_scores,
)
from detxai_nb.testing.gradients import (
    TARGETS,
    check_contrasts,
    check_gradients,
    check_layer_gradients,
    check_maps_in_float32,
    check_no_sides,
)
from detxai_nb.testing.models import Scalar, photograph, spread
from detxai_nb.testing.requirements import ContractError, require
from detxai_nb.testing.reruns import check_reruns
from detxai_nb.types import Detections


def few(detections: Detections, trace: Any) -> Detections:
    """Choose a few detections: of a dense detector some of each level, of any other six of different origin.

    Args:
        detections: with origins.
        trace: of their image.

    Returns:
        The chosen ones.
    """
    if detections.origins is None:
        raise ContractError("detections have origins: where each came from inside the model")
    if detections.origin_fields[:3] == ("level", "row", "column"):
        with suppress(ValueError):
            return spread(detections, trace)
    seen: dict[tuple[int, ...], int] = {}
    for row, origin in enumerate(detections.origins.tolist()):
        seen.setdefault(tuple(origin), row)
    return detections[list(seen.values())[:6]]


def check_detector(
    detector: Any,
    image: np.ndarray | None = None,
    *,
    scalar: Scalar | None = None,
    layer_scalar: Scalar | None = None,
    single: Any = None,
    choose: Callable[[Detections, Any], Detections] = few,
    tolerance: float = 1e-4,
) -> tuple[str, ...]:
    """Check that a detector keeps the contract of every adapter: the test that an adapter's own tests call.

    Build it with random weights and a small input; in float64, if it can be: then gradients are compared to 1e-9. With
    a threshold of 0 it should find some tens of objects.

    Args:
        detector: an open detector.
        image: uint8 RGB ``[H,W,3]``; by default a small random picture that is not square.
        scalar: ``scalar(detector, trace, leaves, one, label, target)``: the explained scalar of the one detection from
            leaves (a ``[1,C,h,w]`` copy of each of the trace's levels) on, with the module's own code, for the default
            layer. Without it gradients are not compared with anything.
        layer_scalar: the same from the layer that ``trace.layer`` names, for all other layers.
        single: the same detector in float32, for maps and restoration; by default ``detector``.
        choose: ``choose(found, trace)``: the few detections whose gradients are compared.
        tolerance: how far a float32 map may be from the float64 one, as a share of its maximum.

    Returns:
        The names of the checks that ran.

    Raises:
        ContractError: by the first check that fails; it says what was expected and what came.

    Example:
        >>> from detxai_nb import load_detector
        >>> "gradients" in check_detector(load_detector("tiny-yolox", device="cpu"))
        False
    """
    picture = photograph() if image is None else image
    checks = _checks(detector, picture, scalar, layer_scalar, single, choose, tolerance)
    return tuple(dict.fromkeys(checks))


def _checks(
    detector: Any,
    image: np.ndarray,
    scalar: Scalar | None,
    layer_scalar: Scalar | None,
    single: Any,
    choose: Callable[[Detections, Any], Detections],
    tolerance: float,
) -> Iterator[str]:
    """Run the checks one by one, and yield the name of each when it has passed."""
    check_is_open(detector, image)
    yield "open"
    trace, reported = detector.trace(image), detector.detect([image], 0.0)[0]
    require(len(reported) > 1, "the detector finds objects at a threshold of 0; give it livelier weights")
    check_scores(trace, reported)
    check_detections(detector, image, reported)
    check_boxes(trace, reported)
    yield "detections"
    check_placement(trace, reported)
    yield "placement"
    check_batches(detector, [image, photograph(110, 90, seed=3), photograph(seed=4)], 0.0)
    yield "batches"
    check_refusals(detector, image, reported)
    yield "refusals"
    check_graph(trace, reported)
    yield "graph"
    for failure in FAILURES:
        check_left_as_it_was(detector if single is None else single, image, failure)
    yield "restoration"
    check_inference_mode(detector, image, reported)
    yield "inference mode"
    chosen = choose(reported, trace)
    check_reruns(detector, image, chosen[:3])
    yield "reruns"
    if len(detector.names) > 1:
        check_contrasts(trace, chosen[:2])
        yield "contrasts"
    for target in TARGETS if scalar is not None else ():
        if target.part in Capabilities(detector).targets:
            check_gradients(detector, trace, chosen, scalar, target)  # type: ignore[arg-type]
        else:
            check_no_sides(trace, chosen, target)
        yield "gradients"
    for layer in detector.layers[1:] if layer_scalar is not None else ():
        check_layer_gradients(detector, image, chosen[::3], layer, layer_scalar)  # type: ignore[arg-type]
        yield "other layers"
    if scalar is not None and single is not None:
        check_maps_in_float32(single, image, chosen, scalar, detector, tolerance)
        yield "maps"
