"""What each method costs on a ResNet-50 for 10 classes, beside one forward pass and beside the package grad-cam.

    python tests/bench/bench_classification_methods.py [--side 224] [--repeats 3] [--threads 1] [--channels 2048]

All in one run, in processor time, the median of the repeats, random weights:

"ours": ``dx.explain`` of 10 classes at once on layer4, its forward pass and all checks included.
"theirs": that package's calls for two of the classes, one after the other, times 5, once. For score-cam and
ablation-cam, which take thousands of passes there, one class with ``--channels`` of the layer's 2048 channels on both
sides. With all channels ours takes no more passes for 10 classes than for one, theirs ten times as many; with fewer
each class has channels of its own.
For the methods of the network's input, FullGrad and Relevance-CAM "theirs" is captum's (gradient-x-input,
integrated-gradients with ``--steps``, smoothgrad with as many samples) or that package's (fullgrad), again for two
classes times 5; smooth-fullgrad with 2 samples and relevance-cam are in neither for a ResNet.
"passes": ratio to one plain forward pass without a graph; "bound": what the method may cost at most.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
import torchvision
from clocks import seconds

import detxai_nb as dx
from detxai_nb.types import Target

LOGIT = Target(score="logit")
GRADIENT = {
    "grad-cam": "GradCAM",
    "grad-cam++": "GradCAMPlusPlus",
    "xgrad-cam": "XGradCAM",
    "layer-cam": "LayerCAM",
    "hirescam": "HiResCAM",
    "eigen-cam": "EigenCAM",
    "global-guidance": None,
}


def processor_time(work: Callable[[], object], repeats: int) -> float:
    """The median processor time of a call, after one that does not count."""
    work()
    return statistics.median(float(seconds(work)[1]) for _ in range(repeats))


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--channels", type=int, default=2048)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--only-input", action="store_true", help="leave out the methods that explain a layer")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)

    module = torchvision.models.resnet50(weights=None).eval()
    detector = dx.wrap(module, names=[str(i) for i in range(1000)], family="classifier", input_size=options.side)
    image = np.random.default_rng(0).integers(0, 256, (options.side, options.side, 3), dtype=np.uint8)
    found = detector.detect([image], 0.0)[0][:10]
    trace = detector.trace(image)
    inputs, labels = trace.input, found.labels.tolist()
    print(f"ResNet-50, {options.side} pixels, {trace.layer}, {options.threads} threads, {options.repeats} repeats")

    def forward(count: int = 1) -> None:
        with torch.no_grad():
            module(inputs.expand(count, *inputs.shape[1:]).contiguous())

    one = processor_time(forward, options.repeats)
    chunk = processor_time(lambda: list(trace.chunks(found, LOGIT)), options.repeats)
    print(f"one forward pass {one:.4f} s; 10 backward passes of what lies above the layer {chunk:.4f} s")
    print(f"{'method':25}{'ours s':>9}{'passes':>9}{'theirs s':>10}{'ours/theirs':>13}  bound")

    def row(name: str, ours: float, theirs: float | None, bound: str = "") -> None:
        other = f"{theirs:10.3f}{ours / theirs:13.3f}" if theirs else f"{'-':>10}{'-':>13}"
        print(f"{name:25}{ours:9.3f}{ours / one:9.2f}{other}  {bound}", flush=True)

    input_methods(detector, image, found, options.steps, row)
    if options.only_input:
        return
    for name, kind in GRADIENT.items():
        ours = processor_time(
            lambda name=name: dx.explain(detector, image, found, method=name, target=LOGIT), options.repeats
        )
        theirs = kind and 5 * float(seconds(lambda kind=kind: their_maps(kind, module, inputs, labels[:2]))[1])
        most = 1.3 * one + chunk
        bound = f"{ours / most:.2f} of 1.3 forward and 10 backward passes" if name == "global-guidance" else ""
        row(name, ours, theirs, bound)

    single, count = found[:1], options.channels
    with (
        patch("pytorch_grad_cam.score_cam.tqdm.tqdm", lambda x: x),
        patch("pytorch_grad_cam.ablation_cam.tqdm.tqdm", lambda x: x),
    ):
        for name, kind, batch in (("score-cam", "ScoreCAM", 16), ("ablation-cam", "AblationCAM", 32)):
            spent = float(
                seconds(lambda name=name, batch=batch: explained(name, detector, image, single, count, batch))[1]
            )
            many = float(
                seconds(lambda name=name, batch=batch: explained(name, detector, image, found, count, batch))[1]
            )
            used = min(count, 2048)
            with few_channels(used):
                theirs = float(seconds(lambda kind=kind: their_maps(kind, module, inputs, labels[:1]))[1])
            bound = f"10 classes {many:.3f} s"
            if name == "score-cam":
                own = used / batch * processor_time(lambda batch=batch: forward(batch), 1)
                bound += f"; {spent / own:.3f} of its own {used} forward passes (at most 1.02)"
            row(f"{name} ({used})", spent, theirs, bound)
    for name, settings in (("integrated-grad-cam", {"steps": 10}), ("cameras", {"sizes": 2, "largest": 1.5})):
        run = partial(dx.explain, detector, image, found, method=name, target=LOGIT)
        spent = float(seconds(partial(run, **settings))[1])
        row(name, spent, None, ", ".join(f"{key} {value}" for key, value in settings.items()))


def input_methods(
    detector: Any, image: np.ndarray, found: dx.Detections, steps: int, row: Callable[[str, float, float | None], None]
) -> None:
    """The rows of the methods that go down to the network's input, and of those that follow every layer."""
    import captum.attr as captum

    module, trace = detector.module, detector.trace(image)
    two = found.labels[:2].tolist()
    path, noise = captum.IntegratedGradients(module), captum.NoiseTunnel(captum.Saliency(module))
    noisy = {"nt_samples": steps, "stdevs": 0.15 * float(trace.input.max() - trace.input.min())}
    rivals: dict[str, Callable[[int], object] | None] = {
        "gradient-x-input": lambda label: captum.InputXGradient(module).attribute(trace.input, target=label),
        "integrated-gradients": lambda label: path.attribute(trace.input, trace.black, target=label, n_steps=steps),
        "smoothgrad": lambda label: noise.attribute(trace.input, target=label, **noisy),
        "fullgrad": lambda label: their_maps("FullGrad", module, trace.input, [label]),
        "smooth-fullgrad": None,
        "relevance-cam": None,
    }
    settings = {"integrated-gradients": {"steps": steps}, "smoothgrad": {"samples": steps}}
    settings["smooth-fullgrad"] = {"samples": 2}
    dx.explain(detector, image, found[:1], method="gradient-x-input", target=LOGIT)
    for name, rival in rivals.items():
        run = partial(dx.explain, detector, image, found, method=name, target=LOGIT, **settings.get(name, {}))
        ours = float(seconds(run)[1])
        theirs = rival and 5 * sum(float(seconds(partial(rival, label))[1]) for label in two)
        row(f"{name}{''.join(f' ({count})' for count in settings.get(name, {}).values())}", ours, theirs)


