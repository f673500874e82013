"""Checks of what a detector reports, refuses and leaves behind."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.explain import explain
from detxai_nb.image import ImageSource, load_image
from detxai_nb.testing.requirements import ContractError, close, refused, require
from detxai_nb.types import Cancelled, Detections, OpenDetector, Target

FAILURES = ("none", "head", "progress")
"""What goes wrong while a detector is explained: nothing, its backward pass, or the caller cancels."""


def check_is_open(detector: Any, image: ImageSource) -> None:
    """Check that the detector has everything an open detector has, and explains its first layer by default.

    Args:
        detector: the detector.
        image: what ``load_image`` takes.

    Raises:
        ContractError: if an attribute is missing, or another layer is explained.
    """
    lacking = [name for name in dir(OpenDetector) if not name.startswith("_") and not hasattr(detector, name)]
    require(not lacking, f"an open detector has {', '.join(lacking)}: derive {type(detector).__name__} from Adapter")
    require(isinstance(detector, OpenDetector), f"{type(detector).__name__} is no OpenDetector")
    layer = detector.trace(image).layer
    require(
        layer == detector.layers[0], f"trace(image) explains the first layer, {detector.layers[0]!r}; got {layer!r}"
    )


def check_scores(trace: Any, reported: Detections) -> None:
    """Check that the trace's scalars and the class scores are the scores that ``detect`` reported.

    Args:
        trace: of the image.
        reported: all that ``detect`` reports in it without a threshold.

    Raises:
        ContractError: if they differ.
    """
    claimed = trace.scalars(reported, Target())
    off = (claimed - reported.scores).abs()
    kept = torch.allclose(claimed, reported.scores, atol=1e-5)
    require(kept, f"trace.scalars(detections, Target()) are their scores; they differ by up to {float(off.max()):.3g}")
    if reported.class_scores is None:
        return
    scores = reported.class_scores[torch.arange(len(reported)), reported.labels]
    if reported.objectness is not None:
        scores = scores * reported.objectness
    require(torch.allclose(scores, reported.scores), "a score is its class score (times objectness, if there is any)")


def check_detections(detector: Any, image: np.ndarray, reported: Detections) -> None:
    """Check that detections are sorted, inside the image and above the threshold, and that the highest score is kept.

    Args:
        detector: the detector.
        image: uint8 RGB ``[H,W,3]``.
        reported: all that ``detect`` reports in it without a threshold.

    Raises:
        ContractError: if a rule is broken.
    """
    middle = float(reported.scores[len(reported) // 2])
    found = detector.detect([image], middle)[0]
    some = 0 < len(found) < len(reported)
    alike = " (too many scores are alike: give the network livelier weights)" if len(found) == len(reported) else ""
    require(some, f"a threshold of {middle:.3g} keeps some of {len(reported)} detections; it kept {len(found)}{alike}")
    require(bool((found.scores >= middle).all()), "scores are at least the threshold")
    require(bool((found.scores.diff() <= 0).all()), "detections are sorted by falling score")
    height, width = image.shape[:2]
    limit = found.boxes.new_tensor([width, height])
    inside = bool(found.boxes.min() >= 0) and bool((found.boxes[:, 2:].amax(0) <= limit).all())
    require(inside, f"boxes lie inside the image of {width}x{height} pixels, in pixels of the image")
    for name, some_found in (("some", found), ("no", detector.detect([image], 1.0)[0])):
        highest = some_found.highest_score
        kept = highest is not None and close(highest, float(reported.scores[0]), 1e-6)
        require(kept, f"highest_score with {name} detections is {float(reported.scores[0]):.6g}; got {highest}")
    require(len(detector.detect([image], 1.0)[0]) == 0, "a threshold of 1 leaves no detection")


def check_boxes(trace: Any, reported: Detections) -> None:
    """Check that boxes are xyxy and in pixels, as far as numbers can tell.

    Args:
        trace: of the image.
        reported: all that ``detect`` reports in it without a threshold.

    Raises:
        ContractError: if a side lies beyond its opposite one, or all boxes lie in the input's first pixel.
    """
    turned = int((reported.boxes[:, 2:] < reported.boxes[:, :2]).any(dim=1).sum())
    require(not turned, f"boxes are xyxy; {turned} of {len(reported)} have x2 < x1 or y2 < y1: use box_convert")
    far = float(trace.placement.boxes_to_input(reported.boxes).max())
    require(far > 1.01, "boxes are in pixels of the network's input; all lie in 0..1: multiply by its width and height")


def check_graph(trace: Any, reported: Detections) -> None:
    """Check that a gradient of the class score reaches the explained layer.

    Args:
        trace: of the image, at the default layer.
        reported: detections of the image.

    Raises:
        ContractError: if all gradients are zero.
    """
    reaches = any(bool(chunk.gradient.any()) for chunk in trace.chunks(reported[:6], Target(score="logit")))
    require(
        reaches,
        f"gradients of class scores reach the layer {trace.layer!r}; all are zero: does forward or scalar detach "
        "(detach, item, numpy), or does the score not depend on this layer?",
    )


def check_placement(trace: Any, reported: Detections) -> None:
    """Check that boxes survive the way through the placement, and that the explained grids cover the input.

    Args:
        trace: of the image.
        reported: detections of the image.

    Raises:
        ContractError: if the placement is of another image, or strides do not fit the grids.
    """
    placement, boxes = trace.placement, reported.boxes
    there = placement.boxes_to_image(placement.boxes_to_input(boxes))
    require(torch.allclose(there, boxes, atol=1e-3), "boxes come back from the input as they went")
    same = tuple(placement.image_size) == tuple(reported.image_size or placement.image_size)
    require(same, f"the trace's placement is of an image {placement.image_size}, detect's of {reported.image_size}")
    for level in trace.levels:
        if level.corner is not None:
            continue
        for pixels, cells, stride in zip(placement.input_size, level.features.shape[1:], level.stride):
            fits = abs(pixels / stride - cells) <= 1
            require(fits, f"level {level.name}: {cells} cells of {stride:g} pixels do not cover {pixels} pixels")


def check_batches(detector: Any, images: Sequence[ImageSource], score_threshold: float = 0.1) -> None:
    """Check that a batch of images of several sizes gives what single images give.

    Args:
        detector: the detector.
        images: several.
        score_threshold: at which there are detections in each.

    Raises:
        ContractError: if boxes or origins differ.
    """
    for number, together in enumerate(detector.detect(images, score_threshold)):
        alone = detector.detect([images[number]], score_threshold)[0]
        same = len(together) == len(alone) > 0
        require(same, f"image {number} has {len(together)} detections in a batch and {len(alone)} alone")
        require(torch.allclose(together.boxes, alone.boxes, atol=1e-5), f"boxes of image {number} differ in a batch")
        require(torch.equal(together.origins, alone.origins), f"origins of image {number} differ in a batch")


def check_refusals(detector: Any, image: ImageSource, reported: Detections) -> None:
    """Check that an unknown layer, one picture for a list, and detections from elsewhere are refused in words.

    Args:
        detector: the detector.
        image: what ``load_image`` takes.
        reported: detections of the image.

    Raises:
        ContractError: if they are not.
    """
    with refused(f"unknown layer 'no'; this detector's layers: {detector.layers[0]}"):
        detector.trace(image, "no")
    with refused("expected a list of pictures", TypeError):
        detector.detect(load_image(image))
    own = reported[:1]
    if own.origins is None:
        raise ContractError("detections have origins: where each came from inside the model")
    plain = Detections(own.boxes, own.scores, own.labels, detector.names)
    far = Detections(
        own.boxes,
        own.scores,
        own.labels,
        detector.names,
        origins=torch.full_like(own.origins, 10**6),
        origin_fields=own.origin_fields,
    )
    with refused("another detector or image size"):
        explain(detector, image, far)
    with refused("do not say where in the model"):
        explain(detector, image, plain)


def check_inference_mode(detector: Any, image: ImageSource, reported: Detections) -> None:
    """Check that maps are the same inside ``torch.inference_mode``.

    Args:
        detector: the detector.
        image: what ``load_image`` takes.
        reported: detections of the image without a threshold.

    Raises:
        ContractError: if they differ.
    """
    with torch.inference_mode():
        inside = explain(detector, image, detector.detect([image], 0.0)[0][:2])
    outside = explain(detector, image, reported[:2])
    same = all(torch.allclose(a, b) for a, b in zip(inside.grids, outside.grids))
    require(same, "maps made inside torch.inference_mode equal those made outside")


def check_left_as_it_was(
    detector: Any, image: ImageSource, failure: str = "none", layers: Sequence[str] | None = None
) -> None:
    """Check that each call leaves weights, training flags, gradients and hooks of the module as they were.

    Args:
        detector: whose module is in training mode for the time of the check, and in evaluation mode afterwards.
        image: what ``load_image`` takes.
        failure: one of ``FAILURES``: what goes wrong meanwhile.
        layers: those that are explained, by default all that the detector has.

    Raises:
        ContractError: naming what was left behind, and after which call.
    """
    found = detector.detect([image], 0.0)[0][:3]
    detector.module.train()
    before = _state(detector.module)
    try:
        detector.detect([image], 0.0)
        _same_state(detector.module, before, "detect")
        for layer in detector.layers if layers is None else layers:
            _explain_with(detector, image, found, layer, failure)
            _same_state(detector.module, before, f"explain at layer {layer!r} with the failure {failure!r}")
    finally:
        detector.module.eval()


def _explain_with(detector: Any, image: ImageSource, found: Detections, layer: str, failure: str) -> None:
    if failure == "none":
        target = "combined" if "x1" in Capabilities(detector).targets else "class"
        explain(detector, image, found, target=target, layer=layer)
    elif failure == "progress":
        with suppress(Cancelled):
            explain(detector, image, found, layer=layer, progress=_cancel)
            raise ContractError(f"what progress raises ends the work; at layer {layer!r} it did not")
    else:
        with patch.object(torch.autograd, "grad", _fail), suppress(RuntimeError):
            explain(detector, image, found, layer=layer)
            # Past the default layer some gradients are known without a backward pass.
            passed = layer != detector.layers[0]
            require(passed, f"an error in the backward pass reaches the caller; at layer {layer!r} it did not")


def _fail(*_: Any, **__: Any) -> None:
    raise RuntimeError("out of memory")


def _cancel(done: int, total: int) -> None:
    raise Cancelled


_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def _state(module: nn.Module) -> dict[str, Any]:
    return {
        "weights": {k: v.clone() for k, v in module.state_dict().items()},
        "training flags": [part.training for part in module.modules()],
        "gradients": [(p.requires_grad, p.grad is None) for p in module.parameters()],
        "hooks": [[len(getattr(part, kind)) for kind in _HOOKS] for part in module.modules()],
    }


def _same_state(module: nn.Module, before: dict[str, Any], when: str) -> None:
    after = _state(module)
    changed = [k for k, v in before["weights"].items() if not torch.equal(after["weights"][k], v)]
    require(not changed, f"weights are never changed; after {when} {', '.join(changed[:3])} are")
    for name in ("training flags", "gradients", "hooks"):
        require(after[name] == before[name], f"the module's {name} are as before; after {when} they are not")
    require(torch.is_grad_enabled(), f"gradients are enabled as before; after {when} they are not")
