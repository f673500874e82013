"""What D-RISE costs beyond the detector's own forward passes, and beside another implementation of it.

    python tests/bench/bench_d_rise.py [--shared ../shared] [--masks 100] [--repeats 5] [--objects 10] [--threads 1]
                                       [--device cpu] [--precision fp32] [--batch 1]

YOLOX-nano at 640 on one of the COCO photographs beside the checkout, explaining its detections of the highest scores.

"overhead": the time for asking about masked images (making masks, masking, detecting, weighing, adding to the
split-half sums) over the time of `detect` on the same masked images made beforehand; both in one run, in turns, so many
images at a time as `--batch` says. The maps themselves are computed once at the end; that time stands in a line of its
own, and the last line spreads it over the masks of the default budget.

"vision-explanation-methods": the time of that package's D-RISE over this one's, with the same detector, objects, number
of cells and number of masks, both from the first mask to the finished maps, in turns. Left out where the package is not
installed (`pip install --no-deps vision-explanation-methods`: its own requirements ask for an old matplotlib).

"batch": milliseconds an image for several images in one forward pass.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path
from typing import Any

import numpy as np
import torch
from clocks import seconds
from measure_coco_mini import yolox_nano

import detxai_nb as dx
from detxai_nb.data.coco import CocoDataset
from detxai_nb.image import FloatImage
from detxai_nb.methods.d_rise import DRiseSettings, MaskedDetections, improving

try:
    from vision_explanation_methods.explanations import common, drise
except ImportError as error:
    drise, MISSING = None, str(error)


def picture(detector: Any, shared: Path, objects: int) -> tuple[np.ndarray, dx.Detections]:
    """The first photograph with so many detections of score >= 0.3, and the best of them."""
    for sample in CocoDataset(shared / "data" / "coco-mini" / "instances.json"):
        found = detector.detect([sample.image], 0.3)[0]
        if len(found) >= objects:
            return sample.image, found[:objects]
    raise ValueError(f"no photograph has {objects} detections; ask for fewer --objects")


def overhead(detector: Any, image: np.ndarray, found: dx.Detections, options: argparse.Namespace) -> None:
    """Asking against plain passes, in turns of ten masks."""
    answers = MaskedDetections(
        detector,
        image,
        found,
        # Both sides are the network itself: bench_passes.py measures its fast copy.
        DRiseSettings(masks=options.masks, stop_agreement=None, batch_size=options.batch, fast=False),
    )
    ratios, plain = [], []
    while answers.done < options.masks:
        rows = slice(answers.done, min(answers.done + max(10, options.batch), options.masks))
        images = [FloatImage(one) for one in answers.grid.masks(answers.drawn[rows])[:, None] * answers.asker.pixels]

        def ask(upto: int = rows.stop) -> None:
            while answers.done < upto:
                answers.ask(upto)

        def detect(images: list[FloatImage] = images) -> None:
            for first in range(0, len(images), options.batch):
                detector.detect(images[first : first + options.batch], answers.settings.score_threshold)

        before, asked, after = seconds(detect), seconds(ask), seconds(detect)
        ratios.append(2 * asked / (before + after))
        plain.append((before + after) / 2 / len(images))
    wall, processor = np.median(ratios, axis=0)
    each = np.median(plain, axis=0)
    took = np.median([seconds(lambda: answers.maps(options.masks)) for _ in range(3)], axis=0)
    print(f"plain pass            {each[0] * 1e3:7.1f} ms wall  {each[1] * 1e3:7.1f} ms processor")
    print(f"asking / plain passes {wall:7.3f} wall     {processor:7.3f} processor")
    print(f"maps of {len(found)} objects from {options.masks} masks {took[0] * 1e3:.0f} ms")
    whole = processor + took[1] / (DRiseSettings.masks * each[1])
    print(f"all / plain passes for {DRiseSettings.masks} masks, maps once: {whole:.3f} processor")


def beside_other(detector: Any, image: np.ndarray, found: dx.Detections, options: argparse.Namespace) -> None:
    """The time of vision-explanation-methods over ours."""
    if drise is None:
        print(f"vision-explanation-methods: left out ({MISSING})")
        return

    def record(answer: dx.Detections) -> Any:
        return common.DetectionRecord(answer.boxes, answer.objectness, answer.class_scores)

    class Wrapped(common.GeneralObjectDetectionModelWrapper):
        def predict(self, x: torch.Tensor) -> list[Any]:
            return [record(answer) for answer in detector.detect([FloatImage(one * 255) for one in x], 0.05)]

    pixels = torch.from_numpy(image).to(detector.device).permute(2, 0, 1).float()[None] / 255

    def theirs() -> object:
        cells = (DRiseSettings.cells,) * 2
        return drise.DRISE_saliency(
            Wrapped(), pixels, [record(found)], options.masks, cells, device=str(detector.device)
        )

    def ours() -> object:
        batch = options.batch if detector.device.type == "cpu" else None
        estimates = improving(
            detector, image, found, masks=options.masks, stop_agreement=None, batch_size=batch, fast=False
        )
        return list(estimates)[-1].maps()

    times = [(seconds(theirs), seconds(ours)) for _ in range(options.repeats)]
    for name, column in (("theirs", 0), ("ours", 1)):
        wall, processor = np.median([pair[column] for pair in times], axis=0) / options.masks * 1e3
        print(f"{name:<8} {wall:7.1f} ms a mask wall {processor:7.1f} processor ({options.masks} masks)")
    wall, processor = np.median([a / b for a, b in times], axis=0)
    print(f"vision-explanation-methods / this package: {wall:.2f} wall, {processor:.2f} processor")


def batches(detector: Any, image: np.ndarray, options: argparse.Namespace) -> None:
    """Milliseconds an image in batches of 1 to 8, on a GPU to 32, in turns."""
    sizes = (1, 2, 4, 8) if detector.device.type == "cpu" else (1, 8, 16, 32)
    clock, which = (1, "processor") if detector.device.type == "cpu" else (0, "wall")
    took: dict[int, list[float]] = {size: [] for size in sizes}
    for _ in range(options.repeats):
        for size in sizes:
            took[size].append(float(seconds(lambda size=size: detector.detect([image] * size, 0.05))[clock]) / size)
    shown = ", ".join(f"{size}: {statistics.median(took[size]) * 1e3:.1f}" for size in sizes)
    print(f"{which} ms an image by batch: {shown}")


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2].parent / "shared")
    parser.add_argument("--masks", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--objects", type=int, default=10)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", default="fp32")
    parser.add_argument("--batch", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    detector = yolox_nano(options.shared, device=options.device, precision=options.precision)
    image, found = picture(detector, options.shared, options.objects)
    print(
        f"torch {torch.__version__}, {options.threads} threads, {options.device}, {options.precision}, "
        f"batch {options.batch}, {image.shape[1]}x{image.shape[0]}, {len(found)} objects"
    )
    overhead(detector, image, found, options)
    batches(detector, image, options)
    beside_other(detector, image, found, options)


if __name__ == "__main__":
    main()
