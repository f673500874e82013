"""HeatMaps: what an explanation is, with everything needed to draw it, check it and make it again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb import heatmap_labels
from detxai_nb.files import as_path
from detxai_nb.geometry import Placement
from detxai_nb.heatmap_files import read_maps, write_maps
from detxai_nb.heatmap_values import normalize_maps
from detxai_nb.types import Detections, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OK = "ok"
NO_POSITIVE_EVIDENCE = "no positive evidence"
NOT_FINITE = "not finite"
UNDERFLOW = "the gradient underflowed: explain Target(score='logit')"
"""The status of a map that is zero because a score of almost 0 or 1 has no gradient left in floating-point numbers."""
UNDERFLOWED = "gradient underflow"
"""The diagnostic that is 1 for such maps, 0 for others; there is none where no map of the call is one."""

VALUES_BUDGET = 2 * 2**30
"""``values``, ``normalized`` and ``difference`` make all maps at the image's size only if they take so many bytes."""

_TOGETHER = 2**27
"""So many bytes of maps are looked at together where each is looked at once."""


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """One heat map for each detection, raw, on its native grid, with everything needed to compute it again.

    ``values`` are the maps at the image's size (``values_of`` some of them), ``normalized()`` scales them to 0..1,
    ``difference()`` keeps what one object has and its neighbours do not, ``plot()`` draws them, ``save`` and ``load``
    keep them in a file. Indexing and slicing pick some of the maps, with their detections; ``len`` counts them.

    Attributes:
        grids: N tensors float32 ``[h,w]``, raw values, non-negative unless ``signed``.
        strides: for each the stride (y, x) of its grid in pixels of the model's input.
        placement: how the image lies in that input.
        image: the photograph, RGB uint8 ``[H,W,3]``.
        detections: the N explained detections.
        target: what about them is explained.
        method: the method's name.
        layer: the explained layer, None for methods that look at none.
        settings: every setting that the method ran with, and what it decided by itself.
        seed: the seed of what was random, None if nothing was.
        seconds: running time, with the method's share of the forward pass.
        signed: whether values can be negative.
        corners: for each where its grid begins, (y, x) in pixels of the model's input, or None for a grid over the
            whole input; by default None for all.
        diagnostics: further numbers of each map, by name, such as how reliable it is.
        shifts: for each where a grid over the whole input begins, (y, x) in pixels of the model's input; by default at
            the input's own corner for all.
        unit: what the values are of, such as "probability", "difference of logits", "strides" or "input pixels": the
            unit of the explained scalar for maps of gradients; "" if it is not known.
        deciding: for the target "combined" which part each cell of the grid is taken from, int8 ``[h,w]``: its number
            in ``types.COMBINED``, -1 where the map is 0; empty for other targets.
        detector: what the detector is called: the name by which it was loaded, or its family; "" if unknown.

    Raises:
        ValueError: if there are not as many grids, strides, corners, shifts and diagnostics as detections.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> maps = dx.explain(detector, image, detector.detect([image])[0])
        >>> first = maps[0]
        >>> len(first), first.status, first.values.shape == (1, *image.shape[:2])
        (1, ('ok',), True)
        >>> float(first.normalized().min()), float(first.normalized().max())
        (0.0, 1.0)
        >>> maps.difference().signed
        True
    """

    grids: tuple[Tensor, ...]
    strides: tuple[tuple[float, float], ...]
    placement: Placement
    image: np.ndarray
    detections: Detections
    target: Target
    method: str
    layer: str | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    seconds: float = 0.0
    signed: bool = False
    corners: tuple[tuple[float, float] | None, ...] = ()
    diagnostics: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    shifts: tuple[tuple[float, float], ...] = ()
    unit: str = ""
    deciding: tuple[Tensor, ...] = ()
    detector: str = ""

    to_fiftyone = heatmap_labels.to_fiftyone

    def __post_init__(self) -> None:
        for name, usual in (("corners", None), ("shifts", (0.0, 0.0))):
            if not getattr(self, name):
                object.__setattr__(self, name, (usual,) * len(self.grids))
        counts = [len(self.grids), len(self.strides), len(self.corners), len(self.shifts)]
        if set(counts) != {len(self.detections)}:
            raise ValueError(
                f"{len(self.detections)} detections need as many grids, strides, corners and shifts, "
                f"got {counts[0]}, {counts[1]}, {counts[2]} and {counts[3]}"
            )
        for name, values in self.diagnostics.items():
            if len(values) != len(self):
                raise ValueError(f"the diagnostic {name!r} has {len(values)} values for {len(self)} maps")
        if self.deciding and [one.shape for one in self.deciding] != [grid.shape for grid in self.grids]:
            raise ValueError("deciding has to say of every cell of every map which part it is taken from")

    def __len__(self) -> int:
        return len(self.grids)

    def __getitem__(self, index: Any) -> HeatMaps:
        """The maps that ``index`` picks, as HeatMaps: an int gives one map."""
        rows = np.arange(len(self))[index].reshape(-1).tolist()
        return replace(
            self,
            grids=tuple(self.grids[i] for i in rows),
            strides=tuple(self.strides[i] for i in rows),
            corners=tuple(self.corners[i] for i in rows),
            shifts=tuple(self.shifts[i] for i in rows),
            deciding=tuple(self.deciding[i] for i in rows if self.deciding),
            diagnostics={name: tuple(values[i] for i in rows) for name, values in self.diagnostics.items()},
            detections=self.detections[rows],
        )

    def __repr__(self) -> str:
        height, width = self.placement.image_size
        target = self.target.in_words(self.detections.names)
        return f"HeatMaps({len(self)} of {width}x{height}, method={self.method!r}, target={target!r})"

    @cached_property
    def status(self) -> tuple[str, ...]:
        """For each map "ok", "not finite" (NaN, infinity), or if it is zero "no positive evidence" or ``UNDERFLOW``."""
        lost = self.diagnostics.get(UNDERFLOWED, (0.0,) * len(self.grids))
        return tuple(_status(grid, bool(flag)) for grid, flag in zip(self.grids, lost))

    @cached_property
    def values(self) -> Tensor:
        """The raw maps at the image's size, float32 ``[N,H,W]``, brought there in one bilinear step on first use.

        Beyond ``VALUES_BUDGET`` bytes they are refused with a ValueError that names ``values_of``.
        """
        self._require_budget("values", "values_of(rows)", len(self))
        return self.values_of(range(len(self)))

    def values_of(self, rows: Sequence[int]) -> Tensor:
        """Return some of the raw maps at the image's size, without making the others.

        Args:
            rows: numbers of maps, 0 to N - 1.

        Returns:
            float32 ``[K,H,W]``, the same values as those rows of ``values``.

        Raises:
            IndexError: if there is no such map.
        """
        return self[list(rows)]._placed()

    def _placed(self) -> Tensor:
        """All maps at the image's size, those on grids alike together."""
        height, width = self.placement.image_size
        placed = torch.empty(len(self), height, width, device=self._device, dtype=torch.float32)
        alike: dict[Any, list[int]] = {}
        for i, (grid, *where) in enumerate(zip(self.grids, self.strides, self.corners, self.shifts)):
            alike.setdefault((tuple(grid.shape), *where), []).append(i)
        for (_, stride, corner, shift), rows in alike.items():
            maps = torch.stack([self.grids[i] for i in rows])
            placed[rows] = self.placement.maps_to_image(maps, stride, corner, shift).float()
        return placed

    def normalized(self) -> Tensor:
        """Scale each map to 0..1 by its own minimum and maximum, at the image's size.

        Returns:
            Float ``[N,H,W]``; signed maps keep their zero and are divided by their largest magnitude, to -1..1. A
            constant map is all zeros.

        Raises:
            ValueError: if that would take more than ``VALUES_BUDGET`` bytes; take ``maps[rows].normalized()``.
        """
        self._require_budget("normalized()", "maps[rows].normalized()", len(self))
        return normalize_maps(self.values, self.signed)

    def difference(self, rows: Sequence[int] | None = None) -> HeatMaps:
        """Compute the signed difference maps: what matters to each object and not to its neighbours.

        ``D_i = H_i - max over the others of H_n`` of the normalised maps at the image's size. The others are all
        detections held here; for one object alone the difference is its own map, and ``settings["others"]`` is 0.

        Args:
            rows: the maps whose differences are returned, each from all others; None for all of them.

        Returns:
            Signed maps in -1..1 at the image's size.

        Raises:
            ValueError: if the maps are signed, or the result would take more than ``VALUES_BUDGET`` bytes.
            IndexError: if there is no such map.

        References:
            Xia, Zhao & Chan, difference maps.
        """
        if self.signed:
            raise ValueError(
                f"difference() compares how much speaks for each object, and these maps of {self.method!r} are signed; "
                "take their positive() part first"
            )
        chosen = list(range(len(self)) if rows is None else rows)
        self._require_budget("difference()", "difference(rows)", len(chosen))
        height, width = self.placement.image_size
        kept = self[chosen]
        parts = torch.empty(len(chosen), height, width, device=self._device, dtype=torch.float32)
        for places in self.batches(len(chosen)):
            parts[places] = normalize_maps(self.values_of([chosen[place] for place in places]), False)
        if len(self) > 1:
            highest, second, owner = self._highest
            for part, i in zip(parts, (range(len(self))[i] for i in chosen)):
                part -= torch.where(owner == i, second, highest)
        return replace(
            kept,
            grids=tuple(parts),
            strides=((1.0, 1.0),) * len(chosen),
            corners=(),
            shifts=(),
            placement=Placement.identity(height, width),
            method=f"difference of {self.method}",
            settings={**self.settings, "others": len(self) - 1},
            signed=True,
            diagnostics={},
            unit="share of each map's range",
            deciding=(),
        )

    @cached_property
    def _highest(self) -> tuple[Tensor, Tensor, Tensor]:
        """Of all normalised maps at each pixel: the highest value, the second highest, and whose the highest is."""
        height, width = self.placement.image_size
        highest = torch.full((height, width), -torch.inf, dtype=torch.float32, device=self._device)
        second, owner = highest.clone(), torch.zeros(height, width, dtype=torch.int32, device=self._device)
        for rows in self.batches():
            for i, one in zip(rows, normalize_maps(self.values_of(rows), False)):
                second = torch.maximum(second, torch.minimum(highest, one))
                owner = torch.where(one > highest, i, owner)
                highest = torch.maximum(highest, one)
        return highest, second, owner

    @property
    def _device(self) -> torch.device:
        return self.grids[0].device if self.grids else torch.device("cpu")

    def batches(self, count: int | None = None) -> list[list[int]]:
        """Split the maps into batches whose values at the image's size take a moderate amount of memory.

        Args:
            count: how many maps; by default all.

        Returns:
            The numbers of the maps of each batch, one after the other.
        """
        step = max(1, _TOGETHER // (4 * self.placement.image_size[0] * self.placement.image_size[1]))
        count = len(self) if count is None else count
        return [list(range(first, min(first + step, count))) for first in range(0, count, step)]

    def _require_budget(self, what: str, instead: str, count: int) -> None:
        height, width = self.placement.image_size
        size = 4 * count * height * width
        if size > VALUES_BUDGET:
            raise ValueError(
                f"{what} of {count} maps at {width}x{height} pixels take {size / 2**30:.1f} GiB, and at most "
                f"{VALUES_BUDGET / 2**30:g} are made at once; take {instead} for some of them"
            )

    def positive(self) -> HeatMaps:
        """Keep what speaks for each object: the positive part of signed maps, unsigned from then on.

        For difference maps these are the paper's "> 0" maps, which ``normalized`` scales to 0..1 again.

        Returns:
            Unsigned maps; maps that are not signed are returned as they are.
        """
        if not self.signed:
            return self
        return replace(
            self,
            grids=tuple(grid.clamp(min=0) for grid in self.grids),
            settings={**self.settings, "part": "positive"},
            signed=False,
            deciding=tuple(torch.where(grid > 0, which, -1) for grid, which in zip(self.grids, self.deciding)),
        )

    def plot(self, **options: Any) -> Figure:
        """Draw the maps over the photograph.

        Args:
            **options: those of ``plots.plot_maps``.

        Returns:
            A matplotlib figure.
        """
        from detxai_nb.plots.heatmaps import plot_maps

        return plot_maps(self, **options)

    def _repr_html_(self) -> str:
        from detxai_nb.plots.thumbnails import maps_html

        return maps_html(self)

    def _repr_png_(self) -> bytes:
        from detxai_nb.plots.heatmaps import to_png

        return to_png(self.plot())

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write everything to one ``.npz`` file without pickle; an existing file is replaced only by a complete one.

        Args:
            path: the file; ".npz" is added if it is missing.

        Returns:
            The file's path.

        Raises:
            FileNotFoundError: if the folder does not exist.
            OSError: if the file cannot be written.
            TypeError: if a setting has no plain form.
            ValueError: if the maps are too large for a file.
        """
        path = as_path(path, "a file of heat maps")
        path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
        write_maps(path, {one.name: getattr(self, one.name) for one in fields(self)})
        return path

    def save_html(
        self, path: str | os.PathLike[str], *others: HeatMaps, title: str | None = None, overwrite: bool = False
    ) -> Path:
        """Write the maps as one HTML file, an Explorer that works without a kernel and without a network.

        Args:
            path: the file, which ends in .html; an existing one is replaced only with ``overwrite``.
            *others: further maps of the same detections, of other methods say, for a menu.
            title, overwrite: of the page, by default the maps in words; whether an existing file is replaced.

        Returns:
            The file.

        Raises:
            FileNotFoundError, FileExistsError: if its folder does not exist, or the file does.
            TypeError, ValueError: for others that are no maps of these detections, or a name that is no HTML file's.
        """
        from detxai_nb.widgets.shared.maps_page import save_maps_page

        return save_maps_page(path, (self, *others), title, overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> HeatMaps:
        """Read what ``save`` wrote.

        Args:
            path: the file.

        Returns:
            The maps, on the CPU.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: for anything else than a whole heat map file of this version's format.
        """
        known, found = {one.name for one in fields(cls)}, read_maps(as_path(path, "a file of heat maps"))
        try:
            return cls(**{name: value for name, value in found.items() if name in known})
        except (ValueError, TypeError) as error:
            raise ValueError(f"{path} is not a heat map file written by HeatMaps.save: {error}") from error


def _status(grid: Tensor, underflowed: bool) -> str:
    if not bool(torch.isfinite(grid).all()):
        return NOT_FINITE
    return OK if bool(grid.any()) else UNDERFLOW if underflowed else NO_POSITIVE_EVIDENCE
