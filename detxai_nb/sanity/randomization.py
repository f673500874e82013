"""Random weights in place of trained ones for a while; everything is restored bit for bit, whatever happens inside.

The trained tensors are never written to. A layer's parameters point to new memory while they are random, and back to
the trained memory afterwards, so an interruption in the middle cannot leave half a weight behind.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detections import accepting_changes
from detxai_nb.module_state import DRAWING, ModuleState
from detxai_nb.module_use import ModuleUse

INITS = ("normal", "default")
"""What random weights are drawn from, see ``Randomization``."""
_REASON = (
    "the weights of this {} are random for now, for a sanity check in another thread; wait until it has ended, or give "
    "the check a detector of its own (copy.deepcopy)"
)
_NORM = {"weight", "bias", "running_mean", "running_var"}


@contextmanager
def randomized(module: nn.Module, layers: Sequence[str], seed: int = 0, init: str = "normal") -> Iterator[None]:
    """Return a context in which some layers of a module have random weights.

    Afterwards the module is what it was, bit for bit, also after an exception or ``KeyboardInterrupt``; see
    ``Randomizer``.

    Args:
        module: the network.
        layers: dotted paths of submodules; each is randomized with everything below it. "" is the whole module.
        seed, init: as in ``Randomizer.randomize``.

    Yields:
        Nothing; the weights are random inside the ``with`` block, and ``explain`` does not ask there whether the scores
        are still those of the detections.

    Raises:
        ValueError: for an unknown ``init`` or path.
    """
    randomizer = Randomizer(module)
    try:
        with accepting_changes(), randomizer:
            randomizer.randomize(layers, seed, init)
            yield
    finally:
        randomizer.close()


class Randomizer:
    """A context that randomizes more and more layers of a module: ``with Randomizer(module) as r: r.randomize(...)``.

    At the end of the block, or with ``restore``, everything is restored: parameters and buffers, ``requires_grad``,
    ``.grad``, training flags, hooks, and the state of the global random numbers (torch's, Python's and NumPy's). It
    needs the memory of the random tensors and of a second copy of the buffers. A second ``KeyboardInterrupt`` while the
    trained weights are being restored is held until all of them are. Inside the block the module belongs to the thread
    that entered it: others that would detect or explain with it are refused in words (see ``ModuleUse``).

    In each layer every floating-point parameter is drawn anew. Those of norms (batch, group, layer) are parameters like
    any other, and the weight and bias of a frozen batch norm count as such although they are buffers. The running mean
    and variance of a batch norm are not weights: they stay with "normal", and become 0 and 1 with "default".

    Args:
        module: the network.
    """

    def __init__(self, module: nn.Module) -> None:
        self.module = module
        self._kept: ModuleState | None = None
        self._use: ModuleUse | None = None

    def __enter__(self) -> Randomizer:
        self._use = ModuleUse(self.module, evaluate=False, reason=_REASON.format(type(self.module).__name__))
        try:
            self._use.begin()
            self._kept = ModuleState(self.module)
            self._kept.shield()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Restore everything and let others have the module, as the end of the block does; again it does nothing."""
        try:
            self.restore()
            self._kept = None
        finally:
            if self._use is not None:
                self._use.end()

    def restore(self) -> None:
        """Restore everything as it was before the block."""
        if self._kept is not None:
            self._kept.restore()

    def start_over(self) -> None:
        """Restore the trained weights inside the block, so that others can be randomized."""
        if self._kept is not None:
            self._kept.restore()
            self._kept.shield()

    @torch.inference_mode(False)
    def randomize(self, layers: Sequence[str], seed: int = 0, init: str = "normal", below: bool = True) -> None:
        """Give some layers random weights, in addition to those that are random already.

        The numbers follow from ``seed`` and the path of the layer alone: they are the same whatever else is random, and
        with "normal" on every device.

        Args:
            layers: dotted paths of submodules.
            seed: a whole number.
            init: "normal" draws each tensor from a normal distribution with the mean and standard deviation of its
                trained values (a tensor of one value, or of equal ones, stays). "default" calls the layer's own
                ``reset_parameters``; a layer without one is drawn as with "normal".
            below: randomize each layer with everything below it, or only its own tensors.

        Raises:
            ValueError: for an unknown ``init`` or path.
            RuntimeError: outside the ``with`` block.
        """
        if init not in INITS:
            raise ValueError(f"init is one of {', '.join(map(repr, INITS))}; got {init!r}")
        if self._kept is None:
            raise RuntimeError("weights are randomized inside a `with Randomizer(module) as r:` block only")
        done: set[int] = set()
        for path, part in _parts(self.module, layers, below):
            if id(part) not in done:
                done.add(id(part))
                self._kept.give_back(part)
                (_reset if init == "default" and _resets(part) else _draw)(part, _seed_of(seed, path))


def drawn_tensors(part: nn.Module) -> list[Tensor]:
    """Return the layer's own tensors that are randomized, without those of its submodules.

    Args:
        part: a layer.

    Returns:
        Its floating-point parameters, or the weight and bias of a frozen batch norm.
    """
    own: list[Tensor] = [t for t in part._parameters.values() if t is not None]
    if not own and set(part._buffers) >= _NORM:
        own = [t for name in ("weight", "bias") if (t := part._buffers[name]) is not None]
    return [tensor for tensor in own if tensor.is_floating_point()]


def _parts(module: nn.Module, layers: Sequence[str], below: bool) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(layers, str):
        raise TypeError(f"layers is a sequence of paths of submodules, got the text {layers!r}")
    known = dict(module.named_modules())
    for path in layers:
        if path not in known:
            raise ValueError(f"{type(module).__name__} has no submodule {path!r}; see named_modules()")
        yield from known[path].named_modules(prefix=path) if below else [(path, known[path])]


def _draw(part: nn.Module, seed: int) -> None:
    """Normal numbers with each tensor's own moments, drawn on the CPU."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in drawn_tensors(part):
        values = tensor.data
        numbers = torch.randn(values.shape, generator=generator, dtype=torch.float32, device="cpu")
        if not values.numel() or values.min() == values.max():
            tensor.data = values.clone()
            continue
        wide = values.double() if values.device.type != "mps" else values.float()
        numbers = numbers * float(wide.std(unbiased=False)) + float(wide.mean())
        tensor.data = numbers.to(values)


def _resets(part: nn.Module) -> bool:
    return any(hasattr(part, name) for name in ("reset_parameters", "_reset_parameters")) or _is_frozen_norm(part)


def _is_frozen_norm(part: nn.Module) -> bool:
    return not part._parameters and set(part._buffers) >= _NORM


def _reset(part: nn.Module, seed: int) -> None:
    """The layer's own initialisation, on memory of its own."""
    own = [t for t in (*part._parameters.values(), *part._buffers.values()) if t is not None]
    for tensor in own:
        tensor.data = tensor.data.clone()
    if _is_frozen_norm(part):
        for name in _NORM:
            buffer = part._buffers[name]
            if buffer is not None:
                buffer.data.fill_(1.0 if name in ("weight", "running_var") else 0.0)
        return
    devices = sorted({t.device.index for t in own if t.device.type == "cuda"})
    with DRAWING, torch.random.fork_rng(devices), torch.no_grad():
        torch.manual_seed(seed)
        reset: Any = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
        reset()


def _seed_of(seed: int, path: str) -> int:
    """A seed for one layer: the same on every platform, whatever other layers there are."""
    digest = hashlib.blake2b(f"{seed} {path}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1
