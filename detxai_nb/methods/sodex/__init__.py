"""SODEx: LIME for detectors, how much each superpixel of an image adds to the finding of each object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.detections import as_detections
from detxai_nb.methods.d_rise.weights import class_overlaps, class_preferences, require_class_scores
from detxai_nb.methods.perturbed_detection import BatchedDetector
from detxai_nb.methods.registry import MethodResult, perturbation_method
from detxai_nb.methods.sodex.surrogate import draw_shown, fit, nearness
from detxai_nb.types import Detections, Detector, Progress, Target

FIT, LEFT_OUT = "weighted R²", "leave-one-out R²"
HIDDEN = ("mean", "black", "grey")
_LARGEST, _WIDEST, _MOST_VALUES = 1e9, 1000, 2**31
"""Of numbers that are only compared with others, of a smoothing in pixels, and of what is drawn together."""


@dataclass(frozen=True)
class SodexSettings:
    """The settings of SODEx, each of which ``explain(..., method="sodex")`` takes by name.

    Samples, kernel, ridge and ``hidden`` are those of the package lime. Superpixels are SLIC's, which have about the
    same size everywhere, and not quickshift's as in lime. Noise joins them into few: take a larger compactness then.

    Attributes:
        samples: images to query, at least 2; the first is the whole image, in the others each superpixel is shown with
            a probability of 0.5.
        segments: about how many superpixels; the true number is in the result's ``settings["superpixels"]``.
        compactness: of SLIC, above 0; larger superpixels are squarer and follow edges less.
        sigma: of smoothing before SLIC, in pixels, at least 0; larger ones follow edges less.
        hidden: how a hidden superpixel is painted: in its "mean" colour, "black" or "grey" (127.5).
        kernel_width: of the samples' weights, above 0; see ``nearness``.
        alpha: of the ridge regression, above 0.
        score_threshold: of the detections in changed images, 0..1.
        seed: of the samples, at least 0.
        batch_size: images that go through the detector together; by default see ``BatchedDetector``.
        fast: whether a fast copy of the network answers if its scores agree to 1e-5 (see ``passes``).

    Raises:
        ValueError: for a value out of range.
    """

    samples: int = 1000
    segments: int = 100
    compactness: float = 10.0
    sigma: float = 1.0
    hidden: str = "mean"
    kernel_width: float = 0.25
    alpha: float = 1.0
    score_threshold: float = 0.05
    seed: int = 0
    batch_size: int | None = None
    fast: bool = True

    def __post_init__(self) -> None:
        if self.hidden not in HIDDEN:
            raise ValueError(f"hidden is one of {', '.join(HIDDEN)}; got {self.hidden!r}")
        for name, least in (("samples", 2), ("segments", 1), ("seed", 0), ("batch_size", 1)):
            value = getattr(self, name)
            if name == "batch_size" and value is None:
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise ValueError(f"{name} is a whole number of at least {least}, got {value!r}")
        for name in ("compactness", "kernel_width", "alpha"):
            if not 0 < getattr(self, name) < _LARGEST:
                raise ValueError(f"{name} is a number above 0, got {getattr(self, name)!r}")
        if not 0 <= self.sigma <= _WIDEST:
            raise ValueError(f"sigma, in pixels, is at least 0, got {self.sigma!r}; the widest is {_WIDEST}")
        if self.samples * self.segments > _MOST_VALUES:
            raise ValueError(
                f"{self.samples} samples of {self.segments} segments are {self.samples * self.segments:.2g} values, "
                f"which are drawn together; at most {_MOST_VALUES:.2g}. Take fewer samples or segments"
            )
        if not 0 <= self.score_threshold <= 1:
            raise ValueError(f"score_threshold lies in 0..1, got {self.score_threshold!r}")


@perturbation_method(
    "sodex",
    settings=SodexSettings,
    title="SODEx",
    source="Sejr et al., Surrogate Object Detection Explainer (SODEx) with YOLOv4 and LIME, MAKE 2021",
    choices={"hidden": HIDDEN},
    signed=lambda settings: True,
    targeted=True,
)
def sodex(
    detector: Detector,
    image: np.ndarray,
    detections: Detections,
    progress: Progress,
    target: Target,
    settings: SodexSettings,
) -> MethodResult:
    """Compute signed maps of all detections from the same changed images, one value a pixel of the image.

    This is LIME (Ribeiro et al., KDD 2016) with each object as a class of its own: the image is cut into superpixels,
    the detector is queried with images in which about half of them are hidden, and a linear model of the object's score
    is fitted to which ones were shown. A pixel has its superpixel's coefficient: what showing it adds to the score,
    below 0 where hiding it would help. Objects share the images and the detector's answers. Images are rounded if the
    detector is a black box.

    The score is ``class_overlaps``: IoU with the object's box times the score of its class, the largest over the
    detections. D-RISE does the same, but compares whole vectors of class probabilities. The detection that overlaps the
    box best would give a score that jumps when another comes to overlap it better; the product does not. For a contrast
    of two classes the score is ``weights.class_preferences``.

    Diagnostics say how far each object's linear model may be trusted. "weighted R²" is the share of the score's
    variance that it explains, of the samples it was fitted to: with many superpixels and few samples it flatters.
    "leave-one-out R²" is that of samples it has not seen. If it is low, the score is no sum of what superpixels add, or
    the samples are too few, and the map says little; both are NaN for a score that never changed, whose map is zero.

    Args:
        detector: any detector.
        image: RGB uint8 ``[H,W,3]``.
        detections: the objects to explain, of this image.
        progress: called between batches; what it raises ends the work without a result.
        target: each detection's own class, or a contrast of two classes.
        settings: see ``SodexSettings``.

    Returns:
        Signed maps float32 ``[H,W]``, with both R² as diagnostics.

    Raises:
        ImportError: without scikit-image.
        ValueError: if there are no detections, or they belong to an image of another size, or if the detector's answers
            carry no class scores for a contrast.

    References:
        Sejr et al., SODEx (MAKE 2021). Departures: the score is a product, and superpixels are SLIC's.
    """
    as_detections(detections).require_nonempty()
    detections.require_image(*image.shape[:2])
    if target.against is not None:
        target.resolve(detections.labels, detections.names)
        require_class_scores(detections)
    progress(0, settings.samples)
    labels, count = superpixels(image, settings.segments, settings.compactness, settings.sigma)
    asker = BatchedDetector(
        detector,
        image,
        score_threshold=settings.score_threshold,
        batch_size=settings.batch_size,
        fast=settings.fast,
    )
    shown = draw_shown(settings.samples, count, settings.seed)
    hiding = Hiding(asker.pixels, labels, settings.hidden)
    targets = detections.to(detector.device)
    score_of = class_overlaps if target.against is None else partial(class_preferences, target=target)
    scores = ask_all(asker, hiding, shown, targets, progress, score_of)
    surrogate = fit(shown, scores, nearness(shown, settings.kernel_width), settings.alpha)
    return MethodResult(
        grids=list(surrogate.coefficients.float()[:, labels].to(detector.device)),
        diagnostics={FIT: surrogate.determination.tolist(), LEFT_OUT: surrogate.left_out.tolist()},
        settings={
            "superpixels": count,
            "rounded": not asker.exact,
            "precision": Capabilities(detector).precision,
            "passes": asker.passes,
        },
        seed=settings.seed,
        unit="score times IoU" if target.against is None else "",
    )


def superpixels(image: np.ndarray, segments: int, compactness: float, sigma: float) -> tuple[Tensor, int]:
    """Cut an image into superpixels by SLIC.

    Args:
        image: RGB uint8 ``[H,W,3]``.
        segments: about how many; there are seldom exactly as many.
        compactness: above 0; larger superpixels are squarer and follow edges less.
        sigma: of smoothing before, in pixels, at least 0.

    Returns:
        The superpixel of each pixel, int64 ``[H,W]`` from 0 on, each connected, and how many there are.

    Raises:
        ImportError: without scikit-image.
    """
    try:
        from skimage.segmentation import slic
    except ImportError as error:
        raise ImportError(
            'sodex cuts the image with scikit-image, which is not installed: pip install "detxai-nb[sodex]"; '
            "d-rise does without"
        ) from error
    found = slic(image, n_segments=segments, compactness=compactness, sigma=sigma, start_label=0)
    names, labels = np.unique(found, return_inverse=True)
    return torch.from_numpy(labels.reshape(found.shape)), len(names)


class Hiding:
    """An image of which superpixels can be hidden.

    Args:
        pixels: float32 ``[3,H,W]``, RGB in 0..255.
        labels: int64 ``[H,W]``, the superpixel of each pixel, from 0 on.
        hidden: how a hidden superpixel is painted: "mean", "black" or "grey".
    """

    def __init__(self, pixels: Tensor, labels: Tensor, hidden: str) -> None:
        self.pixels = pixels
        self.labels = labels.to(pixels.device)
        self.instead = torch.full_like(pixels, 127.5 if hidden == "grey" else 0.0)
        if hidden == "mean":
            self.instead = self._means()

    def images(self, shown: Tensor) -> Tensor:
        """Return the image with only some of its superpixels.

        Args:
            shown: bool ``[n,S]``, which of the S superpixels are shown in each of n images.

        Returns:
            float32 ``[n,3,H,W]``, RGB in 0..255.
        """
        kept = shown.to(self.labels.device)[:, self.labels]
        return torch.where(kept[:, None], self.pixels, self.instead)

    def _means(self) -> Tensor:
        """Each superpixel in its mean colour, ``[3,H,W]``."""
        at = self.labels.flatten().cpu()
        sizes = torch.bincount(at)
        # In float64: a large superpixel's sum has more digits than a float32.
        pixels = self.pixels.flatten(1).cpu().double()
        means = torch.zeros(3, len(sizes), dtype=torch.float64, device="cpu").index_add_(1, at, pixels) / sizes
        return means.float().to(self.labels.device)[:, self.labels]


def ask_all(
    asker: BatchedDetector,
    hiding: Hiding,
    shown: Tensor,
    targets: Detections,
    progress: Progress,
    score_of: Callable[[Detections, Sequence[Detections]], Tensor] = class_overlaps,
) -> Tensor:
    """Query the detector with all samples and score each target in each of them.

    Args:
        asker: the detector with the image.
        hiding: the image of which superpixels can be hidden.
        shown: bool ``[N,S]``, the superpixels shown in each of N samples.
        targets: the T objects to score, on the detector's device.
        progress: called between batches as ``progress(samples done, N)``; what it raises ends the work.
        score_of: scores the targets ``[B,T]`` in B answers.

    Returns:
        Scores ``[N,T]``, float32 on the CPU; those of ``class_overlaps`` are in 0..1.
    """
    scores = torch.zeros(len(shown), len(targets), dtype=torch.float32, device="cpu")
    done = 0
    while done < len(shown):

        def make(count: int, first: int = done) -> Tensor:
            return hiding.images(shown[first : first + count])

        found: Any = asker.ask(make, len(shown) - done)
        scores[done : done + len(found)] = score_of(targets, found).cpu()
        done += len(found)
        progress(done, len(shown))
    return scores
