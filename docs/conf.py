"""Sphinx: ``pip install -e ".[docs]" && sphinx-build -W docs docs/_build``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from detxai_nb._version import __version__  # noqa: E402

project = "detxai-nb"
copyright = "the authors of detxai-nb"
release = version = __version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_build", "examples", "workshop/slides.md"]
html_theme = "furo"
html_title = "detxai-nb"
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# Several classes have an attribute of the same name, such as layers; a field list refers to none of them.
suppress_warnings = ["ref.python"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": False}
