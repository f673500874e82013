"""Formulas as MathML, which browsers draw themselves: no script, no font and no request.

The converter is docutils', which Sphinx needs anyway; what it does not know is a warning.
"""

from __future__ import annotations

import html
import re
from typing import Any

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging
from sphinx.util.math import wrap_displaymath

LOGGER = logging.getLogger(__name__)
_SIZED = re.compile(r"\\(big|Big|bigg|Bigg)(?![A-Za-z])(?=\s*(\S))")
_DOTS = re.compile(r"\\dots(?![A-Za-z])")


def to_mathml(formula: str, block: bool) -> str:
    """Return a formula as MathML.

    Args:
        formula: LaTeX.
        block: whether it stands in a line of its own.

    Returns:
        A ``math`` element.

    Raises:
        MathError: for what docutils does not know.
    """
    # Of LaTeX's sized delimiters docutils knows those that say on which side they stand.
    formula = _SIZED.sub(lambda found: f"\\{found[1]}{'r' if found[2] in ')]' else 'l'}", formula)
    formula = _DOTS.sub(r"\\ldots", formula)
    if block and ("\\\\" in formula or "&" in formula):
        formula = wrap_displaymath(formula, None, False).strip()
    return tex2mathml(formula, as_block=block)


def visit_inline(translator: Any, node: nodes.math) -> None:
    """Write a formula within a line."""
    translator.body.append(_converted(node, block=False))
    raise nodes.SkipNode


def visit_block(translator: Any, node: nodes.math_block) -> None:
    """Write a formula of its own line."""
    translator.body.append(translator.starttag(node, "div", CLASS="formula"))
    translator.body.append(f"{_converted(node, block=True)}</div>\n")
    raise nodes.SkipNode


def _converted(node: nodes.math | nodes.math_block, block: bool) -> str:
    formula = node.astext()
    try:
        return to_mathml(formula, block)
    except MathError as error:
        LOGGER.warning("this formula cannot be drawn: %s (%s)", formula, error, location=node)
        return f"<code>{html.escape(formula)}</code>"


def setup(app: Any) -> dict[str, Any]:
    """Offer the renderer to Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
