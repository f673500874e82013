"""Which figures are set against which: the paper's claims, and the parts of the gain."""

from __future__ import annotations

from dataclasses import dataclass

from detxai_nb.evaluation.pairs import HOLDS, REVERSED, UNDECIDED
from detxai_nb.evaluation.suppression.measures import FIGURES

Side = tuple[bool, str]
"""Whether with ODAM-Train, and the rule."""


@dataclass(frozen=True)
class Contrast:
    """One thing set against another: the sum of some figures less the sum of others.

    Attributes:
        kind: "claim" of the paper or "part" of the gain.
        title: in words. Of a claim, what the paper says.
        plus, minus: what is added and subtracted.
        figures: of which it is taken; "crowd", "sparse" and "found" are the recalls at the best Jaccard index.
    """

    kind: str
    title: str
    plus: tuple[Side, ...]
    minus: tuple[Side, ...]
    figures: tuple[str, ...] = ("AP50", "JI", "MR")


def _part(title: str, plus: tuple[Side, ...], minus: tuple[Side, ...]) -> Contrast:
    return Contrast("part", title, plus, minus)


def _claim(title: str, better: Side, worse: Side, figures: tuple[str, ...] = ("AP50", "JI", "MR")) -> Contrast:
    return Contrast("claim", title, (better,), (worse,), figures)


_PARTS = tuple(
    _part(f"{title}, {'with' if odam else 'without'} ODAM-Train", ((odam, rule),), ((odam, "nms"),))
    for title, rule in (
        ("T_low = 0.2 alone", "odam-nms T_low"),
        ("T_high = 0.8 alone", "odam-nms T_high"),
        ("both thresholds", "odam-nms"),
    )
    for odam in (False, True)
)

CONTRASTS: tuple[Contrast, ...] = (
    *_PARTS,
    _part("ODAM-Train, under NMS", ((True, "nms"),), ((False, "nms"),)),
    _part("ODAM-Train, under ODAM-NMS", ((True, "odam-nms"),), ((False, "odam-nms"),)),
    _part(
        "ODAM-Train, of the gain of ODAM-NMS over NMS",
        ((True, "odam-nms"), (False, "nms")),
        ((True, "nms"), (False, "odam-nms")),
    ),
    _part("all: ODAM-NMS with ODAM-Train over NMS without", ((True, "odam-nms"),), ((False, "nms"),)),
    _claim("table 5: ODAM-NMS with ODAM-Train is better than NMS", (True, "odam-nms"), (False, "nms")),
    _claim("table 5: ODAM-NMS with ODAM-Train is better than Soft-NMS", (True, "odam-nms"), (False, "soft-nms")),
    _claim("table 5: ODAM-NMS with ODAM-Train is better than FeatureNMS", (True, "odam-nms"), (False, "feature-nms")),
    _claim("table 5: NMS is better than Soft-NMS", (False, "nms"), (False, "soft-nms")),
    _claim(
        "table 7: ODAM-NMS with ODAM-Train finds more than NMS, in the crowd and else",
        (True, "odam-nms"),
        (False, "nms"),
        ("crowd", "sparse", "found"),
    ),
    _claim("table 8: ODAM-NMS is better with ODAM-Train than without", (True, "odam-nms"), (False, "odam-nms")),
    _claim(
        "table 8: without ODAM-Train T_low 0.1 and T_high 0.9 are better than 0.2 and 0.8",
        (False, "odam-nms 0.1-0.9"),
        (False, "odam-nms"),
    ),
    _claim(
        "table 9: with ODAM-Train ODAM-NMS finds more of the crowd than without",
        (True, "odam-nms"),
        (False, "odam-nms"),
        ("crowd",),
    ),
    _claim(
        "table 9: without ODAM-Train ODAM-NMS finds more than NMS, in the crowd and else",
        (False, "odam-nms"),
        (False, "nms"),
        ("crowd", "sparse", "found"),
    ),
)
"""All that are taken, for each family."""


def higher_is_better(figure: str) -> bool:
    """Return whether higher is better.

    Args:
        figure: of a ``Contrast``.

    Returns:
        True for all but the miss rate.
    """
    return FIGURES.get(figure, True)


def verdict_of(differences: list[float], low: float, high: float, figure: str) -> str:
    """Say what comes out of "the first is better".

    Args:
        differences: the first less the second, for each seed.
        low, high: 95% interval over scenes of the mean over seeds.
        figure: whose difference it is.

    Returns:
        "holds" or "is the other way round" if all seeds have one sign and the interval does not contain 0, else "is
        undecided".
    """
    signs = {difference > 0 for difference in differences}
    if len(signs) != 1 or 0 in differences or not (low > 0 or high < 0):
        return UNDECIDED
    return HOLDS if signs == {higher_is_better(figure)} else REVERSED
