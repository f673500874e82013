"""The arguments that the widget TinyObjects shares with ``tiny``: checked, applied to an image, and as Python code."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from detxai_nb.data.sample import Sample
from detxai_nb.evaluation.selection import PROTOCOLS, Protocol, find_protocol
from detxai_nb.explaining.jobs import Job
from detxai_nb.methods import find_method
from detxai_nb.tiny import TINY
from detxai_nb.tiny.object_table import check_at_most
from detxai_nb.tiny.pair_table import check_gap
from detxai_nb.tiny.samples import ExplainedImage, explain_image, samples_of
from detxai_nb.types import Detector, Progress, Target
from detxai_nb.widgets.shared.code import keywords, script_of, target_source


class TinyObjectsOptions(TypedDict, total=False):
    """Further keyword arguments of TinyObjects.

    Attributes:
        at_most, gap, measure, opacity, hide_below, percentile, colormap, boxes: as documented there.
    """

    at_most: float
    gap: float
    measure: str
    opacity: float
    hide_below: float
    percentile: float
    colormap: str
    boxes: str


@dataclass(frozen=True)
class RunOptions:
    """What all images of a run have in common.

    Attributes:
        target: what is explained.
        layer: a layer's name, or None for the one that each method prefers.
        settings: keyword arguments of methods, by method.
        protocol: how detections are matched with annotations.
        at_most: the largest share of the network's input that a tiny object's box takes.
        gap: the largest distance of touching boxes, in pixels of the image.
    """

    target: Target
    layer: str | None
    settings: Mapping[str, Mapping[str, Any]]
    protocol: Protocol
    at_most: float
    gap: float

    @classmethod
    def of(cls, arguments: Mapping[str, Any]) -> RunOptions:
        """Check the arguments of the widget.

        Args:
            arguments: by name of the attributes.

        Returns:
            The options.

        Raises:
            ValueError, TypeError: for what no run could use.
        """
        check_at_most(arguments["at_most"])
        check_gap(arguments["gap"])
        target = Target.of(arguments["target"])
        settings = arguments["settings"] or {}
        for name, own in settings.items():
            Job.of(find_method(name), target, dict(own))
        return cls(
            target,
            arguments["layer"] or None,
            settings,
            find_protocol(arguments["protocol"]),
            arguments["at_most"],
            arguments["gap"],
        )

    def samples(self, detector: Detector, data: Any) -> Sequence[Sample]:
        """Return the images to go through.

        Args:
            detector: finds the objects of a photograph without annotations.
            data: as for ``tiny.objects``.

        Returns:
            Samples.

        Raises:
            TypeError: for a dataset of something else.
        """
        samples = samples_of(detector, data, self.protocol)
        if len(samples) and not isinstance(samples[0], Sample):
            kind = type(samples[0]).__name__
            raise TypeError(f"a dataset holds Samples, this one a {kind}; hand in pictures one by one")
        return samples

    def explain(
        self,
        detector: Detector,
        samples: Sequence[Sample],
        number: int,
        methods: Sequence[str],
        progress: Progress | None,
    ) -> ExplainedImage | None:
        """Explain the objects of one image.

        Args:
            detector: a detector.
            samples: the images.
            number: which of them.
            methods: names.
            progress: called with the steps done and their number; what it raises ends the computation.

        Returns:
            The image with its objects and their maps, or None if it has no object.
        """
        return explain_image(
            detector,
            samples,
            number,
            methods,
            target=self.target,
            layer=self.layer,
            settings=self._own(methods),
            protocol=self.protocol,
            progress=progress,
        )

    def explain_again(
        self,
        detector: Detector,
        samples: Sequence[Sample],
        number: int,
        methods: Sequence[str],
        progress: Progress | None,
    ) -> ExplainedImage:
        """Explain the objects of an image in which a run found some.

        Args:
            detector, samples, number, methods, progress: as for ``explain``.

        Returns:
            The image with its objects and their maps.

        Raises:
            RuntimeError: if the detector finds nothing in it any more.
        """
        found = self.explain(detector, samples, number, methods, progress)
        if found is None:
            raise RuntimeError("the detector finds nothing in this image any more; run once more")
        return found

    def code(
        self,
        sources: Mapping[str, str | None],
        methods: Sequence[str],
        measure: str,
        limit: int | None,
        things: Sequence[Mapping[str, Any]],
    ) -> str:
        """Return the Python code that makes tables and plot, and the crops of what is selected.

        Args:
            sources: of the detector and of the images, from ``source_of``.
            methods: names.
            measure: a name of ``MEASURES``.
            limit: number of images, or None for all.
            things: rows of the selected object, or of the two of a pair.

        Returns:
            Python source.
        """
        data = next(name for name in sources if name != "detector")
        given = f"detector, {data}, {list(methods)!r}"
        how, names = self._source(methods), dict(sources)
        if how.get("protocol") == "protocol":
            names["protocol"] = None
        first = {} if limit is None else {"limit": repr(limit)}
        least = {} if self.at_most == TINY else {"at_most": repr(self.at_most)}
        far = {} if self.gap == 1 else {"gap": repr(self.gap)}
        lines = [
            f"objects = {_call('objects', given, {**how, **least, **first})}",
            f"pairs = {_call('pairs', given, {**how, **far, **first})}",
            _call("plot", f"objects, {measure!r}", least),
        ]
        if things:
            frame, ends = ("objects", ["annotation"]) if len(things) == 1 else ("pairs", ["first", "second"])
            same = [f'({frame}["image"] == {things[0]["image"]})']
            same += [f'({frame}["{end}"] == {thing["annotation"]})' for end, thing in zip(ends, things)]
            lines.append(f"row = {frame}[{' & '.join(same)}].iloc[0]")
            lines.append(_call("crops", f"detector, {data}, row, {list(methods)!r}", how))
        return script_of(names, lines)

    def _own(self, methods: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        return {name: self.settings[name] for name in methods if name in self.settings}

    def _source(self, methods: Sequence[str]) -> dict[str, str]:
        """The arguments that are not the defaults, as source."""
        found = {}
        if self.target != Target("class"):
            found["target"] = target_source(self.target)
        if self.layer is not None:
            found["layer"] = repr(self.layer)
        if own := self._own(methods):
            found["settings"] = repr({name: dict(values) for name, values in own.items()})
        if self.protocol != PROTOCOLS["default"]:
            known = PROTOCOLS.get(self.protocol.name) == self.protocol
            found["protocol"] = repr(self.protocol.name) if known else "protocol"
        return found


def source_of(detector: Detector | str, data: object) -> dict[str, str | None]:
    """Return the source of detector and images.

    Args:
        detector, data: what the widget was given.

    Returns:
        By name; None for an object that the caller holds already.
    """
    path = os.fspath(data) if isinstance(data, (str, os.PathLike)) else None
    many = isinstance(data, (list, tuple)) or (hasattr(data, "__getitem__") and hasattr(data, "names"))
    name = "sample" if isinstance(data, Sample) else "dataset" if many else "image"
    return {
        "detector": f"dx.load_detector({detector!r})" if isinstance(detector, str) else None,
        name: None if path is None else f"dx.load_image({path!r})",
    }


def _call(name: str, given: str, more: Mapping[str, str]) -> str:
    return f"dx.tiny.{name}({', '.join(part for part in (given, keywords(more)) if part)})"
