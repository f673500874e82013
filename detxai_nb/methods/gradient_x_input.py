"""Gradient times input: the score's first-order change if a pixel, or a cell of a layer, became 0."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from detxai_nb.methods.input_gradients import CHANNELS, NEEDS, keeps_signs, reduce_channels, summed_gradients
from detxai_nb.methods.layer_gradients import PLACES, layer_gradients, result_at
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Level, Progress, Target


@trace_method(
    "gradient-x-input",
    title="Gradient x input",
    source="Shrikumar et al., arXiv:1605.01713, 2016",
    choices={"channels": CHANNELS, "at": PLACES},
    needs=NEEDS,
    signed=keeps_signs,
    targeted=True,
)
def gradient_x_input(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    *,
    channels: str = "sum",
    at: str = "input",
) -> MethodResult:
    """Return ``sum_C x * dY/dx`` of the network's input x, or of the activation of the explained layer.

    Values are those that the network reads, after its own normalisation: 0 is the mean colour of its training pictures
    where that is taken off. In a network of ReLU and max pooling without biases the map adds up to the score.

    Args:
        trace: an open trace that can run again.
        detections: the objects to explain.
        progress: called after each run; what it raises ends the work.
        target: the scalar Y.
        channels: how the colours (or the layer's channels) become one value: "sum" keeps signs, "absolute" adds up
            their sizes, "maximum" takes the largest size.
        at: "input", or "layer" for the layer that the trace explains, where the signed sum is that of HiResCAM and of
            ODAM without its relu.

    Returns:
        Maps ``[h,w]`` at the network's input, or on the grids of the layer.

    Raises:
        ValueError: if the score has no gradient there.

    References:
        Shrikumar et al., Not Just a Black Box (arXiv:1605.01713, 2016), where it is the baseline of DeepLIFT. The
        paper's inputs are one value each; how colours are reduced is ours.
    """
    if at == "layer":
        return _at_layer(trace, detections, progress, target, channels)
    gradient = summed_gradients(trace, detections, target, lambda start, stop: trace.input, [1.0], progress)
    maps = reduce_channels(gradient * trace.input, channels)
    return MethodResult(list(maps), [(1.0, 1.0)] * len(maps))


def _at_layer(trace: Any, detections: Detections, progress: Progress, target: Target, channels: str) -> MethodResult:
    grids: dict[int, Tensor] = {}
    levels: dict[int, Level] = {}
    for one in layer_gradients(trace, detections, target):
        grids[one.row] = reduce_channels((one.gradient * one.level.features)[None], channels)[0]
        levels[one.row] = one.level
        progress(len(grids), len(detections))
    return result_at(grids, levels, trace.layer)
