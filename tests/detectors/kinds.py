"""Every kind of detector that the contract is checked on, by name: one file of ``families`` for each family."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import torch

from detxai_nb.testing import Kind

FAMILIES = tuple(sorted(path.stem for path in (Path(__file__).parent / "families").glob("*.py")))
KINDS: dict[str, Kind] = {
    name: kind for family in FAMILIES for name, kind in import_module(f"families.{family}").KINDS.items()
}


def build(kind: str, dtype: torch.dtype = torch.float32, **settings: Any) -> Any:
    """A detector of that kind."""
    return KINDS[kind].build(dtype, **settings)
