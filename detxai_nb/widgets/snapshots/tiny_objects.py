"""The still picture of tiny objects: their scatter, and the crops of the one that is selected, drawn in Python."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

from detxai_nb.tiny.figures import crops_of, plot
from detxai_nb.tiny.samples import ExplainedImage
from detxai_nb.widgets.snapshots.pages import drawn_figure, stacked
from detxai_nb.widgets.snapshots.picture import still_png
from detxai_nb.widgets.tiny_objects_run import TinyObjectsRun


def picture(
    found: TinyObjectsRun, measure: str, explained: ExplainedImage | None, annotations: Sequence[int], opacity: float
) -> Image.Image:
    """Draw the scatter of ``tiny.plot``, and below it the crops of the selected objects.

    Args:
        found: the run.
        measure: a name of ``MEASURES``.
        explained: the image of the selected objects with its maps, or None.
        annotations: the selected objects; their crops are left out if ``explained`` lacks them.
        opacity: of the maps, 0..1.

    Returns:
        An RGB image.
    """
    parts = [drawn_figure(plot(found.objects(), measure, at_most=found.at_most))]
    known = [] if explained is None else explained.selected.annotations.tolist()
    if explained is not None and annotations and set(annotations) <= set(known):
        parts.append(drawn_figure(crops_of(explained, [known.index(one) for one in annotations], opacity=opacity)))
    return stacked(parts)


def tiny_objects_png(page: Image.Image) -> bytes:
    """Encode a picture as PNG.

    Args:
        page: the picture.

    Returns:
        A PNG file.
    """
    return still_png(page)
