"""The test of code that brings boxes from a network's input back into the picture."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from detxai_nb.check.code_tests import code_test


@code_test("boxes-to-picture")
def try_boxes_to_picture(function: Callable[..., Any]) -> str | None:
    """Try a function that brings boxes from a network's input back into the picture that was put there.

    Args:
        function: takes boxes float32 ``[N,4]``, xyxy in pixels of the input, and three numbers: the factor by which the
            picture was resized, and how many pixels of border lie left of it and above it; returns boxes float32
            ``[N,4]``, xyxy in pixels of the picture.

    Returns:
        None if it is right, otherwise what is wrong.
    """
    import torch

    one, three = (
        [[20.0, 60.0, 120.0, 90.0]],
        [[0.0, 80.0, 640.0, 560.0], [1.5, 99.0, 8.0, 100.25], [5.0, 84.0, 5.0, 84.0]],
    )
    for boxes, scale, left, top, what in (
        (one, 2.0, 0, 0, "of a box in a picture that was enlarged twice, without a border,"),
        (one, 1.0, 10, 30, "of a box in a picture with a border of 10 pixels on the left and 30 above"),
        (one, 0.5, 20, 0, "of a box in a picture that was made half as large, with a border of 20 pixels on the left,"),
        (
            three,
            1.25,
            0,
            80,
            "of three boxes in a picture that was enlarged by 1.25, with a border of 80 pixels above,",
        ),
        ([], 2.0, 4, 4, "of no boxes"),
    ):
        expected = [[(x1 - left) / scale, (y1 - top) / scale, (x2 - left) / scale, (y2 - top) / scale]
                    for x1, y1, x2, y2 in boxes]  # fmt: skip
        given = torch.tensor(boxes).reshape(-1, 4)
        kept = given.clone()
        got = function(given, scale, left, top)
        if wrong := _of_boxes(got, torch.tensor(expected).reshape(-1, 4), what):
            return wrong
        if not torch.equal(given, kept):
            return "it changes the boxes that it is handed, which others may still need"
    return None


def _of_boxes(got: Any, expected: Any, what: str) -> str | None:
    """Compare a student's boxes with the right ones: None, or what is wrong in a sentence."""
    import torch

    if not isinstance(got, torch.Tensor):
        return f"it returns {type(got).__name__}, not a tensor"
    if got.shape != expected.shape:
        return f"{what} it makes a tensor of {list(got.shape)}, not {list(expected.shape)}"
    for mine, right in zip(got.tolist(), expected.tolist()):
        if any(not abs(a - b) <= 1e-3 for a, b in zip(mine, right)):
            return f"{what} it makes {[round(a, 2) for a in mine]}, not {[round(b, 2) for b in right]}"
    return None
