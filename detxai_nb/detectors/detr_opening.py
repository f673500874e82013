"""Run a module's own forward while some of its parts answer from a recording: what follows a layer."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.detectors.detr_variants import BACKBONE, ENCODER, NECK, Anatomy


@contextmanager
def answering(part: nn.Module, answer: Callable[..., Any]) -> Iterator[None]:
    """Inside, ``answer`` is called in place of the part's ``forward``; afterwards the part is as it was."""
    before = part.__dict__.get("forward")
    part.__dict__["forward"] = answer
    try:
        yield
    finally:
        if before is None:
            del part.__dict__["forward"]
        else:
            part.__dict__["forward"] = before


def record(parts: Sequence[nn.Module], run: Callable[[], Any]) -> dict[nn.Module, Any]:
    """What each of the parts gives while ``run`` runs."""
    found: dict[nn.Module, Any] = {}

    def listening(part: nn.Module) -> Callable[..., Any]:
        forward = part.forward

        def answer(*arguments: Any, **named: Any) -> Any:
            found[part] = forward(*arguments, **named)
            return found[part]

        return answer

    with ExitStack() as stack:
        for part in parts:
            stack.enter_context(answering(part, listening(part)))
        run()
    return found


def replay(answers: Mapping[nn.Module, Any], run: Callable[[], Any]) -> Any:
    """What ``run`` gives with the parts giving these answers instead of computing."""
    with ExitStack() as stack:
        for part, value in answers.items():
            stack.enter_context(answering(part, lambda *_, value=value, **__: value))
        return run()


@dataclass(frozen=True, eq=False)
class Cut:
    """Where a network is opened.

    ``features`` ``[1,C,h,w]``: the layer's, as recorded. ``answers(leaf)``: the outputs of the parts up to there, with
    ``leaf`` in place of the features; with them ``replay`` runs what follows.
    """

    features: Tensor
    answers: Callable[[Tensor], dict[nn.Module, Any]]


def cut_at(layer: str, anatomy: Anatomy, recorded: Mapping[nn.Module, Any]) -> Cut:
    """The cut of a layer of ``anatomy.layers``."""
    kind, _, name = layer.partition(".")
    if kind == BACKBONE and name:
        stages = list(anatomy.stages.values())
        number = list(anatomy.stages).index(name)
        before = {stage: recorded[stage] for stage in stages[:number]}
        return Cut(recorded[stages[number]], lambda leaf: {**before, stages[number]: leaf})
    maps = recorded[anatomy.backbone]
    if kind == BACKBONE:
        features, mask = maps[-1]
        return Cut(features, lambda leaf: {anatomy.backbone: [*maps[:-1], (leaf, mask)]})
    if kind == NECK:
        part = anatomy.projections[int(name)]
        return Cut(recorded[part], lambda leaf: {anatomy.backbone: maps, part: leaf})
    if kind == ENCODER:
        return _encoder_cut(int(name or 0), anatomy, recorded)
    raise ValueError(f"unknown layer {layer!r}; known: {', '.join(anatomy.layers)}")


def _encoder_cut(level: int, anatomy: Anatomy, recorded: Mapping[nn.Module, Any]) -> Cut:
    output = recorded[anatomy.encoder]
    memory = output.last_hidden_state

    def answers(changed: Any) -> dict[nn.Module, Any]:
        values = {**output, "last_hidden_state": changed}
        return {anatomy.backbone: recorded[anatomy.backbone], anatomy.encoder: type(output)(**values)}

    if not isinstance(memory, Tensor):
        return Cut(memory[level], lambda leaf: answers([*memory[:level], leaf, *memory[level + 1 :]]))
    shapes = [recorded[part].shape[-2:] for part in anatomy.projections]
    parts = memory.split([height * width for height, width in shapes], dim=1)
    grid = parts[level].transpose(1, 2).unflatten(2, shapes[level]).contiguous()

    def with_level(leaf: Tensor) -> dict[nn.Module, Any]:
        tokens = leaf.flatten(2).transpose(1, 2)
        return answers(torch.cat([*parts[:level], tokens, *parts[level + 1 :]], dim=1))

    return Cut(grid, with_level)
