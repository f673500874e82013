"""What ``import detxai_nb as dx`` shows: the public names, callable modules, and nothing that hides a module."""

from __future__ import annotations

import importlib
import inspect
import pydoc

import pytest

import detxai_nb as dx

TABLES = ("methods", "metrics", "detectors")


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
