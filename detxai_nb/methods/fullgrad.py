"""FullGrad and Smooth FullGrad: the parts of the input and of every bias in a classifier's logit, as one map."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from detxai_nb.capabilities import LOGITS
from detxai_nb.methods.bias_gradients import full_gradients
from detxai_nb.methods.completeness import ERROR
from detxai_nb.methods.input_gradients import NEEDS, Noise, check_count
from detxai_nb.methods.memory import BUDGET
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Progress, Target

RESCALE = ("channel", "layer")
CLASSIFIER = {**NEEDS, LOGITS: "it explains the logit of an image classifier, in which every layer takes part"}
"""What a detector's traces have to offer, with words for whoever lacks it."""


@trace_method(
    "fullgrad",
    title="FullGrad",
    source="Srinivas & Fleuret, NeurIPS 2019, eq. 2 and 5",
    choices={"rescale": RESCALE},
    needs=CLASSIFIER,
    targeted=True,
)
def fullgrad(
    trace: Any, detections: Detections, progress: Progress, target: Target, *, rescale: str = "channel"
) -> MethodResult:
    """Return ``psi(x * df/dx) + sum over layers and channels of psi(b * df/db)``, f being the class's logit.

    The parts, before psi, add up to the logit in a network of ReLUs; by how much they do not is the diagnostic
    "completeness error". psi takes the size of each value, rescales it to 0..1 and brings it to the input's size
    bilinearly. Biases of linear layers take part in the sum but have no place, and so are not in the map.

    Args:
        trace: an open trace of a classifier.
        detections: the classes to explain.
        progress: called after each class; what it raises ends the work.
        target: the class, if it is not each detection's own; always its logit is explained, whatever the score.
        rescale: by whose smallest and largest value psi rescales: those of each "channel", as the paper's formula
            does, or of the whole "layer", as its published code does.

    Returns:
        Maps ``[h,w]`` of values of at least 0 at the network's input.

    Raises:
        ValueError: for a layer whose bias is not known, named, or a network whose parts do not add up to its logit.

    References:
        Srinivas & Fleuret, Full-Gradient Representation for Neural Network Visualization (NeurIPS 2019). The biases
        are those of convolutions, linear layers and batch normalisation, and the implicit ones of activations such as
        ReLU6, as the paper proposes for those that are no straight line through 0. Departures: the smallest and
        largest values differ by more than 0 or the channel adds nothing, without a constant in the denominator (the
        published code adds 1e-6, the "grad-cam" package 1e-7, which fades channels of such small values);
        upsampling counts pixels at their middles (the code aligns corners). With its own constant the "grad-cam"
        package computes the same from the same biases, but for activations other than ReLU, whose implicit biases it
        leaves out, and biases of transposed convolutions.
    """
    maps, errors = [], []
    progress(0, len(detections))
    for found in full_gradients(trace, trace.input, detections, target):
        maps.append(_map(found.parts, trace.input.shape[2:], rescale))
        errors.append(found.error)
        progress(len(maps), len(detections))
    return _result(maps, errors)


@trace_method(
    "smooth-fullgrad",
    title="Smooth FullGrad",
    source="Srinivas & Fleuret, NeurIPS 2019, with Smilkov et al., arXiv:1706.03825",
    choices={"rescale": RESCALE},
    needs=CLASSIFIER,
    targeted=True,
)
def smooth_fullgrad(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    *,
    samples: int = 25,
    noise: float = 0.15,
    seed: int = 0,
    rescale: str = "channel",
) -> MethodResult:
    """Return FullGrad's map of parts that are averaged over noisy inputs, with their signs, before psi.

    Args:
        trace: an open trace of a classifier.
        detections: the classes to explain.
        progress: called after each noisy input; what it raises ends the work.
        target: the class, if it is not each detection's own; always its logit is explained, whatever the score.
        samples: number of noisy inputs, at least 1.
        noise: standard deviation of the noise as a share of the input's range, at least 0; with 0 it is FullGrad.
        seed: of the noise, which all classes share.
        rescale: as in ``fullgrad``.

    Returns:
        Maps ``[h,w]`` of values of at least 0 at the network's input, with the mean "completeness error".

    Raises:
        ValueError: for settings out of range, and as ``fullgrad``.

    References:
        Srinivas & Fleuret (NeurIPS 2019), whose published code has it, with the defaults here; it multiplies by the
        noisy input, as here. Departures: as ``fullgrad``; the code adds up the colours of the input's part before psi.
    """
    count = check_count("smooth-fullgrad", "samples", samples)
    around = Noise("smooth-fullgrad", trace.input, noise, seed)
    maps: list[Tensor] = []
    errors: list[float] = []
    first = next(full_gradients(trace, trace.input, detections[:1], target), None)
    numbers = sum(part.numel() for part in first.parts) if first is not None else 1
    del first
    most = max(1, BUDGET // (numbers * trace.input.element_size()))
    starts = range(0, len(detections), most)
    for number, start in enumerate(starts):

        def report(done: int, before: int = number * count) -> None:
            progress(before + done, len(starts) * count)

        for parts, error in _means(trace, detections[start : start + most], target, (around.samples(), count), report):
            maps.append(_map(parts, trace.input.shape[2:], rescale))
            errors.append(error)
    return _result(maps, errors, {"deviation": around.deviation}, seed)


def _means(
    trace: Any,
    detections: Detections,
    target: Target,
    noise: tuple[Callable[[int, int], Tensor], int],
    report: Callable[[int], None],
) -> Iterator[tuple[list[Tensor], float]]:
    """The mean parts of each detection's logit over noisy inputs, and their mean error."""
    make, count = noise
    sums: list[list[Tensor]] = [[] for _ in range(len(detections))]
    errors = [0.0] * len(detections)
    for number in range(count):
        report(number)
        for row, found in enumerate(full_gradients(trace, make(number, number + 1), detections, target)):
            errors[row] += found.error / count
            if not sums[row]:
                sums[row] = [torch.zeros_like(part) for part in found.parts]
            for total, part in zip(sums[row], found.parts, strict=True):
                total += part / count
    report(count)
    yield from zip(sums, errors)


def _map(parts: Sequence[Tensor], size: Sequence[int], rescale: str) -> Tensor:
    """psi of every part that has places, added up at ``size``."""
    total = torch.zeros(tuple(size), dtype=parts[0].dtype, device=parts[0].device)
    for part in parts:
        if part.ndim != 3:
            continue
        sizes = part.abs()
        over = (1, 2) if rescale == "channel" else (0, 1, 2)
        low, high = sizes.amin(dim=over, keepdim=True), sizes.amax(dim=over, keepdim=True)
        scaled = torch.where(high > low, (sizes - low) / torch.where(high > low, high - low, 1), 0)
        # Bilinear interpolation is linear: the channels are added up before it, not after.
        placed = F.interpolate(scaled.sum(dim=0)[None, None], tuple(size), mode="bilinear", align_corners=False)
        total = total + placed[0, 0]
    return total


def _result(
    maps: list[Tensor], errors: list[float], settings: dict[str, Any] | None = None, seed: int | None = None
) -> MethodResult:
    strides = [(1.0, 1.0)] * len(maps)
    about = {"score": "logit", **(settings or {})}
    return MethodResult(maps, strides, diagnostics={ERROR: errors}, settings=about, seed=seed)
