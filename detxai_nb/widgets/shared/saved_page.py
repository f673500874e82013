"""Widgets that leave the notebook: ``save_html``, and what each kind says of itself for that."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from detxai_nb.pages.document import Page, page_path
from detxai_nb.pages.offers import saved_widget
from detxai_nb.pages.recording import Choice, Include, choices_of, record_answers
from detxai_nb.widgets.shared.trait_types import CheckedTrait
from detxai_nb.widgets.shared.transport import BytesWidget


class SavedAsPage(BytesWidget):
    """A widget that can be saved as a page of its own.

    A subclass with choices that only Python answers names their traits in ``_page_traits``. What Python publishes for a
    choice are the synced traits without a check; those with one are the person's.
    """

    def save_html(
        self,
        path: str | os.PathLike[str],
        *,
        include: Include = None,
        title: str | None = None,
        overwrite: bool = False,
    ) -> Path:
        """Write the widget as one HTML file that works without a kernel and without a network.

        What is shown now is on the page, with everything that is decided in the browser: selecting, colours, filters,
        zoom, files to download. Of the choices that need a computation (another method, say) those are on the page that
        ``include`` names; they are computed now. Its menus offer nothing else.

        Args:
            path: the file, which ends in .html.
            include: values of the traits that are computed for, such as ``{"method": ["odam", "grad-cam"], "target":
                ["class", "x1"]}``: all combinations of these and the present values are kept. Or a list of such
                mappings, for fewer combinations.
            title: of the page; by default the widget's name.
            overwrite: whether an existing file is replaced.

        Returns:
            The file.

        Raises:
            FileNotFoundError: if its folder does not exist.
            FileExistsError: if the file exists and ``overwrite`` is False.
            TypeError: if ``include`` is no mapping or list of mappings.
            ValueError: if ``include`` names a trait that nothing is computed for, or the path is no HTML file's.
            TraitError: for a value that a trait cannot have.
            RuntimeError: if something of it cannot be computed. In all these cases nothing is written, and the widget
                is as it was.
        """
        target = page_path(path, overwrite)
        self._page_prepare()
        state, answers = record_answers(self, choices_of(self, include))
        page = Page(type(self).__name__ if title is None else str(title))
        page.add_widget(saved_widget(type(self), state, answers, self._page_otherwise()))
        return page.write(target)

    @classmethod
    def _page_traits(cls) -> tuple[str, ...]:
        """The traits whose change only Python answers and a page can keep the answers to."""
        return ()

    @classmethod
    def _page_apart(cls) -> tuple[str, ...]:
        """Those of them that are answered whatever the others are: their values are not combined with the others'."""
        return ()

    @classmethod
    def _page_state(cls, state: dict[str, Any]) -> dict[str, Any]:
        """The state as a page shows it, where nothing is asked of a kernel."""
        return state

    @property
    def _settable(self) -> frozenset[str]:
        """The synced traits that the browser may set."""
        return frozenset(name for name, trait in self.traits(sync=True).items() if isinstance(trait, CheckedTrait))

    def _page_prepare(self) -> None:
        """Compute what a page needs whatever is included."""

    def _page_choices(self) -> list[Mapping[str, Any]]:
        """What is kept without being asked for, as ``include``."""
        return []

    def _page_choice(self, choice: Choice) -> Choice:
        """A combination as the widget takes it."""
        return choice

    def _page_fetch(self) -> None:
        """Publish the result of what is chosen, as a browser requests it that does not hold it any more."""

    def _page_problem(self) -> str:
        """Why what is chosen has no result, or ""."""
        status: Mapping[str, Any] = getattr(self, "status", {})
        return str(status.get("text", "")) if status.get("state") == "error" else ""

    def _page_otherwise(self) -> dict[str, Any] | None:
        """What is published for a choice that is not kept; None where that is refused."""
        return None
