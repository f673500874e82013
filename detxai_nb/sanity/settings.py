"""The settings of a sanity check: how weights are randomized, how maps are compared, and what is explained."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from detxai_nb.heatmaps import HeatMaps
from detxai_nb.sanity.randomization import INITS
from detxai_nb.sanity.result import Step
from detxai_nb.sanity.similarity import MEASURES, check_measures
from detxai_nb.types import Progress, Target

MODES = ("cascading", "independent")
"""Whether stages are randomized from the output down to each, or each alone."""
REGIONS = ("support", "image")
"""Where maps are compared, see ``Similarity``."""
THRESHOLD = 0.5
"""A method fails above this median absolute Spearman correlation after randomization."""

OnStep = Callable[[Step, int, Mapping[str, HeatMaps]], None]
"""Called as ``on_step(step, seed, maps by method)``: first for the trained network (a step of number 0 and no layers,
seed -1), then after each step."""


@dataclass(frozen=True)
class Randomization:
    """How the weights of a detector are randomized.

    Attributes:
        mode: "cascading" randomizes all weights from the output down to each stage, "independent" each stage alone.
        layers: the stages, as in ``sanity.stages``: "papers", "blocks", "layers", "all", or paths of submodules.
            "all" is the cheapest and enough for the efficient test (``SanityResult.efficient``).
        seeds: whole numbers from 0; each stands for a run of its own. A single number is one run.
        init: "normal" or "default", as in ``Randomizer.randomize``.
        smooth: number of noisy copies of the image in the smooth test (sMPRT): each map is the mean of the maps of
            the copies, which are the same in every step and rounded to uint8. 0 is the classic test.
        noise: standard deviation of the noise of these copies, as a share of the image's range; above 0.

    Raises:
        ValueError: if a setting is unknown or out of range.

    References:
        Hedström et al., "Sanity Checks Revisited" (2024), for ``smooth``.
    """

    mode: str = "cascading"
    layers: str | Sequence[str] = "papers"
    seeds: Sequence[int] = (0, 1, 2)
    init: str = "normal"
    smooth: int = 0
    noise: float = 0.1

    def __post_init__(self) -> None:
        _require_known("mode", self.mode, MODES)
        _require_known("init", self.init, INITS)
        seeds = tuple(int(seed) for seed in ([self.seeds] if isinstance(self.seeds, int) else self.seeds))
        if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
            raise ValueError(f"seeds are different whole numbers from 0, at least one; got {self.seeds}")
        if self.smooth < 0 or not self.noise > 0:
            raise ValueError(
                f"smooth is 0 or a number of noisy copies, noise is above 0; got {self.smooth} and {self.noise}"
            )
        object.__setattr__(self, "seeds", seeds)
        if not isinstance(self.layers, str):
            object.__setattr__(self, "layers", tuple(self.layers))

    @classmethod
    def of(cls, value: Randomization | str) -> Randomization:
        """Return ``value`` itself, or the default settings with that mode.

        Args:
            value: settings, or "cascading" or "independent".

        Returns:
            The settings.

        Raises:
            ValueError: for an unknown mode.
            TypeError: for anything else.
        """
        if isinstance(value, Randomization):
            return value
        if isinstance(value, str):
            return cls(mode=value)
        raise TypeError(f"randomization is {' or '.join(map(repr, MODES))} or a Randomization, got {value!r}")


@dataclass(frozen=True)
class Similarity:
    """How the maps of the randomized network are compared with those of the trained one.

    Attributes:
        measures: some of ``sanity.MEASURES``, or the name of one; "spearman" is always added, as the verdict rests on
            it.
        region: "support" compares maps in the smallest rectangle outside of which all maps of that prediction and
            method are 0: a head's window or a pooled region stays where it is whatever the weights are, and the zeros
            around it look alike in any two maps. "image" compares whole maps, as Adebayo et al. do with classifiers,
            whose maps reach everywhere.
        threshold: the largest median absolute Spearman correlation of a method that passes, 0..1; see
            ``SanityResult.verdict``.

    Raises:
        ValueError: if a setting is unknown or out of range.
    """

    measures: Sequence[str] = MEASURES
    region: str = "support"
    threshold: float = THRESHOLD

    def __post_init__(self) -> None:
        _require_known("region", self.region, REGIONS)
        if not 0 <= self.threshold <= 1:
            raise ValueError(f"threshold is from 0 to 1, got {self.threshold}")
        names = check_measures(self.measures)
        object.__setattr__(self, "measures", tuple(dict.fromkeys(("spearman", *names))))


class CheckOptions(TypedDict, total=False):
    """What ``sanity.check`` takes beside the settings of the test itself.

    Attributes:
        target: the explained scalar, as in ``explain``.
        layer: the explained layer, one of ``detector.layers``; None for the default.
        method_settings: by method name, what ``explain`` takes as keyword arguments.
        progress: called as ``progress(done, total)``; may raise.
        on_step: called after each step, see ``OnStep``.
    """

    target: Target | str
    layer: str | None
    method_settings: Mapping[str, Mapping[str, Any]] | None
    progress: Progress | None
    on_step: OnStep | None


CHECK_DEFAULTS: CheckOptions = {
    "target": "class",
    "layer": None,
    "method_settings": None,
    "progress": None,
    "on_step": None,
}


def _require_known(name: str, value: str, known: Sequence[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(map(repr, known))}; got {value!r}")
