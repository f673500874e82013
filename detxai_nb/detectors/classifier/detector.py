"""The adapter for image classifiers: each class is a prediction whose box is the whole image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.base import (
    Adapter,
    batches_of_one_shape,
    detecting,
    evaluating,
    gather_detections,
    outside_inference_mode,
    tracing,
)
from detxai_nb.detectors.classifier.capture import OpenedLayer, capture_layer, layer_maps, logits_of, probe
from detxai_nb.detectors.precision import require_full_precision
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.detectors.trace.strides import measure_strides
from detxai_nb.detectors.weights import differentiable
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.module_use import alone
from detxai_nb.names import ClassNames, as_names
from detxai_nb.scaling import scale_as_pillow
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

ORIGIN_FIELDS = ("class",)
ACTIVATIONS = ("softmax", "sigmoid", "none")
"""What can make probabilities of a classifier's outputs."""
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ClassifierDetector(Adapter):
    """A white-box adapter for image classifiers.

    The module is used as it is, in evaluation mode, and never changed. One forward pass over an empty image, when the
    detector is created, finds the maps that can be explained.

    The WHOLE image is resized to the input, bilinearly with antialiasing and to whole numbers as Pillow does. Nothing
    is cropped, so the aspect ratio of an image changes. (torchvision's own presets resize the short side and crop the
    centre; pass such a crop to reproduce their input.)

    Args:
        module: any module that takes images ``[B,3,h,w]`` and returns a logit for each class, ``[B,C]``, or an object
            whose attribute ``logits`` they are: torchvision's ResNet, VGG, DenseNet, EfficientNet and others. One that
            ends in a softmax or sigmoid, and so returns probabilities, is noticed.
        names: a name for each output.
        input_size: side of the square input in pixels, or (height, width); by default what the module itself states, as
            those of timm do, else 224.
        mean, std: for each of R, G and B: values in 0..1 minus ``mean``, divided by ``std``; by default what the module
            itself states, else ImageNet's.
        layer: the layer that ``trace`` explains by default: the dotted name of a submodule whose output is a map
            ``[B,K,h,w]``. None takes the last such map of the network.
        activation: what makes probabilities of the outputs, one of ``ACTIVATIONS``: "softmax" over all classes,
            "sigmoid" of each alone (several labels for one image, or a single logit), or "none" if they are
            probabilities. By default "none" for a network that ends in a softmax or sigmoid, "sigmoid" for a single
            logit, else "softmax".

    Raises:
        TypeError: if ``module`` is no ``torch.nn.Module``.
        ValueError: if the number of outputs differs from that of names, a setting is out of range, there is no
            submodule ``layer``, or a softmax is asked for over a single output.
    """

    family = "classifier"
    targets = ("class",)

    def __init__(
        self,
        module: nn.Module,
        names: ClassNames,
        *,
        input_size: int | tuple[int, int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        layer: str | None = None,
        activation: str | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"family 'classifier' expects a torch.nn.Module, got {type(module).__name__}")
        stated = _stated_by(module)
        input_size = stated.get("input_size", 224) if input_size is None else input_size
        mean = stated.get("mean", IMAGENET_MEAN) if mean is None else mean
        std = stated.get("std", IMAGENET_STD) if std is None else std
        height, width = (input_size, input_size) if isinstance(input_size, int) else input_size
        if min(height, width) < 1:
            raise ValueError(f"input_size must be one side or (height, width), both at least 1; got {input_size}")
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(
                f"mean and std must hold a value for each of three colours, std above 0; got {mean} and {std}"
            )
        if activation is not None and activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}, or None; got {activation!r}")
        require_full_precision(module)
        self.module = module = differentiable(module)
        self.input_size = (int(height), int(width))
        self.mean, self.std = tuple(mean), tuple(std)
        blank = exact_mode(lambda: probe(module, self._like.new_zeros((1, 3, *self.input_size))))
        found = alone(module, blank)
        self.names = as_names(names, found.outputs, owner="this classifier")
        if activation == "softmax" and found.outputs == 1:
            raise ValueError(
                "a softmax over the single output of this classifier is always 1; take activation='sigmoid', or 'none' "
                "if it is a probability"
            )
        usual = "none" if found.probabilities else "sigmoid" if found.outputs == 1 else "softmax"
        self.activation = usual if activation is None else activation
        self._offered = found.maps
        if layer is not None:
            self._offered = (self._check_layer(layer), *(name for name in found.maps if name != layer))

    @property
    def device(self) -> torch.device:
        """The device of the module's weights."""
        return self._like.device

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the default layer, then of the last map of every resolution, coarsest first.

        ``trace`` takes any other submodule's dotted name too.
        """
        return self._offered

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Classify images; each reported class is a detection with the whole image as its box.

        Args:
            images: pictures in any form that ``load_image`` reads, of any sizes.
            score_threshold: the lowest probability that is reported, in 0..1.

        Returns:
            The detections of each image, boxes xyxy in its own pixels.

        Raises:
            ValueError: with the activation "none", if an output is no probability.
        """
        pixels = as_images(images)
        found: list[Detections] = []
        with evaluating(self.module):
            for rows in batches_of_one_shape([self.input_size] * len(pixels)):
                batch = torch.cat([self._prepare(pixels[row]) for row in rows])
                probabilities = probabilities_of(logits_of(self.module(batch)), self.activation)
                for row, scores in zip(rows, probabilities):
                    found.append(self._report(scores, pixels[row].shape[:2], score_threshold))
        return found

    @tracing
    def trace(self, image: ImageSource, layer: str | None = None) -> ClassifierTrace:
        """Run one forward pass with a graph from the explained layer on.

        The pass runs without a graph up to the layer's last call and with one after it.

        Args:
            image: a picture in any form that ``load_image`` reads.
            layer: one of ``layers``, or the dotted name of any submodule whose output is a map; by default the first.

        Returns:
            The trace of this image.

        Raises:
            ValueError: if there is no such layer, the pass does not reach it, or its output is no map ``[1,K,h,w]`` of
                several cells.
        """
        layer = self._check_layer(layer)
        pixels = load_image(image)
        with evaluating(self.module):
            with torch.no_grad():
                batch = self._prepare(pixels)
            opened = capture_layer(self.module, layer, batch)
            stride = measure_strides(
                self.module, layer, lambda blank: layer_maps(self.module, layer, blank), batch, {layer: opened.leaf}
            )[layer]
        placement = Placement(tuple(pixels.shape[:2]), self.input_size, self.input_size)
        level = Level(layer, opened.leaf.detach()[0], stride)
        return ClassifierTrace(placement, level, opened, self.activation)

    @property
    def _like(self) -> Tensor:
        """A tensor of the weights' dtype on their device."""
        weight = next((w for w in self.module.parameters() if w.is_floating_point()), None)
        return torch.zeros((), dtype=torch.float32, device="cpu") if weight is None else weight

    def _check_layer(self, layer: str | None) -> str:
        """``layer``, or the default for None."""
        if layer is None:
            if not self._offered:
                raise ValueError(f"{type(self.module).__name__} has no map [B,K,h,w] inside that could be explained")
            return self._offered[0]
        if layer and layer in dict(self.module.named_modules()):
            return layer
        raise ValueError(
            f"unknown layer {layer!r}; this detector's layers: {', '.join(self._offered)}, "
            "and every other submodule by its dotted name"
        )

    def _prepare(self, pixels: Any) -> Tensor:
        """The image as the module's input ``[1,3,h,w]``."""
        image = scale_as_pillow(pixels, self.input_size, self.device).to(self._like.dtype)[None] / 255
        return (image - image.new_tensor(self.mean)[:, None, None]) / image.new_tensor(self.std)[:, None, None]

    def _report(self, scores: Tensor, size: tuple[int, int], threshold: float) -> Detections:
        """The classes of one image with a probability >= ``threshold``."""
        labels = (scores >= threshold).nonzero()[:, 0]
        height, width = size
        return gather_detections(
            Placement.identity(height, width),
            scores.new_tensor([0, 0, width, height]).expand(len(labels), 4),
            scores[labels],
            labels,
            self.names,
            class_scores=scores.expand(len(labels), -1),
            origins=labels[:, None],
            origin_fields=ORIGIN_FIELDS,
            highest_score=float(scores.max()),
            score_threshold=threshold,
        )


