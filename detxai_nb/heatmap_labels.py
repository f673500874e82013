"""Heat maps as labels of FiftyOne, which shows them over the photographs of a dataset. A method of ``HeatMaps``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from detxai_nb.heatmaps import HeatMaps

__all__ = ["to_fiftyone"]


def to_fiftyone(self: HeatMaps, *, longest: int | None = 640) -> list[Any]:
    """Return the maps as labels of FiftyOne, one for each object.

    Each is a ``fiftyone.Heatmap`` whose ``map`` is scaled as ``normalized()`` does, to 0..1, or -1..1 for signed maps,
    which its ``range`` says. The raw value of a cell is ``low + map * (high - low)``, and of a signed map
    ``map * max(-low, high)``. FiftyOne stretches a map over the whole photograph.

    Args:
        longest: pixels of the longer side of the maps; a larger photograph's are made that small, since FiftyOne keeps
            them in its database. None for the photograph's own size.

    Returns:
        N labels with the attributes ``map`` (float32 ``[h,w]``), ``range``, and as attributes of their own ``label``,
        ``confidence``, ``number`` (the object's row among all detections of the image), ``method``, ``target``,
        ``unit``, ``status``, and ``low`` and ``high``, the ends of the raw values. A map that is not finite is all
        zeros, without ``low`` and ``high``.

    Raises:
        ImportError: if FiftyOne is not installed.
        TypeError: if ``longest`` is no whole number.
        ValueError: if ``longest`` is smaller than 1.
    """
    if longest is not None and (isinstance(longest, bool) or not isinstance(longest, (int, np.integer))):
        raise TypeError(f"longest is a whole number of pixels or None, got {longest!r}")
    if longest is not None and longest < 1:
        raise ValueError(f"longest is a number of pixels, at least 1; got {longest}")
    try:
        import fiftyone
    except ImportError as error:
        raise ImportError(
            f"to_fiftyone makes labels of FiftyOne, and it cannot be imported ({error}): pip install fiftyone"
        ) from error
    small = self if longest is None else replace(self, placement=self.placement.limited(longest))
    numbers = range(len(self)) if self.detections.numbers is None else self.detections.numbers.tolist()
    about = {"method": self.method, "target": self.target.in_words(self.detections.names), "unit": self.unit}
    labels = []
    rows = zip(numbers, self.detections.label_names(), self.detections.scores.tolist(), self.status)
    for row, (number, name, score, status) in enumerate(rows):
        one = small[row]
        values = one.normalized()[0].cpu().numpy()
        raw = {"low": float(one.values.min()), "high": float(one.values.max())}
        if not np.isfinite(list(raw.values())).all():
            values, raw = np.zeros_like(values), {}
        own = {"label": name, "confidence": score, "number": number, "status": status, **raw}
        labels.append(fiftyone.Heatmap(map=values, range=[-1.0 if self.signed else 0.0, 1.0], **own, **about))
    return labels
