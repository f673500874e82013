"""What makes one bundled model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from detxai_nb.data import scenes
from detxai_nb.detectors.registry import ZOO
from detxai_nb.detectors.weights import read_weights
from detxai_nb.training.held_out import DETECTION, Measuring
from detxai_nb.training.loop import TrainingSettings
from detxai_nb.training.losses import Losses

BACKGROUND = "__background__"


@dataclass(frozen=True)
class Recipe:
    """What makes one bundled model.

    ``build(classes)``: the network with random weights. ``background``: whether class 0 is the background. ``start``:
    a bundled model whose tensors of the same name and shape are taken over where the name begins with one of
    ``prefixes``; ``translate`` first gives them the names that this network has. ``finish``: what is done to the
    averaged weights at the end. ``notes``: what else was done, for the card, by its title. ``measuring``: what its card
    says about how good it is.
    """

    family: str
    architecture: str
    build: Callable[[int], nn.Module]
    losses: Losses
    settings: TrainingSettings
    background: bool = False
    start: str | None = None
    prefixes: tuple[str, ...] = ("backbone.",)
    translate: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    finish: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    notes: tuple[tuple[str, str], ...] = ()
    measuring: Measuring = DETECTION
    image: str = "RGB, short side 256 pixels, long side at most 448; 320x256 passes unscaled"

    @property
    def names(self) -> tuple[str, ...]:
        """A name for each class output."""
        return (BACKGROUND, *scenes.NAMES) if self.background else scenes.NAMES

    def fresh(self, seed: int) -> nn.Module:
        """The network before its training: random weights of ``seed``, and what it takes over from ``start``.

        The global random state stays as it is.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.build(len(self.names))
        if self.start is not None:
            model.load_state_dict({**model.state_dict(), **self.taken_over(model)})
        return model

    def taken_over(self, model: nn.Module) -> dict[str, Tensor]:
        """What the network takes over from ``start``, by name."""
        if self.start is None:
            return {}
        given = self.translate(read_weights(ZOO / f"{self.start}.safetensors"))
        fitting = [name for name in model.state_dict() if name.startswith(self.prefixes) and name in given]
        return {name: given[name] for name in fitting if model.state_dict()[name].shape == given[name].shape}