def _stated_by(module: nn.Module) -> dict[str, Any]:
    """The input size, mean and std that a module of timm states; nothing for others."""
    about = getattr(module, "pretrained_cfg", None) or getattr(module, "default_cfg", None)
    if not isinstance(about, Mapping):
        return {}
    found = {name: tuple(map(float, about[name])) for name in ("mean", "std") if len(about.get(name) or ()) == 3}
    size = about.get("input_size")
    return {**found, "input_size": (int(size[1]), int(size[2]))} if size and len(size) == 3 else found


class ClassifierTrace:
    """One forward pass of one image through a classifier, kept open for gradients. See ``types.Trace``.

    Args:
        placement: how the image is resized to the input.
        level: the explained layer's map.
        opened: its leaf, and the outputs that depend on it.
        activation: one of ``ACTIVATIONS``, what makes probabilities of the outputs.
    """

    def __init__(self, placement: Placement, level: Level, opened: OpenedLayer, activation: str = "softmax") -> None:
        self.placement = placement
        self.layer = level.name
        self.levels = (level,)
        self._leaf = opened.leaf
        self._logits = opened.logits
        self._activation = activation

    @exact_mode
    @torch.no_grad()
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """Return the explained scalar of each detection.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained; only the part "class".

        Returns:
            Scalars ``[N]``: probabilities or logits.

        Raises:
            ValueError: if the target is a box side, or a logit of a network that returns probabilities, or the
                detections have no classes as origins or come from another detector.
        """
        return self._scalars(self._resolve(detections, target), target)

    def chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        """Compute the exact gradients of all detections with respect to the layer.

        Each chunk is one batched product with the Jacobian of what follows the layer. Works inside
        ``torch.inference_mode`` too, which is left for the time of each step.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained; only the part "class".

        Yields:
            Chunks of gradients on the whole map that fit the memory budget.

        Raises:
            ValueError: as ``scalars``, at the first step.
        """
        return outside_inference_mode(self._chunks(detections, target))

    def _chunks(self, detections: Detections, target: Target) -> Iterator[GradientChunk]:
        labels = self._resolve(detections, target)
        for rows in torch.split(torch.arange(len(labels), device=labels.device), rows_per_chunk(self._leaf)):
            with torch.enable_grad():
                scalars = self._scalars(labels[rows].clone(), target)
                one_each = torch.eye(len(rows), dtype=scalars.dtype, device=scalars.device)
                (found,) = torch.autograd.grad(scalars, self._leaf, one_each, retain_graph=True, is_grads_batched=True)
            yield GradientChunk(0, rows, found[:, 0])
            del found, scalars

    def gradients(self, detections: Detections, target: Target) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Compute the same gradients as plain tuples.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained; only the part "class".

        Yields:
            (level, rows, gradient ``[n,K,h,w]``) for each chunk; the level is 0.

        Raises:
            ValueError: as ``scalars``, at the first step.
        """
        for chunk in self.chunks(detections, target):
            yield chunk.level, chunk.rows, chunk.gradient

    def _resolve(self, detections: Detections, target: Target) -> Tensor:
        """The explained class ``[N]`` of each detection."""
        if target.part != "class":
            raise ValueError(f"a classifier has no box to explain: its only target is 'class', got {target.part!r}")
        origins = detections.origins
        if origins is None or detections.origin_fields != ORIGIN_FIELDS:
            raise ValueError(
                f"these detections do not say where in the model they came from (origins {ORIGIN_FIELDS}); "
                "use what this detector's detect returns"
            )
        if target.score == "logit" and self._activation == "none":
            raise ValueError(
                "this classifier returns probabilities: its logits are not among its outputs. Explain "
                "Target(score='prob'), or wrap the network without its last softmax or sigmoid"
            )
        outputs = self._logits.shape[1]
        if len(origins) and int(origins.max()) >= outputs:
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        labels = detections.labels.to(self._logits.device).clone()
        return labels if target.label is None else torch.full_like(labels, target.label)

    def _scalars(self, labels: Tensor, target: Target) -> Tensor:
        """The logits ``[n]`` of the classes ``labels``, or their probabilities."""
        outputs = self._logits if target.score == "logit" else probabilities_of(self._logits, self._activation)
        return outputs[0, labels]


def probabilities_of(outputs: Tensor, activation: str) -> Tensor:
    """Return the probabilities of a classifier's outputs.

    Args:
        outputs: ``[B,C]``.
        activation: one of ``ACTIVATIONS``.

    Returns:
        ``[B,C]`` in 0..1.

    Raises:
        ValueError: with the activation "none", if an output is not in 0..1.
    """
    if activation == "softmax":
        return outputs.softmax(dim=1)
    if activation == "sigmoid":
        return outputs.sigmoid()
    low, high = float(outputs.detach().min()), float(outputs.detach().max())
    if not (low >= -1e-6 and high <= 1 + 1e-6):
        raise ValueError(
            f"this classifier's outputs are taken for probabilities (activation='none'), got {low:.4g} to {high:.4g}; "
            "take activation='softmax' or 'sigmoid'"
        )
    return outputs
