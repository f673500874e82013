"""HeatMaps: what an explanation is, with everything needed to draw it, check it and make it again."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.files import write_atomically
from detxai_nb.geometry import Placement
from detxai_nb.types import Detections, Target

if TYPE_CHECKING:
    from matplotlib.figure import Figure

OK = "ok"
NO_POSITIVE_EVIDENCE = "no positive evidence"
UNDERFLOW = "the gradient underflowed: explain Target(score='logit')"
"""The status of a map that is zero because a score of almost 0 or 1 has no gradient left in floating-point numbers."""
UNDERFLOWED = "gradient underflow"
"""The diagnostic that is 1 for such maps, 0 for others; there is none where no map of the call is one."""
_FORMAT = "detxai-nb heat maps 2"
_DETECTION_ARRAYS = ("boxes", "scores", "labels", "class_scores", "objectness", "origins")


@dataclass(frozen=True, eq=False)
class HeatMaps:
    """One heat map for each detection, raw, on its native grid, with everything needed to compute it again.

    ``values`` are the maps at the image's size, ``normalized()`` scales them to 0..1, ``difference()`` keeps what one
    object has and its neighbours do not, ``plot()`` draws them, ``save`` and ``load`` keep them in a file. Indexing and
    slicing pick some of the maps, with their detections; ``len`` counts them.

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

    Raises:
        ValueError: if there are not as many grids, strides, corners, shifts and diagnostics as detections.

    Example:
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos")
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> maps = dx.explain(detector, image, detector.detect([image])[0])
        >>> first = maps[0]
        >>> len(first), first.status
        (1, ('ok',))
        >>> first.values.shape == (1, *image.shape[:2])
        True
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

    def __post_init__(self) -> None:
        if not self.corners:
            object.__setattr__(self, "corners", (None,) * len(self.grids))
        if not self.shifts:
            object.__setattr__(self, "shifts", ((0.0, 0.0),) * len(self.grids))
        counts = [len(self.grids), len(self.strides), len(self.corners), len(self.shifts)]
        if set(counts) != {len(self.detections)}:
            raise ValueError(
                f"{len(self.detections)} detections need as many grids, strides, corners and shifts, "
                f"got {counts[0]}, {counts[1]}, {counts[2]} and {counts[3]}"
            )
        for name, values in self.diagnostics.items():
            if len(values) != len(self):
                raise ValueError(f"the diagnostic {name!r} has {len(values)} values for {len(self)} maps")

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
            diagnostics={name: tuple(values[i] for i in rows) for name, values in self.diagnostics.items()},
            detections=self.detections[rows],
        )

    def __repr__(self) -> str:
        height, width = self.placement.image_size
        return f"HeatMaps({len(self)} of {width}x{height}, method={self.method!r}, target={self.target.part!r})"

    @cached_property
    def status(self) -> tuple[str, ...]:
        """For each map "ok", or if it is zero everywhere "no positive evidence" or ``UNDERFLOW``."""
        lost = self.diagnostics.get(UNDERFLOWED, (0.0,) * len(self.grids))
        return tuple(
            OK if bool(grid.any()) else UNDERFLOW if flag else NO_POSITIVE_EVIDENCE
            for grid, flag in zip(self.grids, lost)
        )

    @cached_property
    def values(self) -> Tensor:
        """The raw maps at the image's size, float32 ``[N,H,W]``, brought there in one bilinear step on first use."""
        height, width = self.placement.image_size
        device = self.grids[0].device if self.grids else torch.device("cpu")
        placed = torch.empty(len(self), height, width, device=device)
        alike: dict[Any, list[int]] = {}
        for i, (grid, *where) in enumerate(zip(self.grids, self.strides, self.corners, self.shifts)):
            alike.setdefault((tuple(grid.shape), *where), []).append(i)
        for (_, stride, corner, shift), rows in alike.items():
            maps = torch.stack([self.grids[i] for i in rows])
            placed[rows] = self.placement.maps_to_image(maps, stride, corner, shift).float()
        return placed

    def normalized(self) -> Tensor:
        """Scale each map for display and comparison.

        Returns:
            ``[N,H,W]`` at the image's size: each map min-max scaled to 0..1, signed ones divided by their largest
            magnitude, to -1..1. A constant map is all zeros.
        """
        values = self.values
        if self.signed:
            return _divide(values, values.abs().amax(dim=(1, 2), keepdim=True))
        low, high = values.amin(dim=(1, 2), keepdim=True), values.amax(dim=(1, 2), keepdim=True)
        return _divide(values - low, high - low)

    def difference(self) -> HeatMaps:
        """Compute the signed difference maps: what matters to each object and not to its neighbours.

        ``D_i = H_i - max over the others of H_n`` of the normalised maps at the image's size. The others are all
        detections held here; for one object alone the difference is its own map, and ``settings["others"]`` is 0.

        Returns:
            Signed maps in -1..1 at the image's size.

        Raises:
            ValueError: if the maps are signed.

        References:
            Xia, Zhao & Chan, difference maps.
        """
        if self.signed:
            raise ValueError(
                f"difference() compares how much speaks for each object, and these maps of {self.method!r} are signed; "
                "take their positive() part first"
            )
        maps = self.normalized()
        parts = maps.clone()
        if len(self) > 1:
            top = maps.topk(2, dim=0)
            for i in range(len(self)):
                parts[i] -= torch.where(top.indices[0] == i, top.values[1], top.values[0])
        height, width = self.placement.image_size
        return replace(
            self,
            grids=tuple(parts),
            strides=((1.0, 1.0),) * len(self),
            corners=(),
            shifts=(),
            placement=Placement.identity(height, width),
            method=f"difference of {self.method}",
            settings={**self.settings, "others": len(self) - 1},
            signed=True,
            diagnostics={},
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
        """
        path = Path(path)
        path = path if path.suffix == ".npz" else path.with_name(path.name + ".npz")
        found = self.detections
        arrays: dict[str, Any] = {f"grid_{i}": grid.detach().cpu().numpy() for i, grid in enumerate(self.grids)}
        for name in _DETECTION_ARRAYS:
            value = getattr(found, name)
            if value is not None:
                arrays[name] = value.detach().cpu().numpy()
        meta = {
            "format": _FORMAT,
            "count": len(self),
            "strides": self.strides,
            "corners": self.corners,
            "shifts": self.shifts,
            "placement": asdict(self.placement),
            "target": asdict(self.target),
            "detections": {
                "names": found.names,
                "origin_fields": found.origin_fields,
                "highest_score": found.highest_score,
                "score_threshold": found.score_threshold,
                "image_size": found.image_size,
                "canvas_size": found.canvas_size,
            },
            "diagnostics": dict(self.diagnostics),
            **{n: getattr(self, n) for n in ("method", "layer", "settings", "seed", "seconds", "signed")},
        }
        arrays["image"] = self.image
        arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
        write_atomically(path, lambda file: np.savez_compressed(file, **arrays))
        return path

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> HeatMaps:
        """Read what ``save`` wrote.

        Args:
            path: the file.

        Returns:
            The maps, on the CPU.

        Raises:
            FileNotFoundError: if there is no such file.
            ValueError: for anything else than a heat map file of this version's format.
        """
        try:
            with open(path, "rb") as opened, np.load(opened, allow_pickle=False) as file:
                arrays = {name: file[name] for name in file.files}
            meta = json.loads(arrays.pop("meta").tobytes())
            if meta["format"] != _FORMAT:
                raise ValueError(
                    f"it has the format {meta['format']!r}, and this version reads {_FORMAT!r}; compute the maps again"
                )
            return cls._from_arrays(arrays, meta)
        except FileNotFoundError:
            raise
        except (ValueError, KeyError, TypeError, OSError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path} is not a heat map file written by HeatMaps.save: {error}") from error

    @classmethod
    def _from_arrays(cls, arrays: Mapping[str, np.ndarray], meta: Mapping[str, Any]) -> HeatMaps:
        found: dict[str, Any] = {n: torch.from_numpy(arrays[n]) for n in _DETECTION_ARRAYS if n in arrays}
        about: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in meta["detections"].items()}
        return cls(
            grids=tuple(torch.from_numpy(arrays[f"grid_{i}"]) for i in range(meta["count"])),
            strides=tuple((float(y), float(x)) for y, x in meta["strides"]),
            corners=tuple(corner and (float(corner[0]), float(corner[1])) for corner in meta.get("corners", ())),
            shifts=tuple((float(y), float(x)) for y, x in meta.get("shifts", ())),
            placement=Placement(**{k: tuple(v) for k, v in meta["placement"].items()}),
            image=arrays["image"],
            detections=Detections(**found, **about),
            target=Target(**meta["target"]),
            diagnostics={name: tuple(values) for name, values in meta.get("diagnostics", {}).items()},
            **{n: meta[n] for n in ("method", "layer", "settings", "seed", "seconds", "signed")},
        )


def _divide(values: Tensor, by: Tensor) -> Tensor:
    return torch.where(by > 0, values / by.clamp(min=torch.finfo(values.dtype).tiny), torch.zeros_like(values))
