"""D-RISE's weights: how much of each explained object a detector still finds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_iou

from detxai_nb.types import Detections


def similarities(targets: Detections, found: Sequence[Detections]) -> Tensor:
    """How well each of the T ``targets`` is found in each of the B answers: float32 ``[B,T]`` in 0..1.

    The largest over the answer's detections of IoU of the boxes times cosine of the class probabilities times the
    detection's objectness (Petsiuk et al., D-RISE, CVPR 2021, section 3). Objectness is left out where the detector
    reports none. Class probabilities are the whole vector; of a detector that reports none, each score stands at its
    label and what is left to 1 is spread evenly over the other classes, as in the package vision-explanation-methods.
    A classifier's detections all have the whole image and one vector, so that all its classes get the same weights.
    """
    counts = torch.tensor([len(detections) for detections in found])
    image = torch.arange(len(found)).repeat_interleave(counts).to(targets.scores.device)
    pair = box_iou(targets.boxes.float(), torch.cat([d.boxes for d in found]).float()).nan_to_num(0.0)
    ours = F.normalize(class_vectors(targets), dim=1)
    theirs = F.normalize(torch.cat([class_vectors(d) for d in found]), dim=1)
    pair = pair * (ours @ theirs.T).clamp(0, 1)
    if all(d.objectness is not None for d in found):
        pair = pair * torch.cat([d.objectness for d in found if d.objectness is not None]).float()
    best = pair.new_zeros(len(targets), len(found))
    return best.scatter_reduce(1, image.expand(len(targets), -1), pair, "amax").T


def class_vectors(detections: Detections) -> Tensor:
    """The probabilities of all classes ``[N,C]``, float32: reported, or made of label and score."""
    if detections.class_scores is not None:
        return detections.class_scores.float()
    scores, classes = detections.scores.float()[:, None], len(detections.names)
    rest = ((1 - scores) / max(classes - 1, 1)).expand(-1, classes)
    return rest.scatter(1, detections.labels[:, None], scores)
