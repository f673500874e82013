"""The rules of suppression that a NmsExplorer offers, and their thresholds as traits."""

from __future__ import annotations

from typing import TypedDict

import traitlets
from traitlets import TraitError

from detxai_nb.nms.rules import FeatureNms, GreedyNms, OdamNms, Suppression
from detxai_nb.nms.soft import DECAYS, SoftNms
from detxai_nb.widgets.shared.trait_types import Positive, Share
from detxai_nb.widgets.shared.traits import Choice

TITLES = {"nms": "NMS", "soft-nms": "Soft-NMS", "feature-nms": "FeatureNMS", "odam-nms": "ODAM-NMS"}
"""What the rules are called, by the names that ``dx.nms`` has for them."""


class ThresholdOptions(TypedDict, total=False):
    """First values of the thresholds of ``SuppressionTraits``.

    Attributes:
        iou_threshold, t_low, t_high: 0..1.
        decay: "gaussian" or "linear".
        sigma, distance: above 0.
        final_score, low_iou, high_iou: 0..1.
    """

    iou_threshold: float
    t_low: float
    t_high: float
    decay: str
    sigma: float
    final_score: float
    low_iou: float
    high_iou: float
    distance: float


class SuppressionTraits(traitlets.HasTraits):
    """A rule of suppression and its thresholds, of a widget with the names of the rules that it offers in ``_rules``.

    Attributes:
        rule: "nms", "soft-nms", "odam-nms", or "feature-nms" where there are feature vectors.
        iou_threshold: of NMS, ODAM-NMS and the linear Soft-NMS, 0..1.
        t_low, t_high: of ODAM-NMS, 0..1, the first at most the second.
        decay: of Soft-NMS, "gaussian" or "linear".
        sigma: of the Gaussian, above 0.
        final_score: predictions whose score Soft-NMS lowers below this are removed, 0..1.
        low_iou, high_iou: of FeatureNMS, 0..1, the first at most the second.
        distance: of FeatureNMS, the largest distance of the vectors of one object, above 0.
    """

    _rules: tuple[str, ...] = ()

    rule = Choice(lambda widget: widget._rules, "odam-nms")
    iou_threshold = Share(OdamNms.iou_threshold)
    t_low = Share(OdamNms.t_low)
    t_high = Share(OdamNms.t_high)
    decay = Choice(DECAYS, DECAYS[0])
    sigma = Positive(SoftNms.sigma)
    final_score = Share(SoftNms.score_threshold)
    low_iou = Share(FeatureNms.low_iou)
    high_iou = Share(FeatureNms.high_iou)
    distance = Positive(FeatureNms.distance)

    @property
    def suppression(self) -> Suppression:
        """The chosen rule with its thresholds, as ``dx.nms`` takes it."""
        if self.rule == "nms":
            return GreedyNms(self.iou_threshold)
        if self.rule == "soft-nms":
            return SoftNms(self.decay, self.sigma, self.iou_threshold, self.final_score)
        if self.rule == "feature-nms":
            return FeatureNms(self.low_iou, self.high_iou, self.distance)
        return OdamNms(self.iou_threshold, self.t_low, self.t_high)

    @traitlets.validate("t_low", "t_high", "low_iou", "high_iou")
    def _in_order(self, proposal: dict[str, object]) -> object:
        """Refuse thresholds that cross, in the words of the rule; those set together are looked at together."""
        name = getattr(proposal["trait"], "name", "")
        pair = ("t_low", "t_high") if name.startswith("t_") else ("low_iou", "high_iou")
        values = {one: proposal["value"] if one == name else getattr(self, one) for one in pair}
        rule = OdamNms if name.startswith("t_") else FeatureNms
        try:
            rule(**values)  # type: ignore[arg-type]
        except ValueError as error:
            raise TraitError(str(error)) from error
        return proposal["value"]
