"""Ultralytics' classification models, opened by the adapter of image classifiers."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from detxai_nb.detectors.classifier.detector import ClassifierDetector
from detxai_nb.detectors.ultralytics.network import as_input_size, differentiable_model, ultralytics_model
from detxai_nb.names import ClassNames

_USUAL_SIZE, _MULTIPLE = 224, 32


class ClassLogits(nn.Module):
    """A classification model of Ultralytics' that returns its logits alone.

    Args:
        model: the ``ClassificationModel``, which in evaluation mode returns probabilities and logits.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        self.train(model.training)

    def forward(self, batch: Tensor) -> Tensor:
        """Return the logits ``[B,C]``.

        Args:
            batch: images ``[B,3,h,w]``.

        Returns:
            The logits.
        """
        found = self.model(batch)
        logits: Tensor = found[1] if isinstance(found, tuple) else found
        return logits


def open_classification(
    module: Any, names: ClassNames | None = None, *, input_size: int | tuple[int, int] | None = None
) -> ClassifierDetector:
    """Open a classification model of Ultralytics' as an image classifier.

    As in Ultralytics' predictor the shorter side of an image is scaled to the input and the middle is cut out, without
    normalisation.

    Args:
        module: an ``ultralytics.YOLO`` of the task "classify" or the ``ClassificationModel`` inside it.
        names: a name for each class output; by default the model's own.
        input_size: side in pixels of the square input, or (height, width); by default the one that the model was
            trained at, or 224.

    Returns:
        The detector, of the family "classifier": each class is a prediction whose box is what the network sees.

    Raises:
        ImportError: if ultralytics is missing.
        TypeError: if the module is no classification model of Ultralytics'.
        ValueError: if the number of names differs from that of class outputs, ``input_size`` is no multiple of 32, or
            the model does not take RGB images.
    """
    model = differentiable_model(ultralytics_model(module, "ClassificationModel"))
    return ClassifierDetector(
        ClassLogits(model),
        model.names if names is None else names,
        input_size=as_input_size(input_size, model, _MULTIPLE, "this classification model", _USUAL_SIZE),
        mean=(0.0, 0.0, 0.0),
        std=(1.0, 1.0, 1.0),
        processor={"crop": 1.0},
    )
