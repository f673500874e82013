"""The directive ``metric-list``: what the package says of some metrics, as a table.

Its content is the names of the metrics. A metric that no such list has is a warning.
"""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

from detxai_nb.metrics import all_metrics, find_metric

LOGGER = logging.getLogger(__name__)
PAGE = "metrics"


class MetricList(SphinxDirective):
    """The table of the metrics that its content names."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        """Write it in Markdown."""
        names = " ".join(self.content).split()
        rows = ["| metric | | better | an all-zero map has | needs | source |", "|---|---|---|---|---|---|"]
        for name in names:
            one = find_metric(name)
            better = "higher" if one.higher_is_better else "lower"
            unit = " (%)" if one.unit == "%" else ""
            needs = ", ".join(sorted(one.needs))
            empty = one.empty_map if isinstance(one.empty_map, str) else f"{one.empty_map:g}"
            rows.append(f"| {one.title} | `{name}` | {better}{unit} | {empty} | {needs} | {one.source} |")
        return self.parse_text_to_nodes("\n".join(rows))


def missing(text: str, names: Any = None) -> list[str]:
    """The metrics that a page lists nowhere.

    Args:
        text: of the page.
        names: of the metrics; by default all.

    Returns:
        Their names.
    """
    listed = set(text.split())
    return [name for name in (all_metrics() if names is None else names) if name not in listed]


def check(app: Any, name: str, source: list[str]) -> None:
    """Warn of metrics without a place."""
    if name == PAGE:
        for one in missing(source[0]):
            LOGGER.warning("the metric %s is in no metric-list of docs/%s.md", one, PAGE)


def setup(app: Any) -> dict[str, Any]:
    """Add the directive and the check."""
    app.add_directive("metric-list", MetricList)
    app.connect("source-read", check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
