"""Case: one image's objects with their maps, everything that a metric may look at."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from detxai_nb.data.sample import Sample
from detxai_nb.metrics.detection_cache import DetectionCache
from detxai_nb.metrics.map_energy import box_masks
from detxai_nb.types import Detections, Detector


@dataclass(frozen=True, eq=False)
class MetricInput:
    """One image's objects with their maps: what every metric may look at.

    ``maps`` ``[N,H,W]``: raw, at the image's size, on the detector's device, without negative values unless ``signed``.
    ``detections``: the N explained detections, row i belongs to map i. ``annotations`` int64 ``[N]``: the number of
    each one's annotation in ``sample`` (as from ``match``), -1 for none. ``sample``: the image with all its
    annotations. ``detector``: for metrics that ask it about changed images. ``seed``: of the order of tied pixels and
    of random pixels; each object's own seed comes from it, the image's id and the annotation (``object_seed``), so
    neither the other objects nor their order matter. ``answers``: what the detector said about changed versions of this
    image; cases of the same image (several methods) can share one, then nothing is asked twice. By default each case
    remembers for itself.

    Raises ValueError where sizes, numbers or values do not fit together.
    """

    maps: Tensor
    detections: Detections
    annotations: Tensor
    sample: Sample
    detector: Detector | None = None
    seed: int = 0
    signed: bool = False
    answers: DetectionCache | None = None

    def __post_init__(self) -> None:
        count, size = len(self.detections), tuple(self.sample.image.shape[:2])
        if tuple(self.maps.shape) != (count, *size):
            raise ValueError(
                f"maps are [N,H,W] = {[count, *size]} for {count} detections in an image of {size[1]}x{size[0]} "
                f"pixels, got {list(self.maps.shape)}"
            )
        if self.annotations.shape != (count,) or self.annotations.is_floating_point():
            raise ValueError(
                f"annotations are whole numbers [N], one for each of the {count} detections, "
                f"got {self.annotations.dtype} {list(self.annotations.shape)}"
            )
        known = len(self.sample)
        if count and not -1 <= int(self.annotations.min()) <= int(self.annotations.max()) < known:
            raise ValueError(
                f"annotations are numbers from 0 to {known - 1}, or -1 for none; got {self.annotations.tolist()}"
            )
        self.detections.require_image(*size)
        _check_values(self.maps, self.signed)
        if self.answers is not None and self.answers.detector is not self.detector:
            raise ValueError("the case's answers come from another detector than the case's own")

    def __len__(self) -> int:
        return len(self.detections)

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image."""
        return self.sample.image.shape[0], self.sample.image.shape[1]

    @cached_property
    def annotated(self) -> Tensor:
        """Which objects have an annotation: bool ``[N]`` on the CPU."""
        return self.annotations.cpu() >= 0

    @cached_property
    def boxes(self) -> Tensor:
        """The annotated box of each object, float32 ``[N,4]`` on the CPU, NaN where there is none."""
        return self._of_objects(torch.from_numpy(self.sample.boxes).float(), float("nan"))

    @cached_property
    def box_masks(self) -> Tensor:
        """Pixels of each object's annotated box: bool ``[N,H,W]`` on the maps' device, False where there is none."""
        return box_masks(self.boxes.to(self.maps.device), *self.size)

    @cached_property
    def masks(self) -> Tensor:
        """Each object's annotated mask: bool ``[N,H,W]`` on the maps' device, False where there is none."""
        return self._of_objects(torch.from_numpy(self.sample.masks), False).to(self.maps.device)

    @cached_property
    def parts(self) -> Tensor:
        """The mask of each object's part that tells its class, as ``masks``; ValueError where there are no parts."""
        if self.sample.parts is None:
            raise ValueError(f"{self.sample.file_name} has no masks of parts; the synthetic scenes have them")
        return self._of_objects(torch.from_numpy(self.sample.parts), False).to(self.maps.device)

    def ask(self) -> DetectionCache:
        """The shared answers, or new ones; ValueError without a detector."""
        if self.answers is not None:
            return self.answers
        if self.detector is None:
            raise ValueError("this case has no detector to ask about changed images")
        return self._own_answers

    @cached_property
    def _own_answers(self) -> DetectionCache:
        return DetectionCache(self.detector)  # type: ignore[arg-type]  # `ask` has checked that there is one

    def object_seed(self, row: int, purpose: str = "") -> int:
        """The seed of one object's random numbers: the same whatever else is measured, on every platform.

        It follows from ``seed``, the image's id and the annotation; for a detection without an annotation from its
        label and its box in hundredths of a pixel. ``purpose`` keeps streams of random numbers apart.
        """
        annotation = int(self.annotations[row])
        about: list[object] = [self.seed, self.sample.image_id, annotation, purpose]
        if annotation < 0:
            box = self.detections.boxes[row].double().cpu()
            about += [int(self.detections.labels[row]), *(box * 100).round().long().tolist()]
        # As text: 3 and NumPy's 3 are the same.
        digest = hashlib.blake2b(" ".join(map(str, about)).encode(), digest_size=8).digest()
        return int.from_bytes(digest, "little") >> 1

    def positive_part(self) -> MetricInput:
        """The case with maps ``relu(map)`` over its maximum, not signed: how difference maps meet unsigned metrics."""
        maps = self.maps.clamp(min=0)
        high = maps.amax(dim=(1, 2), keepdim=True) if maps.numel() else maps
        return replace(self, maps=torch.where(high > 0, maps / torch.where(high > 0, high, 1), 0), signed=False)

    def _of_objects(self, rows: Tensor, missing: float | bool) -> Tensor:
        """The annotation's row for each object, filled with ``missing`` where there is none."""
        wanted = self.annotations.cpu()
        out = torch.full((len(wanted), *rows.shape[1:]), missing, dtype=rows.dtype)
        out[self.annotated] = rows[wanted[self.annotated]]
        return out


def per_object(case: MetricInput, found: Tensor) -> Tensor:
    """``found`` ``[N]`` as float64 on the CPU, NaN for the objects without an annotation."""
    return torch.where(case.annotated, found.detach().cpu().double(), torch.nan)


def _check_values(maps: Tensor, signed: bool) -> None:
    if not bool(torch.isfinite(maps).all()):
        raise ValueError("the maps hold NaN or infinity; a map is finite everywhere")
    if not signed and bool((maps < 0).any()):
        raise ValueError("the maps have negative values; give signed=True for difference maps and other signed ones")
