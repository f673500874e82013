"""What a detector doubts: pictures of a kind that it knows nothing of, of which its answer means nothing."""

from __future__ import annotations

import hashlib
import sys
import threading
import warnings
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

import numpy as np

from detxai_nb.capabilities import Capabilities
from detxai_nb.image import FloatImage, load_image

REMEMBERED = 1000
"""How many pictures are remembered as told, so that each is told once."""

_told: OrderedDict[tuple[str, bytes], None] = OrderedDict()
_lock = threading.Lock()
_PACKAGE = __name__.partition(".")[0]


def doubt_of(detector: object, image: Any) -> str:
    """Return why a detector's answer means nothing on a picture.

    Args:
        detector: any detector.
        image: what ``load_image`` takes.

    Returns:
        A sentence or two; empty if there is no reason to doubt, and for every detector that does not say what it knows.
    """
    doubts = Capabilities(detector).doubts
    if doubts is None:
        return ""
    pixels = load_image(image)
    return "" if isinstance(pixels, FloatImage) else str(doubts(pixels))


def warn_of_doubts(detector: object, images: Iterable[Any], always: bool = False) -> None:
    """Warn of each picture that a detector doubts, once for each picture.

    To be called by what a user calls. Where the package itself has called that, nothing is said: the picture may be a
    changed one, and the user has been told of the original.

    Args:
        detector: any detector.
        images: what ``load_image`` takes.
        always: whether to warn also where the package has called the caller.
    """
    if Capabilities(detector).doubts is None:
        return
    asker: Any = sys._getframe(2)
    while asker.f_back is not None and asker.f_globals.get("__name__") == f"{_PACKAGE}.module_use":
        asker = asker.f_back  # what lets a detector's methods run alone stands between
    if not (always or _is_outside(asker)):
        return
    for image in images:
        text = doubt_of(detector, image)
        if text and _is_new(text, image):
            frame: Any = sys._getframe(1)
            while frame.f_back is not None and not _is_outside(frame):
                frame = frame.f_back
            warnings.warn_explicit(text, UserWarning, frame.f_code.co_filename, frame.f_lineno)


def _is_outside(frame: Any) -> bool:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0] != _PACKAGE


def _is_new(text: str, image: Any) -> bool:
    """Whether this has not been said of this picture before."""
    pixels = np.ascontiguousarray(load_image(image))
    key = (text, hashlib.blake2b(pixels.tobytes(), digest_size=16).digest())
    with _lock:
        if key in _told:
            return False
        _told[key] = None
        if len(_told) > REMEMBERED:
            _told.popitem(last=False)
    return True
