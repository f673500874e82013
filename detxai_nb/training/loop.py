"""The training loop of the bundled detectors: endless scenes, one-cycle AdamW, averaged weights, resumable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.models.detection import FCOS
from torchvision.models.detection.image_list import ImageList

from detxai_nb.data import scenes
from detxai_nb.data._dice import Dice

TRAINING_SEED = 1_000_000
"""Added to the seed of the run: the scenes of smaller seeds are never trained on and are free for measuring."""

MIX = (("plain", 0.55), ("tiny", 0.25), ("crowd", 0.20))
SIZES = (((320, 256), 0.7), ((256, 320), 0.1), ((256, 256), 0.1), ((400, 256), 0.1))
"""(width, height) of a batch and its share: the short side is 256, so nothing is resized."""


@dataclass(frozen=True)
class Settings:
    """What decides the result of a run (up to the last bits of float arithmetic)."""

    steps: int = 5000
    batch: int = 16
    seed: int = 0
    rate: float = 2e-3
    warm_up: float = 0.05
    decay: float = 0.02
    average: float = 0.999
    clip: float = 5.0


def pick_share(dice: Dice, shares: tuple[tuple[Any, float], ...]) -> Any:
    """One of the options, each with its share as its probability."""
    at = dice.uniform(0, 1)
    for option, share in shares:
        at -= share
        if at < 0:
            return option
    return shares[-1][0]


class Batches(Dataset[tuple[Tensor, list[dict[str, Tensor]]]]):
    """Batch number ``step``, always the same: uint8 images [B,3,h,w] and torchvision's targets."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
        seed = TRAINING_SEED + self.settings.seed
        dice = Dice(seed, step)
        width, height = pick_share(dice, SIZES)
        images, targets = [], []
        for number in range(self.settings.batch):
            scene = scenes.make(step * self.settings.batch + number, seed, pick_share(dice, MIX), width, height)
            images.append(scene.image)
            targets.append({"boxes": torch.from_numpy(scene.boxes), "labels": torch.from_numpy(scene.labels)})
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), targets


def losses(model: FCOS, images: Tensor, targets: list[dict[str, Tensor]], half: bool) -> dict[str, Tensor]:
    """torchvision's FCOS losses of a uint8 batch; the network runs in bfloat16 if ``half``, the losses in float32."""
    mean = torch.tensor(model.transform.image_mean, device=images.device)[:, None, None]
    std = torch.tensor(model.transform.image_std, device=images.device)[:, None, None]
    pixels = ((images.float() / 255 - mean) / std).contiguous(memory_format=torch.channels_last)
    with torch.autocast(images.device.type, torch.bfloat16, enabled=half):
        features = list(model.backbone(pixels).values())
        # GroupNorm's backward is far slower on channels-last maps.
        outputs = model.head([feature.contiguous() for feature in features])
    outputs = {name: value.float() for name, value in outputs.items()}
    sizes = [(images.shape[2], images.shape[3])] * len(images)
    anchors = model.anchor_generator(ImageList(pixels, sizes), features)
    counts = [feature.shape[2] * feature.shape[3] for feature in features]
    return model.compute_loss(targets, outputs, anchors, counts)


class Run:
    """A training run that can be stopped and taken up again from its checkpoint file."""

    def __init__(self, model: FCOS, settings: Settings, device: str = "cpu", half: bool = True) -> None:
        self.settings, self.device, self.half, self.step = settings, torch.device(device), half, 0
        self.model = model.to(self.device).train()
        self.model.backbone.to(memory_format=torch.channels_last)
        matrices = [weight for weight in model.parameters() if weight.ndim > 1]
        vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": settings.decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate)
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.rate, settings.steps, pct_start=settings.warm_up, cycle_momentum=False
        )
        self.averaged = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def train(self, workers: int, checkpoint: Path, report: Callable[[str], None], every: int = 300) -> None:
        """Train to the last step; every ``every`` steps write the checkpoint and report."""
        order = range(self.step, self.settings.steps)
        loader = DataLoader(
            Batches(self.settings),
            batch_size=None,
            sampler=order,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )
        totals, started, first = torch.zeros(3), time.monotonic(), self.step
        for images, targets in loader:
            totals += self._update(images, targets)
            if self.step % every == 0 or self.step == self.settings.steps:
                self.save(checkpoint)
                done = self.step - first
                speed = done * self.settings.batch / (time.monotonic() - started)
                parts = ", ".join(f"{value:.3f}" for value in (totals / done).tolist())
                report(f"step {self.step}/{self.settings.steps}: class, box, centre loss {parts}; {speed:.1f} images/s")
                totals, started, first = torch.zeros(3), time.monotonic(), self.step

    def _update(self, images: Tensor, targets: list[dict[str, Tensor]]) -> Tensor:
        """One step of the optimizer; the three losses [3]."""
        targets = [{name: value.to(self.device) for name, value in target.items()} for target in targets]
        parts = losses(self.model, images.to(self.device), targets, self.half)
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.stack(list(parts.values()))
        if not torch.isfinite(loss).all():
            raise FloatingPointError(f"the losses at step {self.step} are {loss.tolist()}; lower --rate and resume")
        loss.sum().backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.settings.clip)
        self.optimizer.step()
        self.scheduler.step()
        self.step += 1
        keep = min(self.settings.average, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.averaged[name].lerp_(value, 1 - keep)
                else:
                    self.averaged[name].copy_(value)
        return loss.detach().cpu()

    def save(self, path: Path) -> None:
        """Write everything needed to go on; never leaves half a file."""
        state = {
            "settings": asdict(self.settings),
            "step": self.step,
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        part = path.with_name(path.name + ".part")
        torch.save(state, part)
        os.replace(part, path)

    def load(self, path: Path) -> None:
        """Go on from a checkpoint of a run with the same settings."""
        state = torch.load(path, map_location=self.device, weights_only=True)
        if state["settings"] != asdict(self.settings):
            raise ValueError(
                f"{path} was written with {state['settings']}, this run has {asdict(self.settings)}: "
                "give the same settings or another --out"
            )
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.averaged = state["averaged"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
