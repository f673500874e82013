"""Attention over all cells: its gradients by matrix products with the probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from detxai_nb.vjp.gradients import Gradient, dense
from detxai_nb.vjp.recorded import Operation
from detxai_nb.vjp.rules.rule import Rule

_KEPT = 64 * 2**20
"""Bytes of one layer's probabilities that are kept; more are computed again each time."""
_SCORES = 2**17
"""Scores of one head, beyond which heads and gradients are taken one by one: all together would leave the cache."""


def _attention(operation: Operation) -> Rule | None:
    if operation.saved("dropout_p") or operation.saved("is_causal") or operation.needs(3):
        return None
    query, key, value, output = (operation.saved(x).flatten(0, 1) for x in ("query", "key", "value", "output"))
    if len(query) != len(key):
        return None
    scale = operation.saved("scale")
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    mask = operation.saved("attn_mask")
    shape = (*operation.outputs[0][:-1], key.shape[-2])
    mask = None if mask is None else mask.expand(shape).flatten(0, 1)
    size = len(query) * query.shape[1] * key.shape[1] * query.element_size()
    kept: list[Tensor] = []
    values = torch.cat([value, value.new_ones(*value.shape[:2], 1)], dim=-1)

    def probabilities(part: slice) -> Tensor:
        if kept:
            return kept[0][part]
        scores = (query[part] @ key[part].transpose(1, 2)).mul_(scale)
        found: Tensor = (scores if mask is None else scores.add_(mask[part])).softmax(-1)
        return found

    if size <= _KEPT:
        kept.append(probabilities(slice(None)))

    def apply(gradients: list[Gradient | None]) -> list[Gradient | None]:
        if gradients[0] is None:
            return [None, None, None]
        gradient = dense(gradients[0])
        count, batch, heads = gradient.shape[:3]
        gradient = gradient.flatten(1, 2)
        # The last column takes off each row's mean by the same matrix product.
        rows = torch.cat([gradient, -(gradient * output).sum(-1, keepdim=True)], dim=-1).transpose(0, 1)
        made = [
            gradient.new_empty(count, x.shape[1], len(x), x.shape[2]).permute(2, 0, 1, 3)
            if operation.needs(number)
            else None
            for number, x in enumerate((query, key, value))
        ]
        sides = query * scale, key * scale
        if query.shape[1] * key.shape[1] <= _SCORES:
            _all_heads(rows, values, sides, probabilities(slice(None)), made)
        else:
            for head in range(len(query)):
                into = [None if x is None else x[head] for x in made]
                chance = probabilities(slice(head, head + 1))[0]
                _one_head(rows[head], values[head], (sides[0][head], sides[1][head]), chance, into)
        return [None if x is None else torch.unflatten(x, 0, (batch, heads)).permute(2, 0, 1, 3, 4) for x in made]

    return apply


def _all_heads(
    rows: Tensor, values: Tensor, sides: tuple[Tensor, Tensor], chance: Tensor, into: list[Tensor | None]
) -> None:
    """Write gradients ``[H,n,...]``: rows ``[H,n,L,E+1]``, values ``[H,S,E+1]``, probabilities ``[H,L,S]``."""
    heads, count, length, width = rows.shape
    query, key = sides
    if into[2] is not None:
        gradient = rows[..., :-1].transpose(1, 2).reshape(heads, length, -1)
        into[2].copy_((chance.transpose(1, 2) @ gradient).view(heads, -1, count, width - 1).transpose(1, 2))
    if into[0] is None and into[1] is None:
        return
    scores = (rows.reshape(heads, -1, width) @ values.transpose(1, 2)).view(heads, count, length, -1)
    scores *= chance[:, None]
    if into[0] is not None:
        into[0].copy_((scores.view(heads, count * length, -1) @ key).view(heads, count, length, -1))
    if into[1] is not None:
        into[1].copy_(scores.transpose(2, 3) @ query[:, None])


def _one_head(
    rows: Tensor, values: Tensor, sides: tuple[Tensor, Tensor], chance: Tensor, into: list[Tensor | None]
) -> None:
    """The same for one head, ``[n,L,E+1]`` and so on; one gradient's scores stay in the cache."""
    count, length, width = rows.shape
    query, key = sides
    if into[2] is not None:
        gradient = rows[..., :-1].transpose(0, 1).reshape(length, -1)
        into[2].copy_((chance.t() @ gradient).view(-1, count, width - 1).transpose(0, 1))
    if into[0] is None and into[1] is None:
        return
    scores = torch.empty_like(chance)
    for number, row in enumerate(rows):
        torch.mm(row, values.t(), out=scores)
        scores *= chance
        if into[0] is not None:
            into[0][number] = scores @ key
        if into[1] is not None:
            into[1][number] = scores.t() @ query


RULES: Mapping[str, Callable[[Operation], Rule | None]] = {"ScaledDotProductFlashAttentionForCpuBackward0": _attention}
"""By the name of autograd's node."""
