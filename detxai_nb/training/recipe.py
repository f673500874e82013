"""The recipe of a bundled model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from detxai_nb.data import scenes
from detxai_nb.detectors.catalogue import bundled_weights
from detxai_nb.detectors.zoo.storage import Storage
from detxai_nb.training.held_out import DETECTION, HeldOutProtocol
from detxai_nb.training.loop import TrainingSettings
from detxai_nb.training.torchvision_losses import LossFunction

BACKGROUND = "__background__"


@dataclass(frozen=True)
class Recipe:
    """Everything that determines a bundled model.

    Attributes:
        family: the detector family that opens it.
        architecture: a description of the network, for the card.
        build: ``build(classes)`` returns the network with random weights.
        losses: the training losses.
        settings: the settings of the training.
        further: the settings of the trainings that follow, each from the averaged weights of the one before.
        background: whether class 0 is the background.
        start: a bundled model whose weights initialise this one: every tensor of the same name and shape whose name
            starts with one of ``prefixes``. None to start from random weights.
        prefixes: the beginnings of the names of the transferred tensors.
        translate: renames the tensors of ``start`` as this network names them.
        finish: is applied to the averaged weights after the training.
        notes: (title, text) of everything else that the card has to say about the training.
        protocol: how the quality on the card is measured.
        image: the input of the network in words, for the card.
        storage: on which other bundled model the weights are stored; None to store them whole.
    """

    family: str
    architecture: str
    build: Callable[[int], nn.Module]
    losses: LossFunction
    settings: TrainingSettings
    further: tuple[TrainingSettings, ...] = ()
    background: bool = False
    start: str | None = None
    prefixes: tuple[str, ...] = ("backbone.",)
    translate: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    finish: Callable[[dict[str, Tensor]], dict[str, Tensor]] = dict
    notes: tuple[tuple[str, str], ...] = ()
    protocol: HeldOutProtocol = DETECTION
    image: str = "RGB, short side 256 pixels, long side at most 448; 320x256 passes unscaled"
    storage: Storage | None = None

    @property
    def stages(self) -> tuple[TrainingSettings, ...]:
        """The settings of all trainings, in their order."""
        return (self.settings, *self.further)

    @property
    def names(self) -> tuple[str, ...]:
        """The name of each class output."""
        return (BACKGROUND, *scenes.NAMES) if self.background else scenes.NAMES

    def initial_model(self, seed: int) -> nn.Module:
        """Return the network before its training: random weights, and those transferred from ``start``.

        Args:
            seed: the seed of the random weights; the global random state does not change.

        Returns:
            A new network.
        """
        return self.initial_model_of(self.names, seed)

    def initial_model_of(self, names: Sequence[str], seed: int) -> nn.Module:
        """Return the network before its training, for other classes.

        Args:
            names: the name of each class output.
            seed: the seed of the random weights; the global random state does not change.

        Returns:
            A new network; what ``start`` has in another shape is random.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = self.build(len(names))
        if self.start is not None:
            model.load_state_dict({**model.state_dict(), **self.transferred_weights(model)})
        return model

    def transferred_weights(self, model: nn.Module) -> dict[str, Tensor]:
        """Return the weights that a network gets from ``start``.

        Args:
            model: the network, as ``build`` returns it.

        Returns:
            Tensors by the network's own names; empty without ``start``.
        """
        if self.start is None:
            return {}
        given = self.translate(bundled_weights(self.start))
        fitting = [name for name in model.state_dict() if name.startswith(self.prefixes) and name in given]
        return {name: given[name] for name in fitting if model.state_dict()[name].shape == given[name].shape}
