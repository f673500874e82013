"""Batch norms with right gradients on a CPU, in whatever order of axes a network brings them its maps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from torch import Tensor, nn

from detxai_nb.module_use import with_hooks

_Result = TypeVar("_Result")


def with_exact_norms(module: nn.Module, run: Callable[[], _Result]) -> _Result:
    """Run a network so that the gradients of its batch norms are right.

    On a CPU PyTorch mixes up the cells of a single image's gradient (at least up to version 2.14) where a batch norm in
    evaluation mode is handed a map in one order of axes and the gradient in another, if one of the two is a view whose
    stride along the batch is not the usual one. The area attention of YOLO12 and the encoders of RT-DETR, D-FINE and
    DEIMv2 do that. Here both are brought into the usual order, which changes no number that is right.

    Args:
        module: the network whose norms are meant.
        run: runs it.

    Returns:
        What ``run`` returned.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    if not norms:
        return run()
    return with_hooks(
        [(norm, _gradient_in_order) for norm in norms],
        lambda: with_hooks([(norm, _input_in_order) for norm in norms], run, before=True),
    )


def _input_in_order(_: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...] | None:
    """The input of a norm in the usual order of axes."""
    return (inputs[0].contiguous(), *inputs[1:]) if inputs and _on_cpu(inputs[0]) else None


def _gradient_in_order(_: nn.Module, __: Any, output: Tensor) -> None:
    """Have the gradient of a norm's output brought into the usual order of axes."""
    if output.requires_grad and _on_cpu(output):
        output.register_hook(lambda gradient: gradient.contiguous())  # type: ignore[no-untyped-call]


def _on_cpu(values: Tensor) -> bool:
    return values.device.type == "cpu"
