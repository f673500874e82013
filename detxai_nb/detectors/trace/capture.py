"""One run of a network whose inner maps are leaves of a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.trace.above import map_tensors
from detxai_nb.module_use import with_hooks


def capture(
    run: Callable[[], Any], modules: Sequence[nn.Module], leaves: list[Tensor] | None = None
) -> tuple[list[Tensor], Any]:
    """Run a network with the maps of some submodules as leaves of the graph of everything that comes after them.

    The hooks that this takes are gone afterwards, whatever happens, and the gradient mode is as it was.

    Args:
        run: runs the network and returns its outputs.
        modules: submodules; each time one runs, every map ``[1,C,h,w]`` of more than one cell in its output (a tensor,
            or tuples, lists and dicts of them) becomes a leaf.
        leaves: a list that the leaves are put into, for who wants them even if the run fails.

    Returns:
        The leaves in the order in which they were made, and what ``run`` returned.
    """
    leaves = [] if leaves is None else leaves

    def opened(output: Tensor) -> Tensor:
        if not _is_map(output):
            return output
        leaves.append(output.detach().clone().requires_grad_())
        # A copy, since the next module may work in place.
        return leaves[-1].clone()

    def hook(_: nn.Module, __: Any, output: Any) -> Any:
        torch.set_grad_enabled(True)
        return map_tensors(output, opened)

    def run_without_graph() -> Any:
        with torch.no_grad():
            return run()

    outputs = with_hooks([(part, hook) for part in modules], run_without_graph)
    return leaves, outputs


def replaying(run: Callable[[], Any], modules: Sequence[nn.Module], number: int, given: Tensor) -> Any:
    """Run a network with another map in place of one of those that ``capture`` finds, without a graph.

    Args:
        run: runs the network and returns its outputs.
        modules: the submodules, as for ``capture``.
        number: of the map, in the order in which they are made.
        given: the map ``[1,C,h,w]`` to take instead.

    Returns:
        What ``run`` returned.
    """
    seen = 0

    def replaced(output: Tensor) -> Tensor:
        nonlocal seen
        if not _is_map(output):
            return output
        seen += 1
        return given.clone() if seen == number + 1 else output

    def run_without_graph() -> Any:
        with torch.no_grad():
            return run()

    return with_hooks(
        [(part, lambda _, __, output: map_tensors(output, replaced)) for part in modules], run_without_graph
    )


def _is_map(output: Tensor) -> bool:
    """Whether an output can be explained: a map ``[1,C,h,w]`` of more than one cell."""
    return output.is_floating_point() and output.ndim == 4 and len(output) == 1 and output[0, 0].numel() > 1


def require_captured(leaves: Sequence[Tensor], outputs: Sequence[Tensor], part: str) -> None:
    """Raise an error if nothing was captured, or nothing that follows depends on it: all maps would be zero.

    Args:
        leaves: what was captured.
        outputs: what was computed from it.
        part: the class of the submodule whose output is captured, for the message.

    Raises:
        ValueError: saying which of the two it is, and what to do.
    """
    if not leaves:
        raise ValueError(
            f"the {part} did not run where it can be seen, so its maps cannot be explained (a compiled or scripted "
            "network runs without its submodules); hand in the plain module"
        )
    if not any(output.requires_grad for output in outputs):
        raise ValueError(
            f"nothing that follows the {part} has gradients: the network's forward switches them off (torch.no_grad) "
            "or detaches its features; explain a layer after that, or take that out of forward"
        )
