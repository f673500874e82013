"""ODAM-Train: a loss that makes the heat maps of one object alike and those of different objects distinct."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from detxai_nb.detectors.fcos import NORM_STATISTICS
from detxai_nb.training.map_pairs import EPSILON, best_of_objects, map_pair_losses
from detxai_nb.training.odam_maps import map_vectors_with_graph
from detxai_nb.training.positives import PassRecord, record_positives
from detxai_nb.training.torchvision_losses import LossFunction, Targets

SCORES = ("prob", "logit")


@dataclass(frozen=True, eq=False)
class OdamTerms:
    """The two losses of ODAM-Train on a batch.

    Attributes:
        consistency: the sum of ``-log cos`` over pairs of maps of the same object, divided by ``pairs``.
        separation: the sum of ``-log(1 - cos)`` over pairs of maps of different objects, divided by ``pairs``.
        pairs: the number of pairs of both kinds in the batch; N of equation 3.
    """

    consistency: Tensor
    separation: Tensor
    pairs: int


class OdamLoss:
    """The consistency and separation losses of ODAM-Train, for torchvision's FCOS, RetinaNet and Faster R-CNN.

    It is added to the detector's own losses of the same pass::

        odam = OdamLoss()
        with record_positives(module) as positives:
            losses = module(images, targets)
        loss = sum(losses.values()) + odam(positives)
        loss.backward()

    The maps are those that ODAM-NMS compares: of the pyramid level that made the prediction, or of the pooled region,
    on a grid over the image. Their gradients keep their graph, so a step costs more: a two-stage detector takes one
    more backward pass through its box head. A one-stage head without group normalisation (torchvision's RetinaNet) is
    run once on windows around all predictions, which is exact. With group normalisation (torchvision's FCOS)
    ``norm_statistics`` decides.

    Args:
        weight: the factor of the loss, 0 or more. With 0 nothing is computed.
        objects: at most so many objects of an image take part: one drawn at random and those nearest to it, since maps
            that do not meet have nothing to learn. None: all.
        positives: at most so many predictions of an object: its best one, and others drawn at random. None: all.
            With "exact" the cost grows with the largest number of predictions on one level of one image, so with the
            product of both limits; with windows and regions the cost hardly depends on them.
        score: "prob" explains the score by which the detector sorts (FCOS's has centre-ness in it, as in
            ``explain``), "logit" the class output alone, which spares FCOS's box tower.
        norm_statistics: what the gradients of a one-stage head do with the statistics of group normalisation, as in
            ``FcosDetector``. "exact" differentiates through them: a backward pass through the whole head, and one
            through that, for each prediction. "fixed" takes them as they are in this pass on every level, so that one
            pass on windows is enough; the loss's own gradient is exact either way.
        epsilon: cosines are clamped to ``[epsilon, 1 - epsilon]``.
        short_edge: the shorter side of the maps in cells; 50 as in ODAM-NMS.

    Random draws come from torch's global generator of the CPU, as those of torchvision's own samplers.

    Raises:
        ValueError: for a setting out of its range.

    References:
        Zhao & Chan, ODAM (ICLR 2023), section 3.2, equation 3. The loss is divided by the number of pairs of two
        predictions in the batch.
    """

    def __init__(
        self,
        weight: float = 1.0,
        *,
        objects: int | None = None,
        positives: int | None = None,
        score: str = "prob",
        norm_statistics: str = "exact",
        epsilon: float = EPSILON,
        short_edge: int = 50,
    ) -> None:
        if not 0 <= weight < float("inf"):
            raise ValueError(f"weight is 0 or more, got {weight}")
        for name, most in (("objects", objects), ("positives", positives)):
            if most is not None and most < 1:
                raise ValueError(f"{name} is at least 1, or None for all, got {most}")
        if score not in SCORES:
            raise ValueError(f"score is one of {', '.join(SCORES)}; got {score!r}")
        if norm_statistics not in NORM_STATISTICS:
            raise ValueError(f"norm_statistics is one of {', '.join(NORM_STATISTICS)}; got {norm_statistics!r}")
        if not 0 < epsilon < 0.5:
            raise ValueError(f"epsilon is between 0 and 0.5, got {epsilon}")
        if short_edge < 1:
            raise ValueError(f"short_edge is at least 1 cell, got {short_edge}")
        self.weight, self.objects, self.positives = float(weight), objects, positives
        self.score, self.norm_statistics = score, norm_statistics
        self.epsilon, self.short_edge = epsilon, short_edge

    def describe(self) -> str:
        """Return the settings in words.

        Returns:
            A line.
        """
        limits = [f"at most {self.objects} objects an image"] if self.objects is not None else []
        limits += [f"at most {self.positives} predictions an object"] if self.positives is not None else []
        return (
            f"weight {self.weight:g}, {', '.join(limits) or 'all positive predictions'}, score {self.score}, "
            f"statistics of group normalisation {self.norm_statistics}, epsilon {self.epsilon:g}"
        )

    def __call__(self, record: PassRecord) -> Tensor:
        """Compute the loss of a batch.

        Args:
            record: of one training pass, from ``record_positives``.

        Returns:
            A scalar, ``weight * (consistency + separation)``; 0 with a gradient of 0 where there is no pair.

        Raises:
            ValueError: if not exactly one training pass was recorded, or its predictions have no maps of their own.
        """
        record.require_one_pass()
        if self.weight == 0:
            return record.zero()
        terms = self.terms(record)
        return self.weight * (terms.consistency + terms.separation)

    def terms(self, record: PassRecord) -> OdamTerms:
        """Compute the two losses of a batch apart, without the weight.

        Args:
            record: of one training pass, from ``record_positives``.

        Returns:
            The losses.

        Raises:
            ValueError: if not exactly one training pass was recorded, or its predictions have no maps of their own.
        """
        record.require_one_pass()
        chosen = [self._choose(record, image) for image in range(len(record.boxes))]
        with torch.autocast(record.boxes[0].device.type, enabled=False):
            vectors = map_vectors_with_graph(
                record,
                chosen,
                score=self.score,
                norm_statistics=self.norm_statistics,
                short_edge=self.short_edge,
            )
            consistency, separation, pairs = record.zero(), record.zero(), 0
            for image, (rows, maps) in enumerate(zip(chosen, vectors)):
                objects, overlaps = record.matched[image][rows], record.overlaps(image, rows)
                found = map_pair_losses(maps, objects, overlaps, self.epsilon)
                # Sums over no pairs have no use, and those of maps of zeros no graph.
                consistency = consistency + found.consistency if found.same else consistency
                separation = separation + found.separation if found.different else separation
                pairs += found.same + found.different
        return OdamTerms(consistency / max(1, pairs), separation / max(1, pairs), pairs)

    @torch.no_grad()
    def _choose(self, record: PassRecord, image: int) -> Tensor:
        """The positive predictions of an image that take part."""
        rows = record.positives(image)
        objects = record.matched[image][rows]
        here = torch.unique(objects)
        if len(here) < 2 and len(rows) < 2:
            return rows[:0]
        if self.objects is not None and len(here) > self.objects:
            boxes = record.targets[image]["boxes"][here]
            centers = (boxes[:, :2] + boxes[:, 2:]) / 2
            first = int(torch.randint(len(here), ()))
            near = torch.linalg.vector_norm(centers - centers[first], dim=1).argsort(stable=True)
            kept = here[near[: self.objects]]
            rows = rows[torch.isin(objects, kept)]
            objects = record.matched[image][rows]
        if self.positives is not None:
            lead = torch.rand(len(rows)).to(objects.device)
            lead[best_of_objects(objects, record.overlaps(image, rows))] = 2
            order = lead.argsort(descending=True)
            kept = [order[objects[order] == one][: self.positives] for one in torch.unique(objects)]
            rows = rows[torch.cat(kept).sort().values] if kept else rows
        return rows


def with_odam(losses: LossFunction, odam: OdamLoss) -> LossFunction:
    """Add ODAM-Train's losses to those of a detector.

    Args:
        losses: the detector's own losses, of one pass.
        odam: the loss that is added.

    Returns:
        A function of the same kind; beside the detector's losses it returns "consistency" and "separation", each
        with the weight. With a weight of 0 it is ``losses``.
    """
    if odam.weight == 0:
        return losses

    def run(model: Any, images: Tensor, targets: Targets, half: bool) -> dict[str, Tensor]:
        with record_positives(model) as record:
            own = losses(model, images, targets, half)
        terms = odam.terms(record)
        return {
            **own,
            "consistency": odam.weight * terms.consistency,
            "separation": odam.weight * terms.separation,
        }

    return run
