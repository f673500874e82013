"""The still picture of a WhatIf: before, now and the scores; without an answer the picture with its heat map."""

from __future__ import annotations

from PIL import Image

from detxai_nb.interventions.drawing import COLOURS
from detxai_nb.interventions.intervention import Intervention
from detxai_nb.widgets.snapshots.pages import drawn_figure, stacked, words

COLORS = {
    "before": COLOURS["before"],
    "now": COLOURS["now"],
    "object": COLOURS["elsewhere in the object"],
    "background": COLOURS["on the background"],
}
"""Of bars and marks, as in the figure of an intervention."""


def draw_answer(one: Intervention, caption: str) -> Image.Image:
    """Draw the figure of an answer with words below it.

    Args:
        one: the answer.
        caption: one text, "" for none.

    Returns:
        An RGB image.
    """
    figure = drawn_figure(one.plot())
    return stacked([figure, words(caption, figure.width)]) if caption else figure
