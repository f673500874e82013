"""The trainings that the tables compare: folders NAME-SEED with weights."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detxai_nb.detectors.registry import load_detector
from detxai_nb.files import as_path
from detxai_nb.nms.embedding import DetectorEmbedding, load_embedding
from detxai_nb.training.recipes import RECIPES
from detxai_nb.types import OpenDetector

EMBEDDING = "embedding.safetensors"
"""The file of a head beside the weights that it was trained for."""
NAMES = ("tiny-fcos-crowd", "tiny-fcos-crowd-odam", "tiny-faster-rcnn-crowd", "tiny-faster-rcnn-crowd-odam")
"""The compared models: for each of two families one without ODAM-Train and one with it."""


@dataclass(frozen=True)
class TrainedRun:
    """One training of a model.

    Attributes:
        name: of the model, one of ``NAMES``.
        seed: of the training.
        weights: the file of its weights.
    """

    name: str
    seed: int
    weights: Path

    @property
    def title(self) -> str:
        """What its folder is called."""
        return f"{self.name}-{self.seed}"

    @property
    def family(self) -> str:
        """The family of the detector."""
        return RECIPES[self.name].family

    @property
    def odam_train(self) -> bool:
        """Whether it was trained with ODAM-Train."""
        return self.name.endswith("-odam")

    @property
    def head(self) -> Path | None:
        """The file of the weights of FeatureNMS's embedding head; None if it was not trained."""
        path = self.weights.parent / EMBEDDING
        return path if path.is_file() else None

    def digests(self) -> dict[str, str | None]:
        """Compute what tells these weights from others.

        Returns:
            The SHA-256 of the files "weights" and "head", None for no head.
        """
        files = {"weights": self.weights, "head": self.head}
        return {
            name: None if path is None else hashlib.sha256(path.read_bytes()).hexdigest()
            for name, path in files.items()
        }

    def embedding(self, detector: OpenDetector) -> DetectorEmbedding | None:
        """Load FeatureNMS's embedding head.

        Args:
            detector: what ``open`` returned.

        Returns:
            The head; None if it was not trained.

        Raises:
            ValueError: for a head of other weights.
        """
        return None if self.head is None else load_embedding(self.head, detector)

    def open(self, norm_statistics: str = "fixed", device: str = "cpu") -> OpenDetector:
        """Load the detector.

        Args:
            norm_statistics: of the gradients of FCOS, see ``PassSettings``.
            device: a torch device.

        Returns:
            The detector.

        Raises:
            ValueError: for weights of another architecture.
        """
        recipe = RECIPES[self.name]
        settings: dict[str, Any] = {"norm_statistics": norm_statistics} if recipe.family == "fcos" else {}
        return load_detector(self.name, weights=self.weights, names=recipe.names, device=device, **settings)


def find_runs(folder: str | os.PathLike[str], only: Sequence[str] | None = None) -> list[TrainedRun]:
    """Find the trainings in a folder.

    Args:
        folder: holds a folder NAME-SEED with NAME.safetensors for each, as ``python -m detxai_nb.training.zoo NAME
            --seed SEED --out FOLDER/NAME-SEED`` writes them. What is still being trained is left out.
        only: some of ``NAMES``; None for all.

    Returns:
        The trainings, by name and seed.

    Raises:
        FileNotFoundError: if there is no such folder, or no training in it.
        ValueError: for an unknown name.
    """
    path = as_path(folder, "the folder of the trainings")
    wanted = NAMES if only is None else tuple(only)
    if unknown := [name for name in wanted if name not in NAMES]:
        raise ValueError(f"the tables compare {', '.join(NAMES)}; got {unknown[0]!r}")
    if not path.is_dir():
        raise FileNotFoundError(f"there is no folder {path} of trainings")
    found = []
    for name in (name for name in NAMES if name in wanted):
        for weights in path.glob(f"{name}-*/{name}.safetensors"):
            seed = weights.parent.name.removeprefix(f"{name}-")
            if seed.isdecimal():
                found.append(TrainedRun(name, int(seed), weights))
    if not found:
        raise FileNotFoundError(
            f"there are no weights in {path}, such as {wanted[0]}-0/{wanted[0]}.safetensors; train them with python -m "
            f"detxai_nb.training.zoo {wanted[0]} --seed 0 --out {path}/{wanted[0]}-0"
        )
    return sorted(found, key=lambda run: (NAMES.index(run.name), run.seed))
