"""What a module and the global random numbers are now, to be put back whatever happens meanwhile, bit for bit.

The trained tensors are never written to: whoever changes weights lets the parameters point to new memory.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor, nn

_HOOKS = (
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_backward_hooks",
    "_backward_pre_hooks",
)
DRAWING = threading.RLock()
"""Held while a layer initialises itself, which draws the numbers of all threads, and while their state is noted."""


class ModuleState:
    """The state of a module: references to the trained memory, and copies of the small states.

    Noted are parameters and buffers, ``requires_grad``, ``.grad``, training flags, hooks, and the global random
    numbers.

    Args:
        module: the network.
    """

    def __init__(self, module: nn.Module) -> None:
        parts = list(module.modules())
        tensors = {id(t): t for p in parts for t in (*p._parameters.values(), *p._buffers.values()) if t is not None}
        self._data = {key: (tensor, tensor.data) for key, tensor in tensors.items()}
        self._buffers = {id(b): b for p in parts for b in p._buffers.values() if b is not None}
        self._named = [(part, dict(part._parameters), dict(part._buffers)) for part in parts]
        self._flags = [(tensor, tensor.requires_grad, tensor.grad) for tensor in tensors.values() if tensor.is_leaf]
        self._training = [(part, part.training) for part in parts]
        self._hooks = [
            (h, dict(h)) for part in parts for name in _HOOKS if (h := getattr(part, name, None)) is not None
        ]
        self._numbers = NumberState(tensors.values())

    @torch.inference_mode(False)
    def shield(self) -> None:
        """Let every buffer point to a copy and no tensor have a gradient, so that changes in place can be undone."""
        for buffer in self._buffers.values():
            buffer.data = buffer.data.clone()
        for tensor, _, grad in self._flags:
            if grad is not None:
                tensor.grad = None

    def give_back(self, part: nn.Module) -> None:
        """Restore the trained values of one layer's own tensors.

        Args:
            part: the layer.
        """
        for tensor in part._parameters.values():
            if tensor is not None:
                tensor.data = self._data[id(tensor)][1]
        for buffer in part._buffers.values():
            if buffer is not None and id(buffer) in self._data:
                buffer.data = self._data[id(buffer)][1].clone()

    def restore(self) -> None:
        """Restore everything; an interrupt meanwhile is raised once it is done."""
        interrupted: KeyboardInterrupt | None = None
        while True:
            try:
                self._restore()
                break
            except KeyboardInterrupt as error:
                interrupted = error
        if interrupted is not None:
            raise interrupted

    def _restore(self) -> None:
        for part, parameters, buffers in self._named:
            part._parameters.update(parameters)
            part._buffers.update(buffers)
        for tensor, data in self._data.values():
            tensor.data = data
        for tensor, requires_grad, grad in self._flags:
            if tensor.requires_grad != requires_grad:
                tensor.requires_grad_(requires_grad)
            if tensor.grad is not grad:
                tensor.grad = grad
        for part, training in self._training:
            part.training = training
        for hooks, before in self._hooks:
            if dict(hooks) != before:
                hooks.clear()
                hooks.update(before)
        self._numbers.restore()


class NumberState:
    """The state of the global random numbers: torch's on the CPU and the GPUs of some tensors, Python's and NumPy's.

    Args:
        tensors: those whose GPUs count.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        self._devices = sorted({t.device.index for t in tensors if t.device.type == "cuda"})
        with DRAWING:
            self._gpus = [torch.cuda.get_rng_state(index) for index in self._devices]
            self._state = torch.get_rng_state(), random.getstate(), np.random.get_state()  # noqa: NPY002

    def restore(self) -> None:
        """Set it again."""
        with DRAWING:
            torch.set_rng_state(self._state[0])
            random.setstate(self._state[1])
            np.random.set_state(self._state[2])  # noqa: NPY002
            for index, state in zip(self._devices, self._gpus):
                torch.cuda.set_rng_state(state, index)
