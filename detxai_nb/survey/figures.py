"""Figure 8 of the ODAM paper for a class: right boxes and confidence against the object discrimination index."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from detxai_nb.survey.reporting import BINS, SurveyReport, group_labels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot_by_discrimination(survey_report: SurveyReport) -> Figure:
    """Draw how often boxes were right, and how confident persons were, against the map's discrimination index.

    Args:
        survey_report: what ``report`` returned, with drawn boxes.

    Returns:
        A matplotlib figure with two panels; a mark's area is the number of answers.

    Raises:
        ValueError: if no box was drawn.
    """
    from detxai_nb.plots.panels import new_figure
    from detxai_nb.plots.styles import method_styles

    table = survey_report.section("draw").by_discrimination
    if table is None or not len(table):
        raise ValueError("no drawn box is of a map with a discrimination index")
    figure = new_figure(8.2, 3.4)
    middles = {label: (low + high) / 2 for label, (low, high) in zip(group_labels(), itertools.pairwise(BINS))}
    names = list(dict.fromkeys(table.index.get_level_values(0)))
    styles = method_styles(names)
    for number, (column, words) in enumerate((("right", "right boxes, %"), ("confidence", "mean confidence, 1 to 5"))):
        axes = figure.add_axes((0.08 + 0.47 * number, 0.17, 0.36, 0.7))
        for name in names:
            rows, style = table.loc[name], styles[name]
            x = [middles[label] for label in rows.index]
            axes.plot(x, rows[column], color=style.color, linestyle=style.dash, linewidth=1, label=name)
            axes.scatter(x, rows[column], s=8 + 2 * rows["answers"], color=style.color, marker=style.mark)
        axes.set_xlim(0, 1)
        axes.set_ylim(*((-4, 104) if column == "right" else (0.9, 5.1)))
        axes.set_xlabel("object discrimination index (lower is better)", fontsize=8)
        axes.set_title(words, fontsize=9, loc="left")
        axes.tick_params(labelsize=8)
    figure.axes[0].legend(fontsize=7, frameon=False)
    return figure
