"""The copy of a detector that is asked instead of it, and the trial that says whether it may."""

from __future__ import annotations

import copy
import hashlib
import logging
import weakref
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.module_use import alone
from detxai_nb.passes.convolution import Buffers, PlainConvolution
from detxai_nb.passes.folding import folded, watch_pairs
from detxai_nb.passes.graphs import graphs_wanted, record_parts
from detxai_nb.types import Cancelled, Detections, Detector

SCORES_AGREE = 1e-5
"""How far the copy's scores may be from the network's."""
_BOXES_AGREE = 2e-5
"""How far its boxes may be, as a share of the picture's longer side."""
_COMPARED = 10
"""How many of the best detections are compared where none passes the threshold."""
PLAIN, FAST = "plain", "fast"
_LOG = logging.getLogger(__name__)


class FastPasses:
    """A detector for a series of queries, answered by a fast copy of its network if that gives the same answers.

    Make one for each series: the weights are looked at when it begins. ``kind`` is then "fast" or "plain", and
    ``reason`` says in words why it is plain.

    Args:
        detector: any detector.
        picture: what the first query is like, best with objects; one picture as ``detector.detect`` takes it.
        score_threshold: of the queries, 0..1.
        fast: whether a copy is wanted at all.

    Example:
        >>> import detxai_nb as dx
        >>> from detxai_nb.passes import FastPasses
        >>> detector, image = dx.load_detector("tiny-fcos", device="cpu"), dx.data.scenes.make(1).image
        >>> passes = FastPasses(detector, image, 0.3)
        >>> passes.kind, len(passes.detect([image], 0.3)[0]) == len(detector.detect([image], 0.3)[0])
        ('fast', True)
    """

    def __init__(self, detector: Detector, picture: Any, score_threshold: float, fast: bool = True) -> None:
        self._detector = detector
        self._copy: Detector | None = None
        self._digest = b""
        self.reason = "it was not asked for" if not fast else _unfit(detector)
        if not self.reason:
            try:
                self._copy, self.reason, self._digest = _tried(detector, picture, score_threshold)
            except (torch.OutOfMemoryError, Cancelled):
                raise
            except Exception as error:  # Whatever a copy of somebody's network raises: the network itself answers.
                self.reason = f"its copy raised {type(error).__name__}: {error}"
        if self.reason and fast:
            _LOG.info("plain passes of %s: %s", Capabilities(detector).title, self.reason)

    @property
    def kind(self) -> str:
        """Who answers: "fast", the copy, or "plain", the detector."""
        return PLAIN if self._copy is None else FAST

    @property
    def stale(self) -> bool:
        """Whether the copy is of weights that the network no longer has: ask before a later part of a long series."""
        return self._copy is not None and _digest(Capabilities(self._detector).module) != self._digest

    def detect(self, images: Sequence[Any], score_threshold: float) -> list[Detections]:
        """Return the detections in some pictures.

        Args:
            images: as ``detector.detect`` takes them.
            score_threshold: 0..1.

        Returns:
            One ``Detections`` for each.
        """
        return (self._copy or self._detector).detect(images, score_threshold)


def _unfit(detector: Detector) -> str:
    """Why a detector has no copy; "" if it may have one."""
    about = Capabilities(detector)
    if about.module is None or not about.traceable:
        return "it shows no network"
    if about.precision != "fp32":
        return f"it runs in {about.precision}"
    if any(weight.dtype != torch.float32 for weight in about.module.parameters()):
        return "its weights are not float32"
    if any(part._forward_hooks or part._forward_pre_hooks for part in about.module.modules()):
        return "its network has hooks"
    return ""


def _tried(detector: Detector, picture: Any, threshold: float) -> tuple[Detector | None, str, bytes]:
    """The copy and "", or None and how its answer differs; and the digest of the weights."""
    expected, watched = [], []
    module: Any = Capabilities(detector).module
    digest = _digest(module)
    kept = _LAST.get(module, digest)

    def run() -> None:
        expected.append(_answer(detector, picture, threshold))

    if kept is None:
        alone(module, lambda: watched.extend(watch_pairs(module, run)))
        kept = _LAST.keep(module, digest, _replacements(module, watched))
    else:
        run()
    other, difference = _compared(detector, kept, expected[0], picture, threshold)
    if difference and graphs_wanted(module):
        # TensorFloat-32 rounds folded weights otherwise; the network as it is can still be replayed.
        same: dict[int, Any] = {id(one): one for one in (*module.parameters(), *module.buffers())}
        other, difference = _compared(detector, same, expected[0], picture, threshold)
    return (None, difference, digest) if difference else (other, "", digest)


