"""The layers of a detector as stages, from its output down to its stem: what is randomized, and in which order."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from detxai_nb.capabilities import Capabilities
from detxai_nb.detectors.registry import stage_patterns_of
from detxai_nb.image import ImageSource
from detxai_nb.module_use import alone, with_hooks
from detxai_nb.sanity.randomization import drawn_tensors
from detxai_nb.types import StagePatterns

PRESETS = ("papers", "blocks", "layers", "all")
"""Ways to divide a detector into stages, see ``stages``."""
FIVE = 5
"""G-CAME's figures 6 and 8 show five layers."""

_LARGEST_BLOCK = 12  # layers


@dataclass(frozen=True)
class Stage:
    """Layers that are randomized together.

    Attributes:
        name: of the stage, for tables and figures.
        layers: the paths of its submodules with weights.
        down_to: those and all between them and the output, which cascading randomizes.
    """

    name: str
    layers: tuple[str, ...]
    down_to: tuple[str, ...]


def stages(detector: Any, image: ImageSource, layers: str | Sequence[str] = "papers") -> tuple[Stage, ...]:
    """Return the detector's stages, from the output down to the stem.

    The order is that in which the layers run when the detector processes ``image``, reversed. Parallel branches (class
    and box) follow one another.

    Args:
        detector: a detector with a ``module``.
        image: what ``load_image`` takes; the detector runs on it once.
        layers: "papers", five stages as in G-CAME's figures: outputs, head, neck and the backbone in two halves, by the
            ``stage_patterns`` of the detector or its family; "blocks", every block of the network (a part of at most 12
            layers); "layers", every layer with weights; "all", everything at once; or the paths of submodules of
            ``detector.module``: then cascading also randomizes all that lies between a layer and the output, as
            G-CAME's test does.

    Returns:
        The stages.

    Raises:
        TypeError: for a detector without a ``module``.
        ValueError: for unknown names; the message lists some that exist.

    References:
        G-CAME, figures 6 and 8.
    """
    about = Capabilities(detector)
    module = about.module
    if module is None:
        raise TypeError(
            f"{type(detector).__name__} has no module whose weights could be randomized: a sanity check needs the "
            "network itself; open it with load_detector or wrap"
        )
    order = _from_output_down(detector, module, image)
    if not isinstance(layers, str):
        return _chosen(module, order, layers)
    if layers not in PRESETS:
        raise ValueError(f"layers is one of {', '.join(map(repr, PRESETS))} or paths of submodules; got {layers!r}")
    if layers == "all":
        return _cumulative({"all weights": order})
    if layers == "layers":
        return _cumulative({path: [path] for path in order})
    blocks = _blocks(order)
    return _cumulative(
        blocks if layers == "blocks" else _five(about.stage_patterns or stage_patterns_of(about.family), order)
    )


def layers_run(detector: Any, module: nn.Module, image: ImageSource) -> tuple[str, ...]:
    """Return the layers with weights in the order in which they first run when a detector processes an image.

    Args:
        detector: any.
        module: its module.
        image: what ``load_image`` takes.

    Returns:
        Paths of submodules.
    """
    seen: dict[str, None] = {}

    def note(path: str) -> Callable[..., None]:
        def look(*_: Any) -> None:
            seen.setdefault(path)

        return look

    hooks = [(part, note(path)) for path, part in module.named_modules() if drawn_tensors(part)]
    alone(module, lambda: with_hooks(hooks, lambda: detector.detect([image], 0.5), before=True))
    return tuple(seen)


def _from_output_down(detector: Any, module: nn.Module, image: ImageSource) -> list[str]:
    """Paths of all layers with weights; one that never runs as a module stands with its neighbour."""
    named = [(path, part) for path, part in module.named_modules() if drawn_tensors(part)]
    first = {path: float(place) for place, path in enumerate(layers_run(detector, module, image))}
    following = float(len(first))
    for path, _ in reversed(named):
        following = first.setdefault(path, following - 0.5)
    return sorted((path for path, _ in named), key=lambda path: first[path], reverse=True)


def _cumulative(groups: Mapping[str, Sequence[str]]) -> tuple[Stage, ...]:
    found: list[Stage] = []
    above: tuple[str, ...] = ()
    for name, paths in groups.items():
        above = (*above, *paths)
        found.append(Stage(name, tuple(paths), above))
    return tuple(found)


def _chosen(module: nn.Module, order: Sequence[str], layers: Sequence[str]) -> tuple[Stage, ...]:
    """A stage for each named submodule."""
    known = dict(module.named_modules())
    found = []
    for name in layers:
        below = [i for i, path in enumerate(order) if path == name or path.startswith(f"{name}.")]
        if name not in known or not below:
            raise ValueError(
                f"{name!r} is no submodule with weights of {type(module).__name__}; some that are: "
                f"{', '.join(list(_blocks(order))[:12])}"
            )
        stage = Stage(name, tuple(order[i] for i in below), tuple(order[: below[-1] + 1]))
        found.append((below[-1], below[0], stage))
    if not found:
        raise ValueError("layers is empty; name at least one submodule")
    return tuple(stage for *_, stage in sorted(found, key=lambda one: one[:2]))


def _blocks(order: Sequence[str]) -> dict[str, list[str]]:
    """Layers by the beginning of their path, as long as it takes for a block to be small."""
    groups: dict[str, list[str]] = {}
    waiting = [("", list(order), 3)]
    while waiting:
        _, paths, depth = waiting.pop(0)
        parts: dict[str, list[str]] = {}
        for path in paths:
            pieces = path.split(".")
            # A convolution and its norm are one block, whatever the depth.
            key = ".".join(pieces[: min(depth, max(1, len(pieces) - 1))])
            parts.setdefault(key, []).append(path)
        for key, own in parts.items():
            if len(own) > _LARGEST_BLOCK and any(path.count(".") > depth for path in own):
                waiting.append((key, own, depth + 1))
            else:
                groups[key] = own
    rank = {path: i for i, path in enumerate(order)}
    return dict(sorted(groups.items(), key=lambda item: rank[item[1][0]]))


def _five(table: StagePatterns, order: Sequence[str]) -> dict[str, list[str]]:
    """At most five stages: the family's own, and its backbone in as many parts as are left."""
    groups: dict[str, list[str]] = {name: [] for name, _ in table}
    rest: list[str] = []
    for path in order:
        name = next((name for name, pattern in table if re.match(pattern, f"{path}.")), None)
        (rest if name is None else groups[name]).append(path)
    groups = {name: paths for name, paths in groups.items() if paths}
    halves = _split(rest, FIVE - len(groups)) if rest else []
    for number, part in enumerate(halves):
        groups[_part_name(number, len(halves), bool(groups) and bool(table))] = part
    return groups


def _split(order: Sequence[str], parts: int) -> list[list[str]]:
    """``order`` cut between blocks into at most ``parts`` pieces of about as many layers."""
    pieces: list[list[str]] = [[]]
    blocks = list(_blocks(order).values())
    for block in blocks if len(blocks) >= parts else [[path] for path in order]:
        if len(pieces) < parts and sum(map(len, pieces)) >= len(order) * len(pieces) / parts:
            pieces.append([])
        pieces[-1] += block
    return [piece for piece in pieces if piece]


def _part_name(number: int, count: int, backbone: bool) -> str:
    if backbone and count == 2:
        return ("deep backbone", "stem")[number]
    what = "backbone" if backbone else "network"
    if number == count - 1 and count > 1:
        return "stem"
    return what if count == 1 else f"{what} part {number + 1}"
