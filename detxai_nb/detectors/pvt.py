"""A Pyramid Vision Transformer as the backbone of torchvision's RetinaNet and FCOS."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection import FCOS, FasterRCNN, RetinaNet
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelP6P7

from detxai_nb.detectors.base import Entry, Family, Weights
from detxai_nb.detectors.catalogue import SCENES, bundled
from detxai_nb.detectors.faster_rcnn.detector import FasterRcnnDetector
from detxai_nb.detectors.fcos import FcosDetector
from detxai_nb.detectors.retinanet import RetinaNetDetector
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.stated_input import require_stated_input
from detxai_nb.types import OpenDetector

STRIDES = (4, 8, 16, 32)
"""The strides of the four stages, in input pixels."""

SMALL: dict[str, dict[str, Any]] = {
    "v1": {"depths": [3, 4, 6, 3]},
    "v2": {"depths": [3, 4, 6, 3], "hidden_sizes": [64, 128, 320, 512]},
}
"""PVT-Small and PVTv2-B2: the settings that differ from the defaults of transformers' configurations."""


class PvtBody(nn.Module):
    """The stages of a PVT's encoder as maps: the part of a backbone that comes before its feature pyramid.

    As in the authors' detectors, PVT's class token and its last norm are left out, and its position embeddings are
    resized bilinearly to any input.

    Args:
        model: a ``PvtModel`` or ``PvtV2Model`` of transformers; its encoder is used as it is.
        stages: which of "stage1" to "stage4" are returned, in that order.

    Raises:
        TypeError: if the model is neither of the two.
        ValueError: if the stages are unknown or out of order.

    References:
        PVT: Wang et al., "Pyramid Vision Transformer" (ICCV 2021). PVTv2: Wang et al., "PVT v2: Improved Baselines with
        Pyramid Vision Transformer" (Computational Visual Media, 2022).
    """

    def __init__(self, model: Any, stages: Sequence[str] = ("stage2", "stage3", "stage4")) -> None:
        super().__init__()
        kind = getattr(getattr(model, "config", None), "model_type", None)
        if kind not in ("pvt", "pvt_v2"):
            raise TypeError(f"a PVT body is made of transformers' PvtModel or PvtV2Model, got {type(model).__name__}")
        sizes = list(model.config.hidden_sizes)
        known = [f"stage{i + 1}" for i in range(len(sizes))]
        if not stages or list(stages) != [name for name in known if name in stages]:
            raise ValueError(f"stages are some of {', '.join(known)}, in that order; got {list(stages)}")
        self.return_layers = {name: str(i) for i, name in enumerate(stages)}
        self.channels = [sizes[known.index(name)] for name in stages]
        self.overlapping = kind == "pvt_v2"
        self.encoder = model.encoder

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the maps of the stages.

        PVT cuts the image into patches, so h and w have to be multiples of 32. PVTv2's patches overlap and reach beyond
        the border, so any size will do.

        Args:
            x: normalised images ``[B,3,h,w]``.

        Returns:
            Maps ``[B,C,h/s,w/s]`` by the keys "0", "1" and so on, the finest first; the stride s is 4, 8, 16 or 32.

        Raises:
            ValueError: if the model is a PVT and h or w is not a multiple of 32.
        """
        height, width = x.shape[-2:]
        if not self.overlapping and (height % STRIDES[-1] or width % STRIDES[-1]):
            raise ValueError(
                f"PVT expects image sides in multiples of {STRIDES[-1]} pixels, got {width}x{height}; pad the images"
            )
        maps: dict[str, Tensor] = OrderedDict()
        for number in range(int(list(self.return_layers)[-1].removeprefix("stage"))):
            x = self._overlapping_stage(number, x) if self.overlapping else self._stage(number, x)
            key = self.return_layers.get(f"stage{number + 1}")
            if key is not None:
                maps[key] = x
        return maps

    def _overlapping_stage(self, number: int, x: Tensor) -> Tensor:
        (tokens, *_), height, width = self.encoder.layers[number](x, False)
        return _to_map(tokens, height, width)

    def _stage(self, number: int, x: Tensor) -> Tensor:
        """PVT's stage, written out, because transformers' own forward cannot resize the embeddings to another size."""
        embed = self.encoder.patch_embeddings[number]
        x = embed.projection(x)
        height, width = x.shape[-2:]
        tokens = embed.layer_norm(x.flatten(2).transpose(1, 2))
        tokens = embed.dropout(tokens + _resized_positions(embed, height, width))
        for block in self.encoder.block[number]:
            (tokens, *_) = block(tokens, height, width)
        return _to_map(tokens, height, width)


def _to_map(tokens: Tensor, height: int, width: int) -> Tensor:
    """Tokens ``[B,h*w,C]`` as a map ``[B,C,h,w]``."""
    return torch.unflatten(tokens.transpose(1, 2), 2, (height, width)).contiguous()


def _resized_positions(embed: Any, height: int, width: int) -> Tensor:
    """The position embeddings of an embedding layer for a map of the given size, ``[1,h*w,C]``."""
    positions: Tensor = embed.position_embeddings
    if embed.cls_token is not None:
        positions = positions[:, 1:]
    rows, columns = (side // patch for side, patch in zip(embed.image_size, embed.patch_size))
    if (rows, columns) == (height, width):
        return positions
    grid = torch.unflatten(positions.transpose(1, 2), 2, (rows, columns))
    return F.interpolate(grid, size=(height, width), mode="bilinear", align_corners=False).flatten(2).transpose(1, 2)


class PvtBackbone(nn.Module):
    """A PVT with a feature pyramid, with the attributes that torchvision's detectors expect of a backbone.

    These are ``body``, ``fpn`` and ``out_channels``.

    Args:
        body: the PVT's stages.
        out_channels: the number of channels of every level.
        extra: whether to add two levels at strides 64 and 128, computed from the last stage as the authors do.
    """

    def __init__(self, body: PvtBody, out_channels: int = 256, extra: bool = True) -> None:
        super().__init__()
        self.out_channels = out_channels
        self.body = body
        last = LastLevelP6P7(body.channels[-1], out_channels) if extra else None
        self.fpn = FeaturePyramidNetwork(body.channels, out_channels, last)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Return the levels of the pyramid.

        Args:
            x: normalised images ``[B,3,h,w]``.

        Returns:
            Levels ``[B,out_channels,h/s,w/s]`` by name, the finest first.
        """
        levels: dict[str, Tensor] = self.fpn(self.body(x))
        return levels


