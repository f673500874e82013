"""The network's input: where it enters, what black, white and red become there, and what if it were another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.module_use import alone, with_hooks

_Result = TypeVar("_Result")
_COLOURS = {"black": (0, 0, 0), "white": (255, 255, 255), "red": (255, 0, 0)}


@dataclass(frozen=True, eq=False)
class NetworkEntry:
    """Where a picture enters a network, and how its colours are written there.

    Attributes:
        part: the module, or part of it, that is handed the prepared picture first.
        black: ``[3]``, what black becomes in each channel.
        white: ``[3]``, what white becomes in each channel.
        red: ``[3]``, how much of each channel's range is red: 1 where the channel holds red, 0 elsewhere.
        size: (height, width) of the input that was made of the picture.
    """

    part: nn.Module
    black: Tensor
    white: Tensor
    red: Tensor
    size: tuple[int, int]

    @property
    def order(self) -> str:
        """The order of the colours: "RGB", "BGR", or "" if it is neither."""
        held = [value > 0.5 for value in self.red.tolist()]
        return {(True, False, False): "RGB", (False, False, True): "BGR"}.get(tuple(held), "")

    def shares(self, inputs: Tensor) -> Tensor:
        """Return inputs in shares of their range, in the order of their channels.

        Args:
            inputs: ``[B,3,h,w]`` as the network is handed them.

        Returns:
            The same with 0 for black and 1 for white.
        """
        black, white = (value.to(inputs)[None, :, None, None] for value in (self.black, self.white))
        return (inputs - black) / (white - black)

    def replaced(self, change: Callable[[Tensor], Tensor], run: Callable[[], _Result]) -> _Result:
        """Run something with another input in place of each one that is handed to the network.

        Args:
            change: returns the other input ``[B,3,h,w]`` of the same size.
            run: runs the detector.

        Returns:
            What ``run`` returned.
        """

        def exchanged(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            for number, value in enumerate(args):
                if _is_input(value):
                    return (*args[:number], change(value), *args[number + 1 :]), kwargs
            name = next((name for name, value in kwargs.items() if _is_input(value)), None)
            return args, kwargs if name is None else {**kwargs, name: change(kwargs[name])}

        return with_hooks([(self.part, exchanged)], run, before=True, with_kwargs=True)


class _Seen(BaseException):
    """Leaves the detector as soon as its input is known; not an ``Exception``, which it may catch."""


def find_entry(module: nn.Module, run: Callable[[np.ndarray], Any], picture: np.ndarray) -> NetworkEntry | None:
    """Find where a picture enters a network and what its colours become there.

    Args:
        module: the network.
        run: runs the detector on a picture.
        picture: uint8 RGB ``[H,W,3]``; black, white and red pictures of its size are tried.

    Returns:
        The entry; None if no part of the module is handed one picture of three channels, or black and white become the
        same.
    """
    seen = {name: _first_input(module, run, _plain(picture, colour)) for name, colour in _COLOURS.items()}
    if any(one is None for one in seen.values()):
        return None
    part, black = seen["black"]  # type: ignore[misc]
    others = {name: seen[name][1] for name in ("white", "red")}  # type: ignore[index]
    if any(other.shape != black.shape for other in others.values()):
        return None
    span = (others["white"] - black).abs().amax(0)
    shown = span > 0.5 * span.max()
    if not float(span.max()) > 0:
        return None
    values = {name: one[:, shown].median(dim=1).values for name, one in {"black": black, **others}.items()}
    reach = values["white"] - values["black"]
    if bool((reach == 0).any()):
        return None
    red = (values["red"] - values["black"]) / reach
    return NetworkEntry(part, values["black"], values["white"], red, (black.shape[1], black.shape[2]))


def _plain(picture: np.ndarray, colour: tuple[int, int, int]) -> np.ndarray:
    found = np.empty_like(picture)
    found[:] = colour
    return found


def _is_input(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim == 4 and value.shape[1] == 3


def _first_input(
    module: nn.Module, run: Callable[[np.ndarray], Any], picture: np.ndarray
) -> tuple[nn.Module, Tensor] | None:
    """The part that is handed a picture first, and the picture ``[3,h,w]`` that it is handed."""
    seen: list[tuple[nn.Module, Tensor]] = []

    def noted(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        given = next((value for value in (*args, *kwargs.values()) if _is_input(value)), None)
        if given is not None:
            seen.append((part, given[0].detach().to("cpu", torch.float64)))
            raise _Seen

    def until_seen() -> None:
        try:
            run(picture)
        except _Seen:
            return

    hooks = [(part, noted) for part in module.modules()]
    alone(module, lambda: with_hooks(hooks, until_seen, before=True, with_kwargs=True), evaluate=False)
    return seen[0] if seen else None
