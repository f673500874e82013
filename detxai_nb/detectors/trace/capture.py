"""One run of a network whose inner maps are leaves of a graph."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

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

    def opened(output: Any) -> Any:
        if isinstance(output, Tensor):
            if not output.is_floating_point() or output.ndim != 4 or len(output) != 1 or output[0, 0].numel() < 2:
                return output
            leaves.append(output.detach().clone().requires_grad_())
            # A copy, since the next module may work in place.
            return leaves[-1].clone()
        if isinstance(output, dict):
            changed = copy.copy(output)
            for key, value in output.items():
                changed[key] = opened(value)
            return changed
        if isinstance(output, (list, tuple)):
            parts = [opened(value) for value in output]
            return type(output)(*parts) if hasattr(output, "_fields") else type(output)(parts)
        return output

    def hook(_: nn.Module, __: Any, output: Any) -> Any:
        torch.set_grad_enabled(True)
        return opened(output)

    def run_without_graph() -> Any:
        with torch.no_grad():
            return run()

    outputs = with_hooks([(part, hook) for part in modules], run_without_graph)
    return leaves, outputs


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
