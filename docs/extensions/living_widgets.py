"""The directive ``living-widget``: a widget that works on its page, made while the site is built.

Its argument is a name of ``make_pages.PAGES``, its content the caption. The widget is a file of its own in a frame,
which is loaded when it is scrolled to; without JavaScript its still picture is there.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import OptionSpec

FOLDER = "living"
"""In the built site."""
LOGGER = logging.getLogger(__name__)
_FRAME = (
    '<iframe class="living-frame" src="{source}.html" title="{title}" loading="lazy" allow="fullscreen" '
    'style="height:{height}px"></iframe>\n<noscript><img src="{source}.png" alt="{title}"></noscript>'
)


class LivingWidget(SphinxDirective):
    """A frame with the widget, and its caption."""

    required_arguments = 1
    has_content = True
    option_spec: ClassVar[OptionSpec] = {"height": directives.positive_int}

    def run(self) -> list[nodes.Node]:
        """Put the frame into a figure."""
        name = self.arguments[0]
        words = " ".join(" ".join(self.content).split())
        if not words:
            raise self.error(f"what does {name} show? Its caption is the content of this directive")
        source = f"{'../' * self.env.docname.count('/')}{FOLDER}/{name}"
        markup = _FRAME.format(
            source=source, title=html.escape(name.replace("_", " ")), height=self.options.get("height", 640)
        )
        figure = nodes.container(classes=["living-widget"])
        figure += nodes.raw("", markup, format="html")
        caption = nodes.container(classes=["living-caption"])
        caption += self.parse_text_to_nodes("\n".join(self.content))
        figure += caption
        return [figure]


def make(app: Any) -> None:
    """Make the pages that are not there yet, in the folder of the site."""
    if app.builder.format != "html":
        return
    from make_pages import make_pages

    for name, seconds in make_pages(Path(app.outdir) / FOLDER):
        LOGGER.info("%s: %.1f s", name, seconds)


def setup(app: Any) -> dict[str, Any]:
    """Add the directive, and make what it shows."""
    app.add_directive("living-widget", LivingWidget)
    app.connect("builder-inited", make)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
