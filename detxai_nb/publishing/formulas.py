"""Formulas of a notebook's text as pictures, so that a page needs nothing from the network to show them."""

from __future__ import annotations

import base64
import html
import io
import re

_PARTS = re.compile(
    r"(?P<code>```.*?(?:```|\Z)|~~~.*?(?:~~~|\Z)|``.+?``|`[^`\n]+`)"
    r"|\$\$(?P<display>.+?)\$\$"
    r"|(?<![\\\w$])\$(?P<inline>[^\s$](?:[^$\n]*[^\s$\\])?)\$(?![\w$])",
    re.DOTALL,
)
_KNOWN = (
    (r"\\(?:text|textrm|mbox|operatorname)\b", r"\\mathrm"),
    (r"\\[lr]Vert\b", r"\\|"),
    (r"\\[bB]igg?[lrm]?(?![A-Za-z])", ""),
    (r"\\[td]frac\b", r"\\frac"),
    (r"\\frac\s*(\w)\s*(\w)", r"\\frac{\1}{\2}"),
)
"""What mathtext does not know, and what it calls the same, or nearly the same."""
_POINTS = 13


def draw_formulas(text: str) -> str:
    """Return Markdown whose formulas are pictures; one that cannot be drawn stays as it was typed.

    Args:
        text: Markdown, formulas in single or double dollar signs.

    Returns:
        Markdown with an ``img`` in the place of each formula, named by what was typed; code stays as it is.

    Example:
        >>> draw_formulas("costs `$x$`, or $5 and 7$")
        'costs `$x$`, or $5 and 7$'
        >>> draw_formulas("of $x^2$").startswith('of <img alt="$x^2$" src="data:image/svg+xml;base64,')
        True
    """
    return _PARTS.sub(_drawn, text)


def _drawn(found: re.Match[str]) -> str:
    typed = found.group(0)
    formula = found.group("display") or found.group("inline")
    if formula is None:
        return typed
    picture = _picture(" ".join(formula.split()))
    if picture is None:
        return typed
    source = base64.b64encode(picture).decode("ascii")
    name = html.escape(f"${' '.join(formula.split())}$")
    width, height = (re.search(rf'\b{side}="([\d.]+)pt"', picture.decode("utf-8")) for side in ("width", "height"))
    sizes = [round(float(one.group(1)) * 4 / 3) for one in (width, height) if one]
    size = f' width="{sizes[0]}" height="{sizes[1]}"' if len(sizes) == 2 else ""
    made = f'<img alt="{name}" src="data:image/svg+xml;base64,{source}"{size}>'
    return f"\n\n{made}\n\n" if found.group("display") is not None else made


def _picture(formula: str) -> bytes | None:
    """The formula as SVG, None for one beyond matplotlib's mathtext."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    # What a plain sentence between two prices is.
    if not re.search(r"[\\^_={}()+|]|^\w\Z|^-?\d+\Z", formula):
        return None
    file = io.BytesIO()
    words = formula
    for pattern, known in _KNOWN:
        words = re.sub(pattern, known, words)
    try:
        math_to_image(f"${words}$", file, format="svg", prop=FontProperties(size=_POINTS, math_fontfamily="cm"))
    except (ValueError, RuntimeError):
        return None
    # Without a date the same formula gives the same bytes; without the sheet of paper it can lie on any ground.
    return re.sub(rb'<metadata>.*?</metadata>|<g id="patch_1">.*?</g>', b"", file.getvalue(), flags=re.DOTALL)
