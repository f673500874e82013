"""One run of the widget TinyObjects: the objects and touching pairs found so far, for the browser and in figures."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from detxai_nb.plots.styles import method_styles
from detxai_nb.tiny.figures import medians
from detxai_nb.tiny.object_table import COLUMNS as OBJECT_COLUMNS
from detxai_nb.tiny.object_table import object_rows
from detxai_nb.tiny.pair_table import COLUMNS as PAIR_COLUMNS
from detxai_nb.tiny.pair_table import pair_rows
from detxai_nb.tiny.samples import ExplainedImage
from detxai_nb.types import Progress
from detxai_nb.widgets.shared.options import method_title

if TYPE_CHECKING:
    import pandas

MEASURES: Mapping[str, str] = {
    "energy": "Energy in the box",
    "reach": "Size over the box",
    "beside": "Energy in the neighbour",
    "half": "Share of the image",
}
"""The vertical axis of the scatter; "pointing" is each dot's filling."""

_FIGURES = ("pointing", *MEASURES)
_PLACES = (*("image", "annotation", "score", "x1", "y1", "x2", "y2", "canvas_share", "tiny", "neighbour", "distance"),)
_PAIR_FIGURES = ("cosine", "pearson", "told_apart")


Rows = tuple[list[dict[str, Any]], list[dict[str, Any]]]


