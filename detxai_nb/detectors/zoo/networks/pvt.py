"""tiny-pvt's network: tiny-fcos with a small PVTv2, a transformer, as its body."""

from __future__ import annotations

from torchvision.models.detection import FCOS

from detxai_nb.detectors.pvt import PvtBackbone, PvtBody, pvt_model
from detxai_nb.detectors.zoo.networks.backbone import CHANNELS
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos

SIZE = {
    "hidden_sizes": [32, 80, 112, 128],
    "depths": [1, 1, 2, 2],
    "num_attention_heads": [1, 2, 4, 4],
    "mlp_ratios": [2, 4, 4, 4],
    "sr_ratios": [8, 4, 2, 1],
}
"""Settings that differ from transformers' PVTv2-B0.

The last three widths are those of tiny-fcos's stages, so that its feature pyramid and head fit.
"""


def tiny_pvt(num_classes: int = 10) -> FCOS:
    """Build torchvision's FCOS on a small PVTv2.

    Pyramid, head, input and settings are those of ``tiny_fcos``; the names and shapes of their tensors are the same.

    Args:
        num_classes: number of classes, at least 1.

    Returns:
        The network with random weights.

    Raises:
        ImportError: if transformers is missing; the message names the extra that brings it.
        ValueError: if ``num_classes`` is below 1.
    """
    module = tiny_fcos(num_classes)
    module.backbone = PvtBackbone(PvtBody(pvt_model("v2", **SIZE)), CHANNELS, extra=False)
    return module
