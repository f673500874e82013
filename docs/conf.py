"""Sphinx: ``pip install -e ".[docs]" && sphinx-build -W docs docs/_build``."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "extensions"), str(HERE), str(HERE.parent)]

from detxai_nb._version import __version__  # noqa: E402

project = "detxai-nb"
author = "the authors of detxai-nb"
copyright = author
release = version = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
    "living_widgets",
    "mathml",
    "method_pages",
    "metric_pages",
    "notebook_sources",
    "public_names",
    "signatures",
]
exclude_patterns = ["_build", "examples", "workshop/slides.md"]
html_theme = "sphinx_book_theme"
html_title = "detxai-nb"
html_theme_options = {
    "show_toc_level": 2,
    "use_download_button": False,
    "use_fullscreen_button": False,
    # The search field is in the sidebar.
    "navbar_persistent": [],
    "navbar_start": [],
}
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
# Nothing of a page is loaded from elsewhere: formulas are MathML, and the widgets are files of their own.
html_math_renderer = "mathml"
nb_ipywidgets_js: dict[str, dict[str, str]] = {}
# Notebooks are executed, and looked at, before they are committed.
nb_execution_mode = "off"
nb_merge_streams = True
myst_enable_extensions = ["colon_fence", "dollarmath"]
myst_heading_anchors = 3
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False
# Several classes have an attribute of the same name, such as layers; a field list refers to none of them.
suppress_warnings = ["ref.python"]
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
