"""Every notebook of the series runs from its first cell to its last, and is committed as it should be."""

from __future__ import annotations

import base64
import importlib.util
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import forked_kernels
import pytest
from PIL import Image

# Imported where they are used: every process collects this file, and few run it.
pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("nbformat") is None or importlib.util.find_spec("nbclient") is None,
    reason='notebooks need: python -m pip install -e ".[test]"',
)

REPOSITORY = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted((REPOSITORY / "notebooks").glob("*.ipynb"))
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.DOTALL)
SOLUTIONS = sorted((REPOSITORY / "notebooks" / "solutions").glob("*.ipynb"))
# The copy with the solutions holds every cell of the students' copy, and its outputs are those of the students' copy.
RUN = [*SOLUTIONS, *(path for path in NOTEBOOKS if path.name not in {one.name for one in SOLUTIONS})]
PICTURE, VIEW = "image/png", "application/vnd.jupyter.widget-view+json"


def png(color: tuple[int, int, int], size: tuple[int, int] = (3, 2), *, palette: bool = False) -> str:
    """A picture of one colour, in base64."""
    out = io.BytesIO()
    made = Image.new("RGB", size, color)
    (made.quantize() if palette else made).save(out, "PNG")
    return base64.b64encode(out.getvalue()).decode()


DOT = png((255, 0, 0), palette=True)


@pytest.fixture(scope="module")
def stripper(ci_script: Callable[[str], ModuleType]) -> ModuleType:
    """The script that makes notebooks fit for committing."""
    return ci_script("strip_notebooks")


@pytest.fixture(scope="module")
def kernels() -> Iterator[forked_kernels.KernelParent]:
    """Where kernels come from."""
    parent = forked_kernels.KernelParent()
    yield parent
    parent.close()


def with_this_package() -> str:
    """The same for all kernels: what they are forked from has read it once for all."""
    return os.pathsep.join(filter(None, [str(REPOSITORY), os.environ.get("PYTHONPATH")]))


def read(path: Path) -> Any:
    import nbformat

    return nbformat.read(path, as_version=4)


def called(path: Path) -> str:
    """The notebook's name in the name of a test."""
    return f"solutions-{path.stem}" if path in SOLUTIONS else path.stem


def outputs(notebook: Any) -> list[Any]:
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]


def test_there_is_a_start() -> None:
    assert NOTEBOOKS
    assert NOTEBOOKS[0].name == "00_start_here.ipynb"


@pytest.mark.parametrize("path", RUN, ids=called)
def test_it_runs_in_the_quick_profile(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernels: forked_kernels.KernelParent
) -> None:
    monkeypatch.setenv("DETXAI_NB_PROFILE", "quick")
    monkeypatch.setenv("PYTHONPATH", with_this_package())
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    import nbclient
    from jupyter_client.provisioning import local_provisioner

    if forked_kernels.ARE_SAFE:
        monkeypatch.setattr(local_provisioner, "launch_kernel", kernels.launch)
    notebook = read(path)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    client = nbclient.NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}
    )
    started: list[Any] = []
    client.on_notebook_start = lambda notebook: started.append(client.km.provisioner.process)
    try:
        client.execute()
    finally:
        # On a busy machine the manager gives up after some seconds, and leaves a process that nobody has waited for.
        for kernel in started:
            kernel.wait(60)
    complaints = [o.text for o in outputs(notebook) if o.output_type == "stream" and o.name == "stderr"]
    assert not complaints
    found = [output.get("data", {}) for output in outputs(notebook)]
    for data, then in zip(found, [*found[1:], {}]):
        assert VIEW not in data or PICTURE in {**data, **then}, "a widget leaves a picture in its place"
    assert sum(PICTURE in output.get("data", {}) for output in outputs(notebook)) >= 3
    exercises_are_answered(notebook)


