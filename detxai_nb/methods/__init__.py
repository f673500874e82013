"""The methods of explanation: one file a method."""

from __future__ import annotations

from typing import TYPE_CHECKING

from detxai_nb.methods import odam  # isort: skip  # the table lists methods in the order of import
from detxai_nb.methods import grad_cam, grad_cam_plus_plus
from detxai_nb.methods.registry import METHODS, Context, Found, Method, find_method, gradient_method, whole_method

if TYPE_CHECKING:
    import pandas

__all__ = [
    "METHODS",
    "Context",
    "Found",
    "Method",
    "find_method",
    "grad_cam",
    "grad_cam_plus_plus",
    "gradient_method",
    "methods",
    "odam",
    "whole_method",
]


def methods() -> pandas.DataFrame:
    """The methods there are: name, title, kind, settings with defaults, source."""
    import pandas as pd

    rows = [
        {
            "method": m.name,
            "title": m.title,
            "kind": m.kind,
            "settings": ", ".join(f"{k}={v!r}" for k, v in m.defaults.items()),
            "source": m.source,
        }
        for m in METHODS.values()
    ]
    return pd.DataFrame(rows).set_index("method")
