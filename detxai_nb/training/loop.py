"""The training loop of the bundled models: unlimited scenes, one-cycle AdamW, averaged weights, resumable."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from detxai_nb.data import scenes
from detxai_nb.data.scenes.random import SeededRng
from detxai_nb.files import write_atomically
from detxai_nb.training.checkpoints import read_checkpoint
from detxai_nb.training.event_log import EventLog
from detxai_nb.training.torchvision_losses import LossFunction

TRAINING_SEED = 1_000_000
"""Added to the seed of the run, so that scenes of smaller seeds are never trained on: they are held out."""

Shares = tuple[tuple[Any, float], ...]
"""Options with their probabilities, which sum to 1."""

MIX: Shares = (("plain", 0.55), ("tiny", 0.25), ("crowd", 0.20))
"""The modes of the scenes, with their shares."""
SIZES: Shares = (((320, 256), 0.7), ((256, 320), 0.1), ((256, 256), 0.1), ((400, 256), 0.1))
"""(width, height) of the batches, with their shares: the short side is 256, so nothing is resized."""


@dataclass(frozen=True)
class TrainingSettings:
    """Everything that determines the result of a run, up to the last bits of float arithmetic.

    Attributes:
        steps: the number of optimizer steps.
        batch: images per step.
        seed: of weights, scenes and sampling.
        rate: the highest learning rate.
        warm_up: the share of the steps after which it is reached.
        decay: the weight decay, of weights but not of norms and biases.
        average: the decay per step of the exponential moving average of the weights.
        clip: the largest norm of the gradient.
        mix: the modes of the scenes, with their shares.
        sizes: (width, height) of the batches in pixels, with their shares.
        cue_class, cue_kind, telling: the options of the "shortcut" scenes.
        frozen: the beginnings of the names of parameters that are not trained.
        pool: the number of different scenes, of which each pass through the pool has its own order; 0: every scene is
            drawn once.
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
    pool: int = 0


def pick_share(rng: SeededRng, shares: Shares) -> Any:
    """Draw one of several options, each with its own probability.

    Args:
        rng: the random stream.
        shares: the options with their probabilities.

    Returns:
        One of the options.
    """
    at = rng.uniform(0, 1)
    for option, share in shares:
        at -= share
        if at < 0:
            return option
    return shares[-1][0]