def exercises_are_answered(notebook: Any) -> None:
    """Solutions are right, and what students find has no answer yet."""
    for cell in notebook.cells:
        if cell.cell_type == "code" and "dx.check(" in cell.source:
            said = cell.outputs[-1].data["text/plain"]
            expected = " Right." if "solution" in cell.metadata.get("tags", []) else "No answer yet."
            assert expected in said, f"{cell.source!r}: {said}"
        if cell.cell_type == "code" and "dx.check.feedback(" in cell.source:
            said = cell.outputs[-1].data["text/plain"]
            assert "No answer yet.\n" in said, f"executed beside an old record of progress: {said}"
        if cell.cell_type == "code" and "dx.check.progress(" in cell.source:
            assert "solved" not in cell.outputs[-1].data["text/plain"], "executed beside an old record of progress"


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SOLUTIONS], ids=called)
def test_it_is_committed_with_pictures_and_without_widget_state(path: Path, stripper: ModuleType) -> None:
    import nbformat

    notebook = read(path)
    nbformat.validate(notebook)
    assert stripper.faults(notebook, path.stat().st_size) == []
    assert stripper.strip(notebook) == []
    counts = [cell.execution_count for cell in notebook.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "executed once, from the first cell to the last"
    exercises_are_answered(notebook)


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SOLUTIONS], ids=called)
def test_every_cell_of_code_is_short_and_explained(path: Path) -> None:
    notebook = read(path)
    for before, cell in zip(notebook.cells, notebook.cells[1:]):
        if cell.cell_type == "code":
            assert before.cell_type == "markdown", f"nothing is said before {cell.source!r}"
            assert len(cell.source.splitlines()) <= 12
    assert notebook.cells[0].source.startswith("# ")


LINK = re.compile(r"\]\((?!https?://)([^)#]+)")


@pytest.mark.parametrize("path", [*NOTEBOOKS, *SOLUTIONS], ids=called)
def test_its_links_lead_to_files_that_are_copied_with_it(path: Path) -> None:
    """`detxai-nb lab` copies notebooks and the glossary, so nothing else lies beside a student's copy."""
    texts = [cell.source for cell in read(path).cells if cell.cell_type == "markdown"]
    links = [link for text in texts for link in LINK.findall(text)]
    assert links
    for link in links:
        target = (path.parent / link).resolve()
        assert target.is_file(), f"{link} is not there"
        assert target.parent == REPOSITORY / "notebooks", f"{link} is not copied with the notebooks"


# What a card says, in this order.
CARD = ("Question", "Goals", "Before this", "Time", "Needed")


@pytest.mark.parametrize("path", SOLUTIONS, ids=called)
def test_a_lesson_has_its_parts(path: Path) -> None:
    """A card whose minutes add up, a misconception, when to use the method, a questionnaire, and where to go on."""
    from detxai_nb.check.authoring import read_authored

    cells, number = read(path).cells, path.name.partition("_")[0]
    texts = [cell.source for cell in cells if cell.cell_type == "markdown"]
    exercises = read_authored(path.with_name(f"{number}.toml"))["exercises"]
    card = texts[1]
    assert card.startswith("## On one card")
    assert re.findall(r"^- \*\*(.+?)\.\*\*", card, re.MULTILINE)[: len(CARD)] == list(CARD)
    assert re.search(r"^- \*\*Papers?\.\*\* .*\*.+\*", card, re.MULTILINE), "it names no paper"
    whole, parts = re.search(r"About (\d+) minutes: (.+)\.", card).groups()  # type: ignore[union-attr]
    minutes = [int(one) for one in re.findall(r" (\d+)(?:,|$)", parts)]
    assert sum(minutes) == int(whole)
    assert minutes[-1] == sum(one["minutes"] for one in exercises), "the last part is the exercises"
    assert {one["kind"] for one in exercises} - {"choice"}
    everything = "\n".join(texts)
    for part in ("**A common misconception:", "**Strengths", "**Limits", "When to use", "ext steps\n"):
        assert part in everything, f"it has no {part.strip()!r}"
    told, asked, last = cells[-3:]
    assert "## How was it?" in told.source.splitlines()
    assert asked.source == f'dx.check.feedback("{number}", goals=..., minutes=..., unclear="")'
    assert "ext steps\n" in last.source


