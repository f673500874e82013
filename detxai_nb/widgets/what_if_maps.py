"""The heat maps of a WhatIf: a method's, those that it was given, or none of a black box."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import traitlets

from detxai_nb.capabilities import Capabilities
from detxai_nb.explaining.explain import explain
from detxai_nb.heatmaps import HeatMaps
from detxai_nb.plots.heatmaps import DIVERGING, SEQUENTIAL
from detxai_nb.types import Progress
from detxai_nb.widgets.shared import serialize
from detxai_nb.widgets.shared.code import keywords
from detxai_nb.widgets.shared.inputs import WidgetInputs
from detxai_nb.widgets.shared.missed import MissedObjects, MissRequest
from detxai_nb.widgets.shared.one_result import OneResultWidget
from detxai_nb.widgets.shared.options import Request, WidgetOptions, method_title
from detxai_nb.widgets.shared.trait_types import Share
from detxai_nb.widgets.shared.traits import Choice

GIVEN = "given"
"""The name by which maps go that the widget was given."""


@dataclass(frozen=True)
class GivenMaps:
    """The request of maps that are there already.

    Attributes:
        title: of their method, in words.
        method: "given", where else a method's name stands.
    """

    title: str
    method: str = GIVEN

    @property
    def key(self) -> str:
        """The result's name."""
        return GIVEN


class MapsOfFound(OneResultWidget):
    """A widget that shows the heat map of the selected object, of one method.

    What a subclass sets before this constructor is called: ``_given``, the maps that it was given, or None.

    Attributes:
        method: the name of a method, "given" for maps that were handed in, "" where there are none.
        opacity: of the map, 0..1.
        colormap, signed_colormap: names of a sequential and a diverging colour map, the second for signed maps.
        hide_below: evidence below this share of the range of colours is not drawn, 0..1.
    """

    _choice = ("method", "miss")
    _given: HeatMaps | None
    _options: WidgetOptions | None

    method = Choice(lambda widget: widget._methods)
    opacity = Share(0.75)
    hide_below = Share(0.0)
    colormap = Choice(SEQUENTIAL, "viridis")
    signed_colormap = Choice(DIVERGING, "RdBu_r")
    heat_share: Any = traitlets.Float(None, allow_none=True).tag(sync=True)

    @property
    def _methods(self) -> tuple[str, ...]:
        own = () if self._given is None else (GIVEN,)
        return (*own, *(() if self._options is None else self._options.methods)) or ("",)

    def _take_options(self, inputs: WidgetInputs) -> None:
        """Find out which methods there are for the detector."""
        about = Capabilities(inputs.detector)
        self._options = WidgetOptions.of(inputs.detector, {}, ("gradient", "trace")) if about.traceable else None

    def _first_method(self) -> str:
        if self._given is not None:
            return GIVEN
        return self._options.first(1)[0] if self._options is not None else ""

    def _map_choices(self, inputs: WidgetInputs) -> dict[str, Any]:
        """What the controls offer."""
        found: dict[str, Any] = (
            {"methods": [], "subject": inputs.subject.one} if self._options is None else self._options.to_payload()
        )
        if self._given is not None:
            title = f"{method_title(self._given.method)}, as given"
            found["methods"] = [{"name": GIVEN, "title": title, "about": ""}, *found["methods"]]
        return {**found, "colormaps": list(SEQUENTIAL), "signed_colormaps": list(DIVERGING)}

    def _check_given(self, inputs: WidgetInputs, maps: object) -> None:
        """Raise an error unless these are maps of these objects, or None."""
        if maps is None:
            return
        if not isinstance(maps, HeatMaps):
            raise TypeError(f"maps are what dx.explain returns, got {type(maps).__name__}")
        same = len(maps) == len(inputs.detections) and bool(
            (maps.detections.boxes.cpu() == inputs.detections.boxes.cpu()).all()
        )
        if maps.placement.image_size != inputs.image.shape[:2] or not same:
            raise ValueError(
                f"the maps are of {len(maps)} other objects or of another picture; hand in those of these "
                f"{len(inputs.detections)}: WhatIf(detector, image, maps.detections, maps=maps)"
            )

    @property
    def _wanted(self) -> Request | GivenMaps | None:
        if not len(self.detections) or not self.method:
            return None
        if self.method == GIVEN and self._given is not None:
            return GivenMaps(method_title(self._given.method))
        options: WidgetOptions = self._options  # type: ignore[assignment]
        return options.request(self.method, "class", "", "positive")

    def _choice_of(self, request: Request | GivenMaps | MissRequest) -> dict[str, Any]:
        if isinstance(request, MissRequest):
            return {"method": self.method, "miss": request.row}
        return {"method": request.method, "miss": None}

    def _compute(self, request: Request | GivenMaps, progress: Progress | None) -> HeatMaps:
        if isinstance(request, GivenMaps):
            given: HeatMaps = self._given  # type: ignore[assignment]
            return given
        options: WidgetOptions = self._options  # type: ignore[assignment]
        inputs = self._inputs
        return explain(
            inputs.detector, inputs.image, inputs.detections, progress=progress, **options.arguments(request)
        )

    def _pack(self, request: Any, result: HeatMaps) -> dict[str, Any]:
        return serialize.pack_maps(request.key, request.title, result)


class MapsOfObjects(MissedObjects, MapsOfFound):
    """The same, with the maps of missed objects."""

    def _map_of_misses(self) -> Request | None:
        if self._options is None:
            return None
        method = self._options.first(1)[0] if self.method in ("", GIVEN) else self.method
        return self._options.request(method, "class", "", "signed")

    def _heat_of(self, share: Callable[[Any], float]) -> float | None:
        """What a function gives of the selected object's map ``[H,W]``; None where there is no map or no number."""
        maps: HeatMaps | None = self._drawn()
        row = self._row
        if maps is None or row is None or row >= len(maps):
            return None
        found = share(maps.values_of([row])[0].detach().cpu().numpy())
        return found if found == found else None

    def _maps_source(self) -> str | None:
        """Python that makes the maps; None for maps that were handed in."""
        request = self._wanted
        if isinstance(request, MissRequest):
            return self._miss_source()
        if isinstance(request, GivenMaps) or request is None:
            return None
        options: WidgetOptions = self._options  # type: ignore[assignment]
        return f"dx.explain(detector, image, detections, {keywords(options.call(request))})"