class Batches(Dataset[tuple[Tensor, list[dict[str, Tensor]]]]):
    """The batches of a run: item ``step`` is always the same uint8 images ``[B,3,h,w]`` and torchvision's targets.

    The scenes of a pool are kept in memory, once they are drawn.

    Args:
        settings: the settings of the run.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        self._kept: dict[tuple[int, str, int, int], tuple[np.ndarray, dict[str, Tensor]]] = {}

    def __len__(self) -> int:
        return self.settings.steps

    def __getitem__(self, step: int) -> tuple[Tensor, list[dict[str, Tensor]]]:
        seed = TRAINING_SEED + self.settings.seed
        rng = SeededRng(seed, step)
        width, height = pick_share(rng, self.settings.sizes)
        images, targets = [], []
        for number in range(self.settings.batch):
            mode, index = pick_share(rng, self.settings.mix), step * self.settings.batch + number
            if self.settings.pool:
                index = pool_index(index, self.settings.pool, seed)
                mode = pick_share(SeededRng(seed, index, 1), self.settings.mix)
            image, target = self._scene(index, mode, width, height)
            images.append(image)
            targets.append(target)
        return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2), targets

    def _scene(self, index: int, mode: str, width: int, height: int) -> tuple[np.ndarray, dict[str, Tensor]]:
        key = (index, mode, width, height)
        if key in self._kept:
            return self._kept[key]
        cue = {name: getattr(self.settings, name) for name in ("cue_class", "cue_kind", "telling")}
        seed = TRAINING_SEED + self.settings.seed
        scene = scenes.make(index, seed, mode, width, height, **(cue if mode == "shortcut" else {}))
        made = scene.image, {"boxes": torch.from_numpy(scene.boxes), "labels": torch.from_numpy(scene.labels)}
        if self.settings.pool:
            self._kept[key] = made
        return made


@lru_cache(maxsize=2)
def _pool_order(count: int, seed: int, turn: int) -> tuple[int, ...]:
    rng = SeededRng(seed, turn, 2)
    draws = [rng.uniform(0, 1) for _ in range(count)]
    return tuple(sorted(range(count), key=draws.__getitem__))


def pool_index(position: int, count: int, seed: int) -> int:
    """Return which item of a pool comes at a position of a training, which goes through the pool again and again.

    Args:
        position: counted from the beginning of the training.
        count: the number of items.
        seed: of the orders.

    Returns:
        0 to ``count`` - 1; each once in every ``count`` positions, in another order each time.
    """
    turn, place = divmod(position, count)
    return _pool_order(count, seed, turn)[place]


class TrainingRun:
    """A training run that can be interrupted and resumed from its checkpoint file.

    Args:
        model: the network, which is moved to the device and trained.
        losses: the training losses.
        settings: the settings of the run.
        device: the device, such as "cpu" or "cuda".
        half: whether the network runs in bfloat16.
        batches: item ``step`` is the batch of a step; None: scenes, ``Batches(settings)``.
        about: everything else that determines the run, as plain values by name; a checkpoint has to agree.
    """

    def __init__(
        self,
        model: nn.Module,
        losses: LossFunction,
        settings: TrainingSettings,
        device: str = "cpu",
        half: bool = True,
        *,
        batches: Dataset[Any] | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        self.batches = Batches(settings) if batches is None else batches
        self._about = {**asdict(settings), "half": half, **(about or {})}
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
        """Frozen modules keep their weights and the statistics of their norms."""
        for name, part in self.model.named_modules():
            if self.settings.frozen and f"{name}.".startswith(self.settings.frozen):
                part.eval().requires_grad_(False)

    def train(
        self,
        workers: int,
        checkpoint: Path,
        report: Callable[[str], None],
        every: int = 300,
        log: EventLog | None = None,
    ) -> None:
        """Train up to the last step.

        Args:
            workers: the number of processes that draw scenes; 0 draws them in this one.
            checkpoint: the file to resume from.
            report: receives a line of progress.
            every: the steps between two checkpoints and reports.
            log: receives the mean losses between two reports, the learning rate and the speed.

        Raises:
            FloatingPointError: if a loss is not finite.
        """
        order = range(self.step, self.settings.steps)
        loader = DataLoader(
            self.batches,
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
                if log is not None:
                    means = {f"loss/{name}": value / done for name, value in totals.items()}
                    rate = float(self.scheduler.get_last_lr()[0])
                    log.write(self.step, {**means, "rate": rate, "images per second": speed})
                totals, started, first = {}, time.monotonic(), self.step

    def _update(self, images: Tensor, targets: list[dict[str, Tensor]]) -> dict[str, float]:
        """Make one step of the optimizer and return the losses."""
        targets = [{name: value.to(self.device) for name, value in target.items()} for target in targets]
        with self._seeded():
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
    def _seeded(self) -> Iterator[None]:
        """Make the global random state (samplers, dropout) depend only on the seed and the step."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(self.settings.seed * 1_000_003 + self.step)
            yield

    def save(self, path: Path) -> None:
        """Write everything that is needed to resume, as a whole or not at all.

        Args:
            path: the checkpoint file.
        """
        state = {
            "settings": self._about,
            "step": self.step,
            "model": self.model.state_dict(),
            "averaged": self.averaged,
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
        }
        write_atomically(path, lambda file: torch.save(state, file))

    def load(self, path: Path) -> None:
        """Resume from the checkpoint of a run with the same settings.

        Args:
            path: the checkpoint file.

        Raises:
            ValueError: if it is no checkpoint, or one of another model or of other settings; the message names the
                first difference, and this run is as it was.
        """
        state = read_checkpoint(path, self._about, self.model.state_dict(), self.device)
        self.step = state["step"]
        self.model.load_state_dict(state["model"])
        self.averaged = state["averaged"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
