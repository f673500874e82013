"""DETR's own attention as maps, to be shown beside the explanations."""

from __future__ import annotations

from typing import Any, cast

from torch import Tensor

from detxai_nb.methods.registry import MethodResult, trace_method
from detxai_nb.types import Detections, Progress, Target

KINDS = ("cross", "self")


@trace_method(
    "detr-attention",
    title="DETR attention",
    source="Carion et al., ECCV 2020, fig. 3 and 6; Zhao & Chan, ICLR 2023, A.5.8",
    choices={"attention": KINDS},
    needs=("attention",),
)
def detr_attention(
    trace: Any,
    detections: Detections,
    progress: Progress,
    *,
    attention: str = "cross",
    block: int | str = "average",
    head: int | str = "average",
) -> MethodResult:
    """Return where the transformer looks for each detection, on the grid of its tokens.

    Attention is bottom-up: it says where a query looks, not what the prediction depends on, so it is the same for every
    class and side. It is that of the whole network whatever layer the trace explains.

    Args:
        trace: an open trace of a DETR with dense attention, which has ``attention`` and ``token_stride``.
        detections: the objects to explain.
        progress: called after each detection; what it raises ends the work.
        attention: "cross", the decoder's cross-attention of the detection's query, or "self", the encoder's
            self-attention of the cell at the middle of its box.
        block: "average" over the transformer's layers, or one of them by its number from 0, -1 being the last (DETR's
            own figures show the last layer).
        head: "average" over the heads, or one of them by its number.

    Returns:
        Maps ``[h,w]`` of values of at least 0 with the sum 1.

    Raises:
        ValueError: for a layer or head that the network does not have, or detections of another detector or image.

    References:
        Carion et al., DETR (ECCV 2020), fig. 3 and 6; Zhao & Chan, ODAM (ICLR 2023), A.5.8.
    """
    trace.scalars(detections, Target())  # Raises for detections of another detector or image.
    progress(0, len(detections))
    seen: dict[Any, Tensor] = {}
    grids = []
    for done, place in enumerate(_places(detections, attention), start=1):
        if place not in seen:
            asked = {"query" if attention == "cross" else "point": place}
            every = trace.attention(average_heads=False, average_layers=False, **asked)
            seen[place] = _pick(_pick(every, block, "block"), head, "head")
        grids.append(seen[place])
        progress(done, len(detections))
    return MethodResult(grids, [trace.token_stride] * len(grids), unit="share of attention")


def _places(detections: Detections, attention: str) -> list[Any]:
    """What each detection asks from: the number of its query, or the middle (x, y) of its box in image pixels."""
    if attention == "cross":
        return cast(Tensor, detections.origins)[:, 0].tolist()
    return [((x1 + x2) / 2, (y1 + y2) / 2) for x1, y1, x2, y2 in detections.boxes.tolist()]


def _pick(stack: Tensor, number: int | str, what: str) -> Tensor:
    """One of the stack's maps, or their mean."""
    if number == "average":
        return stack.mean(dim=0)
    if isinstance(number, bool) or not isinstance(number, int) or not -len(stack) <= number < len(stack):
        raise ValueError(
            f"{what} of 'detr-attention' is 'average' or a number from 0 to {len(stack) - 1} "
            f"(-1 for the last); got {number!r}"
        )
    return stack[number]
