"""From the relevance of a network's output back along a tape to that of one of its layers."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from detxai_nb.methods.relevance.rules import NORMS, OTHERS, WEIGHTED, Division, Scaling, weighted
from detxai_nb.methods.relevance.tape import FunctionCall, Tape


@torch.no_grad()
def propagate(tape: Tape, relevance: Tensor, division: Division, until: int | None = None) -> Tensor:
    """Carry relevance back from the network's output.

    Args:
        tape: a run of the network on one image.
        relevance: ``[n,K]``, n divisions of relevance among its K outputs.
        division: by what it is divided.
        until: the number of the value to stop at; by default the tape's layer, 0 for the network's input.

    Returns:
        The relevance of that value, ``[n,...]``.

    Raises:
        ValueError: for the first function, from the output down, that has no rule, with its layer; or if a value that a
            rule needs was overwritten.
    """
    until = tape.layer if until is None else until
    folded = _folded(tape)
    waiting: dict[int, Tensor] = {tape.end: relevance}
    for step in reversed(tape.steps):
        if step.output == until:
            break
        mine = waiting.pop(step.output, None)
        if mine is None:
            continue
        for number, part in zip(step.inputs, _divide(step, mine, division, folded)):
            before = waiting.get(number)
            waiting[number] = part if before is None else before + part
    if until not in waiting:
        raise ValueError("no relevance reaches the layer: what the network returns does not come from it")
    return waiting[until]


def _divide(
    step: FunctionCall, relevance: Tensor, division: Division, folded: dict[int, FunctionCall]
) -> tuple[Tensor, ...]:
    """The relevance of each input of a step."""
    if any(value._version != version for value, version in zip(step.values, step.versions)):
        raise ValueError(
            f"{step.place} reads a value that is overwritten later, in place, so its relevance cannot be divided; use "
            "activations with inplace=False there"
        )
    if step.function in WEIGHTED:
        norm = folded.get(step.output)
        return weighted(step, relevance, division, None if norm is None else Scaling.of(norm))
    if step.function in NORMS:
        return (relevance,) if step.inputs[0] in folded else _alone(step, relevance, division)
    rule = OTHERS.get(step.function)
    if rule is None or len(step.inputs) != len(step.values):
        raise ValueError(
            f"there is no rule of relevance for {step.name}, called in {step.place}: the rules know convolutions, "
            "linear layers, batch normalisation, ReLU, pooling, sums and what only moves values, as the networks of "
            "the vgg and resnet families are made of; take another method, or a layer above it"
        )
    return rule(step, relevance, division)


def _alone(step: FunctionCall, relevance: Tensor, division: Division) -> tuple[Tensor, ...]:
    """Batch normalisation that follows no convolution: one contribution for each value, and a bias."""
    if division.rule != "epsilon":
        Scaling.of(step)
        return (relevance,)
    x, scaling = step.values[0], Scaling.of(step)
    factor, term = (part.reshape(1, -1, *[1] * (x.ndim - 2)) for part in (scaling.factor, scaling.term))
    whole = x * factor + term
    moved = whole + division.epsilon * torch.where(whole < 0, -1.0, 1.0).to(whole)
    return (relevance * x * factor / torch.where(moved == 0, torch.inf, moved),)


def _folded(tape: Tape) -> dict[int, FunctionCall]:
    """The batch normalisation of each convolution or linear layer whose output nothing else reads."""
    readers = Counter(number for step in tape.steps for number in step.inputs)
    made = {step.output: step for step in tape.steps if step.function in WEIGHTED}
    found = {}
    for step in tape.steps:
        number = step.inputs[0]
        # Not where the explained layer lies between the two: its relevance is that before the normalisation.
        if step.function in NORMS and number in made and readers[number] == 1 and number != tape.layer:
            found[number] = step
    return found
