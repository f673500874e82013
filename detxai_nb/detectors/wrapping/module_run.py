"""One picture's way through a module of somebody's own: what it is handed first, and what it returns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.module_use import alone, with_hooks

Predict = Callable[[Any, np.ndarray], Any]


class _Seen(BaseException):
    """Leaves ``predict`` as soon as what was asked for is known; not an ``Exception``, which it may catch."""


class ModuleRun:
    """Runs a module through the function that calls it.

    Args:
        module: the network.
        predict: ``predict(module, image)`` calls it once for an image, RGB uint8 ``[H,W,3]``.
    """

    def __init__(self, module: nn.Module, predict: Predict) -> None:
        self.module = module
        self.predict = predict

    def answer(self, image: np.ndarray) -> tuple[Any, Any]:
        """Run ``predict`` to its end.

        Args:
            image: RGB uint8 ``[H,W,3]``.

        Returns:
            What it returned, and what the module returned to it.

        Raises:
            ValueError: if it did not call the module, or more than once.
        """
        outputs: list[Any] = []

        def keep(_: nn.Module, __: Any, output: Any) -> None:
            outputs.append(output)

        answer = with_hooks([(self.module, keep)], lambda: self.predict(self.module, image))
        if len(outputs) != 1:
            raise ValueError(
                f"predict called the module {len(outputs)} times as module(...); expected once, for one picture (not "
                "module.forward(...), and no second pass over tiles or a mirrored picture)"
            )
        return answer, outputs[0]

    def outputs(self, image: np.ndarray, batch: Tensor) -> Any:
        """Run ``predict`` until the module has returned, with another input in place of the one made of the image.

        Args:
            image: RGB uint8 ``[H,W,3]``.
            batch: the input ``[1,C,h,w]``.

        Returns:
            What the module returned.

        Raises:
            ValueError: if the module was not called, or in ``torch.inference_mode``.
        """
        entry, outputs = self.first_input(image)[0], []

        def replaced(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
            return _replace_first(args, kwargs, batch)

        def kept(_: nn.Module, __: Any, output: Any) -> None:
            if torch.is_inference_mode_enabled():
                raise ValueError(
                    "predict runs the module in torch.inference_mode, where nothing can be differentiated; take "
                    "torch.no_grad there, or nothing: this package runs it without gradients where none are needed"
                )
            outputs.append(output)
            raise _Seen

        def run() -> None:
            with_hooks([(self.module, kept)], lambda: self._until_seen(image))

        with_hooks([(entry, replaced)], run, before=True, with_kwargs=True)
        if not outputs:
            raise ValueError("predict did not call the module as module(...); expected once, for one picture")
        return outputs[0]

    def first_input(self, image: np.ndarray) -> tuple[nn.Module, Tensor]:
        """Find the first part of the module that is handed a picture.

        Args:
            image: RGB uint8 ``[H,W,3]``.

        Returns:
            The module or a part of it, and the picture ``[1,C,h,w]`` that it was handed.

        Raises:
            ValueError: if none was.
        """
        seen: list[tuple[nn.Module, Tensor]] = []

        def noted(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            given = next((value for value in (*args, *kwargs.values()) if _is_picture(value)), None)
            if given is not None:
                seen.append((part, given.detach().clone()))
                raise _Seen

        def run() -> None:
            with torch.no_grad():
                self._until_seen(image)

        hooks = [(part, noted) for part in self.module.modules()]
        alone(self.module, lambda: with_hooks(hooks, run, before=True, with_kwargs=True))
        if not seen:
            raise ValueError(
                "predict hands no part of the module a float picture [1,C,h,w], one at a time, so there is nothing to "
                "explain it with; a module of another kind is wrapped by dx.wrap_predict"
            )
        return seen[0]

    def _until_seen(self, image: np.ndarray) -> None:
        try:
            self.predict(self.module, image)
        except _Seen:
            return


def _is_picture(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point() and value.ndim == 4 and len(value) == 1


def _replace_first(args: tuple[Any, ...], kwargs: dict[str, Any], batch: Tensor) -> tuple[Any, dict[str, Any]]:
    """The arguments with the first picture among them replaced."""
    for number, value in enumerate(args):
        if _is_picture(value):
            return (*args[:number], batch, *args[number + 1 :]), kwargs
    name = next(name for name, value in kwargs.items() if _is_picture(value))
    return args, {**kwargs, name: batch}
