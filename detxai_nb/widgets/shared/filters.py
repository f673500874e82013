"""Which of many objects a widget lists and draws."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import numpy as np
import traitlets

from detxai_nb.widgets.shared.trait_types import Share, Text
from detxai_nb.widgets.shared.traits import Choice

FILTERS = ("min_score", "only_class", "search")
"""The traits of ``FilterTraits``."""


class FilterOptions(TypedDict, total=False):
    """First values of the traits of ``FilterTraits``.

    Attributes:
        min_score: 0..1.
        only_class: the name of a class, or "".
        search: a part of a name, or a number.
    """

    min_score: float
    only_class: str
    search: str


class ClassFilterTraits(traitlets.HasTraits):
    """Filters by class and by name, of a widget with ``PhotoTraits``.

    Attributes:
        only_class: only objects of this class are listed and drawn; "" for all.
        search: only objects are listed and drawn whose name holds this, or whose number it is ("3" or "#3").
    """

    only_class = Choice(lambda widget: ("", *dict.fromkeys(map(str, widget._inputs.detections.label_names()))))
    search = Text()

    @property
    def listed(self) -> list[int]:
        """The numbers of the objects that pass the filters; the others are neither listed nor drawn."""
        objects: Sequence[Mapping[str, Any]] = self.objects  # type: ignore[attr-defined]
        return [number for number, thing in enumerate(objects) if self._passes(number, thing)]

    def _passes(self, own: int, thing: Mapping[str, Any]) -> bool:
        words = self.search.strip().lower()
        number = words.removeprefix("#")
        found = number == "" or words in thing["name"].lower() or number == str(own)
        return found and self.only_class in ("", thing["name"])

    @property
    def _hidden(self) -> frozenset[int]:
        """The numbers of the objects that do not pass."""
        return frozenset(range(len(self.objects))) - frozenset(self.listed)  # type: ignore[attr-defined]

    def _conditions(self) -> list[str]:
        """What an object ``i`` has to fulfil, as source."""
        conditions = [f"names[i] == {self.only_class!r}"] if self.only_class else []
        words = self.search.strip().lower()
        if number := words.removeprefix("#"):
            conditions.append(f"({words!r} in names[i].lower() or {number!r} == str(i))")
        return conditions

    def _filter_code(self) -> list[str]:
        """Lines of ``to_code`` that say which objects are listed; none where all are."""
        conditions = self._conditions()
        if not conditions:
            return []
        return [
            "names = detections.label_names()",
            f"listed = [i for i in range(len(detections)) if {' and '.join(conditions)}]",
        ]


class FilterTraits(ClassFilterTraits):
    """Filters by score, class and name, of a widget with ``PhotoTraits``.

    Attributes:
        min_score: only objects with at least this score are listed and drawn, 0..1.
    """

    min_score = Share(0.0)

    def _passes(self, own: int, thing: Mapping[str, Any]) -> bool:
        # Scores are float32.
        return bool(thing["score"] >= float(np.float32(self.min_score))) and super()._passes(own, thing)

    def _conditions(self) -> list[str]:
        score = [f"detections.scores[i] >= {self.min_score!r}"] if self.min_score > 0 else []
        return [*score, *super()._conditions()]
