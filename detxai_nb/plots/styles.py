"""One colour, mark and dash for each method in every figure, which colour-blind readers tell apart."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
"""Okabe and Ito's colours, without the yellow that a white ground swallows."""
MARKS = ("o", "s", "^", "D", "v", "P", "X")
DASHES = ("-", "--", "-.", ":")
CONTROL = "#767676"
"""The grey of the controls."""

_KNOWN = (
    *("odam", "grad-cam", "grad-cam++", "d-rise", "eigen-cam", "ss-grad-cam++", "g-came"),
    *("sodex", "ss-grad-cam", "xgrad-cam", "layer-cam", "hirescam", "global-guidance", "integrated-gradients"),
    *("score-cam", "ablation-cam", "bbam", "detr-attention", "smoothgrad", "gradient-x-input", "relevance-cam"),
    *("cameras", "integrated-grad-cam", "fullgrad", "smooth-fullgrad"),
)
"""The methods that have a style of their own, those that are most often side by side in seven colours."""
_CONTROLS = {"control: random": "x", "control: Gaussian": "+"}
_DIFFERENCES = ("difference of ", "difference:")
_ALL = len(PALETTE) * len(MARKS)


@dataclass(frozen=True)
class MethodStyle:
    """How a method is drawn.

    Attributes:
        color: such as "#0072B2".
        mark: a marker of matplotlib.
        dash: a line style of matplotlib.
        filled: whether its marks are filled; those of difference maps are open.
    """

    color: str
    mark: str
    dash: str
    filled: bool = True


def method_style(method: str) -> MethodStyle:
    """Return how a method is drawn, the same in every figure.

    Args:
        method: its name. A difference map has the colour of its method with open marks; the controls are grey; a name
            that is not registered here has a style that depends on nothing but the name.

    Returns:
        Its style.

    Example:
        >>> method_style("odam").color, method_style("difference of odam").color, method_style("odam").mark
        ('#0072B2', '#0072B2', 'o')
    """
    return method_styles([method])[method]


def method_styles(methods: Sequence[str]) -> dict[str, MethodStyle]:
    """Return how the methods of one figure are drawn: each as in every figure, and no two alike.

    Only of several methods that are not registered here may two have the same style by themselves; then the later one
    gets the next that is free.

    Args:
        methods: their names.

    Returns:
        By each name its style.
    """
    found: dict[str, MethodStyle] = {}
    taken: set[int] = set()
    for method in dict.fromkeys(methods):
        if method in _CONTROLS:
            found[method] = MethodStyle(CONTROL, _CONTROLS[method], ":")
            continue
        prefix = next((one for one in _DIFFERENCES if method.startswith(one)), "")
        name = method.removeprefix(prefix)
        number = _KNOWN.index(name) if name in _KNOWN else _number_of(name, taken)
        taken.add(number)
        found[method] = _numbered(number, filled=not prefix)
    return found


def _number_of(name: str, taken: set[int]) -> int:
    """The number of a style that no known method has, by the name alone; the next one if that is taken."""
    free = _ALL - len(_KNOWN)
    first = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=4).digest(), "little") % free
    order = [len(_KNOWN) + (first + step) % free for step in range(free)]
    return next((number for number in order if number not in taken), order[0])


def _numbered(number: int, filled: bool) -> MethodStyle:
    """Style ``number`` of all: seven colours with a mark each, then the same colours with the next marks."""
    turn, color = divmod(number, len(PALETTE))
    dash = DASHES[turn % len(DASHES)] if filled else ":"
    return MethodStyle(PALETTE[color], MARKS[(color + turn) % len(MARKS)], dash, filled)
