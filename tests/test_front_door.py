"""What ``import detxai_nb as dx`` shows: the public names, callable modules, and nothing that hides a module."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import pickle
import pydoc
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import detxai_nb as dx
from detxai_nb import light_torchvision

TABLES = ("methods", "metrics", "detectors")
# What takes seconds to import, and what draws or computes.
HEAVY = ("torch", "torchvision", "numpy", "pandas", "matplotlib", "PIL", "ipywidgets", "transformers")
# What a heat map of a detector does not need, besides.
UNUSED = (
    *("torch._dynamo", "torch._inductor", "sympy", "pandas", "matplotlib", "scipy", "skimage", "sklearn"),
    *(
        "transformers",
        "ultralytics",
        "ipywidgets",
        "anywidget",
        "traitlets",
        "pyarrow",
        "captum",
        "IPython",
        "onnxruntime",
    ),
)


def run_apart(code: str, *words: str) -> str:
    """What code prints in an interpreter of its own, which has imported nothing yet."""
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_dir_shows_only_what_is_public() -> None:
    assert dir(dx) == sorted(dx.__all__)
    for name in dir(dx):
        assert name == "__version__" or not name.startswith("_")
        assert getattr(dx, name) is not None


@pytest.mark.parametrize("name", TABLES)
def test_the_tables_are_modules_that_can_be_called(name: str) -> None:
    module = importlib.import_module(f"detxai_nb.{name}")
    assert module is getattr(dx, name)
    assert inspect.ismodule(module)
    assert len(getattr(dx, name)()) > 10
    assert set(module.__all__) <= set(dir(module))
    assert not [shown for shown in dir(module) if shown.startswith("_") or not hasattr(module, shown)]
    assert module.__name__ in pydoc.render_doc(module, renderer=pydoc.plaintext)


def test_every_method_is_found_by_its_file() -> None:
    assert {"odam", "grad_cam", "g_came", "d_rise", "sodex"} <= set(dir(dx.methods))
    assert inspect.ismodule(dx.methods.odam)
    assert callable(dx.methods.odam.odam)


def test_shift_tab_shows_every_option() -> None:
    shown = inspect.signature(dx.evaluate).parameters
    assert {"store", "executor", "progress", "protocol", "seed", "limit", "method_settings", "strict"} <= set(shown)
    assert not [p for p in shown.values() if p.kind is inspect.Parameter.VAR_KEYWORD]
    assert "Args:" in (dx.evaluate.__doc__ or "")


def imported_for_type_checkers() -> dict[str, str]:
    """The module of each name that the package imports for type checkers and editors."""
    tree = ast.parse(Path(dx.__file__).read_text(encoding="utf-8"))
    blocks = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    imports = [node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_type_checkers_see_what_is_imported_on_first_use() -> None:
    told = imported_for_type_checkers()
    assert {*told, "__version__"} == set(dx.__all__)
    for name, home in told.items():
        assert getattr(dx, name) is getattr(importlib.import_module(home), name), name


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    code = """if True:
        import contextlib, io, json, sys
        import detxai_nb as dx
        from detxai_nb.cli import main

        found, heavy = {}, set(sys.argv[1:])
        found["import"] = sorted(heavy & set(sys.modules))
        dir(dx)
        hasattr(dx, "no_such")
        found["dir"] = sorted(heavy & set(sys.modules))
        for line in (
            "--help", "--version", "", "no-such", "explain", "explain --help", "evaluate --help", "lab --help",
            "methods --help", "explain a.png --out a.gif", "explain a.png --out no/such/folder/a.png",
            "evaluate", "evaluate odam --scenes none", "evaluate odam --no-such", "fetch --help", "example --number -1",
            "doctor --help",
        ):
            with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                with contextlib.suppress(SystemExit):
                    main(line.split())
            found[line] = sorted(heavy & set(sys.modules))
        print(json.dumps(found))
    """
    found = json.loads(run_apart(code, *HEAVY))
    assert not {line: modules for line, modules in found.items() if modules}


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    """What one new interpreter answers to several questions, since each takes seconds to import PyTorch."""
    code = """if True:
        import json, pickle, sys
        explain = pickle.loads(bytes.fromhex(sys.argv[1]))
        answers = {"unpickled": explain.__name__}

        import detxai_nb as dx
        detector = dx.load_detector("tiny-fcos", device="cpu")
        image = dx.data.scenes.make(3, seed=1).image
        explain(detector, image, detector.detect([image], score_threshold=0.3)[0][:1]).values
        answers["explained"] = sorted(set(sys.argv[2:]) & set(sys.modules))

        from torchvision.ops.roi_align import is_compile_supported
        answer = is_compile_supported("cpu")
        import torch._dynamo.utils
        real = torch._dynamo.utils
        same = answer == real.is_compile_supported("cpu") and sys.modules["torch._dynamo.utils"] is real
        answers["compiler"] = same and hasattr(real, "counters") and "site-packages" in real.__file__

        import numpy as np
        import detxai_nb.plots.heatmaps
        from detxai_nb import *
        answers["everything imported"] = "matplotlib" in sys.modules
        detxai_nb.plots.heatmaps.overlay(np.zeros((2, 3, 3), np.uint8), np.eye(2, 3))
        answers["painted"] = "matplotlib.pyplot" in sys.modules
        print(json.dumps(answers))
    """
    found: dict[str, Any] = json.loads(run_apart(code, pickle.dumps(dx.explain).hex(), *UNUSED))
    return found


def test_a_heat_map_needs_no_table_no_drawing_and_no_compiler(answers: dict[str, Any]) -> None:
    """And the compiler's function that torchvision was told of is the compiler's when it is called."""
    assert answers["explained"] == []
    assert answers["compiler"]


def test_nothing_loads_matplotlib_or_pyplot_before_a_picture_is_drawn(answers: dict[str, Any]) -> None:
    assert not answers["everything imported"]
    assert not answers["painted"]


def test_what_stands_in_for_a_module_is_that_module_for_whoever_got_hold_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "slow_part.py").write_text(
        "VALUE = 3\n\ndef is_compile_supported(device):\n    return device == 'cpu'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    stand_in = light_torchvision._StandIn("slow_part")
    for use in (lambda held: held.is_compile_supported("cpu"), lambda held: held.VALUE == 3):
        monkeypatch.setitem(sys.modules, "slow_part", stand_in)
        from slow_part import is_compile_supported

        assert sys.modules["slow_part"] is stand_in, "it is not imported before it is used"
        assert use(stand_in)
        assert sys.modules["slow_part"].__file__ == str(tmp_path / "slow_part.py")
        assert is_compile_supported("cpu")
        assert not is_compile_supported("no such")
    with pytest.raises(AttributeError, match="no_such"):
        _ = stand_in.no_such
    assert not hasattr(stand_in, "__path__")


def test_completion_in_a_notebook_shows_every_name_and_imports_nothing() -> None:
    pytest.importorskip("jedi")
    code = """if True:
        import json, sys
        import jedi
        import detxai_nb as dx

        found = [one.name for one in jedi.Interpreter("dx.", [{"dx": dx}]).complete(1, 3)]
        print(json.dumps([found, sorted(set(sys.argv[1:]) & set(sys.modules))]))
    """
    names, imported = json.loads(run_apart(code, *HEAVY))
    assert set(dx.__all__) <= set(names)
    assert not imported


def test_any_public_name_can_be_the_first_that_is_used() -> None:
    """Nothing depends on the order in which the parts of the package are imported."""
    code = """if True:
        import importlib, sys
        import pycocotools.mask, ipywidgets, detxai_nb.light_torchvision  # once, for all

        for home in sys.argv[1:]:
            for module in [one for one in sys.modules if one.partition(".")[0] == "detxai_nb"]:
                del sys.modules[module]
            importlib.import_module(home)
        print("done")
    """
    told = imported_for_type_checkers().items()
    homes = {f"{home}.{name}" if home == "detxai_nb" else home for name, home in told}
    assert run_apart(code, *sorted(homes)) == "done\n"


def test_a_name_that_is_none_is_an_attribute_error() -> None:
    for name in ("no_such", "_private", "a.b", ""):
        with pytest.raises(AttributeError, match="module 'detxai_nb' has no attribute"):
            getattr(dx, name)
    with pytest.raises(ImportError, match="cannot import name 'no_such'"):
        exec("from detxai_nb import no_such")
    assert dx.geometry is importlib.import_module("detxai_nb.geometry")


@pytest.mark.parametrize("error", [ImportError("no module of that kind"), AttributeError("half a torch")])
def test_what_goes_wrong_in_an_import_is_said_in_its_own_words(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> None:
        raise error

    monkeypatch.delitem(vars(dx), "explain", raising=False)
    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(ImportError, match=str(error)):
        dx.explain  # noqa: B018
    with pytest.raises(ImportError, match=str(error)):
        exec("from detxai_nb import explain")


def test_public_functions_travel_to_other_processes(answers: dict[str, Any]) -> None:
    assert answers["unpickled"] == "explain"
    for name in ("explain", "load_detector", "Target", "HeatMaps"):
        assert pickle.loads(pickle.dumps(getattr(dx, name))) is getattr(dx, name)


def test_help_is_that_of_the_function() -> None:
    assert pydoc.render_doc(dx.explain, renderer=pydoc.plaintext).startswith("Python Library Documentation: function")
    shown = pydoc.render_doc(dx, renderer=pydoc.plaintext)
    assert "explain(" in shown
    assert "class HeatMaps" in shown
