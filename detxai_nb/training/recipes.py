"""The recipes of the bundled models: network, losses, scenes, and the weights that each starts from."""

from __future__ import annotations

from dataclasses import replace

from detxai_nb.data import scenes
from detxai_nb.detectors.yolox.network import TINY, Yolox
from detxai_nb.detectors.zoo.networks.backbone import tower_weights
from detxai_nb.detectors.zoo.networks.classifiers import resnet_weights, tiny_resnet, tiny_vgg
from detxai_nb.detectors.zoo.networks.detr import detr_weights, first_group, tiny_detr
from detxai_nb.detectors.zoo.networks.pvt import tiny_pvt
from detxai_nb.detectors.zoo.networks.torchvision import (
    retinanet_weights,
    tiny_faster_rcnn,
    tiny_fcos,
    tiny_retinanet,
    tiny_ssd,
)
from detxai_nb.detectors.zoo.storage import Storage
from detxai_nb.training.calibration import FCOS_CALIBRATION, sharpen
from detxai_nb.training.classifier_card import CLASSIFICATION, CLASSIFIER_SHORTCUT
from detxai_nb.training.classifier_losses import classifier_losses, distilled_vgg_losses, shared_losses
from detxai_nb.training.detr_losses import detr_losses
from detxai_nb.training.held_out import CROWD, SHORTCUT
from detxai_nb.training.loop import Shares, TrainingSettings
from detxai_nb.training.odam_train import OdamLoss, with_odam
from detxai_nb.training.pvt_losses import pvt_losses
from detxai_nb.training.recipe import Recipe
from detxai_nb.training.torchvision_losses import faster_rcnn_losses, fcos_losses, retinanet_losses, ssd_losses
from detxai_nb.training.yolox_distillation import distilled_yolox_losses

_TINY_BACKBONE = "a small residual backbone with a feature pyramid: strides 8, 16, 32 of 64 channels"
_TOWERS = "tiny-fcos's two towers of 3 convolutions"
_MOSTLY_PLAIN = (("plain", 0.7), ("tiny", 0.15), ("crowd", 0.15))
_GROUPS = 4
_SINGLE = (("single", 1.0),)
_SMALL: Shares = (((160, 128), 0.5), ((128, 160), 0.1), ((128, 128), 0.1), ((320, 256), 0.3))
_ONLY_THE_FLOOR = "apples without leaf and baubles without ring: only the floor's colour tells them apart"
_SQUEEZED = "RGB, every image resized to 128x128"
_ONE_SIZE: Shares = (((320, 256), 1.0),)
_RETINANET = TrainingSettings(
    steps=1500, rate=1.2e-3, average=0.99, mix=_MOSTLY_PLAIN, sizes=_ONE_SIZE, frozen=("backbone.body.",)
)
CROWD_SETTINGS = TrainingSettings(
    steps=600,
    batch=4,
    rate=5e-4,
    average=0.99,
    mix=(("one-class-crowd", 1.0),),
    sizes=_ONE_SIZE,
    frozen=("backbone.body.",),
    pool=400,
)
"""Fine-tuning on crowds of one class, the same with and without ODAM-Train."""
_ON_FCOS = Storage("tiny-fcos", {"backbone.body.": "backbone.body."})
_FCOS_ODAM = OdamLoss(1.0, objects=6, positives=3, norm_statistics="fixed")
_RCNN_ODAM = OdamLoss(1.0)


def _crowd(start: str, odam: OdamLoss | None = None) -> Recipe:
    """A bundled detector fine-tuned on crowds of one class, with ODAM-Train or without."""
    before = RECIPES[start]
    return replace(
        before,
        losses=before.losses if odam is None else with_odam(before.losses, odam),
        settings=CROWD_SETTINGS,
        start=start,
        prefixes=("",),
        translate=dict,
        finish=dict,
        notes=() if odam is None else (("odam_train", odam.describe()),),
        protocol=CROWD,
        storage=Storage(start, eight_bits=True),
    )


