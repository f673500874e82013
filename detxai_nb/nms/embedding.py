"""FeatureNMS's embedding head: for each prediction of a torchvision detector a feature vector of length 1."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet

from detxai_nb.capabilities import Capabilities
from detxai_nb.detections import as_detections
from detxai_nb.detectors.dense.trace import ANCHOR_FIELDS, ORIGIN_FIELDS
from detxai_nb.detectors.weights import fit_weights
from detxai_nb.files import as_path, write_atomically
from detxai_nb.float32 import exact_mode, in_full_float32
from detxai_nb.module_use import alone
from detxai_nb.types import Detections, Detector, Trace

SIZE = 32
"""The length of a feature vector, as in the paper."""
DISTANCE = 1.0
"""The distance of two vectors that training takes for the border between one object and two, as in the paper."""
_HIDDEN = 64
CELLS, REGIONS = "cells of a pyramid", "pooled regions"
_KEY, _FORMAT = "detxai-nb embedding", 1


@dataclass(frozen=True)
class EmbeddingForm:
    """What an embedding head reads and gives.

    Attributes:
        kind: "cells of a pyramid" for FCOS and RetinaNet, "pooled regions" for Faster R-CNN.
        channels: of the pyramid or the regions.
        anchors: the number of predictions at a cell; 1 for regions.
        pooled: rows and columns of a region; (1, 1) for cells.
        size: the length of a feature vector.

    Raises:
        ValueError: for an unknown kind, or what is no whole number of at least 1.
    """

    kind: str
    channels: int
    anchors: int = 1
    pooled: tuple[int, int] = (1, 1)
    size: int = SIZE

    def __post_init__(self) -> None:
        if self.kind not in (CELLS, REGIONS):
            raise ValueError(f"kind is {CELLS!r} or {REGIONS!r}, got {self.kind!r}")
        numbers = {"channels": self.channels, "anchors": self.anchors, "size": self.size}
        for name, number in {**numbers, "pooled rows": self.pooled[0], "pooled columns": self.pooled[1]}.items():
            if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= 2**20:
                raise ValueError(f"{name} is a whole number of at least 1, got {number!r}")

    @classmethod
    def of(cls, module: Any, size: int = SIZE) -> EmbeddingForm:
        """Return the form of a head for a detector.

        Args:
            module: torchvision's ``FCOS``, ``RetinaNet`` or ``FasterRCNN``, or a subclass.
            size: the length of a feature vector.

        Returns:
            The form.

        Raises:
            TypeError: for another module.
            ValueError: if the size is below 1.
        """
        if isinstance(module, FasterRCNN):
            pool: Any = module.roi_heads.box_roi_pool
            height, width = (int(side) for side in pool.output_size)
            return cls(REGIONS, int(module.backbone.out_channels), 1, (height, width), size)
        if not isinstance(module, (FCOS, RetinaNet)):
            raise TypeError(
                f"an embedding head reads torchvision's FCOS, RetinaNet or FasterRCNN, got {type(module).__name__}; "
                "for others hand NmsDetector a function vectors=(trace, detections) -> [N,D] of your own"
            )
        anchors: Any = module.anchor_generator
        return cls(CELLS, int(module.backbone.out_channels), anchors.num_anchors_per_location()[0], (1, 1), size)

    def difference(self, other: EmbeddingForm) -> str:
        """Say where another form differs first.

        Args:
            other: the other one.

        Returns:
            Words with this form's value first; "" if they are equal.
        """
        for field in fields(self):
            own, its = getattr(self, field.name), getattr(other, field.name)
            if own != its:
                return f"{field.name} is {own!r} there and {its!r} here"
        return ""


class EmbeddingHead(nn.Module):
    """A small network from a detector's features to a feature vector of length 1 for each prediction.

    For one-stage detectors it is a branch beside those of class and box: three convolutions of 3x3 cells on the levels
    of the pyramid. For two-stage ones it is a linear layer on the pooled regions. ``DetectorEmbedding`` runs it in its
    detector.

    Args:
        form: what it reads and gives.

    References:
        Salscheider, "FeatureNMS: Non-Maximum Suppression by Learning Feature Embeddings" (ICPR 2021): a branch beside
        those of class and box in a RetinaNet, 32 numbers for each anchor. Zhao & Chan, ODAM (ICLR 2023), section 4.3,
        take the cropped features of Faster R-CNN.
    """

    def __init__(self, form: EmbeddingForm) -> None:
        super().__init__()
        self.form = form
        if form.kind == CELLS:
            widths = (form.channels, _HIDDEN, _HIDDEN, form.anchors * form.size)
            steps: list[nn.Module] = []
            for width, next_width in pairwise(widths):
                steps += [nn.Conv2d(width, next_width, 3, padding=1), nn.ReLU()]
            self.layers = nn.Sequential(*steps[:-1])
        else:
            self.layers = nn.Sequential(
                nn.Flatten(), nn.Linear(form.channels * form.pooled[0] * form.pooled[1], form.size)
            )

    @classmethod
    def made_for(cls, module: nn.Module, seed: int = 0, size: int = SIZE) -> EmbeddingHead:
        """Return a new head for a detector, with random weights, on the detector's device.

        Args:
            module: torchvision's ``FCOS``, ``RetinaNet`` or ``FasterRCNN``, or a subclass.
            seed: of the weights; the global random state does not change.
            size: the length of a feature vector.

        Returns:
            The head.

        Raises:
            TypeError: for another module.
            ValueError: if the size is below 1.
        """
        form = EmbeddingForm.of(module, size)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            head = cls(form)
        return head.to(next(module.parameters()).device)

    def forward(self, features: Tensor) -> Tensor:
        """Compute the vectors of a map's cells or of pooled regions.

        Args:
            features: of cells ``[B,C,h,w]``, a level of the pyramid; of regions ``[R,C,7,7]`` or as the head was made.

        Returns:
            Rows of length 1: ``[B,h*w*anchors,D]`` in the order of torchvision's outputs, or ``[R,D]``.
        """
        found: Tensor = self.layers(features.to(next(self.parameters()).dtype))
        if self.form.kind == CELLS:
            # In the order of torchvision's outputs: cell by cell, row first, and anchor by anchor.
            found = found.permute(0, 2, 3, 1).reshape(len(found), -1, self.form.size)
        return F.normalize(found, dim=-1)


class DetectorEmbedding:
    """An embedding head in its detector: called with a trace and predictions it returns their feature vectors.

    ``NmsDetector(detector, FeatureNms(), vectors=embedding)`` is the detector with FeatureNMS.

    Args:
        head: the head.
        detector: the detector that it was trained for.
        distance: the distance of two vectors that the training took for the border between one object and two.

    Attributes:
        head: the head, on the detector's device, in evaluation mode.
        distance: for ``FeatureNms(distance=...)``.

    Raises:
        TypeError: if the detector is none of torchvision's FCOS, RetinaNet and Faster R-CNN.
        ValueError: if the head is of another form than the detector's features; the first difference is named.
    """

    def __init__(self, head: EmbeddingHead, detector: Detector, distance: float = DISTANCE) -> None:
        self._module: Any = Capabilities(detector).module
        if self._module is None:
            raise TypeError(f"an embedding head reads a network's features, and {type(detector).__name__} shows none")
        _require_form(head.form, self._module, "this embedding head")
        self.head = head.to(next(self._module.parameters()).device).eval()
        self.distance = float(distance)

    @property
    def identity(self) -> dict[str, Any]:
        """Form and weights as plain values, for stores."""
        return {"form": asdict(self.head.form), "weights": weights_digest(self.head.state_dict())}

    def __call__(self, trace: Trace, detections: Detections) -> Tensor:
        """Return the feature vectors of predictions.

        Args:
            trace: an open pass of the detector, at any layer.
            detections: predictions of its image by this detector, such as ``candidates`` returns.

        Returns:
            ``[N,D]``, rows of length 1, without a graph.

        Raises:
            TypeError: for what are no detections of one image.
            ValueError: if the trace is of another network, or the detections do not say where in it they came from.
        """
        detections = as_detections(detections)
        if getattr(trace, "network", None) is not self._module:
            raise ValueError(
                "this embedding head belongs to another network than the trace; open it for the detector in use: "
                "dx.nms.load_embedding(path, detector)"
            )
        read = self._of_regions if self.head.form.kind == REGIONS else self._of_cells
        # Without a graph inside the exact mode, which switches gradients on.
        run = exact_mode(torch.no_grad()(partial(in_full_float32, self._device, partial(read, trace, detections))))
        return alone(self._module, run)

    @property
    def _device(self) -> torch.device:
        return next(self.head.parameters()).device

    def _of_regions(self, trace: Any, detections: Detections) -> Tensor:
        found = torch.zeros(len(detections), self.head.form.size, device=self._device)
        for part in trace.regions(detections.to(self._device)) if len(detections) else ():
            found[part.rows] = self.head(part.features).float()
        return found

    def _of_cells(self, trace: Any, detections: Detections) -> Tensor:
        levels, places = self._places(trace.pyramid, detections)
        found = torch.zeros(len(detections), self.head.form.size, device=self._device)
        for level in torch.unique(levels).tolist():
            rows = (levels == level).nonzero()[:, 0]
            found[rows] = self.head(trace.pyramid[level][None])[0, places[rows]].float()
        return found

    def _places(self, pyramid: Sequence[Tensor], detections: Detections) -> tuple[Tensor, Tensor]:
        """Level and place in the flat outputs of that level of each prediction, int64 ``[N]`` each."""
        anchors = self.head.form.anchors
        known_fields = (ANCHOR_FIELDS,) if anchors > 1 else (ANCHOR_FIELDS, ORIGIN_FIELDS)
        if detections.origins is None or detections.origin_fields not in known_fields:
            raise ValueError(
                f"these detections do not say where in the network they came from (origins {known_fields[-1]}); use "
                "what this detector's detect or dx.nms.candidates returned"
            )
        origins = detections.origins.to(self._device)
        if origins.shape[1] == 3:
            origins = F.pad(origins, (0, 1))
        extents = torch.tensor([(*level.shape[-2:], anchors) for level in pyramid], device=self._device)
        levels = origins[:, 0]
        known = (levels >= 0) & (levels < len(extents))
        sizes = extents[levels.clamp(0, len(extents) - 1)]
        if not bool((known[:, None] & (origins[:, 1:] >= 0) & (origins[:, 1:] < sizes)).all()):
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        return levels, (origins[:, 1] * sizes[:, 1] + origins[:, 2]) * anchors + origins[:, 3]


def weights_digest(state: Mapping[str, Tensor]) -> str:
    """Return what tells a network's weights from others, alike for float32 weights and their file in float16.

    Args:
        state: a state dict; what are no fractions (counters) does not count.

    Returns:
        A hash in hexadecimal.
    """
    digest = hashlib.sha256()
    for name, value in sorted(state.items()):
        if value.is_floating_point():
            digest.update(f"{name} {list(value.shape)}".encode())
            digest.update(value.detach().half().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()[:32]


def save_embedding(
    path: str | os.PathLike[str], head: EmbeddingHead, weights: Mapping[str, Tensor], distance: float = DISTANCE
) -> None:
    """Write a head to a file, with what it needs to be opened and the digest of its detector's weights.

    Args:
        path: the file, ``.safetensors``.
        head: the head.
        weights: the state dict of the detector that it was trained for, without the head.
        distance: the distance of two vectors that the training took for the border between one object and two.

    Raises:
        FileNotFoundError: if the folder does not exist.
    """
    about = {"format": _FORMAT, "form": asdict(head.form), "detector": weights_digest(weights), "distance": distance}
    state = {name: value.detach().cpu().contiguous() for name, value in head.state_dict().items()}
    content = save(state, metadata={_KEY: json.dumps(about)})
    write_atomically(as_path(path, "a file for an embedding head"), lambda file: file.write(content))


def load_embedding(
    path: str | os.PathLike[str], detector: Detector, *, other_weights: bool = False
) -> DetectorEmbedding:
    """Open a trained embedding head for the detector that it was trained for.

    Args:
        path: the file that the training wrote, ``embedding.safetensors``.
        detector: the detector with the weights of that training.
        other_weights: whether the detector may have other weights of the same form. What the vectors then mean is not
            known, so the default refuses it.

    Returns:
        The head in the detector, for ``NmsDetector(detector, FeatureNms(), vectors=...)``.

    Raises:
        FileNotFoundError: if there is no such file.
        TypeError: if the detector is none of torchvision's FCOS, RetinaNet and Faster R-CNN.
        ValueError: if the file holds no embedding head, one of another kind or size than the detector, or one that was
            trained on other weights.

    Example:
        >>> import tempfile
        >>> import detxai_nb as dx
        >>> detector = dx.load_detector("tiny-fcos", device="cpu")
        >>> head = dx.nms.EmbeddingHead.made_for(detector.module)  # not trained yet
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     dx.nms.save_embedding(f"{folder}/embedding.safetensors", head, detector.module.state_dict())
        ...     embedding = dx.nms.load_embedding(f"{folder}/embedding.safetensors", detector)
        >>> image = dx.data.scenes.Scenes(1)[0].image
        >>> vectors = embedding(detector.trace(image), dx.nms.candidates(detector, image, 0.3))
        >>> vectors.shape[1]
        32
    """
    path = as_path(path, "an embedding head")
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no embedding head at {path}; train one: python -m detxai_nb.training.embedding_only"
        )
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        state = load_file(path)
    except SafetensorError as error:
        raise ValueError(f"{path} is not a whole safetensors file ({error}); copy or train it again") from error
    form, digest, distance = _read_about(metadata, path)
    module: Any = Capabilities(detector).module
    _require_form(form, module, f"the embedding head {path}")
    if not other_weights and weights_digest(module.state_dict()) != digest:
        raise ValueError(
            f"the embedding head {path} was trained on other weights of this detector, where its vectors have no "
            "meaning; load the weights that it was trained on, or train a head for these: "
            "python -m detxai_nb.training.embedding_only"
        )
    head = EmbeddingHead(form)
    fit_weights(head, state, "this embedding head")
    return DetectorEmbedding(head, detector, distance)


def _read_about(metadata: Mapping[str, str], path: Path) -> tuple[EmbeddingForm, str, float]:
    """Form, digest of the detector's weights and distance that a file says, or an error in words."""
    try:
        about = json.loads(metadata[_KEY])
        if about["format"] != _FORMAT:
            raise ValueError(f"its format is {about['format']!r}, this version reads {_FORMAT}")
        form = EmbeddingForm(**{**about["form"], "pooled": tuple(about["form"]["pooled"])})
        digest, distance = str(about["detector"]), float(about["distance"])
        if not 0 < distance < float("inf"):
            raise ValueError(f"its distance is {distance:g}")
    except KeyError as error:
        raise ValueError(
            f"{path} holds no embedding head: it does not say {error.args[0]!r}; expected the embedding.safetensors "
            "that python -m detxai_nb.training.embedding_only or fine_tune --embedding writes"
        ) from error
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path} holds no embedding head that can be opened: {error}") from error
    return form, digest, distance


def _require_form(form: EmbeddingForm, module: Any, what: str) -> None:
    difference = form.difference(EmbeddingForm.of(module, form.size))
    if difference:
        raise ValueError(
            f"{what} is for another detector than this {type(module).__name__}: {difference}; train one for it: "
            "python -m detxai_nb.training.embedding_only"
        )
