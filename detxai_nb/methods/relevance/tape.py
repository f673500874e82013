"""A tape of one run of a network: which functions were called on what came from its input, and with which values."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode, resolve_name

from detxai_nb.module_use import alone, undone, with_hooks


@dataclass(frozen=True, eq=False)
class FunctionCall:
    """One call of a function.

    Attributes:
        function: what was called, such as ``torch.conv2d``.
        layer: the dotted name of the submodule in whose forward it was called, "" for the network itself.
        arguments, named: with what, tensors of the tape included.
        inputs: the numbers of the values among the arguments that are on the tape.
        values: these values, as they were.
        output: the number of the value that it returned.
        shape: of that value.
        versions: of each value, by which a change in place is noticed.
    """

    function: Any
    layer: str
    arguments: tuple[Any, ...]
    named: dict[str, Any]
    inputs: tuple[int, ...]
    values: tuple[Tensor, ...]
    output: int
    shape: torch.Size
    versions: tuple[int, ...]

    @property
    def name(self) -> str:
        """The function's name, for people."""
        found: str | None = resolve_name(self.function)
        return found or str(getattr(self.function, "__name__", self.function))

    @property
    def place(self) -> str:
        """Where it was called, for people."""
        return f"the layer {self.layer!r}" if self.layer else "the network's own forward"


@dataclass(frozen=True, eq=False)
class Tape:
    """A run of a network.

    Attributes:
        steps: in the order in which they ran.
        output: what the network returned.
        end: the number of that value.
        layer: the number of the value that the asked submodule's last call returned.
    """

    steps: tuple[FunctionCall, ...]
    output: Tensor
    end: int
    layer: int


@torch.inference_mode(False)
@torch.no_grad()
def record(module: nn.Module, batch: Tensor, layer: str, read: Callable[[Any], Tensor]) -> Tape:
    """Run a network once and record it.

    Args:
        module: the network. It runs alone, in evaluation mode; nothing stays behind.
        batch: its input ``[1,3,h,w]``.
        layer: the dotted name of a submodule.
        read: returns what counts of the network's output.

    Returns:
        The tape.

    Raises:
        ValueError: if the submodule's output, or the network's, does not come from the input by functions of PyTorch
            that can be seen (a compiled or scripted network runs without them).
    """
    recorder = _Recorder(batch)
    paths = list(module.named_modules())

    def enter(path: str, _: nn.Module, __: Any) -> None:
        recorder.inside.append(path)

    def leave(path: str, _: nn.Module, __: Any, output: Any) -> None:
        recorder.inside.pop()
        if path == layer and isinstance(output, Tensor):
            recorder.marked = recorder.numbers.get(id(output))

    def run() -> Tensor:
        # Leaving the mode itself would fail, and hide the interrupt, where one fell while the mode was put aside.
        return undone(recorder.__enter__, lambda: read(module(batch)), lambda: None)

    before = [(part, partial(enter, path)) for path, part in paths]
    after = [(part, partial(leave, path)) for path, part in paths]
    output = alone(module, lambda: with_hooks(before, lambda: with_hooks(after, run), before=True))
    end = recorder.numbers.get(id(output))
    if recorder.marked is None or end is None:
        what = f"the layer {layer!r}" if recorder.marked is None else f"what {type(module).__name__} returns"
        raise ValueError(
            f"relevance cannot be followed to {what}: it was not computed from the input by functions of PyTorch that "
            "can be seen (a compiled or scripted network runs without them); hand in the plain module"
        )
    return Tape(tuple(recorder.steps), output, end, recorder.marked)


class _Recorder(TorchFunctionMode):
    """Notes every function that is called on a value of the tape."""

    def __init__(self, batch: Tensor) -> None:
        super().__init__()
        self.steps: list[FunctionCall] = []
        self.numbers = {id(batch): 0}
        self.inside: list[str] = []
        self.marked: int | None = None
        # Kept, so that no later tensor gets the id of one that is gone.
        self._kept: list[Tensor] = [batch]
        self._count = 0

    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Call the function and note it if it made something of a value on the tape.

        Args:
            function: what is called.
            types: of the arguments, not used.
            args, kwargs: the arguments.

        Returns:
            What the function returned.
        """
        named = dict(kwargs or {})
        mine = [value for value in _tensors((args, named)) if id(value) in self.numbers]
        if not mine:
            return function(*args, **named)
        inputs = tuple(self.numbers[id(value)] for value in mine)
        changes = named.get("inplace") is True or _writes(function)
        values = tuple(value.clone() if changes else value for value in mine)
        versions = tuple(value._version for value in values)
        result = function(*args, **named)
        for made in _tensors(result):
            self._count += 1
            self.numbers[id(made)] = self._count
            self._kept.append(made)
            self.steps.append(
                FunctionCall(
                    function,
                    self.inside[-1] if self.inside else "",
                    tuple(args),
                    named,
                    inputs,
                    values,
                    self._count,
                    made.shape,
                    versions,
                )
            )
        return result


def _writes(function: Any) -> bool:
    """Whether a function works in place, by PyTorch's way to name such functions."""
    name = str(getattr(function, "__name__", ""))
    return (name.endswith("_") and not name.endswith("__")) or (name.startswith("__i") and name != "__invert__")


def _tensors(value: Any) -> Iterator[Tensor]:
    """The tensors in an argument or result."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for part in value:
            yield from _tensors(part)
    elif isinstance(value, dict):
        yield from _tensors(tuple(value.values()))
