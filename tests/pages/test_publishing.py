"""A notebook as a page: its widgets live, its text is clean, and what cannot live says why."""

from __future__ import annotations

import base64
import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import detxai_nb as dx
from detxai_nb.cli import main
from detxai_nb.publishing import publish_notebook
from detxai_nb.publishing.cleaning import clean_markup
from detxai_nb.publishing.formulas import draw_formulas
from detxai_nb.publishing.saved_widgets import STATES, VIEW

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "widgets"))
import stub

pytest.importorskip("nbconvert")
STILL = {"unconfined": True, "needs_background": "light"}


def saved_model(widget: Any) -> dict[str, Any]:
    """A widget as a notebook keeps it."""
    buffers: list[dict[str, Any]] = []

    def without(value: Any, path: list[Any]) -> Any:
        if isinstance(value, (bytes, memoryview)):
            data = base64.b64encode(bytes(value)).decode()
            buffers.append({"encoding": "base64", "path": path, "data": data})
            return None
        if isinstance(value, dict):
            return {key: without(one, [*path, key]) for key, one in value.items()}
        if isinstance(value, (list, tuple)):
            return [without(one, [*path, place]) for place, one in enumerate(value)]
        return value

    state = without({k: v for k, v in widget.get_state().items() if k not in ("layout", "tabbable", "tooltip")}, [])
    return {"model_name": "AnyModel", "model_module": "anywidget", "state": state, "buffers": buffers}


@pytest.fixture(scope="module")
def notebook() -> Any:
    """A notebook with a widget, a strange widget, a hostile output and a text."""
    import nbformat.v4 as v4

    widget = dx.widgets.Explorer(stub.StubDetector(), stub.photograph())
    view = {"text/plain": "Explorer()", VIEW: {"model_id": "one", "version_major": 2, "version_minor": 1}}
    strange = {"text/plain": "IntSlider()", VIEW: {"model_id": "two"}}
    png = base64.b64encode(widget._picture()).decode()
    made = v4.new_notebook(
        cells=[
            v4.new_markdown_cell("# Why *this*?\n\nSome `code`, $x^2$ and <script>alert(1)</script> text."),
            v4.new_code_cell(
                "explorer",
                outputs=[
                    v4.new_output("display_data", view),
                    v4.new_output("display_data", {"image/png": png}, metadata=STILL),
                ],
            ),
            v4.new_code_cell("slider", outputs=[v4.new_output("display_data", strange)]),
            v4.new_code_cell(
                "hostile",
                outputs=[
                    v4.new_output(
                        "display_data", {"text/html": "<b>b</b><meta http-equiv=refresh content='0;url=//a'>"}
                    ),
                    v4.new_output("display_data", {"application/javascript": "alert(2)"}),
                    v4.new_output("stream", name="stdout", text="<i>said</i>"),
                ],
            ),
        ]
    )
    slider = {"model_name": "IntSliderModel", "state": {"_model_name": "IntSliderModel"}}
    made.metadata["widgets"] = {STATES: {"state": {"one": saved_model(widget), "two": slider}}}
    return made


def write(notebook: Any, path: Path) -> Path:
    import nbformat

    nbformat.write(notebook, path)
    return path


def test_widgets_live_and_texts_are_clean(notebook: Any, tmp_path: Path) -> None:
    found = publish_notebook(write(notebook, tmp_path / "a.ipynb"))
    text = found.path.read_text("utf-8")
    assert found.path == tmp_path / "a.html"
    assert (found.alive, len(found.left)) == (1, 1)
    assert "IntSliderModel is no widget" in found.left[0]
    assert text.count('data-widget="w0"') == 1
    assert "data:image/png" not in text, "the still picture below a living widget is gone"
    assert "<h1>Why this?</h1>" in text
    for gone in ("alert(", "http-equiv=refresh", 'http-equiv="refresh', "Why <em>this"):
        assert gone not in text.split('<script type="application/json"')[0].replace("Content-Security-Policy", "")
    assert "&lt;i&gt;said&lt;/i&gt;" in text
    assert '<details class="dxp-code" open="">' in text