def bad_formulas(text: str) -> list[str]:
    """The formulas of a markdown cell that JupyterLab would not render, or other than they are meant."""
    plain = re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.DOTALL)
    found = FORMULA.findall(plain)
    bad = [one for one in found if re.search(r"\\\\[A-Za-z,;!|]", one) or not balanced(one)]
    return bad + (["a $ without its partner"] if "$" in FORMULA.sub("", plain).replace(r"\$", "") else [])


def balanced(formula: str) -> bool:
    """Whether every brace is closed and every \\left has its \\right."""
    plain = formula.replace(r"\{", "").replace(r"\}", "")
    lefts, rights = (len(re.findall(rf"\\{side}\b", formula)) for side in ("left", "right"))
    return plain.count("{") == plain.count("}") and lefts == rights


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_formulas_render(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            assert bad_formulas(cell.source) == []


def test_formulas_that_do_not_render_are_found() -> None:
    assert bad_formulas(r"$\sigma^2$ and $$\max_{n\neq i} \{a\}$$, `$HOME`") == []
    assert bad_formulas(r"$\\sigma$") == [r"$\\sigma$"]
    assert bad_formulas(r"$$\frac{1}{2$$") == [r"$$\frac{1}{2$$"]
    assert bad_formulas("it costs 5$ a piece") == ["a $ without its partner"]


def _notebook(*outputs: dict[str, Any], metadata: dict[str, Any] | None = None) -> Any:
    import nbformat

    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.from_dict(output) for output in outputs])
    return nbformat.v4.new_notebook(cells=[cell], metadata=metadata or {})


def _shown(**data: Any) -> dict[str, Any]:
    return {"output_type": "display_data", "data": data, "metadata": {}}


def test_stripping_takes_the_view_beside_a_picture_and_the_state(stripper: ModuleType) -> None:
    notebook = _notebook(_shown(**{VIEW: {"model_id": "1"}, PICTURE: DOT}), metadata={"widgets": {"state": {}}})
    assert len(stripper.strip(notebook)) == 2
    assert outputs(notebook)[0].data == {PICTURE: DOT}
    assert "widgets" not in notebook.metadata
    assert stripper.strip(notebook) == []
    assert stripper.faults(notebook, 10) == []


def test_stripping_takes_the_view_above_a_picture_of_its_own(stripper: ModuleType) -> None:
    notebook = _notebook(_shown(**{VIEW: {"model_id": "1"}}), _shown(**{PICTURE: DOT}))
    assert stripper.strip(notebook) == ["cell 0: a widget's view above its picture"]
    assert [output.data for output in outputs(notebook)] == [{PICTURE: DOT}]


def test_stripping_makes_pictures_lighter_once(stripper: ModuleType) -> None:
    notebook = _notebook(_shown(**{PICTURE: png((250, 130, 3))}))
    said = ["cell 0: a picture without a palette, or wider than 1100 pixels"]
    assert stripper.strip(notebook) == said
    assert _picture(notebook).getpixel((2, 1)) == (247, 132, 0)
    assert stripper.strip(notebook) == []
    wide = _notebook(_shown(**{PICTURE: png((255, 0, 0), (2200, 300))}))
    assert stripper.strip(wide) == said
    assert (_picture(wide).size, _picture(wide).getpixel((9, 9))) == ((1100, 150), (255, 0, 0))
    assert stripper.strip(wide) == []


def _picture(notebook: Any) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(outputs(notebook)[0].data[PICTURE]))).convert("RGB")


def test_faults_that_stripping_cannot_mend_are_named(stripper: ModuleType) -> None:
    bare = _notebook(_shown(**{VIEW: {"model_id": "1"}}))
    failed = _notebook({"output_type": "error", "ename": "ValueError", "evalue": "", "traceback": []})
    assert stripper.faults(bare, 10) == ["cell 0: a widget without a picture in its place"]
    assert stripper.faults(failed, 10) == ["cell 0: it ended in ValueError"]
    assert stripper.faults(_notebook(), 10) == ["it was never executed"]
    assert "more than" in stripper.faults(_notebook(_shown(**{PICTURE: DOT})), 10_000_000)[0]


