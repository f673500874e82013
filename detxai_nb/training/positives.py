"""The positive predictions of a training pass of torchvision's detectors, with the graph that leads to them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.ops import box_iou


@dataclass(eq=False)
class PassRecord:
    """What one training pass of a detector left behind, all with its graph.

    Attributes:
        module: the detector.
        passes: the number of training passes that were recorded; what follows is of the last.
        features: the explained features: the pyramid's levels ``[B,C,h,w]`` that a one-stage head reads, or the pooled
            regions ``[R,C,P,P]`` of a two-stage detector.
        outputs: the head's outputs by name, as torchvision names them; of a two-stage detector "class_logits" ``[R,K]``
            and "box_regression" ``[R,4K]``.
        boxes: for each image the anchors, or the sampled proposals, ``[n,4]``, xyxy in input pixels.
        matched: for each image the number of the object that each of ``boxes`` was matched with, int64 ``[n]``; -1 for
            what is not positive.
        targets: for each image "boxes" ``[m,4]`` in input pixels and "labels" ``[m]``, as the losses had them.
        image_sizes: (height, width) of each image in the padded input.
        input_size: (height, width) of the padded input; (0, 0) for a two-stage detector, which needs none.
        norms: the inputs ``[B,C,h,w]`` of each GroupNorm of a one-stage head, one for each level.
    """

    module: Any
    passes: int = 0
    features: list[Tensor] = field(default_factory=list)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    boxes: list[Tensor] = field(default_factory=list)
    matched: list[Tensor] = field(default_factory=list)
    targets: list[dict[str, Tensor]] = field(default_factory=list)
    image_sizes: list[tuple[int, int]] = field(default_factory=list)
    input_size: tuple[int, int] = (0, 0)
    norms: dict[nn.Module, list[Tensor]] = field(default_factory=dict)

    @property
    def dense(self) -> bool:
        """Whether the detector has one stage."""
        return not isinstance(self.module, FasterRCNN)

    def require_one_pass(self) -> None:
        """Raise an error unless exactly one training pass was recorded.

        Raises:
            ValueError: if none was, or several.
        """
        if self.passes != 1:
            raise ValueError(
                f"expected one training pass of the detector inside of record_positives, got {self.passes}; call "
                "module(images, targets) there once, in training mode, and record each batch by itself"
            )

    def positives(self, image: int) -> Tensor:
        """Return the positive predictions of an image.

        Args:
            image: the number of the image in the batch.

        Returns:
            int64 ``[n]``, rows of ``boxes[image]``.
        """
        return (self.matched[image] >= 0).nonzero()[:, 0]

    @torch.no_grad()
    def predicted(self, image: int, rows: Tensor) -> Tensor:
        """Return the predicted boxes of positive predictions.

        Args:
            image: the number of the image in the batch.
            rows: int64 ``[n]``, positive rows of ``boxes[image]``.

        Returns:
            ``[n,4]``, xyxy in input pixels, not clipped; a two-stage detector's for the class of the object.
        """
        target, boxes = self.targets[image], self.boxes[image][rows]
        if isinstance(self.module, FasterRCNN):
            deltas = torch.unflatten(self.outputs["box_regression"][self.begin(image) + rows], 1, (-1, 4))
            labels = target["labels"][self.matched[image][rows]]
            deltas = deltas[torch.arange(len(rows), device=rows.device), labels]
            found: Tensor = self.module.roi_heads.box_coder.decode(deltas, [boxes])[:, 0]
        elif isinstance(self.module, FCOS):
            found = self.module.head.box_coder.decode(self.outputs["bbox_regression"][image][rows], boxes)
        else:
            coder = self.module.head.regression_head.box_coder
            found = coder.decode_single(self.outputs["bbox_regression"][image][rows], boxes)
        return found

    @torch.no_grad()
    def overlaps(self, image: int, rows: Tensor) -> Tensor:
        """Return the IoU of predicted boxes with the boxes of their objects.

        Args:
            image: the number of the image in the batch.
            rows: int64 ``[n]``, positive rows of ``boxes[image]``.

        Returns:
            ``[n]`` in 0..1.
        """
        predicted = self.predicted(image, rows)
        wanted = self.targets[image]["boxes"][self.matched[image][rows]].to(predicted)
        found = [box_iou(one[None], other[None])[0, 0] for one, other in zip(predicted, wanted)]
        return torch.nan_to_num(torch.stack(found)) if found else predicted.new_zeros(0)

    def begin(self, image: int) -> int:
        """Return the first row of an image among the regions of all images.

        Args:
            image: the number of the image in the batch.

        Returns:
            The number of regions of the images before it.
        """
        return sum(len(boxes) for boxes in self.boxes[:image])

    def zero(self) -> Tensor:
        """Return 0 with a graph whose gradients are 0.

        Returns:
            A scalar.
        """
        values = next(iter(self.outputs.values())).flatten()[:0]
        return (values.float() if values.dtype in (torch.float16, torch.bfloat16) else values).sum()


@contextmanager
def record_positives(module: nn.Module) -> Iterator[PassRecord]:
    """Record the positive predictions of the training pass that is made inside of the ``with``.

    The pass is the detector's own: its losses, their gradients and its random draws do not change, and there is no
    second pass. Everything is taken off again at the end, also after an exception.

    Args:
        module: torchvision's ``FCOS``, ``RetinaNet`` or ``FasterRCNN`` (or a subclass).

    Yields:
        The record, which is filled by ``module(images, targets)`` in training mode.

    Raises:
        TypeError: for another module.

    Example:
        >>> from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
        >>> module = tiny_fcos(1).train()
        >>> target = {"boxes": torch.tensor([[8.0, 8.0, 48.0, 40.0]]), "labels": torch.tensor([0])}
        >>> with record_positives(module) as record:
        ...     losses = module([torch.zeros(3, 64, 64)], [target])
        >>> record.passes
        1
    """
    if not isinstance(module, (FCOS, RetinaNet, FasterRCNN)):
        raise TypeError(f"expected torchvision's FCOS, RetinaNet or FasterRCNN, got {type(module).__name__}")
    record = PassRecord(module)
    with ExitStack() as stack:
        if record.dense:
            _record_dense(record, stack)
        else:
            _record_regions(record, stack)
        yield record


def _record_dense(record: PassRecord, stack: ExitStack) -> None:
    head = record.module.head

    def open_features(_: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        record.features = [_with_graph(feature) for feature in inputs[0]]
        record.norms.clear()
        return (record.features, *inputs[1:])

    def keep_sizes(_: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        images = inputs[0]
        record.image_sizes = [(int(height), int(width)) for height, width in images.image_sizes]
        record.input_size = (int(images.tensors.shape[-2]), int(images.tensors.shape[-1]))

    def keep_norm(norm: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
        record.norms.setdefault(norm, []).append(inputs[0])

    def compute_loss(
        original: Callable[..., Any], targets: Any, outputs: Any, anchors: Any, matched_idxs: Any
    ) -> dict[str, Tensor]:
        record.passes += 1
        record.targets, record.outputs = list(targets), dict(outputs)
        record.boxes, record.matched = list(anchors), [matched.clamp(min=-1) for matched in matched_idxs]
        losses: dict[str, Tensor] = original(targets, outputs, anchors, matched_idxs)
        return losses

    _hook(stack, head.register_forward_pre_hook(open_features))
    _hook(stack, record.module.anchor_generator.register_forward_hook(keep_sizes))
    for part in head.modules():
        if isinstance(part, nn.GroupNorm):
            _hook(stack, part.register_forward_hook(keep_norm))
    _wrap(stack, head, "compute_loss", compute_loss)


def _record_regions(record: PassRecord, stack: ExitStack) -> None:
    heads = record.module.roi_heads

    def open_features(_: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        record.features = [_with_graph(output)]
        record.image_sizes = [(int(height), int(width)) for height, width in inputs[2]]
        return record.features[0]

    def keep_outputs(_: nn.Module, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        record.outputs = dict(zip(("class_logits", "box_regression"), output))

    def select(original: Callable[..., Any], proposals: Any, targets: Any) -> Any:
        record.passes += 1
        sampled = original(proposals, targets)
        boxes, matched, labels, _ = sampled
        record.targets, record.boxes = list(targets), list(boxes)
        record.matched = [torch.where(label > 0, index, -1) for label, index in zip(labels, matched)]
        return sampled

    _hook(stack, heads.box_roi_pool.register_forward_hook(open_features))
    _hook(stack, heads.box_predictor.register_forward_hook(keep_outputs))
    _wrap(stack, heads, "select_training_samples", select)


def _with_graph(features: Tensor) -> Tensor:
    """The features themselves, or a leaf of the same values where everything before them is frozen."""
    if features.requires_grad or not torch.is_grad_enabled():
        return features
    return features.detach().requires_grad_()


def _hook(stack: ExitStack, handle: Any) -> None:
    stack.callback(handle.remove)


def _wrap(stack: ExitStack, owner: nn.Module, name: str, around: Callable[..., Any]) -> None:
    """Put a function around a method of one object, until the stack closes."""
    original, had = getattr(owner, name), owner.__dict__.get(name)

    def wrapped(*arguments: Any, **named: Any) -> Any:
        return around(original, *arguments, **named)

    def take_off() -> None:
        if had is None:
            owner.__dict__.pop(name, None)
        else:
            owner.__dict__[name] = had

    owner.__dict__[name] = wrapped
    stack.callback(take_off)


def batch_norms_in_training(modules: Sequence[nn.Module]) -> list[str]:
    """Return the batch norms whose statistics come from the batch, through which predictions depend on each other.

    Args:
        modules: the parts of a network to look at.

    Returns:
        Their names within the part that they are in.
    """
    return [
        name
        for module in modules
        for name, part in module.named_modules()
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and (part.training or part.running_mean is None)
    ]
