"""Metrics that are added from outside: by register, by the decorator and by an installed package's entry point."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from pictures import HEIGHT, WIDTH, case

import detxai_nb as dx
from detxai_nb import entry_points
from detxai_nb.metrics import METRICS, Measured, Metric, MetricInput


def zeros(case: MetricInput) -> Measured:
    return Measured(torch.zeros(len(case), dtype=torch.float64))


def other(case: MetricInput) -> Measured:
    return Measured(torch.ones(len(case), dtype=torch.float64))


def mine(**fields: Any) -> Metric:
    about = {"name": "mine", "title": "Mine", "function": zeros, "higher_is_better": True, "source": "here"}
    return Metric(**{**about, **fields})


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = dict(METRICS)
    yield
    METRICS.clear()
    METRICS.update(before)


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretend that an installed package declares metrics; what is an exception cannot be loaded."""

    def point(name: str, loaded: Any) -> Any:
        def load() -> Any:
            if isinstance(loaded, Exception):
                raise loaded
            return loaded() if isinstance(loaded, type(lambda: 0)) and loaded.__name__ == "<lambda>" else loaded

        return SimpleNamespace(name=name, load=load, dist=SimpleNamespace(name="a-package"))

    def declare(**loaded: Any) -> None:
        monkeypatch.setattr(entry_points, "_LOADED", set())
        found = [point(name, value) for name, value in loaded.items()]
        monkeypatch.setattr(entry_points, "entry_points", lambda group: found if group == "detxai_nb.metrics" else [])

    return declare


def test_a_registered_metric_is_found_and_listed() -> None:
    metric = dx.metrics.register(mine())
    assert dx.metrics.find_metric("mine") is metric
    assert dx.metrics().index[-1] == "mine"
    again = mine(title="Mine again")
    assert dx.metrics.register(again) is dx.metrics.find_metric("mine"), "the cell of a notebook may run twice"


def test_a_taken_name_is_refused_in_words() -> None:
    words = r"the name 'vea' is taken by the metric 'Visual explanation accuracy'.*such as 'my-vea'"
    with pytest.raises(ValueError, match=words):
        dx.metrics.register(mine(name="vea"))
    with pytest.raises(ValueError, match=words):
        dx.metrics.metric("vea", title="Mine", source="here", higher_is_better=True)(zeros)
    dx.metrics.register(mine())
    with pytest.raises(ValueError, match="the name 'mine' is taken"):
        dx.metrics.register(mine(function=other))
    assert METRICS["mine"].function is zeros


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": 3}, "name of the metric 3 is of type str, got 3"),
        ({"title": None}, "title of the metric 'mine' is of type str, got None"),
        ({"higher_is_better": "yes"}, "higher_is_better of the metric 'mine' is of type bool, got 'yes'"),
        ({"needs": "mask"}, r"needs is a tuple of names, such as \('mask',\), got 'mask'"),
        ({"uses_annotation": "no"}, "uses_annotation of the metric 'mine' is of type bool, got 'no'"),
        ({"function": lambda: 1}, r"metric 'mine' takes \(case, \*, settings...\): too many positional arguments"),
        ({"function": lambda case, power: 1}, "missing a required argument: 'power'; settings are keyword-only"),
        ({"function": 1}, r"the metric 'mine' needs a function \(case, \*\*settings\), got 1"),
    ],
)
def test_wrong_types_are_refused_in_words(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        dx.metrics.register(mine(**fields))


def test_what_is_no_metric_or_has_unknown_values_is_refused_in_words() -> None:
    with pytest.raises(TypeError, match=r"register takes a dx.metrics.Metric, got <function zeros.*the decorator"):
        dx.metrics.register(zeros)
    for fields, words in (
        ({"name": "My metric"}, "a metric's name is a slug such as 'energy-pointing-box', got 'My metric'"),
        ({"function": lambda case, *, power: 1}, "every setting of metric 'mine' needs a default; power has none"),
        ({"choices": {"mode": ("a",)}}, "metric 'mine' has choices for mode, which it does not take"),
        ({"empty_map": "none"}, "empty_map of 'mine' is a number, NaN or 'random order'; got 'none'"),
        ({"needs": frozenset({"masks"})}, "a metric can need mask, part, others, detector; got masks"),
        ({"in_comparison": "yes"}, "in_comparison of 'mine' is one of 'shown', 'offered', 'on request'; got 'yes'"),
    ):
        with pytest.raises(ValueError, match=words):
            dx.metrics.register(mine(**fields))


def test_an_installed_package_adds_a_metric_when_its_name_is_looked_up(install: Callable[..., None]) -> None:
    install(mine=mine())
    assert "mine" not in METRICS, "nothing is loaded before it is needed"
    assert dx.metrics.find_metric("vea").name == "vea"
    assert "mine" not in METRICS
    assert dx.metrics.find_metric("mine").title == "Mine"


def test_an_installed_package_adds_a_metric_when_the_table_is_made(install: Callable[..., None]) -> None:
    install(mine=mine())
    assert dx.metrics().index[-1] == "mine"


def test_an_entry_point_may_name_a_decorated_function(install: Callable[..., None]) -> None:
    decorate = dx.metrics.metric("decorated", title="Decorated", source="here", higher_is_better=True)
    install(decorated=lambda: decorate(zeros))
    assert dx.metrics.find_metric("decorated").function is zeros


def test_a_broken_package_is_left_out_with_a_warning(install: Callable[..., None]) -> None:
    install(broken=ImportError("no module named nothing"), mine=mine(), vea=mine(name="vea", function=other))
    with pytest.warns(UserWarning, match="it is left out") as told:
        table = dx.metrics()
    assert "mine" in table.index
    words = [str(one.message) for one in told]
    assert any("a-package adds 'broken' to detxai_nb.metrics, which failed (ImportError" in text for text in words)
    assert any("adds 'vea'" in text and "is taken by the metric" in text for text in words)
    assert METRICS["vea"].function is not other


def test_an_unknown_name_tells_those_of_installed_packages_too(install: Callable[..., None]) -> None:
    install(mine=mine())
    with pytest.raises(ValueError, match=r"unknown metric 'nothing'; known: pointing-game-box.*, mine$"):
        dx.metrics.find_metric("nothing")


@pytest.mark.parametrize(
    ("returned", "error", "words"),
    [
        (torch.zeros(2), TypeError, r"the function of metric 'mine' returns Measured\(value\), got Tensor"),
        (None, TypeError, "got NoneType"),
        (Measured(0.5), TypeError, "metric 'mine' returns a tensor as Measured.value, got float"),  # type: ignore[arg-type]
        (Measured(torch.zeros(1)), ValueError, r"one value for each object, \[2\], got \[1\]"),
        (Measured(torch.tensor(0.5)), ValueError, r"one value for each object, \[2\], got \[\]"),
    ],
)
def test_what_a_metric_returns_is_checked(returned: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        mine(function=lambda case: returned).measure(case(torch.ones(2, HEIGHT, WIDTH)))
