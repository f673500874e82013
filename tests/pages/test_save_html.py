"""``save_html``: what is kept, what is refused at the door, and that the widget is as it was."""

from __future__ import annotations

import html
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.pages.document import Page, SavedWidget, page_path
from detxai_nb.pages.recording import state_of

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "widgets"))
import stub


@pytest.fixture
def explorer() -> Any:
    widget = dx.widgets.Explorer(stub.StubDetector(), stub.photograph(), selected=1)
    yield widget
    widget.close()


def root_of(path: Path) -> dict[str, Any]:
    """State and answers of the first widget of a page, without its arrays."""
    text = path.read_text(encoding="utf-8")
    found = re.search(r'<script type="application/json" id="dxp-data">(.*?)</script>', text, re.DOTALL)
    assert found
    root: dict[str, Any] = json.loads(found.group(1))["widgets"]["w0"]["root"]
    return root


def test_the_widget_is_as_it_was_and_a_browser_hears_of_nothing_else(
    explorer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, sent = state_of(explorer), []
    monkeypatch.setattr(explorer, "_send", lambda message, buffers=None: sent.append(message))
    explorer.save_html(tmp_path / "a.html", include={"method": ["grad-cam", "layer-cam"], "target": ["x1"]})
    assert state_of(explorer) == before
    told = [(name, value) for message in sent for name, value in message.get("state", {}).items()]
    assert told
    assert all(value == before[name] for name, value in told if name in ("method", "target", "map_key"))


def test_all_combinations_are_kept_once_and_the_same_page_comes_out(explorer: Any, tmp_path: Path) -> None:
    include = {"method": ["odam", "grad-cam"], "target": "x1"}
    first = explorer.save_html(tmp_path / "a.html", include=include)
    answers = root_of(first)["answers"]
    kept = [(one["when"]["method"], one["when"]["target"]) for one in answers]
    assert kept == [("odam", "class"), ("odam", "x1"), ("grad-cam", "class"), ("grad-cam", "x1")]
    assert answers[0]["then"] == {}
    assert first.read_bytes() == explorer.save_html(tmp_path / "b.html", include=include).read_bytes()
    listed = explorer.save_html(tmp_path / "c.html", include=[{"method": "grad-cam"}, {"target": "x1"}])
    assert len(root_of(listed)["answers"]) == 3


def test_what_was_looked_at_before_is_kept_too(explorer: Any, tmp_path: Path) -> None:
    first = explorer.save_html(tmp_path / "a.html", include={"target": "x1"})
    explorer.target = "x1"
    explorer.wait()
    explorer.target = "class"
    assert explorer.save_html(tmp_path / "b.html", include={"target": "x1"}).read_bytes() == first.read_bytes()


def test_menus_have_what_is_kept(explorer: Any, tmp_path: Path) -> None:
    state = root_of(explorer.save_html(tmp_path / "a.html", include={"direction": "signed"}))["state"]
    choices = state["choices"]
    assert [one["name"] for one in choices["methods"]] == ["odam"]
    assert choices["methods"][0]["directions"] == ["positive", "signed"]
    assert [one["name"] for one in choices["targets"]] == ["class"]
    assert choices["layers"] == [""]
    assert choices["elsewhere"] == ""
    assert all(one["offered"] == [] for one in state["others"])


def test_wrong_arguments_are_refused_before_anything_is_computed(explorer: Any, tmp_path: Path) -> None:
    there = tmp_path / "there.html"
    there.write_text("mine")
    wrong: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
        (tmp_path / "none" / "a.html", {}, FileNotFoundError, "make it first"),
        (there, {}, FileExistsError, "overwrite=True"),
        (tmp_path / "a.png", {}, ValueError, "ends in .html"),
        (tmp_path, {}, ValueError, "ends in .html"),
        (7, {}, TypeError, "a path"),
        (tmp_path / "a.html", {"include": {"methods": ["odam"]}}, ValueError, "'method', 'target', 'layer'"),
        (tmp_path / "a.html", {"include": {"method": []}}, ValueError, "has no value"),
        (tmp_path / "a.html", {"include": "odam"}, TypeError, "mapping"),
        (tmp_path / "a.html", {"include": {"method": "nope"}}, TraitError, "'odam'"),
        (tmp_path / "a.html", {"include": {"against": "nobody"}}, TraitError, "against"),
    ]
    before = state_of(explorer)
    for path, options, error, words in wrong:
        with pytest.raises(error, match=re.escape(words)):
            explorer.save_html(path, **options)
        assert state_of(explorer) == before
    assert there.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [there]
    explorer.save_html(there, overwrite=True)
    assert there.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_cannot_be_computed_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    widget = dx.widgets.Explorer(stub.StubDetector(fails={"x1": "no such side"}), stub.photograph())
    before = state_of(widget)
    with pytest.raises(RuntimeError, match=r"target='x1'.*no such side"):
        widget.save_html(tmp_path / "a.html", include={"target": ["y1", "x1"]})
    assert state_of(widget) == before
    assert widget.error is None
    assert list(tmp_path.iterdir()) == []


def test_a_widget_without_choices_says_so(tmp_path: Path) -> None:
    widget = dx.widgets.ScoreThreshold(stub.StubDetector(), stub.photograph())
    with pytest.raises(ValueError, match="all that this widget shows is on the page"):
        widget.save_html(tmp_path / "a.html", include={"method": "odam"})


def test_a_survey_is_no_page(tmp_path: Path) -> None:
    study = dx.survey.rehearsal_study(seats=2, objects=1)
    widget = dx.widgets.Survey(study, tmp_path / "answers", seat=study.codes[0])
    with pytest.raises(NotImplementedError, match="kept by its notebook"):
        widget.save_html(tmp_path / "a.html")


def test_a_page_allows_its_own_script_only(tmp_path: Path) -> None:
    page = Page("A & B <i>")
    page.add_widget(SavedWidget("predict", {}))
    text = page.to_html()
    assert "<title>A &amp; B &lt;i&gt;</title>" in text
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]*)"', text).group(1))  # type: ignore[union-attr]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert re.fullmatch(r"'sha256-[\w+/=]{44}' blob:", rules["script-src"])
    assert rules["base-uri"] == rules["form-action"] == "'none'"
    assert not re.search(r"""(?:src|href|action)=["']?(?!data:|blob:)\w+:""", text)
    with pytest.raises(ValueError, match="no widget"):
        page.add_widget(SavedWidget("../page", {}))


def test_every_file_name_of_a_page_is_checked(tmp_path: Path) -> None:
    assert page_path(tmp_path / "a.HTM") == tmp_path / "a.HTM"
    (tmp_path / "b.html").mkdir()
    with pytest.raises(ValueError, match="is a folder"):
        page_path(tmp_path / "b.html")
