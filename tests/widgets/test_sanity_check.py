"""The SanityCheck without a browser: traits, runs, what a cancelled one keeps, code and pictures."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import stub
from frontend import check_traits
from PIL import Image
from small_inputs import HEIGHT, WIDTH, load_small
from traitlets import TraitError

import detxai_nb as dx
from detxai_nb.data import scenes
from detxai_nb.methods import d_rise
from detxai_nb.widgets import sanity_check, sanity_check_run
from detxai_nb.widgets.shared import improving, serialize

SECONDS = 60
STATES = 6
"""The trained network and five stages."""


@pytest.fixture(scope="module")
def detector() -> Any:
    return load_small("tiny-fcos")


@pytest.fixture
def check(make_any: Any, detector: Any) -> Any:
    """``check(**options)``: a SanityCheck by ODAM alone with one seed, closed after the test."""
    image = scenes.make(2, 11, width=WIDTH, height=HEIGHT).image
    given = {"methods": ["odam"], "seeds": [0]}
    return lambda **options: make_any(dx.widgets.SanityCheck, detector, image, **{**given, **options})


def test_nothing_runs_before_it_is_asked_for_and_the_result_is_that_of_the_check(check: Any, detector: Any) -> None:
    widget = check()
    assert (widget.map_data, widget.status["state"]) == ({}, "idle")
    with pytest.raises(RuntimeError, match="run\\(\\)"):
        _ = widget.result
    before = {name: value.clone() for name, value in detector.module.state_dict().items()}
    widget.run()
    assert widget.wait(SECONDS)
    assert all((before[name] == value).all() for name, value in detector.module.state_dict().items())
    sent = widget.map_data
    assert sent["key"] == widget.wanted == "odam#0#cascading#papers#0"
    assert [m["verdict"] for m in sent["methods"]] == ["passes", "fails"]
    assert (len(sent["stages"]), len(sent["maps"]), sent["note"]) == (STATES, 2 * STATES, "")
    names: dict[str, Any] = {"detector": detector, "image": widget._inputs.image}
    exec(widget.to_code(), names)
    own = names["result"].curve("spearman")
    own = own[own["method"] == "odam"]["median"].tolist()
    assert sent["curves"]["spearman"]["odam"]["median"] == pytest.approx([1.0, *own])


def test_cancelled_halfway_it_keeps_what_it_had_and_runs_again(check: Any) -> None:
    widget = check(seeds=[0, 1, 2])
    widget.run()
    end = time.monotonic() + SECONDS
    while (widget._found is None or len(widget._found.maps) < 4) and time.monotonic() < end:
        time.sleep(0.01)
    widget.cancel()
    assert "of 15 maps" in widget.map_data["note"]
    assert widget.result.maps
    widget.seeds = [0]
    widget.run()
    assert widget.wait(SECONDS)
    assert (widget.map_data["note"], widget.result.seeds) == ("", (0,))


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("mode", "nope", ["cascading", "independent"]),
        ("layers", "nope", ["papers", "blocks"]),
        ("methods", ["odam", "grad-cam", "layer-cam", "d-rise"], ["up to 3"]),
        ("seeds", [0, 0], ["different"]),
        ("measure", "nope", ["spearman", "ssim"]),
        ("step", -1, ["0 or more"]),
        ("selected", 99, ["None"]),
    ],
)
def test_a_wrong_value_is_refused_with_the_allowed_ones(check: Any, name: str, value: Any, allowed: list[str]) -> None:
    widget = check()
    with pytest.raises(TraitError) as caught:
        setattr(widget, name, value)
    for word in [*allowed, name]:
        assert word in str(caught.value)


def test_a_detector_without_a_module_is_refused(make_any: Any) -> None:
    with pytest.raises(TypeError, match="module"):
        make_any(dx.widgets.SanityCheck, stub.StubDetector())


def test_every_key_of_the_front_end_is_a_synced_trait_and_the_other_way_round(check: Any) -> None:
    check_traits(check(), "sanity_check")


def test_the_picture_is_the_grid(check: Any) -> None:
    widget = check()
    narrow = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    widget.run()
    assert widget.wait(SECONDS)
    picture = Image.open(io.BytesIO(widget._repr_mimebundle_()[0]["image/png"]))
    assert picture.width > 2 * narrow.width
    assert np.asarray(picture).std() > 0


def test_it_begins_with_two_known_quick_methods(check: Any) -> None:
    assert check(methods=None).methods == ["odam", "grad-cam"]


def test_the_browser_is_asked_before_a_long_check_and_a_script_is_not(check: Any) -> None:
    widget = check(methods=["odam", "d-rise"], seeds=[0, 1])
    widget._pass_seconds = 0.1
    widget._message(widget, {"type": "run"}, [])
    assert widget.status["state"] == "idle"
    for words in (
        "D-RISE asks the detector up to 5000 times for each of 11 maps",
        "This check takes about 2 h",
        "masks=",
    ):
        assert words in widget.question
    widget.methods = ["odam"]
    assert widget.question == ""
    widget._message(widget, {"type": "run"}, [])
    assert (widget.status["state"], widget.question) == ("busy", "")
    assert widget.wait(SECONDS)


def test_a_long_check_that_is_cancelled_keeps_what_the_quick_methods_found(check: Any) -> None:
    widget = check(methods=["d-rise", "odam"])
    widget._message(widget, {"type": "run", "sure": True}, [])
    end = time.monotonic() + SECONDS
    while len([key for key in widget._found.maps if key[0] == "odam"] if widget._found else []) < STATES - 1:
        assert time.monotonic() < end
        time.sleep(0.02)
    widget.cancel()
    assert widget.status["state"] == "idle"
    result = widget.result
    assert list(result.originals) == ["odam", "control: edges"]
    assert widget.map_data["note"] == "Stopped by hand: 5 of 10 maps, 0 of 1 seeds to the end."


def test_slow_and_quick_methods_together_give_what_they_give_alone(check: Any, detector: Any) -> None:
    widget = check(methods=["d-rise", "odam"], masks=6, layers="papers")
    seen = []
    widget.observe(lambda change: seen.append(change["new"].get("note")), "map_data")
    widget.run()
    assert widget.wait(SECONDS)
    assert any(str(note).startswith("So far") for note in seen)
    names: dict[str, Any] = {"detector": detector, "image": widget._inputs.image}
    exec(widget.to_code(), names)
    assert list(widget.result.originals) == list(names["result"].originals)
    columns = ["method", "step", "seed", "measure", "value"]
    mine, plain = (
        r.table[columns].sort_values(columns[:4]).reset_index(drop=True) for r in (widget.result, names["result"])
    )
    assert mine["value"].tolist() == pytest.approx(plain["value"].tolist(), nan_ok=True)
    assert mine[columns[:4]].equals(plain[columns[:4]])


def wait_for(holds: Callable[[], Any], what: str) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.01)


def test_d_rise_shows_its_map_as_it_improves_and_a_cancelled_check_keeps_it(
    check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(d_rise, "_FIRST_CHECK", 4)
    monkeypatch.setattr(improving, "_LEAST_SECONDS", 0.01)
    widget = check(methods=["d-rise"], masks=3000, batch_size=1, stop_agreement=None)
    seen: list[Any] = []
    widget.observe(lambda change: seen.append(change["new"]), "map_data")
    widget.run()
    wait_for(lambda: len(seen) >= 2, "its map is shown before it is done")
    widget.cancel()
    assert widget.status["state"] == "idle"
    assert len({sent["maps"]["d-rise|0"]["values"] for sent in seen[:2]}) == 2, "and becomes another"
    running, kept = seen[0], widget.map_data
    assert [one["verdict"] for one in running["methods"]] == ["at work"]
    assert [one["verdict"] for one in kept["methods"]] == ["stopped"]
    assert "of up to 3000 masks, split-half correlation" in kept["methods"][0]["words"]
    masks = int(kept["methods"][0]["words"].split()[1])
    assert kept["maps"]["d-rise|0"]["grids"][0]["status"] == f"after {masks} masks"
    detections = widget.detections[[widget.selected]]
    settings = {"masks": masks, "stop_agreement": None}
    wanted = dx.explain(widget._inputs.detector, widget._inputs.image, detections, method="d-rise", **settings)
    drawn = serialize.pack_maps("d-rise|0", "D-RISE", wanted)
    low, high = (drawn["grids"][0][end] for end in ("low", "high"))
    assert kept["maps"]["d-rise|0"]["grids"][0]["low"] == pytest.approx(low, abs=1e-6)
    assert kept["maps"]["d-rise|0"]["grids"][0]["high"] == pytest.approx(high, abs=1e-6)
    assert np.asarray(widget._photo_picture()).std() > 0
    with pytest.raises(RuntimeError, match="no check yet"):
        _ = widget.result


def test_cancelling_waits_for_no_forward_pass_and_for_no_figures(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = check(methods=["odam"])
    begun, go = threading.Event(), threading.Event()
    whole = sanity_check.check_payload

    def slow(found: Any, *rest: Any, **more: Any) -> Any:
        if threading.current_thread() is not threading.main_thread():
            begun.set()
            go.wait(SECONDS)
        return whole(found, *rest, **more)

    monkeypatch.setattr(sanity_check, "check_payload", slow)
    widget.run()
    assert begun.wait(SECONDS)
    widget.cancel()
    assert widget.status["state"] == "idle"
    assert widget.map_data["note"].startswith("Stopped by hand")
    go.set()


def test_a_check_that_fails_keeps_what_it_had_found(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    widget = check(methods=["odam"])
    add = sanity_check_run.SanityRun.add

    def failing(self: Any, step: Any, seed: int, found: Any) -> None:
        add(self, step, seed, found)
        if step.number == 2:
            raise MemoryError("out of memory")

    monkeypatch.setattr(sanity_check_run.SanityRun, "add", failing)
    widget.run()
    assert widget.wait(SECONDS)
    assert (widget.status["state"], "out of memory" in widget.status["text"]) == ("error", True)
    assert "2 of 5 maps" in widget.map_data["note"]
    assert isinstance(widget.error, MemoryError)


def test_filters_choose_the_objects_to_choose_from(check: Any) -> None:
    widget = check()
    name = widget.objects[0]["name"]
    widget.only_class = name
    assert widget.listed == [i for i, thing in enumerate(widget.objects) if thing["name"] == name]
    assert f"names[i] == {name!r}" in widget.code
    widget.question = "asked"
    widget.min_score = 1.0
    assert (widget.listed, widget.question) == ([], "asked")
