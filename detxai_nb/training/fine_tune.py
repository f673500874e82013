"""Fine-tune a bundled detector on crowds, with ODAM-Train or without, and with FeatureNMS's embedding head or without.

``python -m detxai_nb.training.fine_tune tiny-fcos --odam-weight 1`` trains on crowds of one class, synthetic scenes.
``--crowdhuman FOLDER`` trains on CrowdHuman, whose ``annotation_train.odgt`` and ``Images`` lie in the folder. The same
command goes on where an interrupted one stopped, with the same weights as if it had not been.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch.utils.data import Dataset

from detxai_nb.data.crowdhuman import CrowdHuman
from detxai_nb.detectors.fcos import NORM_STATISTICS
from detxai_nb.files import as_path, write_atomically
from detxai_nb.nms.embedding import EmbeddingHead, save_embedding
from detxai_nb.training.dataset_batches import DatasetBatches, fingerprint
from detxai_nb.training.embedding_train import EmbeddingLoss, with_embedding, without_embedding
from detxai_nb.training.event_log import EventLog
from detxai_nb.training.loop import TrainingRun, TrainingSettings
from detxai_nb.training.odam_train import OdamLoss, with_odam
from detxai_nb.training.recipe import BACKGROUND
from detxai_nb.training.recipes import CROWD_SETTINGS, RECIPES

STARTS = ("tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn")
"""The bundled detectors that can be fine-tuned."""
SIZE = (320, 256)
"""(width, height) to which photographs are scaled."""


@dataclass(frozen=True)
class FineTuning:
    """What is trained, and on what.

    Attributes:
        start: one of ``STARTS``, whose weights the training begins with; outputs of other classes begin anew.
        settings: of the training.
        odam: the loss that is added; its weight may be 0.
        crowdhuman: CrowdHuman's folder; None for synthetic crowds of one class.
        size: (width, height) to which photographs are scaled.
        embedding: the loss of FeatureNMS's embedding head, which is trained along; None for no head.
    """

    start: str
    settings: TrainingSettings
    odam: OdamLoss
    crowdhuman: Path | None = None
    size: tuple[int, int] = SIZE
    embedding: EmbeddingLoss | None = None

    def data(self) -> tuple[tuple[str, ...], Dataset[Any] | None, str]:
        """Open what is trained on.

        Returns:
            The names of the classes, the batches (None for scenes), and what tells the data from other data.

        Raises:
            FileNotFoundError: if CrowdHuman's annotations or images are missing.
            ValueError: for annotations that cannot be read.
        """
        if self.crowdhuman is None:
            return RECIPES[self.start].names, None, "scenes"
        photographs = CrowdHuman(self.crowdhuman / "annotation_train.odgt")
        names = (BACKGROUND, *photographs.names) if RECIPES[self.start].background else photographs.names
        batches = DatasetBatches(photographs, self.settings, self.size)
        return names, batches, f"crowdhuman {fingerprint(photographs)} {self.size[0]}x{self.size[1]}"


def fine_tune(
    wanted: FineTuning, folder: Path, *, device: str = "cpu", workers: int = 0, half: bool = False, every: int = 50
) -> Path:
    """Fine-tune a detector, or go on from the checkpoint in the folder.

    Args:
        wanted: what is trained, and on what.
        folder: where the checkpoint, the curves and the weights are written; made if it is missing.
        device: the device, such as "cpu" or "cuda".
        workers: the number of processes that prepare batches.
        half: whether the network runs in bfloat16.
        every: the steps between two checkpoints.

    Returns:
        The path of the weights, ``weights.safetensors``; ``training.json`` beside it says what they are, and
        ``embedding.safetensors`` is the embedding head, if one was trained.

    Raises:
        FileNotFoundError: if the data are missing.
        ValueError: for data that cannot be read, or a checkpoint of another training.
        FloatingPointError: if a loss is not finite.
    """
    names, batches, source = wanted.data()
    folder.mkdir(parents=True, exist_ok=True)
    recipe = replace(RECIPES[wanted.start], start=wanted.start, prefixes=("",), translate=dict)
    model = recipe.initial_model_of(names, wanted.settings.seed)
    about: dict[str, Any] = {
        "start": wanted.start,
        "data": source,
        "odam": wanted.odam.describe(),
        "names": list(names),
    }
    losses = recipe.losses
    if wanted.embedding is not None:
        model.add_module("embedding", EmbeddingHead.made_for(model, wanted.settings.seed))
        losses = with_embedding(losses, wanted.embedding)
        about["embedding"] = wanted.embedding.describe()
    losses = with_odam(losses, wanted.odam)
    run = TrainingRun(model, losses, wanted.settings, device, half, batches=batches, about=about)
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        run.load(checkpoint)
        _say(f"resuming from step {run.step} of {checkpoint}")
    run.train(workers, checkpoint, _say, every, EventLog(folder))
    averaged = {name: value.cpu().contiguous() for name, value in run.averaged.items()}
    state, of_head = without_embedding(averaged)
    if wanted.embedding is not None:
        head = EmbeddingHead.made_for(model)
        head.load_state_dict(of_head)
        save_embedding(folder / "embedding.safetensors", head, state, wanted.embedding.distance)
    weights = folder / "weights.safetensors"
    write_atomically(weights, lambda file: file.write(save(state)))
    description = json.dumps({**about, "settings": asdict(wanted.settings)}, indent=2) + "\n"
    write_atomically(folder / "training.json", lambda file: file.write(description.encode()))
    return weights


def _main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        wanted = _wanted(options)
        torch.set_num_threads(options.threads)
        folder = as_path(options.out or f"{options.start}-crowd", "the folder of the results")
        weights = fine_tune(
            wanted, folder, device=options.device, workers=options.workers, half=options.half, every=options.every
        )
    except (OSError, TypeError, ValueError, FloatingPointError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    names = json.loads((folder / "training.json").read_text(encoding="utf-8"))["names"]
    _say(f"wrote {weights}; open it with")
    _say(f'  detector = dx.load_detector("{options.start}", weights="{weights}", names={names})')
    if wanted.embedding is not None:
        head = folder / "embedding.safetensors"
        _say(f'  dx.nms.NmsDetector(detector, "feature-nms", vectors=dx.nms.load_embedding("{head}", detector))')
    return 0


def _wanted(options: argparse.Namespace) -> FineTuning:
    given: Mapping[str, Any] = {key: getattr(options, key) for key in ("steps", "batch", "rate", "seed")}
    settings = replace(CROWD_SETTINGS, **{key: value for key, value in given.items() if value is not None})
    folder = None if options.crowdhuman is None else as_path(options.crowdhuman, "CrowdHuman's folder")
    if folder is not None:
        # The scenes' pool has no meaning for photographs, and their statistics are others.
        settings = replace(settings, pool=0, mix=(), sizes=(), frozen=())
    counts = {"steps": settings.steps, "batch": settings.batch, "every": options.every, "threads": options.threads}
    for name, count in counts.items():
        if count < 1:
            raise ValueError(f"--{name} is at least 1, got {count}")
    if options.workers < 0:
        raise ValueError(f"--workers is at least 0, got {options.workers}")
    if not 0 < settings.rate < math.inf:
        raise ValueError(f"--rate is a number above 0, got {settings.rate:g}")
    odam = OdamLoss(
        options.odam_weight,
        objects=options.odam_objects or None,
        positives=options.odam_positives or None,
        norm_statistics=options.norm_statistics,
    )
    embedding = EmbeddingLoss() if options.embedding else None
    return FineTuning(options.start, settings, odam, folder, options.size, embedding)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m detxai_nb.training.fine_tune",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("start", choices=STARTS, help="the bundled detector that is fine-tuned")
    parser.add_argument("--crowdhuman", metavar="FOLDER", help="train on CrowdHuman instead of synthetic crowds")
    parser.add_argument("--size", type=_size, default=SIZE, help="of scaled photographs, by default 320x256")
    parser.add_argument("--odam-weight", type=float, default=0.0, help="of ODAM-Train; 0, the default, is none")
    parser.add_argument("--odam-objects", type=int, default=6, help="objects of an image that take part; 0: all")
    parser.add_argument("--odam-positives", type=int, default=3, help="predictions of an object that take part; 0: all")
    parser.add_argument(
        "--norm-statistics",
        choices=NORM_STATISTICS,
        default="fixed",
        help="what the maps' gradients do with group normalisation; exact costs about 4 times as much on tiny-fcos",
    )
    parser.add_argument("--embedding", action="store_true", help="train FeatureNMS's embedding head along")
    parser.add_argument("--steps", type=int, help=f"the number of steps, by default {CROWD_SETTINGS.steps}")
    parser.add_argument("--batch", type=int, help=f"images per step, by default {CROWD_SETTINGS.batch}")
    parser.add_argument("--rate", type=float, help=f"the highest learning rate, by default {CROWD_SETTINGS.rate}")
    parser.add_argument("--seed", type=int, help="of data, order and draws, by default 0")
    parser.add_argument("--every", type=int, default=50, help="the steps between two checkpoints, by default 50")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that prepare batches, by default 1")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of the network, by default 1")
    parser.add_argument("--half", action="store_true", help="run the network in bfloat16")
    parser.add_argument("--out", metavar="FOLDER", help="of checkpoint, curves and weights, by default START-crowd")
    return parser


def _size(text: str) -> tuple[int, int]:
    width, cross, height = text.partition("x")
    if not (cross and width.isdecimal() and height.isdecimal()):
        raise argparse.ArgumentTypeError(f"expected WIDTHxHEIGHT such as 320x256, got {text!r}")
    return int(width), int(height)


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(_main())
