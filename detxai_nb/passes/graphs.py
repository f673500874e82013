"""CUDA graphs: parts of a network whose kernels are recorded once for inputs of a shape, and replayed without Python.

A small network on a large GPU waits for Python more than for arithmetic. Of a network the outermost parts that can be
recorded are: those that get and return tensors only, never wait for the GPU in between (PyTorch says so before anything
is recorded, because a recording that fails can leave the GPU unusable for the rest of the process), and whose replays
equal their plain passes for two inputs. What cannot be recorded gives way to its children.

Written without a GPU at hand and tested with a stand-in for the recording itself, so it has to be asked for: set the
environment variable ``DETXAI_NB_CUDA_GRAPHS=1``.
"""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_map, tree_unflatten

from detxai_nb.module_use import with_hooks

WANTED = "DETXAI_NB_CUDA_GRAPHS"
"""The environment variable that asks for graphs, by "1"."""
_DEVICES = {"cuda"}
_PLAIN_FIRST = 2
"""How many plain passes an input's shape has before it is recorded: most shapes of pooled regions come only once."""
_MOST_SHAPES = 4
_AGREE = 1e-5
"""How far a replay may be from a plain pass, as a share of the largest value."""
_CONSTANT = (int, float, bool, str, type(None))
_LOG = logging.getLogger(__name__)


def graphs_wanted(module: nn.Module) -> bool:
    """Return whether a network's parts are to be recorded.

    Args:
        module: the network.

    Returns:
        True if the environment asks for it and all weights are on a GPU.
    """
    if os.environ.get(WANTED) != "1":
        return False
    devices = {weight.device.type for weight in module.parameters()}
    return bool(devices) and devices <= _DEVICES


def record_parts(module: nn.Module, run: Callable[[], Any]) -> None:
    """Have a network record its outermost parts by itself while it answers.

    Args:
        module: a private copy of a network, in evaluation mode, which is asked without gradients from now on; the
            ``forward`` of some of its parts is replaced.
        run: one pass of it. Parts that are not called in it give way to their children.
    """
    called: set[nn.Module] = set()

    def note(part: nn.Module, _: Any) -> None:
        called.add(part)

    with_hooks([(part, note) for part in module.modules()], run, before=True)
    _record(module, called)


def _record(module: nn.Module, called: set[nn.Module]) -> None:
    if "forward" in vars(module):
        return
    if module in called:
        module.forward = _Part(module, called)
    else:
        for child in module.children():
            _record(child, called)


class _Part:
    """What is called instead of a part's ``forward``.

    Args:
        module: the part.
        called: the parts of the network that are called.
    """

    def __init__(self, module: nn.Module, called: set[nn.Module]) -> None:
        self._module, self._plain, self._called = module, module.forward, called
        self._seen: Counter[Any] = Counter()
        self._recorded: dict[Any, _Recording] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree_flatten((args, kwargs))
        if not _tensors_only(leaves):
            self._give_way("its inputs are not tensors on the GPU only")
            return self._plain(*args, **kwargs)
        key = (str(structure), tuple(map(_kind, leaves)))
        if key in self._recorded:
            return self._recorded[key].replay(leaves)
        self._seen[key] += 1
        if 1 < self._seen[key] <= _PLAIN_FIRST or len(self._recorded) == _MOST_SHAPES:
            return self._plain(*args, **kwargs)
        try:
            if self._seen[key] == 1:
                with _no_waiting():
                    return self._plain(*args, **kwargs)
            self._recorded[key] = _Recording(self._plain, leaves, structure)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            self._give_way(f"{type(error).__name__}: {error}")
            return self._plain(*args, **kwargs)
        return self._recorded[key].replay(leaves)

    def _give_way(self, reason: str) -> None:
        """Have the part's children be recorded instead of it."""
        _LOG.debug("no CUDA graph of %s: %s", type(self._module).__name__, reason)
        self._recorded.clear()
        del self._module.forward
        for child in self._module.children():
            _record(child, self._called)


class _Recording:
    """The kernels of a part for inputs of one shape.

    Args:
        run: the part's own ``forward``.
        leaves, structure: an input.

    Raises:
        RuntimeError: if a replay differs from a plain pass.
        TypeError: if it returns something other than tensors.
    """

    def __init__(self, run: Callable[..., Any], leaves: list[Any], structure: Any) -> None:
        self._inputs = [leaf.clone() if isinstance(leaf, Tensor) else leaf for leaf in leaves]

        def forward() -> Any:
            args, kwargs = tree_unflatten(self._inputs, structure)
            return run(*args, **kwargs)

        with torch.no_grad():
            if not _tensors_only(tree_flatten(forward())[0]):
                raise TypeError("it returns something other than tensors on the GPU")
            self._again, self._output = _capture(forward)
            for scale in (0.5, 1.0):
                scaled = [leaf * scale if _is_float(leaf) else leaf for leaf in leaves]
                found = self.replay(scaled)
                _compare(forward(), found)

    def replay(self, leaves: list[Any]) -> Any:
        """Return the output for an input of the recorded shape.

        Args:
            leaves: its tensors and constants.

        Returns:
            New tensors, as the part itself arranges them.
        """
        for held, leaf in zip(self._inputs, leaves, strict=True):
            if isinstance(leaf, Tensor):
                held.copy_(leaf)
        self._again()
        return tree_map(lambda leaf: leaf.clone() if isinstance(leaf, Tensor) else leaf, self._output)


def _capture(forward: Callable[[], Any]) -> tuple[Callable[[], None], Any]:
    """Record kernels; return what runs them again, and the tensors that they write into."""
    torch.cuda.synchronize()
    # As PyTorch asks: libraries set themselves up on a stream of its own first.
    side: Any = torch.cuda.Stream()  # type: ignore[no-untyped-call]
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        forward()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        output = forward()
    return graph.replay, output


@contextmanager
def _no_waiting() -> Iterator[None]:
    """Raise an error where Python waits for the GPU, which no graph can record."""
    before = torch.cuda.get_sync_debug_mode()
    torch.cuda.set_sync_debug_mode("error")
    try:
        yield
    finally:
        torch.cuda.set_sync_debug_mode(before)


def _compare(expected: Any, found: Any) -> None:
    for one, other in zip(tree_flatten(expected)[0], tree_flatten(found)[0], strict=True):
        if not isinstance(one, Tensor):
            same = one == other
        elif one.is_floating_point():
            same = bool((one - other).abs().max() <= _AGREE * one.abs().max()) if one.numel() else True
        else:
            same = torch.equal(one, other)
        if not same:
            raise RuntimeError("its replay differs from its plain pass")


def _tensors_only(leaves: list[Any]) -> bool:
    """Whether what a part gets or returns is tensors on the GPU, at least one, and constants."""
    tensors = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
    others = [leaf for leaf in leaves if not isinstance(leaf, Tensor)]
    return (
        bool(tensors)
        and all(leaf.device.type in _DEVICES for leaf in tensors)
        and all(isinstance(leaf, _CONSTANT) for leaf in others)
    )


def _kind(leaf: Any) -> Any:
    """What inputs of one recording have in common."""
    if isinstance(leaf, Tensor):
        return tuple(leaf.shape), tuple(leaf.stride()), leaf.dtype, str(leaf.device)
    return type(leaf).__name__, leaf


def _is_float(leaf: Any) -> bool:
    return isinstance(leaf, Tensor) and leaf.is_floating_point()