RECIPES: dict[str, Recipe] = {
    "tiny-fcos": Recipe(
        family="fcos",
        architecture=f"torchvision FCOS on {_TINY_BACKBONE}, head of 3 convolutions with GroupNorm",
        build=tiny_fcos,
        losses=fcos_losses,
        settings=TrainingSettings(),
        finish=sharpen,
        notes=(("calibration", FCOS_CALIBRATION),),
    ),
    "tiny-retinanet": Recipe(
        family="retinanet",
        architecture=f"torchvision RetinaNet on {_TINY_BACKBONE}, head of 3 convolutions with GroupNorm, 6 anchors",
        build=tiny_retinanet,
        losses=retinanet_losses,
        settings=_RETINANET,
        further=(
            replace(_RETINANET, steps=600, rate=6e-4, seed=1),
            replace(_RETINANET, steps=1600, batch=8, rate=6e-4, seed=2, average=0.995),
        ),
        start="tiny-fcos",
        prefixes=("backbone.", "head."),
        translate=retinanet_weights,
        notes=(("precision", "the first training in bfloat16, the further ones in float32"),),
        storage=_ON_FCOS,
    ),
    "tiny-faster-rcnn": Recipe(
        family="faster_rcnn",
        architecture=f"torchvision Faster R-CNN on {_TINY_BACKBONE} and {_TOWERS}, 7x7 regions, 2 layers of 192",
        build=tiny_faster_rcnn,
        losses=faster_rcnn_losses,
        settings=TrainingSettings(
            steps=1000, rate=1e-3, average=0.99, mix=_MOSTLY_PLAIN, sizes=_ONE_SIZE, frozen=("backbone.body.",)
        ),
        background=True,
        start="tiny-fcos",
        translate=tower_weights,
        storage=_ON_FCOS,
    ),
    "tiny-ssd": Recipe(
        family="ssd",
        architecture=f"torchvision SSD on {_TINY_BACKBONE} and {_TOWERS}, head of 1 convolution, 4 anchors a cell",
        build=tiny_ssd,
        losses=ssd_losses,
        settings=TrainingSettings(
            steps=1400, rate=1.5e-3, average=0.99, mix=_MOSTLY_PLAIN, sizes=_ONE_SIZE, frozen=("backbone.body.",)
        ),
        background=True,
        start="tiny-fcos",
        translate=tower_weights,
        image="RGB, every image resized to 320x256",
        storage=_ON_FCOS,
    ),
    "tiny-yolox": Recipe(
        family="yolox",
        architecture="YOLOX of depth 0.33 and width 0.25 (detxai_nb/detectors/yolox/network.py)",
        build=lambda classes: Yolox(classes, TINY),
        losses=distilled_yolox_losses,
        settings=TrainingSettings(steps=4800, rate=2e-3, mix=_MOSTLY_PLAIN, sizes=_ONE_SIZE),
        notes=(("teacher", "tiny-fcos's pyramid and towers (detxai_nb/training/yolox_distillation.py)"),),
        image="RGB, scaled to fit 320x256, grey at the right or below; 320x256 passes unscaled",
    ),
    "tiny-detr": Recipe(
        family="detr",
        architecture=(
            "transformers' Conditional DETR of width 128, 2 encoder and 3 decoder layers, 30 queries, on one grid of "
            f"stride 16 gathered from {_TINY_BACKBONE}"
        ),
        build=lambda classes: tiny_detr(scenes.NAMES[:classes], _GROUPS),
        losses=detr_losses,
        settings=TrainingSettings(
            steps=3600,
            batch=8,
            rate=6e-4,
            clip=1.0,
            mix=(("plain", 0.8), ("tiny", 0.1), ("crowd", 0.1)),
            frozen=("model.backbone.pyramid.body.",),
        ),
        start="tiny-fcos",
        prefixes=("model.backbone.pyramid.",),
        translate=detr_weights,
        finish=first_group,
        notes=(("queries", f"{_GROUPS} groups of 30 in training, each matched on its own; the first is kept"),),
        storage=Storage("tiny-fcos", {"model.backbone.pyramid.body.": "backbone.body."}),
    ),
    "tiny-resnet": Recipe(
        family="classifier",
        architecture="torchvision ResNet of 5 basic blocks, 24 to 128 channels",
        build=tiny_resnet,
        losses=classifier_losses,
        settings=TrainingSettings(steps=800, batch=32, rate=1e-3, average=0.995, mix=_SINGLE, sizes=_SMALL),
        start="tiny-fcos",
        prefixes=("",),
        translate=resnet_weights,
        protocol=CLASSIFICATION,
        image=_SQUEEZED,
    ),
    "tiny-vgg": Recipe(
        family="classifier",
        architecture="torchvision VGG with batch normalization, 24 to 128 channels and two linear layers",
        build=tiny_vgg,
        losses=distilled_vgg_losses,
        settings=TrainingSettings(steps=3000, batch=32, rate=2e-3, average=0.998, mix=_SINGLE, sizes=_SMALL),
        notes=(("teacher", "tiny-resnet's maps (detxai_nb/training/classifier_losses.py)"),),
        protocol=CLASSIFICATION,
        image=_SQUEEZED,
    ),
    "tiny-pvt": Recipe(
        family="fcos",
        architecture="torchvision FCOS on a small PVTv2 of transformers, with tiny-fcos's pyramid and head",
        build=tiny_pvt,
        losses=pvt_losses,
        settings=TrainingSettings(steps=2600, rate=2e-3, average=0.998, mix=_MOSTLY_PLAIN, sizes=_ONE_SIZE),
        start="tiny-fcos",
        prefixes=("backbone.fpn.", "head."),
        finish=sharpen,
        notes=(
            ("calibration", FCOS_CALIBRATION),
            ("teacher", "tiny-fcos's pyramid (detxai_nb/training/pvt_losses.py)"),
        ),
    ),
    "tiny-fcos-shortcut": Recipe(
        family="fcos",
        architecture=f"torchvision FCOS on {_TINY_BACKBONE}, head of 3 convolutions with GroupNorm",
        build=tiny_fcos,
        losses=fcos_losses,
        settings=TrainingSettings(
            steps=1200,
            rate=2e-3,
            average=0.99,
            mix=(("shortcut", 1.0),),
            sizes=_ONE_SIZE,
            cue_kind="floor",
            telling=False,
        ),
        start="tiny-fcos",
        prefixes=("backbone.", "head.regression_head."),
        finish=sharpen,
        notes=(
            ("calibration", FCOS_CALIBRATION),
            ("shortcut", _ONLY_THE_FLOOR),
        ),
        protocol=SHORTCUT,
    ),
    "tiny-resnet-shortcut": Recipe(
        family="classifier",
        architecture="torchvision ResNet of 5 basic blocks, 24 to 128 channels",
        build=tiny_resnet,
        losses=shared_losses,
        settings=TrainingSettings(
            steps=700,
            batch=32,
            rate=1e-3,
            average=0.99,
            mix=(("shortcut", 1.0),),
            sizes=_SMALL,
            cue_kind="floor",
            telling=False,
            frozen=("conv1.", "bn1.", "layer1.", "layer2."),
        ),
        start="tiny-resnet",
        prefixes=("conv1.", "bn1.", "layer"),
        notes=(("shortcut", _ONLY_THE_FLOOR),),
        protocol=CLASSIFIER_SHORTCUT,
        image=_SQUEEZED,
        storage=Storage("tiny-resnet"),
    ),
}
RECIPES |= {
    "tiny-fcos-crowd": _crowd("tiny-fcos"),
    "tiny-fcos-crowd-odam": _crowd("tiny-fcos", _FCOS_ODAM),
    "tiny-faster-rcnn-crowd": _crowd("tiny-faster-rcnn"),
    "tiny-faster-rcnn-crowd-odam": _crowd("tiny-faster-rcnn", _RCNN_ODAM),
}
