"""Asking a detector about many changed versions of one image, in batches that fit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.image import FloatImage
from detxai_nb.passes import PLAIN, FastPasses
from detxai_nb.types import Detections, Detector

LARGEST_BATCH = 64
LEAST_FOR_A_COPY = 16
"""Fewer queries do not pay for a fast copy of the network."""
_SHARE_OF_FREE_MEMORY = 0.6


class BatchedDetector:
    """One detector and one image, for queries with changed versions of it.

    ``pixels`` float32 ``[3,H,W]``, RGB in 0..255, on the detector's device, are what is to be changed. ``exact`` says
    whether the detector sees the float values: a white-box detector does (see ``FloatImage``); any other, such as a
    function, gets them rounded to uint8 ``[H,W,3]``.

    Args:
        detector: any detector.
        image: RGB uint8 ``[H,W,3]``.
        score_threshold: of the detections, 0..1.
        batch_size: how many images go through the detector together; by default on the CPU 4 of a small image through a
            small network, else 1 (``Capabilities.batch_on_cpu``), and on a GPU as many as fit into its free memory. It
            is halved whenever the device runs out of memory.
        fast: whether a fast copy of the network answers where it gives the same answers (see ``passes``), and there
            are enough queries for it to pay.
    """

    def __init__(
        self,
        detector: Detector,
        image: np.ndarray,
        *,
        score_threshold: float,
        batch_size: int | None = None,
        fast: bool = True,
    ) -> None:
        self.detector = detector
        self._image, self._fast = image, fast
        self._passes: FastPasses | None = None
        self.exact = Capabilities(detector).traceable
        self.pixels = torch.from_numpy(image).to(detector.device).permute(2, 0, 1).float().contiguous()
        self.score_threshold = score_threshold
        self._measure = batch_size is None and detector.device.type == "cuda"
        usual = Capabilities(detector).batch_on_cpu(image.shape[0] * image.shape[1])
        self.batch_size = batch_size or (usual if detector.device.type == "cpu" else 1)

    def ask(self, make: Callable[[int], Tensor], most: int) -> list[Detections]:
        """Query the detector with the next images, as many as go together.

        Args:
            make: ``make(count)`` returns the next ``count`` images, float ``[count,3,H,W]`` in 0..255; it is called
                again with a smaller count if the memory does not suffice.
            most: how many images are left, at least 1.

        Returns:
            The detections in each image of the batch, at least one and at most ``most``.

        Raises:
            torch.OutOfMemoryError: if a single image is too much; what the detector raises goes on to the caller.
        """
        if self._passes is None:
            wanted = self._fast and most >= LEAST_FOR_A_COPY
            self._passes = FastPasses(self.detector, self._image, self.score_threshold, wanted)
        while True:
            count = min(self.batch_size, most)
            found = self._answers(make, count) if not self._measure else self._first_answer(make)
            if found is not None:
                return found
            # Only now has the failed attempt let go of its tensors.
            self.batch_size = count // 2
            if self.pixels.device.type == "cuda":
                torch.cuda.empty_cache()

    @property
    def passes(self) -> str:
        """Who answered so far: "fast", a copy of the network, or "plain", the detector itself."""
        return self._passes.kind if self._passes is not None else PLAIN

    @torch.no_grad()
    def _answers(self, make: Callable[[int], Tensor], count: int) -> list[Detections] | None:
        """None where the memory did not suffice for several."""
        try:
            return (self._passes or self.detector).detect(self._hand_over(make(count)), self.score_threshold)
        except torch.OutOfMemoryError:
            if count == 1:
                raise
            return None

    def _hand_over(self, images: Tensor) -> list[Any]:
        if self.exact:
            return [FloatImage(image) for image in images]
        return list(images.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy())

    def _first_answer(self, make: Callable[[int], Tensor]) -> list[Detections] | None:
        """The answer about one image, and from the memory that it took the size of the next batches."""
        device = self.pixels.device
        torch.cuda.reset_peak_memory_stats(device)
        before = torch.cuda.memory_allocated(device)
        found = self._answers(make, 1)
        taken = torch.cuda.max_memory_allocated(device) - before
        free = torch.cuda.mem_get_info(device)[0]
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        self.batch_size, self._measure = fitting_batch(free + unused, taken), False
        return found


def fitting_batch(free: int, taken: int) -> int:
    """Return the largest power of two of images that fit into memory.

    Args:
        free: free memory in bytes, of which 60% are used.
        taken: bytes that one image takes.

    Returns:
        Images, 1 to 64.
    """
    fitting = int(_SHARE_OF_FREE_MEMORY * free // max(taken, 1))
    return min(LARGEST_BATCH, 1 << max(fitting, 1).bit_length() - 1)