def test_check_changes_nothing_and_fails(stripper: ModuleType, tmp_path: Path) -> None:
    import nbformat

    path = tmp_path / "one.ipynb"
    nbformat.write(_notebook(_shown(**{VIEW: {}, PICTURE: DOT})), path)
    before = path.read_bytes()
    assert stripper.main(["--check", str(path)]) == 1
    assert path.read_bytes() == before
    assert stripper.main([str(path)]) == 0
    assert stripper.main(["--check", str(path)]) == 0


IMPORTS = """
import json, os, sys
import matplotlib.pyplot as plt
import pandas, torch
"""
PROBE = """
plt.plot([1, 2])
plt.show()
print(json.dumps({
    "environment": {name: value for name, value in os.environ.items() if name != "JPY_PARENT_PID"},
    "folder, path": [os.getcwd(), sys.path, sys.argv[0]],
    "flags": [sys.flags, sys.warnoptions],
    "made before": "made" in globals(),
    "matplotlib": dict(plt.rcParams),
    "pandas": pandas.describe_option(_print_desc=False).lower(),
    "torch": torch.__config__.parallel_info(),
}, default=str))
"""


def test_the_colours_of_thin_lines_stay_apart(stripper: ModuleType) -> None:
    """Beside a photograph, which takes most of a palette."""
    import numpy as np

    pixels = np.random.default_rng(0).integers(0, 256, (300, 300, 3)).astype(np.uint8)
    lines = [(31, 119, 180), (255, 127, 14), (44, 160, 44), (214, 39, 40), (148, 103, 189), (140, 86, 75)]
    for number, color in enumerate(lines):
        pixels[280 + 3 * number, 20:60] = color
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    lighter = stripper.lighten(base64.b64encode(out.getvalue()).decode())
    seen = np.asarray(Image.open(io.BytesIO(base64.b64decode(lighter))).convert("RGB"))
    for number, color in enumerate(lines):
        assert np.abs(seen[280 + 3 * number, 20:60].astype(int) - color).max() <= 24, color


@pytest.mark.skipif(not forked_kernels.ARE_SAFE, reason="kernels are forked on Linux only")
def test_a_forked_kernel_is_like_one_that_starts_by_itself(
    kernels: forked_kernels.KernelParent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import nbclient
    import nbformat
    from jupyter_client.provisioning import local_provisioner

    def said(*sources: str) -> list[Any]:
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
        resources = {"metadata": {"path": str(tmp_path)}}
        nbclient.NotebookClient(notebook, timeout=60, kernel_name="python3", resources=resources).execute()
        return outputs(notebook)

    monkeypatch.setenv("PYTHONPATH", with_this_package())
    picture, told = said(IMPORTS, PROBE)
    monkeypatch.setattr(local_provisioner, "launch_kernel", kernels.launch)
    with monkeypatch.context() as other:
        other.setenv("OF_ANOTHER", "1")
        said("made = 1; import os; os.chdir('/')")
    forked_picture, forked_told = said(IMPORTS, PROBE)
    assert forked_picture.data[PICTURE] == picture.data[PICTURE]
    by_itself, forked = json.loads(told.text), json.loads(forked_told.text)
    assert {name: one for name, one in forked.items() if one != by_itself[name]} == {}


@pytest.mark.skipif(not forked_kernels.ARE_SAFE, reason="kernels are forked on Linux only")
def test_a_forked_kernel_that_is_killed_has_ended(kernels: forked_kernels.KernelParent, tmp_path: Path) -> None:
    import signal

    kernel = kernels.launch(["python", "-m", "ipykernel_launcher", "-f", str(tmp_path / "kernel.json")], {**os.environ})
    assert kernel.poll() is None
    kernel.kill()
    assert kernel.wait(60) == kernel.poll() == -signal.SIGKILL
    kernel.kill()


def test_the_kernel_is_this_interpreter() -> None:
    from jupyter_client.kernelspec import KernelSpecManager

    assert KernelSpecManager().get_kernel_spec("python3").argv[0] in ("python", sys.executable)