def test_code_is_open_folded_or_left_out(notebook: Any, tmp_path: Path) -> None:
    source = write(notebook, tmp_path / "a.ipynb")
    folded = publish_notebook(source, tmp_path / "f.html", code="folded", title="<b>T").path.read_text("utf-8")
    assert '<details class="dxp-code">' in folded
    assert "<title>&lt;b&gt;T</title>" in folded
    assert 'dxp-code"' not in publish_notebook(source, tmp_path / "n.html", code="none").path.read_text("utf-8")
    hiding = copy.deepcopy(notebook)
    hiding.cells[1].metadata["jupyter"] = {"source_hidden": True}
    opened = publish_notebook(write(hiding, tmp_path / "h.ipynb"), tmp_path / "h.html").path.read_text("utf-8")
    assert opened.count('<details class="dxp-code">') == 1, "code that the notebook hides is folded"
    assert '<details class="dxp-code" open="">' in opened
    with pytest.raises(ValueError, match="'open', 'folded', 'none'"):
        publish_notebook(source, tmp_path / "x.html", code="shut")


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda model: model["state"].update(_esm="export default 1"), "another version"),
        (lambda model: model["state"].update(_anywidget_id="os.system"), "no widget of this package"),
        (lambda model: model["state"].pop("objects"), "without objects"),
        (lambda model: model["state"].update(choices=3), "not whole"),
        (lambda model: model["buffers"][0].update(path=["nowhere", 3]), "not whole"),
        (lambda model: model["buffers"][0].update(data="%%%"), "not whole"),
        (lambda model: model.update(state=None), "not in the notebook"),
    ],
)
def test_what_cannot_live_keeps_its_picture(notebook: Any, tmp_path: Path, damage: Any, reason: str) -> None:
    other = copy.deepcopy(notebook)
    damage(other.metadata["widgets"][STATES]["state"]["one"])
    found = publish_notebook(write(other, tmp_path / "a.ipynb"))
    assert found.alive == 0
    assert reason in found.left[0]
    assert "data:image/png" in found.path.read_text("utf-8")


def test_what_is_no_notebook_is_refused(notebook: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "no.ipynb").write_text("{}")
    (tmp_path / "list.ipynb").write_text("[1]")
    (tmp_path / "png.ipynb").write_bytes(b"\x89PNG")
    for name in ("no", "list", "png"):
        with pytest.raises(ValueError, match=f"{name}.ipynb is no notebook"):
            publish_notebook(tmp_path / f"{name}.ipynb", tmp_path / "out.html")
    with pytest.raises(FileNotFoundError, match="no notebook"):
        publish_notebook(tmp_path / "gone.ipynb")
    source = write(notebook, tmp_path / "a.ipynb")
    assert main(["publish", str(source)]) == 0
    assert "1 widget alive" in capsys.readouterr().out
    assert main(["publish", str(source)]) == 2
    assert "--overwrite replaces it" in capsys.readouterr().err
    assert not (tmp_path / "out.html").exists()


