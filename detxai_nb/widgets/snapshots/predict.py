"""The still picture of a Predict: the picture with what was set in it, the question, and what it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from detxai_nb.check import Exercise
from detxai_nb.widgets.predict_outcome import PredictionOutcome
from detxai_nb.widgets.snapshots.pages import stacked, words
from detxai_nb.widgets.snapshots.picture import LONGER_SIDE

_OWN, _TRUTH = (255, 210, 63), (47, 208, 140)


def draw_prediction(
    exercise: Exercise, image: np.ndarray | None, prediction: Any, outcome: PredictionOutcome | None
) -> Image.Image:
    """Draw a question with its answer, and with the truth if that was revealed.

    Args:
        exercise: the question.
        image: RGB uint8 ``[H,W,3]``, or None.
        prediction: the locked answer, None before.
        outcome: None before the reveal.

    Returns:
        An RGB image.
    """
    texts = [exercise.question]
    texts += [f"{key}: {text}" if key != text else text for key, text in exercise.options.items()]
    if prediction is None:
        texts.append("Run the cell to answer.")
    elif outcome is None:
        said = prediction if isinstance(prediction, list) else [prediction]
        texts.append(f"Locked: {', '.join(exercise.options.get(str(one), str(one)) for one in said)}.")
    else:
        texts += [one for one in (outcome.words, outcome.others_words) if one]
    parts = [words(text) for text in texts]
    if image is not None:
        parts.insert(0, _drawn(image, exercise.kind, prediction, outcome))
    return stacked(parts)


def _drawn(image: np.ndarray, kind: str, prediction: Any, outcome: PredictionOutcome | None) -> Image.Image:
    height, width = image.shape[:2]
    scale = LONGER_SIDE / max(width, height)
    page = Image.fromarray(image).resize((max(1, round(width * scale)), max(1, round(height * scale))))
    draw = ImageDraw.Draw(page)
    if kind in ("point", "box"):
        for one in outcome.others if outcome else ():
            _mark(draw, {kind: one}, scale, (255, 255, 255))
        if outcome and outcome.truth:
            _mark(draw, outcome.truth, scale, _TRUTH)
        if prediction is not None:
            _mark(draw, {kind: prediction}, scale, _OWN)
    return page


def _mark(draw: ImageDraw.ImageDraw, shape: Mapping[str, Any], scale: float, color: tuple[int, int, int]) -> None:
    """A point, box, circle or polygon, with a dark edge below the colour."""
    for width, ink in ((4, (0, 0, 0)), (2, color)):
        if "point" in shape:
            x, y = (side * scale for side in shape["point"])
            radius = 3 + width / 2
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=ink)
        elif "circle" in shape:
            x, y, radius = (side * scale for side in shape["circle"])
            draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=ink, width=width)
        elif "box" in shape:
            draw.rectangle([side * scale for side in shape["box"]], outline=ink, width=width)
        elif "polygon" in shape:
            corners: Sequence[Any] = [(x * scale, y * scale) for x, y in shape["polygon"]]
            draw.line([*corners, corners[0]], fill=ink, width=width)
