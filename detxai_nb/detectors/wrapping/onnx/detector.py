"""An ONNX model as a black box: what D-RISE, SODEx, the widgets and evaluations need, and no gradients."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from detxai_nb.detectors.base import batches_of_one_shape, detecting
from detxai_nb.detectors.trace.candidates import survivors
from detxai_nb.detectors.wrapping.onnx.decoders import Decoder, Found, OutputForm
from detxai_nb.detectors.wrapping.onnx.layout import choose_decoder, count_classes
from detxai_nb.detectors.wrapping.onnx.preparation import InputPreparation
from detxai_nb.detectors.wrapping.onnx.session import OnnxSession
from detxai_nb.detectors.wrapping.reading import PredictionReader
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images
from detxai_nb.names import ClassNames, as_names
from detxai_nb.types import Detections

Decode = Callable[[Mapping[str, np.ndarray], tuple[int, int]], Any]
"""From the outputs of one picture by name, each with a batch axis of 1, and the input's (height, width) to boxes xyxy
in input pixels, scores in 0..1 and labels, as ``wrap_predict`` takes them."""


_STATED_SIZE = re.compile(r"\[([1-9]\d{0,4}), ([1-9]\d{0,4})\]")


class OnnxDetector:
    """An ONNX model, run by onnxruntime, as a detector without layers and trace.

    It runs on the CPU with as many threads as PyTorch had when it was opened. It can be pickled: another process opens
    the same file.

    Args:
        file: the model. Data that it keeps in files of their own have to lie beside it.
        names: a name for each class; None takes those that the file holds, as Ultralytics' exports do.
        decode: what the outputs mean: "yolov5", "yolov8", "yolo26", "yolox", "yolox-decoded", "detr",
            "deformable-detr", "rt-detr", "ultralytics-rt-detr", "d-fine" or another name of one (see the page on ONNX
            models); or a function ``decode(outputs, input_size)`` from a dict of arrays by output name, each with a
            batch axis of 1, and (height, width) to boxes xyxy in pixels of the input, scores in 0..1 and labels, or
            more of what ``wrap_predict`` takes. None takes what the file states, or the only one that fits.
        nms_threshold: IoU above which the lower-scoring box of a class is dropped, 0..1; None for that of the layout (a
            function's boxes are all kept). 1 drops nothing.
        max_detections: the maximum number of detections in an image; None for that of the layout.
        batch_size: how many pictures go together; None for the model's own number, or 8 where it takes any.
        device: "cpu", "cuda" or "auto", which is the CPU. The results are kept on the CPU.
        **preparation: what is done to a picture, the fields of ``InputPreparation`` (``input_size``, ``fit``,
            ``multiple``, ``resampling``, ``order``, ``scale``, ``mean``, ``std``, ``pad``), where it is not what is
            usual for the layout.

    Raises:
        ImportError: if onnxruntime is not installed.
        FileNotFoundError: if the file, or data that it keeps elsewhere, is missing.
        TypeError: for an unknown setting, or one of another kind.
        ValueError: if it is no model of pictures, its outputs are not those of the decoder, or it is not clear which
            decoder it takes; the message lists its outputs and the decoders.
    """

    family = "onnx"

    def __init__(
        self,
        file: str | os.PathLike[str],
        names: ClassNames | None = None,
        *,
        decode: str | Decode | None = None,
        nms_threshold: float | None = None,
        max_detections: int | None = None,
        batch_size: int | None = None,
        device: str | torch.device = "auto",
        **preparation: Any,
    ) -> None:
        self._session = OnnxSession(file, device, batch_size)
        given = self._session.names if names is None else names
        classes = None if given is None else len(as_names(given, owner=self._owner))
        self.decode: Decode | Decoder = decode if callable(decode) else choose_decoder(self._session, decode, classes)
        if given is None:
            raise ValueError(f"{self._owner} does not know its classes{self._outputs()}; hand in names=[...], one each")
        self.names = as_names(given, owner=self._owner)
        # A function's labels have to be numbers that a dict of names holds; a decoder's are those of the outputs.
        self._reader = PredictionReader(given if callable(decode) else self.names, torch.device("cpu"), "decode")
        layout = self.decode if isinstance(self.decode, Decoder) else None
        self.nms_threshold = _threshold(nms_threshold, layout)
        self.max_detections = _count(max_detections, layout)
        self.preparation = self._prepared(layout, preparation)

    @property
    def device(self) -> torch.device:
        """Where the results are kept: the CPU."""
        return self._reader.device

    @property
    def path(self) -> Path:
        """The model's file."""
        return self._session.path

    @property
    def input_size(self) -> tuple[int, int]:
        """(height, width) of the model's input in pixels; the most where it takes any."""
        height, width = cast(tuple[int, int], self.preparation.input_size)
        return height, width

    @property
    def images_at_once(self) -> int:
        """How many pictures are best handed to it: on the CPU one, unless the model or the caller says otherwise."""
        return self._session.preferred

    @property
    def identity(self) -> dict[str, Any]:
        """The content of the file and all settings: what the results depend on."""
        return {
            "model": self._session.digest,
            "runs on": self._session.device.type,
            "decode": self.decode.name if isinstance(self.decode, Decoder) else self.decode,
            "nms_threshold": self.nms_threshold,
            "max_detections": self.max_detections,
            "preparation": self.preparation,
        }

    @property
    def _title(self) -> str:
        return self._session.path.name

    @property
    def _owner(self) -> str:
        return f"the model {self._session.path.name}"

    def __repr__(self) -> str:
        decode = self.decode.name if isinstance(self.decode, Decoder) else getattr(self.decode, "__name__", "function")
        return f"OnnxDetector({self._session.path.name}, decode={decode!r}, {len(self.names)} classes)"

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Return what the model finds in each image.

        Args:
            images: what ``load_image`` takes, of any sizes.
            score_threshold: the lowest score to report, 0..1.

        Returns:
            One ``Detections`` for each image, sorted by falling score, with boxes clipped to the image.

        Raises:
            RuntimeError: if onnxruntime cannot run the model on such an input.
            ValueError: if the outputs are not those of the decoder, or what a function made of them has another form,
                size or range than ``wrap_predict`` says.
        """
        prepared = [self.preparation.prepare(np.asarray(image)) for image in as_images(images)]
        found: dict[int, Detections] = {}
        for rows in batches_of_one_shape([tensor.shape for tensor, _ in prepared], self._session.batch_size):
            batch = torch.stack([prepared[row][0] for row in rows]).numpy()
            for row, outputs in zip(rows, self._session.run(batch)):
                found[row] = self._found(outputs, prepared[row][1], score_threshold)
        return [found[row] for row in range(len(prepared))]

    def _found(self, outputs: Mapping[str, np.ndarray], placement: Placement, threshold: float) -> Detections:
        if isinstance(self.decode, Decoder):
            answer = self._decoded(self.decode, outputs, placement.input_size)
            scores = answer["scores"]
            if bool(scores.isnan().any()):
                raise ValueError(f"{self._owner} returned scores that are no numbers (NaN)")
            highest = min(float(scores.max()), 1.0) if len(scores) else None
            # Only what is reported is looked at closer.
            rows = (scores >= threshold).nonzero()[:, 0]
            answer = {name: value[rows] for name, value in answer.items()}
            # Sides that a network places the wrong way round leave nothing between them.
            first, second = answer["boxes"][:, :2], answer["boxes"][:, 2:]
            answer["boxes"] = torch.cat([first, torch.maximum(first, second)], dim=1)
            return self._reader.read(answer, placement, threshold, self._selected, highest_score=highest)
        given = self.decode(outputs, placement.input_size)
        return self._reader.read(given, placement, threshold, self._selected)

    def _decoded(self, decoder: Decoder, outputs: Mapping[str, np.ndarray], size: tuple[int, int]) -> Found:
        """What a decoder makes of the outputs of one picture."""
        forms = self._session.forms
        values = {form.name: torch.from_numpy(np.asarray(outputs[form.name])) for form in forms}
        seen = [OutputForm(form.name, tuple(values[form.name].shape[1:]), form.whole) for form in forms]
        names = decoder.pick(seen, len(self.names))
        if names is None:
            shapes = ", ".join(f"{form.name} {list(form.shape)}" for form in seen)
            raise ValueError(
                f"{self._owner} returned {shapes} for a picture and has {len(self.names)} class names; "
                f"decode={decoder.name!r} expects {decoder.form}"
            )
        return decoder.read([_plain(values[name][0]) for name in names], size)

    def _selected(self, boxes: Tensor, scores: Tensor, labels: Tensor) -> Tensor:
        return survivors(boxes, scores, labels, self.nms_threshold, self.max_detections)

    def _outputs(self) -> str:
        """How many classes the outputs have, in words."""
        count = count_classes(self.decode, self._session.forms) if isinstance(self.decode, Decoder) else None
        return "" if count is None else f", of which its outputs have {count}"

    def _prepared(self, layout: Decoder | None, settings: Mapping[str, Any]) -> InputPreparation:
        """The preparation, with the size that the model has."""
        usual = InputPreparation() if layout is None else layout.preparation
        found = usual.changed(**settings)
        size = self._size(found.input_size, (640, 640) if layout is None else layout.default_size)
        is_open = self._session.size == (None, None)
        if found.multiple is not None and not is_open:
            raise ValueError(f"{self._owner} has an input of one size; multiple is for models that take any")
        if is_open and "multiple" not in settings and self._session.metadata.get("author") == "Ultralytics":
            # As Ultralytics does with its own exports of open size.
            found = found.changed(multiple=self._stride())
        return found.changed(input_size=size)

    def _size(self, asked: Any, usual: tuple[int, int] | None) -> tuple[int, int]:
        """(height, width) of the input: the model's, else what is asked for, what the file states, or what is usual."""
        own = self._session.size
        size = asked or self._stated_size() or usual
        if size is None and None in own:
            raise ValueError(
                f"{self._owner} takes inputs of any size; hand in input_size=(height, width), and fit='stretch' or "
                "'letterbox', as its training had it"
            )
        found = tuple(side or given for side, given in zip(own, size or (0, 0)))
        if asked is not None and found != asked:
            raise ValueError(
                f"{self._owner} takes inputs of (height, width) = {own}, got input_size={asked}; leave it out"
            )
        return found[0], found[1]

    def _stated_size(self) -> tuple[int, int] | None:
        """The size that Ultralytics' exporter writes into the file."""
        found = _STATED_SIZE.fullmatch(self._session.metadata.get("imgsz", ""))
        return None if found is None else (int(found[1]), int(found[2]))

    def _stride(self) -> int:
        stated = self._session.metadata.get("stride", "")
        return int(stated) if stated.isdecimal() and 0 < len(stated) < 5 and int(stated) > 0 else 32


def _plain(value: Tensor) -> Tensor:
    return value.float() if value.is_floating_point() else value


def _threshold(given: float | None, layout: Decoder | None) -> float | None:
    if given is None:
        return None if layout is None else layout.nms_threshold
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 <= given <= 1:
        raise ValueError(f"nms_threshold is a number from 0 to 1, or None for that of the layout, got {given!r}")
    return float(given)


def _count(given: int | None, layout: Decoder | None) -> int | None:
    if given is None:
        return None if layout is None else layout.max_detections
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ValueError(
            f"max_detections is a whole number of at least 1, or None for that of the layout, got {given!r}"
        )
    return given
