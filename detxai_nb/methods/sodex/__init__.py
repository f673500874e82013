"""SODEx: LIME for detectors, how much each superpixel of an image adds to the finding of each object."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from detxai_nb.capabilities import Capabilities
from detxai_nb.methods.d_rise.weights import class_overlaps
from detxai_nb.methods.perturbed_detection import BatchedDetector
from detxai_nb.methods.registry import MethodResult, perturbation_method
from detxai_nb.methods.sodex.surrogate import draw_shown, fit, nearness
from detxai_nb.types import Detections, Detector, Progress

FIT, LEFT_OUT = "weighted R²", "leave-one-out R²"
HIDDEN = ("mean", "black", "grey")


@dataclass(frozen=True)
class SodexSettings:
    """What ``sodex`` can be told; see there. Raises ``ValueError`` for what makes no sense."""

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
            if not 0 < getattr(self, name) < float("inf"):
                raise ValueError(f"{name} is a number above 0, got {getattr(self, name)!r}")
        if not 0 <= self.sigma < float("inf"):
            raise ValueError(f"sigma, in pixels, is at least 0, got {self.sigma!r}")
        if not 0 <= self.score_threshold <= 1:
            raise ValueError(f"score_threshold lies in 0..1, got {self.score_threshold!r}")


@perturbation_method(
    "sodex",
    title="SODEx",
    source="Sejr et al., Surrogate Object Detection Explainer (SODEx) with YOLOv4 and LIME, MAKE 2021",
    choices={"hidden": HIDDEN},
    signed=lambda settings: True,
)
def sodex(
    detector: Detector,
    image: np.ndarray,
    detections: Detections,
    progress: Progress,
    *,
    samples: int = SodexSettings.samples,
    segments: int = SodexSettings.segments,
    compactness: float = SodexSettings.compactness,
    sigma: float = SodexSettings.sigma,
    hidden: str = SodexSettings.hidden,
    kernel_width: float = SodexSettings.kernel_width,
    alpha: float = SodexSettings.alpha,
    score_threshold: float = SodexSettings.score_threshold,
    seed: int = SodexSettings.seed,
    batch_size: int | None = SodexSettings.batch_size,
) -> MethodResult:
    """Signed maps of all detections from the same changed images, one value a pixel of the image.

    LIME (Ribeiro et al., KDD 2016) with each object as a class of its own: the image is cut into superpixels, the
    detector is asked about ``samples`` images in which about half of them are hidden, and a linear model of the
    object's score is fitted to which ones were shown. A pixel has its superpixel's coefficient: what showing it adds to
    the score, below 0 where hiding it would help. Objects share the images and the detector's answers.

    The score is ``class_overlaps``: IoU with the object's box times the score of its class, the largest over the
    detections. So does D-RISE, but it compares whole vectors of class probabilities. The detection that overlaps the
    box best would give a score that jumps where another comes to overlap it better; the product does not.

    Samples (each superpixel shown with a probability of 0.5, the first sample is the whole image), kernel
    (``kernel_width``, see ``nearness``), ridge (``alpha``) and ``hidden`` are those of the package lime: a hidden
    superpixel is painted in its "mean" colour, "black" or "grey" (127.5), rounded where the detector is a function.
    Superpixels are SLIC's, of like size everywhere, and not lime's quickshift's; ``segments``: about as many, the true
    number is in ``settings["superpixels"]``; ``compactness`` and ``sigma`` (of smoothing, in pixels): the larger, the
    less they follow edges. Noise joins them into few: take a larger compactness there.

    ``score_threshold``: of the detections in changed images. ``batch_size``: see ``BatchedDetector``. ``diagnostics``:
    how far each object's linear model may be trusted. "weighted R²" is the share of the score's variance that it
    explains, of the samples it was fitted to: with many superpixels and few samples it flatters. "leave-one-out R²"
    is that of samples it has not seen. Where it is low, the score is no sum of what superpixels add, or the samples
    are too few, and the map says little; both are NaN for a score that never changed, whose map is zero.

    What ``progress`` raises ends the work with nothing. Raises ``ImportError`` without scikit-image, ``ValueError``
    for settings out of range.
    """
    chosen = SodexSettings(
        samples, segments, compactness, sigma, hidden, kernel_width, alpha, score_threshold, seed, batch_size
    )
    detections.require_nonempty()
    detections.require_image(*image.shape[:2])
    progress(0, samples)
    labels, count = superpixels(image, segments, compactness, sigma)
    asker = BatchedDetector(detector, image, score_threshold=score_threshold, batch_size=batch_size)
    shown = draw_shown(samples, count, seed)
    scores = ask_all(asker, Hiding(asker.pixels, labels, hidden), shown, detections.to(detector.device), progress)
    surrogate = fit(shown, scores, nearness(shown, chosen.kernel_width), chosen.alpha)
    return MethodResult(
        grids=list(surrogate.coefficients.float()[:, labels].to(detector.device)),
        diagnostics={FIT: surrogate.determination.tolist(), LEFT_OUT: surrogate.left_out.tolist()},
        settings={
            "superpixels": count,
            "rounded": not asker.exact,
            "precision": Capabilities(detector).precision,
        },
        seed=seed,
    )


def superpixels(image: np.ndarray, segments: int, compactness: float, sigma: float) -> tuple[Tensor, int]:
    """The superpixel of each pixel, int64 ``[H,W]`` from 0 on, and how many there are: SLIC of RGB uint8 ``[H,W,3]``.

    Connected and seldom exactly ``segments``. Raises ``ImportError`` without scikit-image.
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
    """The image with some of its superpixels hidden. ``pixels`` float32 ``[3,H,W]`` in 0..255, ``labels`` ``[H,W]``."""

    def __init__(self, pixels: Tensor, labels: Tensor, hidden: str) -> None:
        self.pixels = pixels
        self.labels = labels.to(pixels.device)
        self.instead = torch.full_like(pixels, 127.5 if hidden == "grey" else 0.0)
        if hidden == "mean":
            self.instead = self._means()

    def images(self, shown: Tensor) -> Tensor:
        """The image with only these superpixels, bool ``[n,S]``, as it was: float32 ``[n,3,H,W]``."""
        kept = shown.to(self.labels.device)[:, self.labels]
        return torch.where(kept[:, None], self.pixels, self.instead)

    def _means(self) -> Tensor:
        """Each superpixel in its mean colour, ``[3,H,W]``."""
        at = self.labels.flatten().cpu()
        sizes = torch.bincount(at)
        # In float64: a large superpixel's sum has more digits than a float32.
        pixels = self.pixels.flatten(1).cpu().double()
        means = torch.zeros(3, len(sizes), dtype=torch.float64).index_add_(1, at, pixels) / sizes
        return means.float().to(self.labels.device)[:, self.labels]


def ask_all(asker: BatchedDetector, hiding: Hiding, shown: Tensor, targets: Detections, progress: Progress) -> Tensor:
    """The score of each target in each sample, ``[N,T]`` on the CPU."""
    scores = torch.zeros(len(shown), len(targets))
    done = 0
    while done < len(shown):

        def make(count: int, first: int = done) -> Tensor:
            return hiding.images(shown[first : first + count])

        found: Any = asker.ask(make, len(shown) - done)
        scores[done : done + len(found)] = class_overlaps(targets, found).cpu()
        done += len(found)
        progress(done, len(shown))
    return scores
