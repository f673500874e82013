"""The table of methods: who may add to it, how, and what it refuses in words."""

from __future__ import annotations

import types
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import detxai_nb as dx
from detxai_nb import entry_points
from detxai_nb.methods import METHODS, Context, Method, MethodResult, all_methods, find_method
from detxai_nb.methods.d_rise import DRiseSettings
from detxai_nb.methods.registry import ENTRY_POINTS
from detxai_nb.methods.sodex import SodexSettings
from detxai_nb.widgets.shared.options import WidgetOptions


def energy(activation: Tensor, gradient: Tensor, context: Context, *, power: int = 2) -> Tensor:
    return (activation * gradient).abs().sum(dim=1) ** power


@pytest.fixture(autouse=True)
def table() -> Iterator[None]:
    """The table and the memory of what was loaded are as before after each test."""
    all_methods()
    kept, loaded = dict(METHODS), set(entry_points._LOADED)
    yield
    METHODS.clear()
    METHODS.update(kept)
    entry_points._LOADED.clear()
    entry_points._LOADED.update(loaded)


class FakePoint:
    """An entry point of an installed package that gives ``found``, or raises it."""

    dist = types.SimpleNamespace(name="outside")

    def __init__(self, name: str, found: Any) -> None:
        self.name, self.found = name, found

    def load(self) -> Any:
        if isinstance(self.found, Exception):
            raise self.found
        return self.found


def install(monkeypatch: pytest.MonkeyPatch, *points: FakePoint) -> None:
    monkeypatch.setattr(entry_points, "entry_points", lambda group: points if group == ENTRY_POINTS else ())
    entry_points._LOADED.discard(ENTRY_POINTS)


@pytest.mark.parametrize(("name", "settings"), [("d-rise", DRiseSettings), ("sodex", SodexSettings)])
def test_a_dataclass_is_the_only_definition_of_many_settings(name: str, settings: type[Any]) -> None:
    assert METHODS[name].settings is settings
    assert METHODS[name].defaults == {one.name: one.default for one in fields(settings)} == vars(settings())


def test_a_method_made_by_hand_is_found_everywhere() -> None:
    method = dx.methods.register(Method("energy", energy, title="Energy", source="here"))
    assert find_method("energy") is method
    assert dx.methods().loc["energy", "settings"] == "power=2"
    detector = dx.load_detector("tiny-fcos")
    assert "energy" in WidgetOptions.of(detector, {"power": 3}).methods
    image = dx.data.scenes.Scenes(1)[0].image
    found = detector.detect([image])[0]
    assert dx.explain(detector, image, found, method="energy", power=1).settings == {"power": 1}


def test_settings_may_be_a_dataclass() -> None:
    @dataclass(frozen=True)
    class Settings:
        value: float = 2.0
        seed: int = 5

    @dx.methods.perturbation_method("constant", settings=Settings, title="Constant", source="here")
    def constant(detector: Any, image: Any, detections: Any, progress: Any, settings: Settings) -> MethodResult:
        maps = torch.full((len(detections), *image.shape[:2]), settings.value)
        return MethodResult(list(maps), seed=settings.seed)

    detector = dx.wrap_predict(lambda image: ([[0.0, 0.0, 4.0, 4.0]], [0.9], [0]), ("a",))
    image = torch.zeros(3, 6, 8, dtype=torch.uint8)
    maps = dx.explain(detector, image, detector.detect([image])[0], method="constant", value=4.0)
    assert (float(maps.values.mean()), maps.settings, maps.seed) == (4.0, {"value": 4.0, "seed": 5}, 5)
    with pytest.raises(TypeError, match="method 'constant' has no setting 'size'; its settings: value, seed"):
        find_method("constant").complete({"size": 1})


