"""The Explorer's second choice: why this class rather than another; and how the parts of a prediction are joined."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets

from detxai_nb.explaining.jobs import COMBINE
from detxai_nb.names import BACKGROUND, any_class_number
from detxai_nb.types import Detections
from detxai_nb.widgets.shared.trait_types import CheckedTrait
from detxai_nb.widgets.shared.traits import Choice

MOST_OTHERS = 12
"""So many other classes are offered for each object, the most probable ones."""
_MOST_BY_NAME = 100
"""So many where the detector does not say how probable they are."""


class OtherClass(CheckedTrait[str]):
    """The name of one of the detector's classes, or "" for none."""

    def __init__(self) -> None:
        super().__init__("")

    def problem(self, owner: Any, value: Any) -> str | None:
        """Say why the trait cannot have a value; arguments and result as for ``CheckedTrait.problem``.

        Args:
            owner: the widget.
            value: anything.

        Returns:
            A sentence or None.
        """
        if value == "":
            return None
        try:
            any_class_number(value, owner.detections.names)
        except (TypeError, ValueError) as error:
            return f'{self.name} is "" or a class: {error}'
        return None

    def validate(self, obj: Any, value: Any) -> str:
        """Return the class's name as the detector writes it, for traitlets.

        Args:
            obj: the widget.
            value: a name, or a class's number.

        Returns:
            The name.

        Raises:
            TraitError: if ``problem`` has something to say.
        """
        given: Any = super().validate(obj, value)
        return given if given == "" else str(obj.detections.names[any_class_number(given, obj.detections.names)])


class ContrastTraits(traitlets.HasTraits):
    """What a prediction's class is explained against, and how its parts are joined; of a ``PhotoTraits``.

    Attributes:
        against: the name of another class, or "" for none: why the class of an object rather than this one.
        combine: how the target "combined" joins the maps of class and sides, "maximum" or "normalized".
        others: for each object its own class and those that are offered, see ``pack_others``.
    """

    against = OtherClass()
    combine = Choice(COMBINE, COMBINE[0])
    others: Any = traitlets.List().tag(sync=True)

    @traitlets.observe("objects")
    def _offer_others(self, _: Any) -> None:
        self.others = pack_others(self._inputs.detections)  # type: ignore[attr-defined]


def pack_others(detections: Detections) -> list[dict[str, Any]]:
    """Return the classes that each prediction's class can be explained against, for the browser.

    Args:
        detections: N predictions.

    Returns:
        For each "own", the name of its class, and "offered": at most ``MOST_OTHERS`` other classes, the most probable
        first and the background last, each with its name and its title, which says how probable it is; without
        probabilities the first ones by their numbers. Of classes that share a name the first alone goes by it.
    """
    names, scores = detections.names, detections.class_scores
    first = {name: number for number, name in reversed(list(enumerate(names)))}
    named = [number for number, name in enumerate(names) if first[name] == number]
    packed = []
    for row, label in enumerate(detections.labels.tolist()):
        others = [number for number in named if number != label]
        if scores is None:
            offered = [{"name": names[number], "title": names[number]} for number in others[:_MOST_BY_NAME]]
        else:
            own = scores[row].tolist()
            # The background is no class that a person takes an object for: it comes last.
            best = sorted(others, key=lambda number: (names[number] == BACKGROUND, -own[number]))
            best = (
                [*best[: MOST_OTHERS - 1], *best[MOST_OTHERS - 1 :][-1:]] if BACKGROUND in names else best[:MOST_OTHERS]
            )
            offered = [{"name": names[n], "title": f"{names[n].strip('_')} {_share(own[n])}"} for n in best]
        packed.append({"own": names[label] if first[names[label]] == label else "", "offered": offered})
    return packed


def rows_of_others(detections: Detections, against: str) -> tuple[int, ...]:
    """Return the predictions whose class can be explained against another one.

    Args:
        detections: N predictions.
        against: the name of the other class, or "" for none.

    Returns:
        Their rows: all but those of that class.
    """
    labels: Sequence[int] = detections.labels.tolist()
    if not against:
        return tuple(range(len(labels)))
    number = any_class_number(against, detections.names)
    return tuple(row for row, label in enumerate(labels) if label != number)


def _share(probability: float) -> str:
    return f"{probability:.2f}" if probability >= 0.005 else f"{probability:.0e}".replace("e-0", "e-")
