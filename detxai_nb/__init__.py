"""Why an object detector sees what it sees, shown inside a notebook."""

import importlib.util
import logging
import sys
from typing import TYPE_CHECKING, Any

from detxai_nb._version import __version__

if TYPE_CHECKING:
    from detxai_nb import (
        check,
        data,
        detections,
        detectors,
        doctor,
        evaluation,
        interventions,
        methods,
        metrics,
        misses,
        nms,
        plots,
        profiles,
        sanity,
        survey,
        tiny,
        widgets,
    )
    from detxai_nb.detectors import load_detector, wrap, wrap_module, wrap_predict
    from detxai_nb.evaluation import evaluate, paired, read_evaluation, report, reproduce
    from detxai_nb.explaining.explain import compare, explain
    from detxai_nb.heatmaps import HeatMaps
    from detxai_nb.image import load_image
    from detxai_nb.types import Cancelled, Detections, Target

# Silent until an application says where messages go: see "What is logged" in the documentation.
logging.getLogger(__name__).addHandler(logging.NullHandler())

__all__ = [
    "Cancelled",
    "Detections",
    "HeatMaps",
    "Target",
    "__version__",
    "check",
    "compare",
    "data",
    "detections",
    "detectors",
    "doctor",
    "evaluate",
    "evaluation",
    "explain",
    "interventions",
    "load_detector",
    "load_image",
    "methods",
    "metrics",
    "misses",
    "nms",
    "paired",
    "plots",
    "profiles",
    "read_evaluation",
    "report",
    "reproduce",
    "sanity",
    "survey",
    "tiny",
    "widgets",
    "wrap",
    "wrap_module",
    "wrap_predict",
]

# What is imported from where when it is first used: torch takes seconds, and `detxai-nb --help` needs none of it. The
# imports above say the same to type checkers and editors; a test compares the two.
_HOMES = {
    "detectors": ("load_detector", "wrap", "wrap_module", "wrap_predict"),
    "evaluation": ("evaluate", "paired", "read_evaluation", "report", "reproduce"),
    "explaining.explain": ("compare", "explain"),
    "heatmaps": ("HeatMaps",),
    "image": ("load_image",),
    "types": ("Cancelled", "Detections", "Target"),
}
_HOME = {name: f"{__name__}.{home}" for home, names in _HOMES.items() for name in names}


def __dir__() -> list[str]:
    return sorted(__all__)


# Hidden from type checkers, to whom a module with a `__getattr__` has every attribute.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        """Import a public name, or a module of the package, when it is first asked for."""
        home = _HOME.get(name)
        # Jedi, which completes names for JupyterLab, reads the imports above where it gets no value: in time.
        completing = home is not None and str(sys._getframe(1).f_globals.get("__name__")).partition(".")[0] == "jedi"
        if completing or (home is None and not _is_module(name)):
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            found = importlib.import_module(home or f"{__name__}.{name}")
        except AttributeError as error:
            # `from detxai_nb import name` would put words of its own in the place of these.
            raise ImportError(f"{home or name} could not be imported: {error}", name=home or name) from error
        globals()[name] = found = found if home is None else getattr(found, name)
        return found


def _is_module(name: str) -> bool:
    """Whether the package has a module of this name, such as ``dx.geometry``, which no list above names."""
    return name.isidentifier() and name[0] != "_" and importlib.util.find_spec(f"{__name__}.{name}") is not None