def test_a_taken_name_is_refused_and_a_cell_may_be_run_twice() -> None:
    with pytest.raises(ValueError, match=r"the name 'odam' is taken by ODAM \(detxai_nb.methods.odam.odam\); register"):
        dx.methods.register(Method("odam", energy))
    assert METHODS["odam"].function is not energy
    for _ in range(2):

        @dx.methods.gradient_method("mine", title="Mine", source="here")
        def mine(activation: Tensor, gradient: Tensor, context: Context) -> Tensor:
            return gradient.abs().sum(dim=1)

    assert METHODS["mine"].function is mine


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"name": 3}, TypeError, "a method's name is a text such as 'grad-cam', got 3"),
        ({"name": ""}, ValueError, "a method's name is empty"),
        ({"function": "energy"}, TypeError, "the function of method 'x' cannot be called: 'energy'"),
        ({"kind": "magic"}, ValueError, r"kind of method 'x': known are gradient, trace, perturbation; got \('magic',"),
        ({"parts": ("class", "z1")}, ValueError, "parts of method 'x': known are class, x1"),
        ({"scores": "prob"}, ValueError, "scores of method 'x': known are prob, logit, log-prob; got 'prob'"),
        ({"needs": "attention"}, TypeError, "needs of method 'x' is a tuple of names, got 'attention'"),
        ({"windowed": True}, TypeError, "windowed of method 'x' is a function of its settings, such as lambda .* True"),
        ({"summed": True}, TypeError, "summed of method 'x' is a function of its settings, such as lambda .* True"),
        (
            {"function": lambda a, g: g},
            TypeError,
            r"gradient method 'x' takes \(activation, gradient, context\), got \(a",
        ),
        (
            {"kind": "perturbation"},
            TypeError,
            r"'x' takes \(detector, image, detections, progress\), got .*keyword-only",
        ),
        ({"function": max}, TypeError, r"'x' has no signature .* write a function \(activation, gradient, context\)"),
        ({"settings": {"a": 1}}, TypeError, "settings of method 'x' is a dataclass or None"),
        ({"choices": {"mode": ("a",)}}, ValueError, "method 'x' has choices for mode, which it does not take"),
    ],
)
def test_a_method_checks_itself(arguments: dict[str, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        Method(**{"name": "x", "function": energy, **arguments})


@pytest.mark.parametrize(
    ("function", "error", "words"),
    [
        (lambda a, g, c: (a * g).sum(dim=1).numpy(), TypeError, "a tensor of maps .n,h,w., got ndarray"),
        (lambda a, g, c: None, TypeError, "a tensor of maps .n,h,w., got NoneType"),
        (lambda a, g, c: a * g, ValueError, r"maps \[n,h,w\] = \[2, 3, 4\] for gradients .*, got \[2, 5, 3, 4\]"),
        (lambda a, g, c: (a * g).sum(dim=(0, 1)), ValueError, r"got \[3, 4\]"),
        (lambda a, g, c: (a * g).sum(dim=1)[:, :2], ValueError, r"got \[2, 2, 4\]"),
    ],
)
def test_what_a_gradient_function_returns_is_checked(function: Any, error: type[Exception], words: str) -> None:
    method = find_method(function)
    with pytest.raises(error, match=words):
        method.run(torch.ones(5, 3, 4), torch.ones(2, 5, 3, 4), Context((3, 4), torch.zeros(2, 4)), settings={})


def test_what_the_other_functions_return_is_checked() -> None:
    method = Method("x", lambda trace, detections, progress: torch.zeros(1, 2, 2), "trace")
    with pytest.raises(TypeError, match="the function of method 'x' returns a MethodResult, got Tensor"):
        method.run(None, None, None, settings={})


def test_what_cannot_be_registered() -> None:
    with pytest.raises(TypeError, match="got a Method; register it and use its name 'energy'"):
        find_method(Method("energy", energy))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="register takes a Method, got <function energy"):
        dx.methods.register(energy)  # type: ignore[arg-type]

    def bare(activation: Tensor, gradient: Tensor, context: Context, *, power: int) -> Tensor:
        return gradient.sum(dim=1) ** power

    with pytest.raises(ValueError, match="every setting of method 'bare' needs a default; power has none"):
        dx.methods.register(Method("bare", bare))


def test_an_installed_package_adds_its_methods_when_they_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    outside = Method("energy", energy, title="Energy", source="outside")
    install(monkeypatch, FakePoint("energy", outside))
    assert "energy" not in METHODS
    assert find_method("energy") is outside
    METHODS.pop("energy")
    install(monkeypatch, FakePoint("energy", outside))
    assert "energy" in dx.methods().index


def test_an_entry_point_may_name_a_decorated_function_or_its_module(monkeypatch: pytest.MonkeyPatch) -> None:
    function = dx.methods.gradient_method("energy", title="Energy", source="here")(energy)
    install(monkeypatch, FakePoint("energy", function), FakePoint("module", types.ModuleType("outside")))
    assert find_method("energy").function is energy


def test_a_broken_package_or_a_taken_name_is_left_out_with_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    install(
        monkeypatch,
        FakePoint("broken", ImportError("no module named elsewhere")),
        FakePoint("number", 7),
        FakePoint("odam", Method("odam", energy)),
    )
    with pytest.warns(UserWarning, match="it is left out") as caught:
        known = all_methods()
    said = [str(one.message) for one in caught]
    assert len(said) == 3
    assert "outside adds 'broken' to detxai_nb.methods, which failed (ImportError: no module named" in said[0]
    assert "'number'" in said[1]
    assert "register takes a Method, got 7" in said[1]
    assert "the name 'odam' is taken by ODAM" in said[2]
    assert known["odam"].function is not energy


def test_the_table_is_as_the_guide_says() -> None:
    guide = Path(__file__).resolve().parents[2] / "docs" / "adding" / "method.md"
    assert f'[project.entry-points."{ENTRY_POINTS}"]' in guide.read_text(encoding="utf-8")