def explained(name: str, detector: Any, image: np.ndarray, found: dx.Detections, count: int, batch: int) -> None:
    """Our maps of a method that weighs channels."""
    channels = count if count < 2048 else None
    dx.explain(detector, image, found, method=name, target=LOGIT, channels=channels, batch=batch)


def few_channels(count: int) -> Any:
    """Make that package weigh the first channels only: a layer's map of fewer channels, padded where it is used."""
    import pytorch_grad_cam as theirs

    original = theirs.ScoreCAM.get_cam_weights

    def weights(self: Any, inputs: Any, layer: Any, targets: Any, activations: np.ndarray, grads: Any) -> np.ndarray:
        found = original(self, inputs, layer, targets, activations[:, :count], grads)
        return np.pad(found, ((0, 0), (0, activations.shape[1] - count)))

    def chosen(self: Any, activations: Any, ratio: float) -> np.ndarray:
        self.indices = np.arange(count, dtype=np.int32)
        return self.indices

    ablation = theirs.ablation_layer.AblationLayer
    return _Both(
        patch.object(theirs.ScoreCAM, "get_cam_weights", weights),
        patch.object(ablation, "activations_to_be_ablated", chosen),
    )


class _Both:
    """Two context managers as one."""

    def __init__(self, first: Any, second: Any) -> None:
        self._parts = (first, second)

    def __enter__(self) -> None:
        for part in self._parts:
            part.__enter__()

    def __exit__(self, *about: Any) -> None:
        for part in reversed(self._parts):
            part.__exit__(*about)


def their_maps(kind: str, module: Any, inputs: torch.Tensor, labels: list[int]) -> None:
    """That package's maps, one class after the other."""
    import pytorch_grad_cam as theirs

    with getattr(theirs, kind)(model=module, target_layers=[module.layer4]) as cam:
        for label in labels:
            cam(input_tensor=inputs, targets=[theirs.utils.model_targets.ClassifierOutputTarget(label)])


if __name__ == "__main__":
    main()
