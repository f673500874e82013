"""The maps of a Comparison with what metrics say of them: of some objects, joined, in order, and for the browser."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.metrics.scoring import Figures, MapScorer, means
from detxai_nb.types import Detections, Progress
from detxai_nb.widgets.shared.joining import joined_maps
from detxai_nb.widgets.shared.serialize import is_class

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, eq=False)
class ScoredMaps:
    """One method's maps and their scores.

    Attributes:
        maps: of some objects, in their order.
        rows: these objects' numbers, ascending.
        figures: by metric one value for each of them.
    """

    maps: HeatMaps
    rows: tuple[int, ...]
    figures: Figures

    @classmethod
    def measured(
        cls, maps: HeatMaps, rows: Sequence[int], scorer: MapScorer, progress: Progress | None = None
    ) -> ScoredMaps:
        """Measure maps, one after the other.

        Args:
            maps: of the objects ``rows``.
            rows: their numbers, ascending.
            scorer: of all objects.
            progress: called before each map; what it raises ends the work.

        Returns:
            The maps with their scores.
        """
        figures: Figures = {m.name: [] for m in scorer.metrics}
        for place, row in enumerate(rows if scorer.metrics else ()):
            if progress is not None:
                progress(place, len(rows))
            for name, value in scorer.of_object(maps[place], row).items():
                figures[name].append(value)
        return cls(maps, tuple(rows), figures)

    def joined(self, other: ScoredMaps, every: Detections) -> ScoredMaps:
        """Return these maps and those of another computation of the same method; of both, the other's.

        Args:
            other: maps of further objects.
            every: all objects of the photograph.

        Returns:
            All of them.
        """
        old = [place for place, row in enumerate(self.rows) if row not in other.rows]
        rows = [*(self.rows[place] for place in old), *other.rows]
        order = sorted(range(len(rows)), key=rows.__getitem__)
        if not old:
            return other
        maps = joined_maps(self.maps[old], other.maps, order, every[sorted(rows)])
        figures: Figures = {}
        for name, values in other.figures.items():
            both = [*(self.figures[name][place] for place in old), *values]
            figures[name] = [both[place] for place in order]
        return ScoredMaps(maps, tuple(sorted(rows)), figures)

    def of(self, shown: Sequence[int]) -> tuple[HeatMaps, tuple[int, ...]]:
        """Return the maps of some objects, as far as they are there.

        Args:
            shown: numbers of objects.

        Returns:
            The maps, and the objects' numbers.
        """
        places = [place for place, row in enumerate(self.rows) if row in shown]
        return self.maps[places], tuple(self.rows[place] for place in places)

    def by_object(self, values: Sequence[Any], count: int) -> list[Any]:
        """Return one value for each object of the photograph.

        Args:
            values: one for each map.
            count: of the objects.

        Returns:
            The values, None for objects without a map.
        """
        known = dict(zip(self.rows, values))
        return [known.get(row) for row in range(count)]


def stopped_early(maps: HeatMaps) -> bool:
    """Return whether maps are those of a method that a person stopped.

    Args:
        maps: any.

    Returns:
        True for maps of a stopped method.
    """
    return maps.settings.get("stopped") == "cancelled"


def remark(maps: HeatMaps) -> str:
    """Return the cost of maps in a few words.

    Args:
        maps: any.

    Returns:
        Such as "1.20 s, 800 masks".
    """
    said = [f"{maps.seconds:.2f} s" if maps.seconds < 10 else f"{maps.seconds:.0f} s"]
    if "masks made" in maps.settings:
        said.append(f"{maps.settings['masks made']} masks")
    if stopped_early(maps):
        said.append("stopped by hand")
    return ", ".join(said)


def comparison_row(
    key: str, scored: ScoredMaps | None, ended: tuple[str, str], shown: Sequence[int], count: int
) -> dict[str, Any]:
    """Return what the browser shows of one method.

    Args:
        key: of its request.
        scored: its maps and scores, or None if it has none yet.
        ended: its state and a text, if maps of shown objects are missing.
        shown: the objects in the grid, over which means are taken.
        count: of all objects.

    Returns:
        State, texts, the objects that it has maps of, the metrics' and the method's own figures by object, and means.
    """
    if scored is None:
        row: dict[str, Any] = {"remark": "", "has": [], "figures": {}, "metrics": {}, "mean": {}}
    else:
        figures = {name: scored.by_object(values, count) for name, values in scored.figures.items()}
        own = diagnostics_of(scored.maps)
        row = {
            "remark": remark(scored.maps),
            "has": list(scored.rows),
            "figures": {name: scored.by_object(values, count) for name, values in own.items()},
            "metrics": figures,
            "mean": means(figures, shown),
        }
    whole = scored is not None and set(shown) <= set(scored.rows)
    state, text = ("ok", "") if whole else ended
    return {"key": key, "state": state, "text": text, **row}


def best_first(
    rows: Mapping[str, Mapping[str, Any]], metric: str, index: int | None, higher: Mapping[str, bool]
) -> list[str]:
    """Return the methods by a metric, the best first; those without a value come last.

    Equal ones stay in the order of ``rows``.

    Args:
        rows: by method its row from ``comparison_row``.
        metric: a metric's name; "" for the order of ``rows``.
        index: the object that counts; None for the mean.
        higher: whether more is better, by metric.

    Returns:
        The methods' names.
    """
    if not metric:
        return list(rows)

    def place(method: str) -> tuple[bool, float]:
        row = rows[method]
        value = row["mean"].get(metric) if index is None else row["metrics"].get(metric, {index: None})[index]
        if value is None:
            return True, 0.0
        return False, -value if higher[metric] else value

    return sorted(rows, key=place)


def diagnostics_of(maps: HeatMaps) -> dict[str, list[float | None]]:
    """Return what a method itself reports of each map.

    Args:
        maps: any.

    Returns:
        Values by name; None for one that is not finite.
    """
    return {name: [v if math.isfinite(v) else None for v in values] for name, values in maps.diagnostics.items()}


def scores_table(
    chosen: Sequence[tuple[str, Mapping[str, Sequence[Any]]]],
    shown: Sequence[int],
    objects: Sequence[Mapping[str, Any]],
    metrics: Sequence[str],
) -> pandas.DataFrame:
    """Return the scores of maps as a table.

    Args:
        chosen: methods, each with its values by metric and object; those without any are left out.
        shown: the objects.
        objects: all objects, as the browser has them.
        metrics: the columns.

    Returns:
        One row for each method and object; of classes the columns are "index", "class" and "probability".
    """
    import pandas as pd

    whole = bool(objects) and is_class(objects[0])
    index_of, name_of, score_of = ("index", "class", "probability") if whole else ("object", "name", "score")
    rows = []
    for method, found in chosen:
        for index in shown if found else ():
            thing = objects[index]
            said = {name: values[index] for name, values in found.items()}
            own = {index_of: index, name_of: thing["name"], score_of: thing["score"]}
            rows.append({"method": method, **own, **said})
    frame = pd.DataFrame(rows, columns=["method", index_of, name_of, score_of, *metrics])
    return frame.astype(dict.fromkeys(metrics, "float64"))
