"""The adapter for image classifiers: each class is a prediction whose box is the whole image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.capabilities import ANY_SIZE, LOGITS, RERUN
from detxai_nb.detectors.base import (
    Adapter,
    batches_of_one_shape,
    detecting,
    evaluating,
    gather_detections,
    tracing,
)
from detxai_nb.detectors.classifier.capture import capture_layer, layer_maps, logits_of, probe
from detxai_nb.detectors.classifier.preprocessing import preprocessing_of, stated_names
from detxai_nb.detectors.classifier.trace import ORIGIN_FIELDS, ClassifierTrace, probabilities_of
from detxai_nb.detectors.precision import require_full_precision
from detxai_nb.detectors.trace.again import Prepared
from detxai_nb.detectors.trace.running import require_layer_name
from detxai_nb.detectors.trace.strides import measure_strides
from detxai_nb.detectors.weights import differentiable
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.module_use import alone, exclusive
from detxai_nb.names import ClassNames, as_names, nearest_names
from detxai_nb.types import Detections, Level

ACTIVATIONS = ("softmax", "sigmoid", "none")
"""What can make probabilities of a classifier's outputs."""


class ClassifierDetector(Adapter):
    """A white-box adapter for image classifiers.

    The module is used as it is, in evaluation mode, and never changed. One forward pass over an empty image, when the
    detector is created, finds the maps that can be explained.

    The WHOLE image is resized to the input, bilinearly with antialiasing and to whole numbers as Pillow does. Nothing
    is cropped, so the aspect ratio of an image changes. (torchvision's own presets resize the short side and crop the
    centre: ``processor={"crop": 224 / 256}`` does that.) With a crop, given or stated, the box of each prediction is
    the part of the image that the network sees, and maps are zero outside of it.

    Args:
        module: any module that takes images ``[B,3,h,w]`` and returns a logit for each class, ``[B,C]``, or an object
            whose attribute ``logits`` they are: torchvision's ResNet, VGG, DenseNet, EfficientNet and others. One that
            ends in a softmax or sigmoid, and so returns probabilities, is noticed.
        names: a name for each output; None for those that a module of Hugging Face states.
        input_size: side of the square input in pixels, or (height, width); by default what ``processor`` or the module
            itself states, as those of timm do, else 224.
        mean, std: for each of R, G and B: values in 0..1 minus ``mean``, divided by ``std``; by default what
            ``processor`` or the module itself states, else ImageNet's.
        processor: the image processor of a model of Hugging Face, or its settings as a dict, of which size, crop and
            colours are read; scaling is bilinear whatever it states. Or {"crop": share}: the image is resized in
            proportion, and a middle of that share of its shorter side is cut out, as timm's ``crop_pct`` says, which is
            read from the module; {"crop": None} for the whole image whatever the module states.
        layer: the layer that ``trace`` explains by default: the dotted name of a submodule whose output is a map
            ``[B,K,h,w]``. None takes the last such map of the network.
        activation: what makes probabilities of the outputs, one of ``ACTIVATIONS``: "softmax" over all classes,
            "sigmoid" of each alone (several labels for one image, or a single logit), or "none" if they are
            probabilities. By default "none" for a network that ends in a softmax or sigmoid, "sigmoid" for a single
            logit, else "softmax".

    Raises:
        TypeError: if ``module`` is no ``torch.nn.Module``.
        ValueError: if the module returns no logits ``[B,C]``, their number differs from that of names, there are no
            names, a setting is out of range, there is no submodule ``layer`` or it outputs no map, or a softmax is
            asked for over a single output.
    """

    family = "classifier"
    targets = ("class",)
    offers = (RERUN, ANY_SIZE, LOGITS)

    def __init__(
        self,
        module: nn.Module,
        names: ClassNames | None = None,
        *,
        input_size: int | tuple[int, int] | None = None,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        processor: Any = None,
        layer: str | None = None,
        activation: str | None = None,
    ) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(f"family 'classifier' expects a torch.nn.Module, got {type(module).__name__}")
        self._seen = preprocessing_of(module, processor, input_size=input_size, mean=mean, std=std)
        if activation is not None and activation not in ACTIVATIONS:
            raise ValueError(f"activation is one of {', '.join(ACTIVATIONS)}, or None; got {activation!r}")
        require_full_precision(module)
        self.module = module = differentiable(module)
        self.input_size, self.crop = self._seen.input_size, self._seen.crop
        self.mean, self.std = self._seen.mean, self._seen.std
        blank = exact_mode(lambda: probe(module, self._like.new_zeros((1, 3, *self.input_size))))
        found = alone(module, blank)
        names = stated_names(module) if names is None else names
        if names is None:
            raise ValueError(
                f"a {type(module).__name__} does not know its classes; hand in names=[...], one for each of its "
                f"{found.outputs} outputs"
            )
        self.names = as_names(names, found.outputs, owner="this classifier")
        if activation == "softmax" and found.outputs == 1:
            raise ValueError(
                "a softmax over the single output of this classifier is always 1; take activation='sigmoid', or 'none' "
                "if it is a probability"
            )
        usual = "none" if found.probabilities else "sigmoid" if found.outputs == 1 else "softmax"
        self.activation = usual if activation is None else activation
        self._offered = found.maps
        require_layer_name(layer)
        if layer is not None:
            self._offered = (self._check_layer(layer), *(name for name in found.maps if name != layer))
            # Raises for a layer that outputs no map.
            empty = self._like.new_zeros((1, 3, *self.input_size))
            alone(module, lambda: exact_mode(capture_layer)(module, layer, empty))

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
                probabilities = probabilities_of(logits_of(self.module(batch), len(batch)), self.activation)
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
        with torch.no_grad():
            batch = self._prepare(pixels)
        return self._open(batch, layer, (int(pixels.shape[0]), int(pixels.shape[1])))

    @exclusive("module")
    @exact_mode
    def _open(self, batch: Tensor, layer: str, image_size: tuple[int, int]) -> ClassifierTrace:
        """The trace of an input ``[1,3,h,w]`` of any size."""
        opened = capture_layer(self.module, layer, batch)
        stride = measure_strides(
            self.module, layer, lambda blank: layer_maps(self.module, layer, blank), batch, {layer: opened.leaf}
        )[layer]
        size = (int(batch.shape[2]), int(batch.shape[3]))
        level = Level(layer, opened.leaf.detach()[0], stride)
        again = Prepared(
            batch,
            black=lambda: self._prepare(np.zeros((*image_size, 3), dtype=np.uint8)),
            reopen=lambda other: self._open(other, layer, image_size),
            any_size=True,
        )
        placement = self._seen.placement(image_size, size)
        return ClassifierTrace(placement, level, opened, self.activation, self.module, again)

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
        near = nearest_names(layer, [name for name, _ in self.module.named_modules() if name])
        raise ValueError(
            f"unknown layer {layer!r}; this detector's layers: {', '.join(self._offered)}, "
            "and every other submodule by its dotted name"
            + (f"; did you mean {' or '.join(map(repr, near))}?" if near else "")
        )

    def _prepare(self, pixels: Any) -> Tensor:
        """The image as the module's input ``[1,3,h,w]``."""
        return self._seen.prepare(pixels, self._like)

    def _report(self, scores: Tensor, size: tuple[int, int], threshold: float) -> Detections:
        """The classes of one image with a probability >= ``threshold``."""
        labels = (scores >= threshold).nonzero()[:, 0]
        seen = self._seen.placement((int(size[0]), int(size[1]))).seen
        return gather_detections(
            Placement.identity(*size),
            scores.new_tensor(seen).expand(len(labels), 4),
            scores[labels],
            labels,
            self.names,
            class_scores=scores.expand(len(labels), -1),
            origins=labels[:, None],
            origin_fields=ORIGIN_FIELDS,
            highest_score=float(scores.max()),
            score_threshold=threshold,
        )
