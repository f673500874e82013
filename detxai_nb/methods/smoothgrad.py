"""SmoothGrad: the gradient at the network's input, averaged over noisy copies of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from detxai_nb.methods.input_gradients import (
    CHANNELS,
    NEEDS,
    Noise,
    check_count,
    keeps_signs,
    reduce_channels,
    summed_gradients,
)
from detxai_nb.methods.layer_gradients import PLACES, layer_gradients, result_at, rows_together
from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Level, Progress, Target


@dataclass(frozen=True)
class SmoothGradSettings:
    """The settings of SmoothGrad.

    Attributes:
        samples: number n of noisy inputs, at least 1; the paper finds little change above 50.
        noise: standard deviation of the noise as a share of the input's range (its largest value minus its smallest),
            at least 0; the paper advises 0.1 to 0.2. With 0 it is the plain gradient.
        seed: of the noise.
        times_input: multiply the mean gradient by the input, as the paper discusses in its section 3.3.
        channels: how the colours become one value: "maximum" of their sizes, "absolute", the sum of their sizes, or
            "sum", which keeps signs. At a layer the same of its channels.
        at: where the gradient is taken: "input", or "layer" for the layer that the trace explains; the noise is on the
            input in both cases.

    Raises:
        ValueError: if there is no whole number of samples of at least 1.
    """

    samples: int = 50
    noise: float = 0.15
    seed: int = 0
    times_input: bool = False
    channels: str = "maximum"
    at: str = "input"

    def __post_init__(self) -> None:
        check_count("smoothgrad", "samples", self.samples)


@trace_method(
    "smoothgrad",
    title="SmoothGrad",
    source="Smilkov et al., arXiv:1706.03825, 2017",
    choices={"channels": CHANNELS, "at": PLACES},
    needs=NEEDS,
    signed=keeps_signs,
    targeted=True,
    settings=SmoothGradSettings,
)
def smoothgrad(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    settings: SmoothGradSettings,
) -> MethodResult:
    """Return ``1/n sum_i dY/dx (x + e_i)``, the mean gradient at the network's input under normal noise.

    Noise is added to what the network reads, after its own normalisation and with its padding, and each detection's
    score is read where the detection came from. All detections share the noise.

    Args:
        trace: an open trace that can run again.
        detections: the objects to explain.
        progress: called between runs; what it raises ends the work.
        target: the scalar Y.
        settings: see ``SmoothGradSettings``.

    Returns:
        Maps ``[h,w]`` at the network's input or on the layer's grids; the seed, and the noise's standard deviation as
        the setting "deviation".

    Raises:
        ValueError: for settings out of range, or if the score has no gradient there.

    References:
        Smilkov et al., SmoothGrad (arXiv:1706.03825, 2017), sec. 2. The paper draws the size of the gradients, with the
        99th percentile as the upper end; here maps stay raw. Which of the three reductions over colours it uses it does
        not say; the maximum is that of Simonyan et al. (2013).
    """
    count = settings.samples
    around = Noise("smoothgrad", trace.input, settings.noise, settings.seed)
    if settings.at == "layer":
        return _at_layer(trace, detections, progress, target, settings)
    making = around.samples()

    def inputs(start: int, stop: int) -> Any:
        nonlocal making
        if start == 0:
            # The same noise again for the next detections.
            making = around.samples()
        return making(start, stop)

    mean = summed_gradients(trace, detections, target, inputs, [1 / count] * count, progress)
    maps = reduce_channels(mean * trace.input if settings.times_input else mean, settings.channels)
    return MethodResult(
        list(maps), [(1.0, 1.0)] * len(maps), settings={"deviation": around.deviation}, seed=settings.seed
    )


def _at_layer(
    trace: Any,
    detections: Detections,
    progress: Progress,
    target: Target,
    settings: SmoothGradSettings,
) -> MethodResult:
    """The mean gradient at the layer: a trace is opened on each noisy input."""
    noise, count = Noise("smoothgrad", trace.input, settings.noise, settings.seed), settings.samples
    grids: dict[int, Tensor] = {}
    levels: dict[int, Level] = {}
    parts = rows_together(trace, detections)
    for number, rows in enumerate(parts):
        make = noise.samples()
        sums: dict[int, Tensor] = {}
        for sample in range(count):
            progress(number * count + sample, len(parts) * count)
            opened = trace.reopen(make(sample, sample + 1))
            for one in layer_gradients(opened, detections[rows], target):
                share = one.gradient / count
                sums[one.row] = sums[one.row] + share if one.row in sums else share
        for one in layer_gradients(trace, detections[rows], target):
            row = int(rows[one.row])
            mean = sums.pop(one.row) * (one.level.features if settings.times_input else 1)
            grids[row], levels[row] = reduce_channels(mean[None], settings.channels)[0], one.level
    progress(len(parts) * count, len(parts) * count)
    return result_at(grids, levels, trace.layer, settings={"deviation": noise.deviation}, seed=settings.seed)