def test_the_command_writes_a_page_of_a_photograph(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    photo, page = tmp_path / "<b>.png", tmp_path / "page.html"
    Image.fromarray(dx.data.scenes.Scenes(1, seed=1)[0].image).save(photo)
    words = ["page", str(photo), "--device", "cpu", "--out", str(page)]
    assert main([*words, "--method", "odam", "--method", "grad-cam", "--target", "x1"]) == 0
    assert "explained" in capsys.readouterr().out
    text = page.read_text("utf-8")
    root = json.loads(re.search(r'id="dxp-data">(.*?)</script>', text, re.DOTALL).group(1))["widgets"]["w0"]["root"]  # type: ignore[union-attr]
    assert [(one["when"]["method"], one["when"]["target"]) for one in root["answers"]] == [
        ("odam", "x1"),
        ("grad-cam", "x1"),
    ]
    assert "<title>&lt;b&gt;.png</title>" in text
    before = page.read_bytes()
    for more, said in (
        ([], "--overwrite"),
        (["--overwrite", "--method", "nope"], "unknown method"),
        (["--overwrite", "--layer", "nope"], "'neck'"),
        (["--overwrite", "--target", "z"], "'x1'"),
        (["--overwrite", "--score-threshold", "1"], "highest score"),
    ):
        assert main([*words, *more]) == 2
        assert said.lower() in capsys.readouterr().err.lower()
    assert page.read_bytes() == before


def test_the_page_of_a_photograph_takes_settings_of_its_method(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo, page = tmp_path / "a.png", tmp_path / "page.html"
    assert main(["example", str(photo)]) == 0
    words = ["page", str(photo), "--device", "cpu", "--out", str(page)]
    assert main([*words, "--setting", "direction=signed"]) == 0
    text = page.read_text("utf-8")
    data = json.loads(re.search(r'id="dxp-data">(.*?)</script>', text, re.DOTALL).group(1))  # type: ignore[union-attr]
    state = data["widgets"]["w0"]["root"]["state"]
    assert state["map_data"]["signed"] is True
    assert "direction: 'signed'" in state["code"]
    capsys.readouterr()
    before = page.read_bytes()
    for more, said in (
        (
            ["--method", "odam", "--method", "grad-cam", "--setting", "direction=signed"],
            "names several: odam, grad-cam",
        ),
        (["--setting", "smooth"], "name=value"),
        (["--setting", "nonsense=1"], "nonsense"),
        (["--setting", "layer=neck"], "--layer"),
    ):
        assert main([*words, "--overwrite", *more]) == 2
        assert said in capsys.readouterr().err.lower()
    assert page.read_bytes() == before


@pytest.mark.parametrize(
    ("markup", "clean"),
    [
        ("<p>a <em>b</em></p>", "<p>a <em>b</em></p>"),
        ('<a href="javascript:x()">a</a>', "<a>a</a>"),
        ('<a href="data:text/html,x">a</a>', "<a>a</a>"),
        ('<a href="https://doi.org/1">a</a>', '<a href="https://doi.org/1">a</a>'),
        ('<h2 id="part">a</h2><h2 id="dxp-data">b</h2>', '<h2 id="part">a</h2><h2>b</h2>'),
        ('<div data-widget="w0" class="dxp-widget">a</div>', "<div>a</div>"),
        ("<style>p {}</style><script>x</script>a<script", "a"),
        ('<img src="http://a/b.png" alt="&gt;" onerror=x()>a', "a"),
        ('<img src="data:image/png;base64,AA==" alt="x">', '<img src="data:image/png;base64,AA==" alt="x">'),
        ("<svg><script>x</script></svg><iframe src=a></iframe><base href=//a>a", "a"),
        ("<form action=//a><input name=b></form>a", "a"),
    ],
)
def test_only_formatting_stays(markup: str, clean: str) -> None:
    assert clean_markup(markup) == clean


def test_formulas_are_pictures_and_code_is_left_alone() -> None:
    text = draw_formulas("`$x$` and $x^2 < y$, $5 and 7$\n\n```\n$$y$$\n```\n$$\\frac1Z \\Big( w \\Big)$$ $\\nothing{$")
    assert text.count("<img") == 2
    assert 'alt="$x^2 &lt; y$"' in text
    for same in ("`$x$`", "$5 and 7$", "```\n$$y$$\n```", "$\\nothing{$"):
        assert same in text
    assert text == draw_formulas(
        "`$x$` and $x^2 < y$, $5 and 7$\n\n```\n$$y$$\n```\n$$\\frac1Z \\Big( w \\Big)$$ $\\nothing{$"
    )


def test_formulas_of_our_notebooks_are_drawn() -> None:
    folder = Path(dx.__file__).resolve().parents[1] / "notebooks"
    if not folder.is_dir():
        pytest.skip("the notebooks lie elsewhere")
    left = []
    for path in sorted(folder.glob("*.ipynb")):
        for cell in json.loads(path.read_text("utf-8"))["cells"]:
            if cell["cell_type"] == "markdown":
                text = re.sub(
                    r"```.*?```|`[^`]*`|<img[^>]*>", "", draw_formulas("".join(cell["source"])), flags=re.DOTALL
                )
                left += [(path.name, found) for found in re.findall(r"\$[^$\n]*[\\\\^_][^$\n]*\$", text)]
    assert left == []