def pvt_model(version: str = "v1", **config: Any) -> Any:
    """Return a ``PvtModel`` or ``PvtV2Model`` of transformers, of the Small size, with random weights.

    Args:
        version: "v1" for PVT-Small, "v2" for PVTv2-B2.
        **config: settings that differ from that size, named as in ``PvtConfig`` or ``PvtV2Config``.

    Returns:
        The model.

    Raises:
        ImportError: if transformers is not installed; the message says how to install it.
        ValueError: if the version is unknown.
    """
    if version not in SMALL:
        raise ValueError(f"version is one of {', '.join(SMALL)}; got {version!r}")
    try:
        from transformers import PvtConfig, PvtModel, PvtV2Config, PvtV2Model
    except ImportError as error:
        raise ImportError(
            'a Pyramid Vision Transformer needs transformers: pip install "detxai-nb[transformers]"'
        ) from error
    made = {"v1": (PvtModel, PvtConfig), "v2": (PvtV2Model, PvtV2Config)}
    model, configuration = made[version]
    return model(configuration(**{**SMALL[version], **config}))


def pvt_retinanet(num_classes: int = 91, version: str = "v1", **settings: Any) -> RetinaNet:
    """Return torchvision's RetinaNet on a PVT with random weights, 34 million parameters.

    It has levels of 256 channels at strides 8 to 128. Images may have any size: torchvision's transform scales the
    short side to 800 pixels, normalises as for ImageNet and pads to multiples of 32.

    Args:
        num_classes: the number of class outputs.
        version: "v1" for PVT-Small, "v2" for PVTv2-B2.
        **settings: further arguments of ``RetinaNet``.

    Returns:
        The detector.

    Raises:
        ImportError, ValueError: as for ``pvt_model``.
    """
    return RetinaNet(PvtBackbone(PvtBody(pvt_model(version))), num_classes, **settings)


def pvt_fcos(num_classes: int = 91, version: str = "v1", **settings: Any) -> FCOS:
    """Return torchvision's FCOS on a PVT with random weights, 32 million parameters.

    Levels and images are as for ``pvt_retinanet``.

    Args:
        num_classes: the number of class outputs.
        version: "v1" for PVT-Small, "v2" for PVTv2-B2.
        **settings: further arguments of ``FCOS``.

    Returns:
        The detector.

    Raises:
        ImportError, ValueError: as for ``pvt_model``.
    """
    return FCOS(PvtBackbone(PvtBody(pvt_model(version))), num_classes, **settings)


def _adapter(module: Any, names: Sequence[str], **settings: Any) -> OpenDetector:
    """The adapter of a detector on a PVT backbone, which is that of its head."""
    for kind, adapter in ((RetinaNet, RetinaNetDetector), (FCOS, FcosDetector), (FasterRCNN, FasterRcnnDetector)):
        if isinstance(module, kind):
            made: OpenDetector = adapter(module, names, **settings)
            return made
    raise TypeError(
        "family 'pvt' expects a torchvision RetinaNet, FCOS or FasterRCNN on a PvtBackbone of this package "
        f"(detxai_nb.detectors.pvt), got {type(module).__name__}"
    )


def _tiny(names: Sequence[str]) -> FCOS:
    from detxai_nb.detectors.zoo.networks.pvt import tiny_pvt

    return tiny_pvt(len(names))


def _entry(name: str, network: Callable[[int], nn.Module], about: str) -> Entry:
    """The entry of a network without weights of its own."""

    def build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> OpenDetector:
        if weights is None or names is None:
            raise ValueError(
                f"{name} needs weights='path' of a state dict of its network and names=[...] of its classes"
            )
        module = network(len(names))
        fit_weights(module, read_weights(weights), name)
        require_stated_input(module, weights, name)
        return _adapter(module, names, **settings)

    told = "your file: weights='...', names=[...]; needs transformers"
    return Entry(name, "pvt", told, about, build, "architecture")


FAMILY = Family(
    name="pvt",
    adapter=_adapter,
    entries=(
        bundled(
            "tiny-pvt",
            FcosDetector,
            f"small FCOS on a pyramid vision transformer {SCENES}; needs transformers",
            _tiny,
        ),
        _entry("pvt-small-retinanet", pvt_retinanet, "RetinaNet on PVT-Small"),
        _entry("pvt-small-fcos", pvt_fcos, "FCOS on PVT-Small"),
    ),
)
