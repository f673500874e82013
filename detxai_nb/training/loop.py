"""The training loop of the bundled models: endless scenes, one-cycle AdamW, averaged weights, resumable."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from detxai_nb.data import scenes
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.training.losses import Losses

TRAINING_SEED = 1_000_000
"""Added to the seed of the run: the scenes of smaller seeds are never trained on and are free for measuring."""

Shares = tuple[tuple[Any, float], ...]
"""Options, each with its share."""

MIX: Shares = (("plain", 0.55), ("tiny", 0.25), ("crowd", 0.20))
SIZES: Shares = (((320, 256), 0.7), ((256, 320), 0.1), ((256, 256), 0.1), ((400, 256), 0.1))
"""(width, height) of a batch and its share: the short side is 256, so nothing is resized."""


@dataclass(frozen=True)
class TrainingSettings:
    """What decides the result of a run (up to the last bits of float arithmetic).

    ``rate``: the highest learning rate, reached after the share ``warm_up`` of the steps; ``decay``: of weights, not of
    norms and biases; ``average``: of the averaged weights, for each step; ``clip``: the gradient's largest norm;
    ``mix`` and ``sizes``: modes of scenes and (width, height) of batches, with their shares; ``cue_class``,
    ``cue_kind``, ``telling``: options of the "shortcut" scenes; ``frozen``: beginnings of names of what is not trained.
    """

    steps: int = 5000
    batch: int = 16
    seed: int = 0
    rate: float = 2e-3
    warm_up: float = 0.05
    decay: float = 0.02
    average: float = 0.999
    clip: float = 5.0
    mix: Shares = MIX
    sizes: Shares = SIZES
    cue_class: str = "apple"
    cue_kind: str = "watermark"
    telling: bool = True
    frozen: tuple[str, ...] = ()


def pick_share(dice: SeededRng, shares: Shares) -> Any:
    """One of the options, each with its share as its probability."""
    at = dice.uniform(0, 1)
    for option, share in shares:
        at -= share
        if at < 0:
            return option
    return shares[-1][0]


class Batches(Dataset[tuple[Tensor, list[dict[str, Tensor]]]]):
    """Batch number ``step``, always the same: uint8 images [B,3,h,w] and torchvision's targets."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
        seed = TRAINING_SEED + self.settings.seed
        dice = SeededRng(seed, step)
        width, height = pick_share(dice, self.settings.sizes)
        cue = {name: getattr(self.settings, name) for name in ("cue_class", "cue_kind", "telling")}
        images, targets = [], []
        for number in range(self.settings.batch):
            mode, index = pick_share(dice, self.settings.mix), step * self.settings.batch + number
            scene = scenes.make(index, seed, mode, width, height, **(cue if mode == "shortcut" else {}))
            images.append(scene.image)
            targets.append({"boxes": torch.from_numpy(scene.boxes), "labels": torch.from_numpy(scene.labels)})
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), targets


class TrainingRun:
    """A training run that can be stopped and taken up again from its checkpoint file."""

    def __init__(
        self, model: nn.Module, losses: Losses, settings: TrainingSettings, device: str = "cpu", half: bool = True
    ) -> None:
        self.settings, self.device, self.half, self.step = settings, torch.device(device), half, 0
        self.losses = losses
        self.model = model.to(self.device).train()
        backbone = getattr(model, "backbone", None)
        if isinstance(backbone, nn.Module):
            backbone.to(memory_format=torch.channels_last)
        self._freeze()
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        matrices = [weight for weight in trained if weight.ndim > 1]
        vectors = [weight for weight in trained if weight.ndim <= 1]
        groups = [{"params": matrices, "weight_decay": settings.decay}, {"params": vectors, "weight_decay": 0.0}]
        self.optimizer = torch.optim.AdamW(groups, lr=settings.rate)
        self.scheduler = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, settings.rate, settings.steps, pct_start=settings.warm_up, cycle_momentum=False
        )
        self.averaged = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def _freeze(self) -> None:
        """What the settings freeze keeps its weights and the statistics of its norms."""
        for name, part in self.model.named_modules():
            if self.settings.frozen and f"{name}.".startswith(self.settings.frozen):
                part.eval().requires_grad_(False)

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
        totals: dict[str, float] = {}
        started, first = time.monotonic(), self.step
        for images, targets in loader:
            for name, value in self._update(images, targets).items():
                totals[name] = totals.get(name, 0.0) + value
            if self.step % every == 0 or self.step == self.settings.steps:
                self.save(checkpoint)
                done = self.step - first
                speed = done * self.settings.batch / (time.monotonic() - started)
                parts = ", ".join(f"{name} {value / done:.3f}" for name, value in totals.items())
                report(f"step {self.step}/{self.settings.steps}: {parts}; {speed:.1f} images/s")
                totals, started, first = {}, time.monotonic(), self.step

    def _update(self, images: Tensor, targets: list[dict[str, Tensor]]) -> dict[str, float]:
        """One step of the optimizer; the losses."""
        targets = [{name: value.to(self.device) for name, value in target.items()} for target in targets]
        with self._dice():
            parts = self.losses(self.model, images.to(self.device), targets, self.half)
        self.optimizer.zero_grad(set_to_none=True)
        loss = torch.stack(list(parts.values()))
        if not torch.isfinite(loss).all():
            raise FloatingPointError(f"the losses at step {self.step} are {loss.tolist()}; lower --rate and resume")
        loss.sum().backward()  # type: ignore[no-untyped-call]
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
        return dict(zip(parts, loss.tolist()))

    @contextmanager
    def _dice(self) -> Iterator[None]:
        """The global random state that this step sees (samplers, dropout): known by the seed and the step alone."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.settings.seed * 1_000_003 + self.step)
            yield

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
