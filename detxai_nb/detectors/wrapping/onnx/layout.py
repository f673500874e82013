"""Which decoder the outputs of a model are for: the one that is named, checked, or the only one that fits."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from detxai_nb.detectors.wrapping.onnx.decoders import DECODERS, STRIDES, Decoder, OutputForm, cells_of, find_decoder
from detxai_nb.detectors.wrapping.onnx.session import OnnxSession

_log = logging.getLogger(__name__)
_FEW = 1000
"""Rows of an output that holds detections rather than all cells."""


def choose_decoder(session: OnnxSession, name: str | None, classes: int | None) -> Decoder:
    """Return the decoder of a model's outputs.

    Args:
        session: the model.
        name: the decoder that the caller names, or None for the one that the file states or the only one that fits.
        classes: how many class names there are; None if there are none.

    Returns:
        The decoder.

    Raises:
        TypeError: if the name is no text.
        ValueError: for an unknown name, outputs of another layout, or if none was named and it is not clear which one
            it is; the message lists the outputs and the decoders.
    """
    forms = session.forms
    known = session.is_known
    if name is not None:
        found = find_decoder(name)
        if known and found.pick(forms, classes) is None:
            raise ValueError(_refusal(session, f"decode={name!r} does not fit", classes, found))
        return found
    stated = _stated(session, classes)
    if stated is not None and (not known or stated.pick(forms, classes) is not None):
        _log.info("%s states that its outputs are those of decode=%r", session.path, stated.name)
        return stated
    fitting = [] if not known else [one for one in DECODERS.values() if _is_plausible(one, session, classes)]
    if len(fitting) != 1:
        told = " and ".join(one.name for one in fitting)
        raise ValueError(_refusal(session, f"{told} all fit" if fitting else "no decoder fits", classes))
    _log.info("the outputs of %s fit decode=%r alone", session.path, fitting[0].name)
    return fitting[0]


def count_classes(decoder: Decoder, forms: Sequence[OutputForm]) -> int | None:
    """Return how many classes the outputs of a model have.

    Args:
        decoder: that of the outputs.
        forms: all outputs.

    Returns:
        Their number; None if the outputs do not say.
    """
    names = decoder.pick(forms, None)
    by_name = {form.name: form for form in forms}
    return None if names is None else decoder.classes([by_name[name] for name in names])


def _stated(session: OnnxSession, classes: int | None) -> Decoder | None:
    """What Ultralytics' exporter writes into the file."""
    about = session.metadata
    if about.get("author") != "Ultralytics" or about.get("task", "detect") != "detect":
        return None
    if about.get("head") == "RTDETRDecoder":
        return DECODERS["ultralytics-rt-detr"]
    inside = about.get("end2end") == "True" or "'nms': True" in about.get("args", "")
    # Versions that state neither had one layout with six columns, beside that of RT-DETR for two classes.
    if "head" not in about and classes != 2:
        inside = inside or any(form.shape[1:] == (6,) for form in session.forms)
    return DECODERS["yolo26" if inside else "yolov8"]


def _is_plausible(decoder: Decoder, session: OnnxSession, classes: int | None) -> bool:
    """Whether outputs fit and have as many rows as such a model has."""
    forms = session.forms
    names = decoder.pick(forms, classes)
    if names is None:
        return False
    form = next(one for one in forms if one.name == names[0])
    rows = form.shape[1] if decoder.name == "yolov8" else form.shape[0]
    height, width = session.size
    cells = None if height is None or width is None else [cells_of((height, width), one) for one in STRIDES]
    if decoder.name in ("yolov5", "yolov8", "yolox", "yolox-decoded"):
        anchors = 3 if decoder.name == "yolov5" else 1
        return rows is None or cells is None or rows in [anchors * count for count in cells]
    if decoder.name == "detr":
        # Also sigmoid models have had an output more than classes.
        return "logits" in names[0]
    return rows is None or rows <= _FEW


def _refusal(session: OnnxSession, what: str, classes: int | None, decoder: Decoder | None = None) -> str:
    expected = f"expected {decoder.form}; " if decoder is not None else ""
    counted = "" if classes is None else f" and {classes} class names were given"
    those = "; ".join(f"{one.name}: {one.form}" for one in DECODERS.values())
    return (
        f"{what} {session.path.name}: {expected}{session.told()}{counted}. Name one of the decoders (without the batch "
        f"axis, C classes; {those}), or hand in a function decode(outputs, input_size) -> boxes, scores, labels"
    )
