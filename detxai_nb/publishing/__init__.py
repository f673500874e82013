"""A whole executed notebook as one page, with its widgets alive."""

from detxai_nb.publishing.notebook import PublishedNotebook, publish_notebook

__all__ = ["PublishedNotebook", "publish_notebook"]