@dataclass(eq=False)
class TinyObjectsRun:
    """One run over the first ``total`` images, and what was found in the first ``done`` of them.

    Attributes:
        methods: whose maps are measured.
        total: number of images.
        at_most: the largest share of the network's input that a tiny object's box takes.
        gap: the largest distance of touching boxes, in pixels of the image.
        done: number of images so far.
        things: the objects in the order in which they were found, each the row of ``tiny.objects`` of the first method.
        couples: the numbers of the two objects of each touching pair.
        object_rows: rows of ``tiny.objects``.
        pair_rows: rows of ``tiny.pairs``.
        numbers: the number of each object, by image and annotation.
    """

    methods: tuple[str, ...]
    total: int
    at_most: float
    gap: float
    done: int = 0
    things: list[dict[str, Any]] = field(default_factory=list)
    couples: list[tuple[int, int]] = field(default_factory=list)
    object_rows: list[dict[str, Any]] = field(default_factory=list)
    pair_rows: list[dict[str, Any]] = field(default_factory=list)
    numbers: dict[tuple[int, int], int] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The run's name in Python and in the browser: the same for the same run."""
        return key_of(self.methods, self.total)

    @property
    def title(self) -> str:
        """The run in words."""
        images = "one image" if self.total == 1 else f"{self.total} images"
        return f"{', '.join(map(method_title, self.methods))} for the objects of {images}"

    @property
    def stopped_note(self) -> str:
        """How far a run came that was stopped before its end, in words; empty for one that came to its end."""
        return "" if self.done == self.total else f"Stopped before its end: {self.done} of {self.total} images."

    def number(self, thing: Mapping[str, Any]) -> int:
        """Return the number of an object in ``things``.

        Args:
            thing: its row.

        Returns:
            The number, from 0.
        """
        return self.numbers[thing["image"], thing["annotation"]]

    def rows(self, thing: int | None, couple: int | None) -> list[dict[str, Any]]:
        """Return the rows of an object, or else of the two objects of a touching pair.

        Args:
            thing: the number of the object, or None.
            couple: the number of the pair, or None.

        Returns:
            One row, two, or none.
        """
        if thing is not None:
            return [self.things[thing]]
        return [] if couple is None else [self.things[number] for number in self.couples[couple]]

    def images(
        self,
        explain: Callable[[int, Progress], tuple[ExplainedImage | None, Rows]],
        progress: Progress | None,
        parts: int,
    ) -> Iterator[tuple[ExplainedImage | None, Rows]]:
        """Explain one image after the other.

        Args:
            explain: called with an image's number and a progress callback of its own.
            progress: called with the parts of images that are done, and of all images.
            parts: in how many parts the progress of one image counts.

        Yields:
            What ``explain`` returned.
        """
        for number in range(self.total):

            def report(done: int, total: int, before: int = number) -> None:
                if progress is not None:
                    progress(parts * before + parts * done // max(total, 1), parts * self.total)

            report(0, 1)
            found = explain(number, report)
            report(1, 1)
            yield found

    def measure(self, explained: ExplainedImage | None) -> Rows:
        """Compute the rows of one image; takes a while.

        Args:
            explained: the image with its maps, or None for one without objects.

        Returns:
            Rows of ``tiny.objects`` and of ``tiny.pairs``.
        """
        if explained is None:
            return [], []
        return list(object_rows(explained, self.at_most)), list(pair_rows(explained, self.gap))

    def add(self, objects: list[dict[str, Any]], pairs: list[dict[str, Any]]) -> None:
        """Add one more image.

        Args:
            objects, pairs: from ``measure``.
        """
        self.done += 1
        for row in objects:
            if row["method"] == self.methods[0]:
                self.numbers[row["image"], row["annotation"]] = len(self.things)
                self.things.append(row)
        for row in pairs:
            if row["method"] == self.methods[0]:
                first, second = (self.numbers[row["image"], row[name]] for name in ("first", "second"))
                self.couples.append((first, second))
        self.object_rows += objects
        self.pair_rows += pairs

    def objects(self) -> pandas.DataFrame:
        """Return the table of ``tiny.objects``.

        Returns:
            One row for each object and method.
        """
        import pandas as pd

        return pd.DataFrame(self.object_rows, columns=list(OBJECT_COLUMNS))

    def pairs(self) -> pandas.DataFrame:
        """Return the table of ``tiny.pairs``.

        Returns:
            One row for each touching pair and method.
        """
        import pandas as pd

        return pd.DataFrame(self.pair_rows, columns=list(PAIR_COLUMNS))


def run_choices(most_methods: int, images: int, at_most: float) -> dict[str, Any]:
    """Return what a run can be made of and shown by, for the browser.

    Args:
        most_methods: how many methods a run takes at most.
        images: how many images there are.
        at_most: the largest share of the network's input that a tiny object's box takes.

    Returns:
        Those, and the measures by name and title.
    """
    measures = [{"name": name, "title": title} for name, title in MEASURES.items()]
    return {"measures": measures, "most_methods": most_methods, "images": images, "at_most": at_most}


def key_of(methods: Sequence[str], total: int) -> str:
    """Return the key of one run.

    Args:
        methods: whose maps are measured.
        total: number of images.

    Returns:
        The key.
    """
    return f"{','.join(methods)}#{total}"


def run_payload(found: TinyObjectsRun, note: str, ended: bool) -> dict[str, Any]:
    """Return what the browser shows of a run.

    Args:
        found: the run.
        note: what to say if it was stopped.
        ended: whether it has ended.

    Returns:
        float32 arrays ``[column, object]`` and ``[method, figure, object]``, and the same for the pairs, NaN for what
        has no value; lines of medians, and the summary of each method.
    """
    objects = {m: [r for r in found.object_rows if r["method"] == m] for m in found.methods}
    pairs = {m: [r for r in found.pair_rows if r["method"] == m] for m in found.methods}
    labels = list(dict.fromkeys(thing["label"] for thing in found.things))
    rank = {label: number for number, label in enumerate(labels)}
    return {
        "key": found.key,
        "done": found.done,
        "total": found.total,
        "note": note,
        "ended": ended,
        "methods": [
            {"name": m, "title": method_title(m), "color": style.color, "mark": style.mark}
            for m, style in method_styles(found.methods).items()
        ],
        "labels": labels,
        "files": {str(thing["image"]): thing["file_name"] for thing in found.things},
        "objects": {
            "count": len(found.things),
            "columns": ["label", *_PLACES],
            "values": _bytes([[rank[t["label"]] for t in found.things], *_columns(found.things, _PLACES)]),
            "measures": list(_FIGURES),
            "figures": _bytes([_columns(objects[m], _FIGURES) for m in found.methods]),
        },
        "pairs": {
            "count": len(found.couples),
            "columns": ["first", "second", "distance"],
            "values": _bytes([*_transposed(found.couples), *_columns(pairs[found.methods[0]], ("distance",))]),
            "measures": list(_PAIR_FIGURES),
            "figures": _bytes([_columns(pairs[m], _PAIR_FIGURES) for m in found.methods]),
        },
        "lines": {measure: {m: _line(rows, measure) for m, rows in objects.items()} for measure in MEASURES},
        "summary": {m: summarize_run(objects[m], pairs[m]) for m in found.methods},
    }


def summarize_run(objects: Sequence[Mapping[str, Any]], pairs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return one method's figures for the tiny objects, the larger ones, and the pairs.

    Args:
        objects, pairs: rows of ``tiny.objects`` and ``tiny.pairs``.

    Returns:
        "pointing", "energy", "beside" and "cosine" are means, "reach" a median, "told_apart" a share, over what has a
        value; None if nothing has.
    """
    groups = {"tiny": [r for r in objects if r["tiny"]], "larger": [r for r in objects if not r["tiny"]]}
    found: dict[str, Any] = {
        name: {
            "count": len(rows),
            **{value: _middle(rows, value) for value in ("pointing", "energy", "beside")},
            "reach": _middle(rows, "reach", np.median),
        }
        for name, rows in groups.items()
    }
    return {
        **found,
        "pairs": {"count": len(pairs), "cosine": _middle(pairs, "cosine"), "told_apart": _middle(pairs, "told_apart")},
    }


def _line(rows: Sequence[Mapping[str, Any]], measure: str) -> list[list[float]]:
    known = [row for row in rows if math.isfinite(row[measure])]
    x, y = (np.array([row[name] for row in known], float) for name in ("canvas_share", measure))
    return list(medians(x, y))


def _middle(rows: Sequence[Mapping[str, Any]], name: str, middle: Any = np.mean) -> float | None:
    known = [row[name] for row in rows if math.isfinite(row[name])]
    return float(middle(known)) if known else None


def _columns(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[list[float]]:
    return [[row[name] for row in rows] for name in names]


def _transposed(couples: Sequence[tuple[int, int]]) -> list[list[int]]:
    return [[couple[side] for couple in couples] for side in (0, 1)]


def _bytes(values: Sequence[Any]) -> bytes:
    return np.array(values, "<f4").tobytes()
