"""The Survey in JupyterLab: keys stay in it, and the saved notebook tells no name."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from grid_page import Shown
from lab import NotebookPage

import detxai_nb as dx
from detxai_nb.methods import all_methods
from detxai_nb.survey import merge

pytestmark = pytest.mark.browser

SHOW, READ = range(2)
CELLS = [
    """
import detxai_nb as dx
survey = dx.widgets.Survey("seats.study.json", "answers")
survey""",
    "print(f'{survey.page} {len(survey.answers or ())}.')",
]
SAVE_WITH_STATE = """async () => {
  const { commands } = window.jupyterapp, toggle = "@jupyter-widgets/jupyterlab-manager:saveWidgetState";
  if (!commands.isToggled(toggle)) await commands.execute(toggle);
  await commands.execute("docmanager:save");
  await commands.execute(toggle);
}"""
SHOTS = os.environ.get("DETXAI_NB_SCREENSHOTS", "")
"""A folder to write screenshots into; none by default."""


def test_a_seat_in_jupyterlab(open_notebook: Callable[..., NotebookPage], server: object) -> None:
    folder = Path(server.folder)  # type: ignore[attr-defined]
    study = dx.survey.rehearsal_study(seats=1, objects=1)
    study.without_key().save(folder / "seats.study.json")
    notebook = open_notebook("survey.ipynb", CELLS)
    notebook.run_cell(SHOW)
    widget = Shown(notebook, "survey")
    widget.expect("page", "seat")
    field = widget.root.get_by_label("Code of your seat")
    field.fill("bbaa")  # keys that would insert cells
    field.press_sequentially("b")
    field.fill(study.codes[0])
    field.press("Enter")
    widget.expect("page", "consent")
    widget.root.get_by_role("button", name="I agree and take part").click()
    widget.expect("page", "question")
    cells = notebook.cells()
    card = widget.root.locator(".dx-order-card").nth(2)
    for key in ("b", "1", "ArrowRight", "a", "x"):
        card.focus()
        notebook.page.keyboard.press(key)
    order = "".join(widget.root.locator(".dx-letter").all_inner_texts())
    assert sorted(order) == list("ABCD")
    assert notebook.cells() == cells
    widget.assert_accessible()
    if SHOTS:
        notebook.page.screenshot(path=Path(SHOTS) / "survey-lab.png")
    widget.root.get_by_role("button", name="Save answer").click()
    widget.expect("done", "1")
    notebook.run_until(READ, "question 1.")
    assert merge(folder / "answers", study).seats[0].answers[0].choice == order

    notebook.page.evaluate(SAVE_WITH_STATE)
    saved = json.loads((folder / "survey.ipynb").read_text(encoding="utf-8"))
    state = saved["metadata"]["widgets"]["application/vnd.jupyter.widget-state+json"]["state"]
    own = [one["state"] for one in state.values() if one["state"].get("page") == "question"]
    assert len(own) == 1
    for kept in own:
        kept["_css"] = ""  # of every study: it knows "position: absolute"
    text = re.sub(r"[A-Za-z0-9+/=\\n]{200,}", "", json.dumps(saved)).casefold()  # without pictures
    assert "seats.study.json" in text
    names = {name for slug, one in all_methods().items() for name in (slug, one.title)}
    names |= {option for key in (study.key or {}).values() for option in key.options}
    assert [name for name in names if re.search(rf"(?<![a-z]){re.escape(name.casefold())}(?![a-z])", text)] == []

    assert notebook.outside == []
    assert notebook.errors == []
