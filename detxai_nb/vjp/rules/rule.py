"""The form of a rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

from detxai_nb.vjp.gradients import Gradient

Rule: TypeAlias = Callable[[list[Gradient | None]], Sequence[Gradient | None]]
"""From the gradients ``[n, *shape]`` of an operation's outputs, at least one of which is there, those of its inputs."""