def _compared(
    detector: Detector, stands_for: dict[int, Any], expected: Detections, picture: Any, threshold: float
) -> tuple[Detector, str]:
    """A copy of a detector, and how its answer differs."""
    other = copy.deepcopy(detector, dict(stands_for))
    difference = _difference(expected, _answer(other, picture, threshold))
    module: Any = Capabilities(other).module
    if not difference and graphs_wanted(module):
        record_parts(module, lambda: _answer(other, picture, threshold))
        for _ in range(4):
            # What is recorded with the third pass answers here already.
            difference = difference or _difference(expected, _answer(other, picture, threshold))
    return other, difference


def _answer(detector: Detector, picture: Any, threshold: float) -> Detections:
    with torch.no_grad():
        found = detector.detect([picture], threshold)[0]
        return found if len(found) else detector.detect([picture], 0.0)[0][:_COMPARED]


def _difference(expected: Detections, found: Detections) -> str:
    """How two answers differ in more than rounding; "" if they do not."""
    if len(expected) != len(found) or not torch.equal(expected.labels, found.labels):
        return f"it finds {len(found)} objects instead of {len(expected)}, or others"
    if not len(expected):
        return "there is nothing to compare it by"
    for name, most in (("scores", SCORES_AGREE), ("class_scores", SCORES_AGREE), ("boxes", _BOXES_AGREE)):
        one, other = getattr(expected, name), getattr(found, name)
        if one is None or other is None:
            continue
        if name == "boxes":
            most *= max(expected.image_size or (1, 1))
        far = float((one - other).abs().max())
        if not far <= most:
            return f"its {name.replace('_', ' ')} are off by up to {far:.2g}"
    return ""


def _replacements(module: nn.Module, pairs: Sequence[tuple[nn.Conv2d, nn.Module]]) -> dict[int, Any]:
    """What stands for which part of a network in its copy, by id, as ``deepcopy`` takes it; weights are shared."""
    buffers = Buffers()
    with torch.inference_mode(False), torch.no_grad():
        found: dict[int, Any] = {id(one): one for one in (*module.parameters(), *module.buffers())}
        norms = dict(pairs)
        for part in module.modules():
            if type(part) is nn.Conv2d:
                weight, bias = folded(part, norms[part]) if part in norms else (part.weight, part.bias)
                found[id(part)] = PlainConvolution(part, weight, bias, buffers)
        found |= {id(norm): nn.Identity().eval() for _, norm in pairs}
    return found


def _digest(module: Any) -> bytes:
    """A digest of all weights and statistics."""
    digest = hashlib.blake2b(digest_size=16)

    def read() -> None:
        named: Any = (*module.named_parameters(), *module.named_buffers())
        for name, tensor in named:
            digest.update(f"{name} {tensor.dtype} {list(tensor.shape)} {tensor.device}".encode())
            content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(content.numpy().data)

    alone(module, read, evaluate=False)
    return digest.digest()


class _Last:
    """The replacements of the network that was copied last, while it lives."""

    def __init__(self) -> None:
        self._module: Callable[[], nn.Module | None] = lambda: None
        self._digest = b""
        self._found: dict[int, Any] = {}
        self._parts: list[Any] = []

    def get(self, module: nn.Module, digest: bytes) -> dict[int, Any] | None:
        """Those of a network if its weights are as they were, else None."""
        return self._found if self._module() is module and self._digest == digest else None

    def keep(self, module: nn.Module, digest: bytes, found: dict[int, Any]) -> dict[int, Any]:
        """Keep those of a network instead of those before."""
        self.forget()
        # The parts too: an id belongs to them only while they live.
        self._parts = [part for part in module.modules() if part is not module]
        self._parts += [*module.parameters(), *module.buffers()]
        self._found, self._digest = found, digest
        self._module = weakref.ref(module, partial(_forget_of, self))
        return found

    def forget(self) -> None:
        """Let go of everything."""
        self._module, self._digest, self._found, self._parts = (lambda: None), b"", {}, []


def _forget_of(last: _Last, _: Any) -> None:
    last.forget()


_LAST = _Last()
