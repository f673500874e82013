"""The adapter for Ultralytics' RT-DETR: queries that its encoder chooses, and one backward pass for each prediction."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.dense.stages import BACKBONE, NECK
from detxai_nb.detectors.trace.graph import GraphDetector, Predictions, box_side
from detxai_nb.detectors.ultralytics.network import as_input_size, differentiable_model, ultralytics_model
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, load_image
from detxai_nb.module_use import with_attributes, with_hooks
from detxai_nb.names import ClassNames, as_names
from detxai_nb.scaling import scale_as_opencv
from detxai_nb.types import SIDES, Target

_MULTIPLE = 32
_HEAD = "RTDETRDecoder"


class UltralyticsRtDetr(GraphDetector):
    """A white-box adapter for the RT-DETR of the ultralytics package (AGPL-3.0).

    The model is used as it is, in evaluation mode, and never changed; one whose weights were created in
    ``torch.inference_mode`` is copied. As in Ultralytics' predictor the whole image is scaled to the input, whatever
    its shape, and the best pairs of query and class are reported without NMS, as many as there are queries.

    Its encoder chooses the cells that become queries anew for every picture, so the cell is the identity of a query,
    and methods that run the network again on changed pictures are not offered. Box sides are in pixels of the input and
    grow outward.

    Args:
        module: an ``ultralytics.RTDETR`` or the ``RTDETRDetectionModel`` inside it.
        names: a name for each class output; by default the model's own.
        input_size: side in pixels of the square that an image is scaled to, or (height, width); by default the one that
            the model was trained at, or 640.

    Raises:
        ImportError: if ultralytics is missing.
        TypeError: if the module is no RT-DETR.
        ValueError: if the number of names differs from that of class outputs, ``input_size`` is no multiple of 32, or
            the model does not take RGB images.
    """

    family = "ultralytics"
    offers: tuple[str, ...] = ()
    origin_fields = ("query", "cell")

    def __init__(
        self, module: Any, names: ClassNames | None = None, *, input_size: int | tuple[int, int] | None = None
    ) -> None:
        model = differentiable_model(ultralytics_model(module, "RTDETRDetectionModel"))
        head = model.model[-1]
        if type(head).__name__ != _HEAD:
            raise TypeError(f"Ultralytics' RT-DETR has the head {_HEAD}, got {type(head).__name__}")
        super().__init__(model, as_names(model.names if names is None else names, head.nc, owner="this RT-DETR"))
        self.input_size = as_input_size(input_size, model, _MULTIPLE, "this RT-DETR")
        start = len(model.yaml["backbone"])
        read = sorted({number for number in model.save if number < start} | {start - 1})
        self.layer_modules = {
            BACKBONE: f"model.{start - 1}",
            **{f"{BACKBONE}.{number}": f"model.{number}" for number in read},
            **{f"{NECK}.{number}": f"model.{number}" for number in head.f},
        }

    def prepare(self, image: Any) -> tuple[Tensor, Placement]:
        """Scale a whole image to the input, as OpenCV does.

        Args:
            image: uint8 RGB ``[H,W,3]`` or a ``FloatImage``, before it becomes a tensor.

        Returns:
            The batch ``[1,3,h,w]`` in 0..1 and where the image lies in it.
        """
        size = (int(image.shape[0]), int(image.shape[1]))
        scaled = scale_as_opencv(image, self.input_size, self.device).to(next(self.module.parameters()).dtype)
        return scaled[None] / 255, Placement(size, self.input_size, self.input_size)

    def _input(self, image: ImageSource) -> tuple[Tensor, Placement]:
        return self.prepare(load_image(image))

    def forward(self, batch: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Run the network.

        Args:
            batch: ``[1,3,h,w]``.

        Returns:
            Boxes ``[Q,4]``, xyxy in pixels of the input, class logits ``[Q,C]`` and the cell ``[Q]`` of each query.
        """
        head = self.module.model[-1]
        seen: list[Tensor] = []
        note = (head.enc_score_head, lambda _, __, scores: seen.append(scores))
        # The head keeps the anchors of the last size that it saw; those of another pass may be of another type.
        kept: list[tuple[Any, str, Any]] = [(head, "shapes", []), (head, "anchors", None), (head, "valid_mask", None)]
        # What is cut out of the outputs belongs to the graph only if it is cut out while the network runs.
        run = partial(self._run, batch, seen)
        return with_attributes(kept, lambda: with_hooks([note], run))

    def _run(self, batch: Tensor, seen: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
        """What ``forward`` returns; ``seen`` are the outputs of the encoder's class branch."""
        _, outputs = self.module(batch)
        boxes, logits = outputs[0][-1, 0], outputs[1][-1, 0]
        cells = seen[-1].detach().amax(dim=2).topk(len(boxes), dim=1).indices[0]
        height, width = batch.shape[2:]
        centre, half = boxes[:, :2], boxes[:, 2:] / 2
        corners = torch.cat([centre - half, centre + half], dim=1) * boxes.new_tensor([width, height, width, height])
        return corners, logits, cells

    def decode(self, outputs: tuple[Tensor, Tensor, Tensor]) -> Predictions:
        """Take the best pairs of query and class.

        Args:
            outputs: what ``forward`` returned.

        Returns:
            As many predictions as there are queries.
        """
        boxes, logits, cells = outputs
        scores = logits.sigmoid()
        best, pairs = scores.flatten().topk(min(len(boxes), scores.numel()))
        queries, labels = pairs // scores.shape[1], pairs % scores.shape[1]
        origins = torch.stack([queries, cells[queries]], dim=1)
        return Predictions(boxes[queries], best, labels, origins, class_scores=scores[queries])

    def scalar(
        self, outputs: tuple[Tensor, Tensor, Tensor], origin: tuple[int, ...], label: int, target: Target
    ) -> Tensor:
        """Return the score of a class or a side of the box, of the query that a cell has become.

        Args:
            outputs: what ``forward`` returned.
            origin: (query, cell); the cell counts.
            label: the explained class.
            target: which scalar.

        Returns:
            A tensor of one number.

        Raises:
            IndexError: if no query comes from that cell.
        """
        boxes, logits, cells = outputs
        query = (cells == origin[1]).nonzero()[0, 0]
        if target.part in SIDES:
            return box_side(boxes[query], target.part)
        logit = logits[query, label]
        return logit if target.score == "logit" else logit.sigmoid()

    def stride(self, layer: str, batch: Tensor, grid: Tensor) -> tuple[float, float]:
        """Return the stride of a grid; the sides of the input are multiples of every stride.

        Args:
            layer: the name of the layer (not used).
            batch: ``[1,3,h,w]``.
            grid: ``[1,C,h,w]``.

        Returns:
            (y, x) in pixels of the input.
        """
        return batch.shape[2] / grid.shape[2], batch.shape[3] / grid.shape[3]
