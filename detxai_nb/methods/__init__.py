"""The methods of explanation: one file a method.

``dx.methods`` is this module, and it can be called: ``dx.methods()`` is the table of what there is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.callable_module import make_callable

# A line for each method's file; the table lists them in this order.
from detxai_nb.methods import (  # isort: skip  # noqa: F401
    odam,
    bbam,
    d_rise,
    detr_attention,
    eigen_cam,
    g_came,
    grad_cam,
    grad_cam_plus_plus,
    layer_cam,
    sodex,
    ss_grad_cam,
    xgrad_cam,
    global_guidance,
    hirescam,
    score_cam,
    ablation_cam,
    cameras,
    integrated_grad_cam,
    fullgrad,
    gradient_x_input,
    integrated_gradients,
    relevance_cam,
    smoothgrad,
)
from detxai_nb.methods.registry import (
    METHODS,
    Context,
    Method,
    MethodResult,
    all_methods,
    find_method,
    gradient_method,
    perturbation_method,
    register,
    trace_method,
)

if TYPE_CHECKING:
    import pandas

__all__ = [
    "METHODS",
    "Context",
    "Method",
    "MethodResult",
    "all_methods",
    "find_method",
    "gradient_method",
    "perturbation_method",
    "register",
    "table",
    "trace_method",
]


def table() -> pandas.DataFrame:
    """Return the table of all methods; ``dx.methods()`` is the same.

    Returns:
        A row for each method, by name: title, kind, settings with their defaults, source.

    Example:
        >>> import detxai_nb as dx
        >>> dx.methods().loc["odam", "settings"]
        "direction='positive', smooth=None"
    """
    import pandas as pd

    rows = [
        {
            "method": m.name,
            "title": m.title,
            "kind": m.kind,
            "settings": ", ".join(f"{k}={v!r}" for k, v in m.defaults.items()),
            "source": m.source,
        }
        for m in all_methods().values()
    ]
    return pd.DataFrame(rows).set_index("method")


def _files() -> set[str]:
    """The modules here that hold a method: ``dx.methods.odam`` is ODAM's."""
    inside = f"{__name__}."
    modules = (method.function.__module__ for method in METHODS.values())
    return {module.removeprefix(inside) for module in modules if module.startswith(inside)}


make_callable(__name__, _files)
