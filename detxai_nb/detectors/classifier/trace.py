"""The trace of a classifier: one forward pass cut at a layer, and exact gradients of many classes at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detections import CLASS_ORIGIN
from detxai_nb.detectors.base import outside_inference_mode
from detxai_nb.detectors.classifier.capture import OpenedLayer, logits_of
from detxai_nb.detectors.trace.above import Above
from detxai_nb.detectors.trace.again import Again, Prepared, check_features, with_graph_of_inputs
from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.detectors.trace.budget import rows_per_chunk
from detxai_nb.detectors.trace.products import jacobian_products
from detxai_nb.float32 import exact_mode
from detxai_nb.geometry import Placement
from detxai_nb.module_use import exclusive
from detxai_nb.targets import class_values, logarithm, sigmoid_scores, softmax_scores
from detxai_nb.types import Detections, Level, Target
from detxai_nb.windows import GradientChunk

ORIGIN_FIELDS = CLASS_ORIGIN


class ClassifierTrace(Again):
    """One forward pass of one image through a classifier, kept open for gradients. See ``RerunTrace``.

    Args:
        placement: how the image is resized to the input.
        level: the explained layer's map.
        opened: its leaf, and the outputs that depend on it.
        activation: one of ``ACTIVATIONS``, what makes probabilities of the outputs.
        module: the classifier, for further runs.
        again: what further runs need; None if there will be none.
    """

    def __init__(
        self,
        placement: Placement,
        level: Level,
        opened: OpenedLayer,
        activation: str = "softmax",
        module: nn.Module | None = None,
        again: Prepared | None = None,
    ) -> None:
        self.placement = placement
        self.layer = level.name
        self.levels = (level,)
        self._leaf = opened.leaf
        self._logits = opened.logits
        self._activation = activation
        self._module: Any = module
        self._again = again
        self._above: Above | None = None

    @exact_mode
    @torch.no_grad()
    def scalars(self, detections: Detections, target: Target) -> Tensor:
        """Return the explained scalar of each detection.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained; only the part "class".

        Returns:
            Scalars ``[N]``: probabilities, their logarithms, logits, or differences of two classes'.

        Raises:
            ValueError: if the target is a box side, or a logit of a network that returns probabilities, or the
                detections have no classes as origins or come from another detector.
        """
        return self._scalars(*self._resolve(detections, target))

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
        labels, target = self._resolve(detections, target)
        for rows in torch.split(torch.arange(len(labels), device=labels.device), rows_per_chunk(self._leaf)):
            with torch.enable_grad():
                scalars = self._scalars(labels[rows].clone(), target)
                one_each = torch.eye(len(rows), dtype=scalars.dtype, device=scalars.device)
                found = jacobian_products(scalars, self._leaf, one_each)
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

    @exclusive("_module")
    @exact_mode
    @with_graph_of_inputs
    def scalars_of_inputs(self, inputs: Tensor, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other inputs.

        Args:
            inputs: ``[B,3,h,w]`` of the size of ``input``; where they need a gradient the result has a graph.
            detections: N detections of this image by this detector.
            target: what is explained; only the part "class".

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, and for inputs of another size.
        """
        labels, target = self._resolve(detections, target)
        self._check_inputs(inputs)
        outputs = with_exact_norms(self._module, lambda: self._module(inputs))
        return self._values(logits_of(outputs, len(inputs)), labels, target)

    @exclusive("_module")
    @exact_mode
    @torch.no_grad()
    def scalars_of_features(self, features: Tensor, level: int, detections: Detections, target: Target) -> Tensor:
        """Compute the explained scalars for other activations of the layer; only what lies above it runs.

        Args:
            features: ``[B,K,h,w]``, versions of the layer's map.
            level: 0.
            detections: N detections of this image by this detector.
            target: what is explained; only the part "class".

        Returns:
            ``[B,N]``.

        Raises:
            ValueError: as ``scalars``, and for activations of another shape.
        """
        labels, target = self._resolve(detections, target)
        check_features(features, level, [self._leaf[0]])
        if self._above is None:
            part = self._module.get_submodule(self.layer)
            self._above = Above(self._module, part, self._module, self._prepared.batch, lambda out: [logits_of(out)])
        parts = [features] if self._above.batched else torch.split(features, 1)
        logits = torch.cat([logits_of(self._above(part.clone(), len(part)), len(part)) for part in parts])
        return self._values(logits, labels, target)

    @property
    def module(self) -> Any:
        """The classifier, for methods in which all of its layers take part."""
        return self._module

    def logits_of(self, output: Any) -> Tensor:
        """Return the logits in what the module returned.

        Args:
            output: of B images.

        Returns:
            ``[B,C]``.
        """
        return logits_of(output)

    def labels(self, detections: Detections, target: Target) -> Tensor:
        """Return the explained class of each detection: the number of its output.

        Args:
            detections: N detections of this image by this detector.
            target: what is explained; only the part "class".

        Returns:
            int64 ``[N]``.

        Raises:
            ValueError: as ``scalars``.
        """
        return self._resolve(detections, target)[0]

    def _resolve(self, detections: Detections, target: Target) -> tuple[Tensor, Target]:
        """The explained class ``[N]`` of each detection; the target with class numbers."""
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
                f"Target(score={'prob' if target.against is None else 'log-prob'!r}), or wrap the network without its "
                "last softmax or sigmoid"
            )
        outputs = self._logits.shape[1]
        if len(origins) and int(origins.max()) >= outputs:
            raise ValueError("these detections come from another detector or image size; detect in this image first")
        return target.resolve(detections.labels.to(self._logits.device), detections.names)

    def _scalars(self, labels: Tensor, target: Target) -> Tensor:
        """The scalars ``[n]`` of the classes ``labels``."""
        return self._values(self._logits, labels, target)[0]

    def _values(self, logits: Tensor, labels: Tensor, target: Target) -> Tensor:
        """The scalars ``[B,n]`` of the classes ``labels`` in logits ``[B,C]``."""
        scores = scores_of(logits, self._activation, target.score)
        return class_values(lambda of: scores[:, of], labels, target)


def scores_of(outputs: Tensor, activation: str, score: str) -> Tensor:
    """Return the scores of all classes.

    Args:
        outputs: ``[B,C]``.
        activation: one of ``ACTIVATIONS``.
        score: one of ``types.SCORES``.

    Returns:
        ``[B,C]``: probabilities, their logarithms or the outputs themselves.

    Raises:
        ValueError: as ``probabilities_of``.
    """
    if activation == "softmax" or score == "logit":
        return softmax_scores(outputs, score)
    if activation == "sigmoid":
        return sigmoid_scores(outputs, score)
    found = probabilities_of(outputs, activation)
    return logarithm(found) if score == "log-prob" else found


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
    # What is no number is no wrong activation; it is reported where it is met.
    if low < -1e-6 or high > 1 + 1e-6:
        raise ValueError(
            f"this classifier's outputs are taken for probabilities (activation='none'), got {low:.4g} to {high:.4g}; "
            "take activation='softmax' or 'sigmoid'"
        )
    return outputs
