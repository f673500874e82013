"""Batches of a training from photographs with annotations: every image scaled to fit one size."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from detxai_nb.data.sample import Sample
from detxai_nb.training.loop import TRAINING_SEED, TrainingSettings, pool_index

GREY = 128
"""The value of the pixels beside a scaled image; after the bundled models' normalisation it is nearly 0."""


class DatasetBatches(Dataset[tuple[Tensor, list[dict[str, Tensor]]]]):
    """The batches of a run on a dataset: item ``step`` is always the same images, of the same size.

    An image is scaled to fit the size and placed at its top left; what is left over is grey. The dataset is gone
    through again and again, each time in another order. Annotations that stand for groups or for regions to ignore,
    and boxes narrower than a pixel after scaling, are no objects; torchvision's losses know nothing to ignore, so what
    is there counts as background.

    Args:
        samples: the dataset, with at least one image.
        settings: the settings of the run: steps, batch and seed.
        size: (width, height) of the batches in pixels.

    Raises:
        ValueError: for a dataset without images, or a size below 32 pixels.
    """

    def __init__(self, samples: Sequence[Sample], settings: TrainingSettings, size: tuple[int, int]) -> None:
        if not len(samples):
            raise ValueError("the dataset has no images to train on")
        if min(size) < 32:
            raise ValueError(f"size is at least 32x32 pixels, got {size[0]}x{size[1]}")
        self.samples, self.settings, self.size = samples, settings, size

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
        images, targets = [], []
        for place in range(step * self.settings.batch, (step + 1) * self.settings.batch):
            index = pool_index(place, len(self.samples), TRAINING_SEED + self.settings.seed)
            image, target = scaled_to_fit(self.samples[index], self.size)
            images.append(image)
            targets.append(target)
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), targets


def scaled_to_fit(sample: Sample, size: tuple[int, int]) -> tuple[np.ndarray, dict[str, Tensor]]:
    """Scale an image and its objects to fit a size.

    Args:
        sample: the image with its annotations.
        size: (width, height) in pixels.

    Returns:
        uint8 ``[height,width,3]``, and "boxes" ``[n,4]`` and "labels" ``[n]`` of what is an object.
    """
    height, width = sample.image.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    inner = (max(1, round(width * scale)), max(1, round(height * scale)))
    image = np.full((size[1], size[0], 3), GREY, dtype=np.uint8)
    scaled = sample.image
    if inner != (width, height):
        scaled = np.asarray(Image.fromarray(sample.image).resize(inner, Image.Resampling.BILINEAR))
    image[: inner[1], : inner[0]] = scaled
    factors = torch.tensor([inner[0] / width, inner[1] / height] * 2, dtype=torch.float32)
    boxes = torch.from_numpy(np.asarray(sample.boxes, dtype=np.float32).reshape(-1, 4)) * factors
    kept = ~torch.from_numpy(np.asarray(sample.crowd, dtype=bool)) & ((boxes[:, 2:] - boxes[:, :2]) >= 1).all(dim=1)
    labels = torch.from_numpy(np.asarray(sample.labels, dtype=np.int64))
    return image, {"boxes": boxes[kept], "labels": labels[kept]}


def fingerprint(dataset: Any) -> str:
    """Return what tells a dataset from others, for checkpoints.

    Args:
        dataset: with an ``identity`` of plain values.

    Returns:
        A hash in hexadecimal.
    """
    text = json.dumps(dataset.identity, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
