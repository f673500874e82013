"""Train FeatureNMS's embedding head alone, on a trained detector of which nothing changes, and measure it.

``python -m detxai_nb.training.embedding_only tiny-fcos-crowd --weights FILE --out FOLDER`` trains a head for these
weights on the scenes of the recipe and writes ``embedding.safetensors``; boxes and scores stay those of the detector.
The same command goes on where an interrupted one stopped; ``--check`` only measures the head that is there: how well
it tells one object from two on held-out crowds. ``fine_tune --embedding`` trains detector and head together.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import Dataset

from detxai_nb.data import scenes
from detxai_nb.detectors.registry import load_detector
from detxai_nb.files import as_path
from detxai_nb.module_use import alone, with_attributes
from detxai_nb.nms.embedding import EmbeddingHead, load_embedding, save_embedding, weights_digest
from detxai_nb.training.embedding_pairs import PairSeparation, pair_separation
from detxai_nb.training.embedding_train import EmbeddingLoss, keep_positives, losses_of_kept
from detxai_nb.training.event_log import EventLog
from detxai_nb.training.held_out import HELD_OUT_SEED
from detxai_nb.training.loop import TRAINING_SEED, Batches, TrainingRun, TrainingSettings, pool_index
from detxai_nb.training.positives import record_positives
from detxai_nb.training.recipes import CROWD_SETTINGS, RECIPES
from detxai_nb.training.torchvision_losses import LossFunction

SETTINGS = replace(CROWD_SETTINGS, steps=800, rate=2e-3, frozen=())
"""Eight times through the scenes that the crowd recipes train on, each run through the detector once."""
FAMILIES = ("fcos", "retinanet", "faster_rcnn")
FILE = "embedding.safetensors"


class KeptBatches(Dataset[tuple[Tensor, list[dict[str, Tensor]]]]):
    """The batches of a training of the head alone: the detector's positives on the same scenes again and again.

    Every scene of the pool runs through the detector once, in float32 and without a graph; then its features are kept
    in memory in float16 (about 0.2 MB for a scene of tiny-fcos, 1 MB of tiny-faster-rcnn). All positives take part: a
    two-stage detector's sampler leaves none out.

    Args:
        module: the detector.
        losses: its losses, which choose the positives.
        settings: of the training, with a pool of scenes of one size.

    Raises:
        ValueError: for settings without a pool, or with several sizes.
    """

    def __init__(self, module: Any, losses: LossFunction, settings: TrainingSettings) -> None:
        if settings.pool < 1 or len(settings.sizes) != 1:
            raise ValueError(
                "the head is trained on a pool of scenes of one size, each of which runs through the detector once; "
                f"got a pool of {settings.pool} and {len(settings.sizes)} sizes"
            )
        self._module, self._losses, self.settings = module, losses, settings
        self._single = replace(settings, batch=1, steps=settings.steps * settings.batch)
        self._kept: dict[int, dict[str, Tensor]] = {}

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
        places = range(step * self.settings.batch, (step + 1) * self.settings.batch)
        return torch.zeros(0), [self._positives(place) for place in places]

    def _positives(self, place: int) -> dict[str, Tensor]:
        index = pool_index(place, self.settings.pool, TRAINING_SEED + self.settings.seed)
        if index not in self._kept:
            # Of one scene in a place, whichever place of the pool's turns it is; the image itself is not kept.
            images, targets = Batches(self._single)[place]
            self._kept[index] = positives_of(self._module, self._losses, images, targets)[0]
        return self._kept[index]


def positives_of(
    module: Any, losses: LossFunction, images: Tensor, targets: list[dict[str, Tensor]]
) -> list[dict[str, Tensor]]:
    """Run a batch through a trained detector and keep what its embedding head is trained on.

    The detector is in evaluation mode but for the choice of positives, and as it was afterwards.

    Args:
        module: the detector.
        losses: its losses, which choose the positives.
        images: uint8 ``[B,3,h,w]``, RGB.
        targets: boxes and labels of each image.

    Returns:
        As ``keep_positives``.
    """
    heads = getattr(module, "roi_heads", None)
    choosing: list[tuple[Any, str, Any]] = [(module, "training", True)]
    if heads is not None:
        sampler: Any = heads.fg_bg_sampler
        choosing += [(module.rpn, "training", True), (heads, "training", True)]
        choosing += [(sampler, "positive_fraction", 1.0), (sampler, "batch_size_per_image", 2**20)]
    device = next(module.parameters()).device
    moved = [{name: value.to(device) for name, value in target.items()} for target in targets]

    def run() -> dict[str, Tensor]:
        return with_attributes(choosing, lambda: losses(module, images.to(device), moved, False))

    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices), torch.no_grad(), record_positives(module) as record:
        alone(module, run)
        return keep_positives(record)


def train_head(
    module: nn.Module,
    losses: LossFunction,
    settings: TrainingSettings,
    folder: Path,
    *,
    embedding: EmbeddingLoss | None = None,
    every: int = 100,
    report: Callable[[str], None] | None = None,
) -> Path:
    """Train an embedding head for a detector that stays as it is, or go on from the checkpoint in the folder.

    Args:
        module: the detector with trained weights, on the device that is used.
        losses: its losses, which choose the positives.
        settings: of the training, with a pool of scenes of one size.
        folder: where the head, its checkpoint and curves are written; made if it is missing.
        embedding: the loss; None: with the paper's settings.
        every: the steps between two checkpoints.
        report: receives a line of progress; None prints it.

    Returns:
        The path of the head, ``embedding.safetensors``.

    Raises:
        TypeError: if the detector is none of torchvision's FCOS, RetinaNet and Faster R-CNN.
        ValueError: for settings without a pool or with several sizes, or a checkpoint of another training.
        FloatingPointError: if a loss is not finite.
    """
    say, embedding = report or _say, embedding or EmbeddingLoss()
    head = EmbeddingHead.made_for(module, settings.seed)
    batches = KeptBatches(module, losses, settings)
    state = module.state_dict()
    about = {"embedding": embedding.describe(), "detector": weights_digest(state)}
    device = str(next(module.parameters()).device)
    run = TrainingRun(head, losses_of_kept(embedding), settings, device, half=False, batches=batches, about=about)
    (folder / "embedding-training").mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "embedding-training" / "checkpoint.pt"
    if checkpoint.exists():
        run.load(checkpoint)
        say(f"resuming from step {run.step} of {checkpoint}")
    run.train(0, checkpoint, say, every, EventLog(folder / "embedding-training"))
    head.load_state_dict(run.averaged)
    save_embedding(folder / FILE, head, state, embedding.distance)
    return folder / FILE


def measure_head(detector: Any, path: Path, count: int = 20, size: tuple[int, int] = (320, 256)) -> PairSeparation:
    """Measure a trained head on held-out crowds of one class.

    Args:
        detector: the detector with the weights that the head was trained on.
        path: the head.
        count: the number of scenes.
        size: (width, height) of the scenes in pixels.

    Returns:
        The figures.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it holds no head for these weights.
    """
    embedding = load_embedding(path, detector)
    crowds = scenes.Scenes(count, HELD_OUT_SEED, "one-class-crowd", *size)
    return pair_separation(detector, embedding, crowds)


def _main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    recipe = RECIPES[options.name]
    try:
        for name in ("steps", "batch", "every", "threads", "pool"):
            if (count := getattr(options, name)) is not None and count < 1:
                raise ValueError(f"--{name} is at least 1, got {count}")
        if options.rate is not None and not 0 < options.rate < math.inf:
            raise ValueError(f"--rate is a number above 0, got {options.rate:g}")
        given = {name: getattr(options, name) for name in ("steps", "batch", "rate", "seed", "pool")}
        settings = replace(SETTINGS, **{name: value for name, value in given.items() if value is not None})
        torch.set_num_threads(options.threads)
        if options.weights is None:
            detector: Any = load_detector(options.name, device=options.device)
        else:
            detector = load_detector(options.name, weights=options.weights, names=recipe.names, device=options.device)
        folder = as_path(options.out or f"{options.name}-embedding", "the folder of the results")
        path = folder / FILE
        if not options.check:
            path = train_head(detector.module, recipe.losses, settings, folder, every=options.every)
            _say(f"wrote {path}; open it with")
            _say(f'  dx.nms.NmsDetector(detector, "feature-nms", vectors=dx.nms.load_embedding("{path}", detector))')
        _say(f"held-out crowds: {measure_head(detector, path, options.scenes, settings.sizes[0][0])}")
    except (OSError, TypeError, ValueError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    names = [name for name, recipe in RECIPES.items() if recipe.family in FAMILIES]
    parser = argparse.ArgumentParser(
        prog="python -m detxai_nb.training.embedding_only",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--weights", metavar="FILE", help="the detector's, by default the bundled ones")
    parser.add_argument("--out", metavar="FOLDER", help="of head, checkpoint and curves, by default NAME-embedding")
    parser.add_argument("--check", action="store_true", help="measure the head in the folder instead of training")
    parser.add_argument("--steps", type=int, help=f"the number of steps, by default {SETTINGS.steps}")
    parser.add_argument("--batch", type=int, help=f"images per step, by default {SETTINGS.batch}")
    parser.add_argument("--rate", type=float, help=f"the highest learning rate, by default {SETTINGS.rate}")
    parser.add_argument("--seed", type=int, help="of scenes, order and weights, by default 0")
    parser.add_argument("--pool", type=int, help=f"the number of different scenes, by default {SETTINGS.pool}")
    parser.add_argument("--scenes", type=int, default=20, help="held-out scenes that are measured, by default 20")
    parser.add_argument("--every", type=int, default=100, help="the steps between two checkpoints, by default 100")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads, by default 1")
    return parser


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(_main())
