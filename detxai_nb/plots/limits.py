"""Which values the colours of a heat map run over."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.plots.map_panel import SCALES


def color_range(maps: HeatMaps, index: int, *, scale: str = "object", percentile: float = 100.0) -> tuple[float, float]:
    """Return the raw values at the ends of the colour bar, read on the native grids; symmetric about zero if signed.

    A percentile below 100 keeps a few cells with extreme values from taking the whole range of colours; values beyond
    the ends have the colours of the ends.

    Args:
        maps: N maps.
        index: which of them.
        scale: "object" for its own range, "shared" for that of all maps.
        percentile: of the values, for signed maps of their magnitudes, above 0, up to 100. Cells without evidence,
            within 1/131070 of the range of the lowest value (of 0, for signed maps), do not count.

    Returns:
        (low, high).

    Raises:
        ValueError: for an unknown scale or a percentile out of range.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> maps = dx.explain(detector, image, detector.detect([image])[0])
        >>> low, high = dx.plots.color_range(maps, 0, percentile=95)
        >>> low < high < float(maps.grids[0].max())
        True
    """
    if scale not in SCALES or not 0 < percentile <= 100:
        raise ValueError(
            f"scale is one of {', '.join(map(repr, SCALES))} and percentile above 0, up to 100; "
            f"got {scale!r} and {percentile!r}"
        )
    chosen = range(len(maps)) if scale == "shared" else [index]
    least, most = _extremes(maps, chosen)
    reach = max(abs(least), abs(most))
    low, high = (-reach, reach) if maps.signed else (least, most)
    if percentile == 100:
        return low, high
    values = np.concatenate([maps.grids[i].detach().cpu().double().numpy().ravel() for i in chosen])
    nothing = (0 if maps.signed else low) + (most - least) / 131070
    values = np.abs(values) if maps.signed else values
    if not (values > nothing).any():
        return low, high
    upper = min(high, float(np.percentile(values[values > nothing], percentile)))
    return (-upper, upper) if maps.signed else (low, upper)


def _extremes(maps: HeatMaps, chosen: Sequence[int]) -> tuple[float, float]:
    """The least and greatest value of some maps; a map is 0 beyond a grid that covers a part of the input."""
    beyond = [0.0] if any(maps.corners[i] is not None for i in chosen) else []
    low = min([float(maps.grids[i].min()) for i in chosen] + beyond)
    return low, max([float(maps.grids[i].max()) for i in chosen] + beyond)
