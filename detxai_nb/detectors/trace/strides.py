"""The strides of a network's maps, measured by the shapes that the network itself makes.

A quotient of the sizes of one input and its map does not tell a stride: a network that rounds down makes 33 cells of
1,066 pixels at stride 32, one that rounds up 34. What tells it is how many cells a larger input adds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from detxai_nb.geometry import stride_by_shape
from detxai_nb.types import Cancelled

Run = Callable[[Tensor], Mapping[str, Tensor]]
"""Runs a network on a batch ``[1,C,H,W]`` and returns its maps ``[1,K,h,w]`` by name."""

SIDES = (128, 384)
"""The sides of empty inputs. The second is larger by a multiple of every power of two up to 256."""
FURTHER_SIDE = 1152
"""The side of further inputs, for strides that are no powers of two."""


@dataclass(frozen=True, eq=False)
class _Measured:
    """What was measured of a network, and of which submodules it then consisted."""

    parts: tuple[int, ...]
    strides: Mapping[str, tuple[float, float]]


_MEASURED: WeakKeyDictionary[nn.Module, dict[str, _Measured]] = WeakKeyDictionary()


def measure_strides(
    module: nn.Module, what: str, run: Run, batch: Tensor, maps: Mapping[str, Tensor]
) -> dict[str, tuple[float, float]]:
    """Return the strides of some maps of a network, whatever the size of the input.

    The network runs on an empty tall input and on a wide one, without a graph. The result is kept as long as the module
    lives and consists of the same submodules; it depends on nothing else, above all on no picture.

    Args:
        module: the network, in evaluation mode.
        what: which of its maps these are, in a word; the name under which they are kept.
        run: returns these maps of a batch.
        batch: the input ``[1,C,H,W]`` that ``maps`` were made of.
        maps: the maps ``[1,K,h,w]`` by name. A network that refuses every other size has the strides that these show.

    Returns:
        The stride (y, x) of each map in input pixels.
    """
    parts = tuple(id(part) for part in module.modules())
    kept = _MEASURED.setdefault(module, {})
    if what not in kept or kept[what].parts != parts:
        kept[what] = _Measured(parts, _measure(run, batch))
    found = kept[what].strides
    return {name: found.get(name) or stride_by_shape(batch.shape[-2:], grid.shape[-2:]) for name, grid in maps.items()}


def by_number(maps: Sequence[Tensor]) -> dict[str, Tensor]:
    """Name maps by their number.

    Args:
        maps: in any order.

    Returns:
        The same maps under "0", "1" and so on.
    """
    return {str(number): grid for number, grid in enumerate(maps)}


def noted(run: Callable[[], object], maps: Sized) -> None:
    """Run a network whose maps are noted on the way, even if the run fails behind them.

    Args:
        run: runs the network.
        maps: filled by the run; what the run raises counts only if nothing is in it.
    """
    try:
        run()
    except Exception:
        # A classifier of one input size fails at its last layer, long after the maps.
        if not maps:
            raise


def _measure(run: Run, batch: Tensor) -> dict[str, tuple[float, float]]:
    """The stride of each map; empty if the network takes no input of another size."""
    for square in (False, True):
        try:
            return _measure_on(run, batch, square)
        except (Cancelled, torch.OutOfMemoryError):
            raise
        except Exception:
            # Whatever a network raises that takes square inputs only, or one size: then its strides are those that
            # this size shows.
            continue
    return {}


def _measure_on(run: Run, batch: Tensor, square: bool) -> dict[str, tuple[float, float]]:
    """The stride of each map by inputs that are squares, or else tall and wide, which have fewer pixels."""
    seen = _grids(run, batch, SIDES, square)
    found = {name: _grown(SIDES, [shapes[name] for shapes in seen]) for name in seen[0]}
    if any(stride is None for strides in found.values() for stride in strides):
        seen += _grids(run, batch, (SIDES[0], FURTHER_SIDE), square)[1:]
        found = {name: _grown((*SIDES, FURTHER_SIDE), [shapes[name] for shapes in seen]) for name in found}
    return {name: (y, x) for name, (y, x) in found.items() if y is not None and x is not None}


def _grids(run: Run, batch: Tensor, sides: tuple[int, int], square: bool) -> list[dict[str, tuple[int, int]]]:
    """(rows, columns) of each map that inputs as high and as wide as each of two sides have."""
    short, long = sides
    if square:
        return [_shapes(run, batch, side, side) for side in sides]
    tall, wide = _shapes(run, batch, long, short), _shapes(run, batch, short, long)
    return [{name: (high[name][0], broad[name][1]) for name in tall} for high, broad in ((wide, tall), (tall, wide))]


@torch.no_grad()
def _shapes(run: Run, batch: Tensor, height: int, width: int) -> dict[str, tuple[int, int]]:
    """(rows, columns) of each map of an empty input."""
    maps = run(batch.new_zeros(1, batch.shape[1], height, width))
    return {name: (int(grid.shape[-2]), int(grid.shape[-1])) for name, grid in maps.items()}


def _grown(sides: Sequence[int], shapes: Sequence[tuple[int, int]]) -> list[float | None]:
    """The stride of each axis by the cells that larger inputs add; None if they do not say."""
    return [_stride(sides, cells) for cells in zip(*shapes)]


def _stride(sides: Sequence[int], cells: Sequence[int]) -> float | None:
    """The stride of one axis: a power of two by two inputs, any other whole number by a third, larger one."""
    if cells[1] > cells[0]:
        power = (sides[1] - sides[0]) / (cells[1] - cells[0])
        if math.log2(power).is_integer():
            return power
    if len(sides) < 3 or cells[2] <= cells[0]:
        return None
    exact = [(sides[2] - sides[i]) / (cells[2] - cells[i]) for i in (1, 0) if cells[2] > cells[i]]
    return next((stride for stride in exact if stride.is_integer()), float(round(exact[-1])))
