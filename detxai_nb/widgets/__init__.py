"""Widgets for notebooks: each is one anywidget whose front end lies in static/."""

from detxai_nb.widgets.explorer import Explorer

__all__ = ["Explorer"]
