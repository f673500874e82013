"""The test itself: cumulative from the output down, always the same prediction, and a control that is exposed."""

from __future__ import annotations

import inspect
import itertools
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from sanity_cases import found_in, narrow_fcos, scene, tiny

import detxai_nb as dx
from detxai_nb import sanity
from detxai_nb.plots.standing_off import as_gray
from detxai_nb.sanity import runner
from detxai_nb.sanity.private_copy import private_copy
from detxai_nb.sanity.randomization import drawn_tensors
from detxai_nb.types import Target

SPEARMAN = sanity.Similarity(measures="spearman")


def fast(**settings: Any) -> dict[str, Any]:
    """Arguments of a check with one seed and one measure."""
    return {"randomization": sanity.Randomization(**{"seeds": 0, **settings}), "comparison": SPEARMAN}


def narrow() -> tuple[Any, np.ndarray, dx.Detections]:
    detector, image = narrow_fcos(), scene()[:120, :170]
    return detector, image, found_in(detector, image)


def changed_layers(module: torch.nn.Module, before: dict[str, torch.Tensor]) -> set[str]:
    """The layers whose own values are not the trained ones."""
    now = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return {name.rpartition(".")[0] for name, value in now.items() if not torch.equal(value, before[name])}


@pytest.mark.parametrize("mode", sanity.MODES)
@pytest.mark.parametrize("layers", ["papers", "blocks", ["backbone.0", "head.classification_head.cls_logits"]])
def test_layers_are_randomized_from_the_output_down(mode: str, layers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    detector, image, found = narrow()
    module = detector.module
    copies: list[Any] = []
    monkeypatch.setattr(runner, "private_copy", lambda *given: copies.append(private_copy(*given)) or copies[-1])
    before = {n: t.detach().clone() for n, t in (*module.named_parameters(), *module.named_buffers())}
    movable = {n for n, p in module.named_modules() if any(bool((t != t.flatten()[0]).any()) for t in drawn_tensors(p))}
    seen, weights = [], []

    def look(step: sanity.Step, seed: int, maps: dict[str, dx.HeatMaps]) -> None:
        assert changed_layers(copies[0].module, before) == movable.intersection(step.layers)
        assert changed_layers(module, before) == set()
        assert set(maps) == {"odam", sanity.EDGES}
        if not step.number:
            assert (seen, step.layers, seed) == ([], (), -1)
            return
        seen.append(step)
        weights.append(copies[0].module.head.classification_head.cls_logits.weight.detach().clone())

    result = sanity.check(detector, image, found, "odam", on_step=look, **fast(mode=mode, layers=layers))
    assert tuple(seen) == result.steps
    assert "head.classification_head.cls_logits" in (seen[0].layers if layers != "blocks" else movable)
    assert "backbone.0" in seen[-1].layers
    assert changed_layers(module, before) == set()
    if mode == "cascading":
        assert all(set(a.layers) < set(b.layers) for a, b in itertools.pairwise(seen))
        assert result.full
        assert set(seen[-1].layers) >= movable
        random = [w for s, w in zip(seen, weights) if "head.classification_head.cls_logits" in s.layers]
        assert all(torch.equal(random[0], w) for w in random), "what is random stays as it is further down"
    else:
        assert not result.full
        assert not set(seen[0].layers) & set(seen[-1].layers)


@pytest.mark.parametrize(
    "name", ["tiny-fcos", "tiny-retinanet", "tiny-faster-rcnn", "tiny-ssd", "tiny-detr", "tiny-vgg"]
)
def test_every_family_has_five_stages_from_its_outputs_to_its_stem(name: str) -> None:
    if name == "tiny-detr":
        pytest.importorskip("transformers", reason="tiny-detr needs transformers")
    detector = tiny(name)
    five = sanity.stages(detector, scene())
    assert len(five) == 5
    assert five[-1].name == "stem"
    every = [path for path, part in detector.module.named_modules() if drawn_tensors(part)]
    for preset in sanity.PRESETS:
        stages = sanity.stages(detector, scene(), preset)
        assert sorted(path for stage in stages for path in stage.layers) == sorted(every)
        assert sorted(stages[-1].down_to) == sorted(every)


def test_the_same_seed_gives_the_same_maps() -> None:
    detector, image, found = narrow()
    one, two, other = (sanity.check(detector, image, found, "odam", **fast(seeds=[seed])) for seed in (3, 3, 4))
    assert one.table.equals(two.table)
    assert all(torch.equal(a, b) for k in one.maps for a, b in zip(one.maps[k].grids, two.maps[k].grids))
    assert not torch.equal(one.maps[("odam", 5, 3)].grids[0], other.maps[("odam", 5, 4)].grids[0])


@pytest.mark.parametrize("name", ["tiny-fcos", "tiny-faster-rcnn", "tiny-detr"])
def test_the_target_is_the_original_prediction(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "tiny-detr":
        pytest.importorskip("transformers", reason="tiny-detr needs transformers")
    detector, image = tiny(name), scene()
    found = found_in(detector, image)
    stage = sanity.stages(detector, image, "all")[0]
    asked = []
    monkeypatch.setattr(
        detector, "detect", lambda *given: asked.append(given) or type(detector).detect(detector, *given)
    )
    result = sanity.check(detector, image, found, ["odam", "grad-cam"], **fast(layers="all"))
    # This detector cannot be copied: its ``detect`` belongs to the first one. One look shows that, another the order of
    # the layers.
    assert len(asked) == 2, "the image is never looked at by random weights"

    holding = detector.holding(image, found) if name == "tiny-faster-rcnn" else sanity.randomized(detector.module, [])
    with holding, sanity.randomized(detector.module, stage.layers, seed=0):
        maps = dx.compare(detector, image, found, methods=["odam", "grad-cam"])
        scores = detector.trace(image).scalars(found, Target())
    for method in ("odam", "grad-cam"):
        for mine, theirs in zip(result.maps[(method, 1, 0)].grids, maps[method].grids):
            torch.testing.assert_close(mine, theirs)
        assert result.maps[(method, 1, 0)].detections.boxes.tolist() == found.boxes.tolist()
    table = result.table.query("measure == 'score' and step == 1 and method == 'odam'")
    assert table["value"].tolist() == pytest.approx(scores.tolist())
    trained = result.table.query("measure == 'score' and step == 0 and method == 'odam'")
    assert trained["value"].tolist() == pytest.approx(found.scores.tolist(), abs=1e-3)


def test_the_proposals_of_faster_rcnn_stay_where_they_were() -> None:
    detector, image = tiny("tiny-faster-rcnn"), scene()
    found = found_in(detector, image)

    def proposals() -> torch.Tensor:
        return torch.cat([part.proposals for part in detector.trace(image).regions(found)])

    before = proposals()
    with sanity.randomized(detector.module, ["backbone.fpn", "rpn"], 1):
        assert not torch.allclose(proposals(), before, atol=1)
    with detector.holding(image, found), sanity.randomized(detector.module, ["backbone.fpn", "rpn"], 1):
        assert torch.equal(proposals(), before)
    assert torch.equal(proposals(), before)
    result = sanity.check(detector, image, found, "odam", layer="roi", **fast(layers="all"))
    random = result.maps[("odam", 1, 0)]
    assert random.corners == result.originals["odam"].corners
    assert random.strides == result.originals["odam"].strides


def test_the_edge_map_is_exposed_and_odam_is_not() -> None:
    detector, image = tiny(), scene()
    result = sanity.check(
        detector,
        image,
        found_in(detector, image),
        ["odam", "grad-cam", "layer-cam"],
        randomization=sanity.Randomization(seeds=[0, 1, 2]),
    )
    verdict = result.verdict()
    assert verdict["verdict"].to_dict() == {
        "odam": sanity.PASSES, "grad-cam": sanity.PASSES, "layer-cam": sanity.PASSES, sanity.EDGES: sanity.FAILS
    }  # fmt: skip
    assert verdict.loc[sanity.EDGES, "resemblance"] == 1
    edges = result.table[(result.table["method"] == sanity.EDGES) & result.table["measure"].isin(sanity.MEASURES)]
    assert (edges["value"] == 1).all()
    assert result.verdict(threshold=1.0).loc[sanity.EDGES, "verdict"] == sanity.PASSES
    efficient = result.efficient()
    assert efficient.loc[sanity.EDGES, "rise"] == 0
    assert efficient.loc["odam", "rise"] > 0
    assert efficient["model_rise"].iloc[0] != 0


def test_any_kind_of_method_is_checked() -> None:
    detector, image, found = narrow()

    def mine(activation: torch.Tensor, gradient: torch.Tensor, context: Any) -> torch.Tensor:
        return (activation * gradient).sum(dim=1)

    settings = {"d-rise": {"masks": 24, "seed": 1}, "odam": {"direction": "signed"}}
    result = sanity.check(
        detector, image, found, ["odam", mine, "d-rise"], method_settings=settings, **fast(layers="all")
    )
    assert result.methods == ("odam", "mine", "d-rise", sanity.EDGES)
    assert result.originals["odam"].signed
    assert tuple(result.originals["d-rise"].grids[0].shape) == image.shape[:2]
    # Three figures of the trained network's map, four of the random one's.
    assert len(result.table) == len(found) * len(result.methods) * (3 + 4)
    assert set(result.table["measure"]) == {"spearman", "complexity", "score", "score change"}


def test_a_map_that_vanishes_resembles_nothing() -> None:
    detector, image, found = narrow()
    calls = []

    def fading(activation: torch.Tensor, gradient: torch.Tensor, context: Any) -> torch.Tensor:
        calls.append(1)
        return (activation * gradient).sum(dim=1) * (len(calls) == 1)

    def blank(activation: torch.Tensor, gradient: torch.Tensor, context: Any) -> torch.Tensor:
        return 0 * gradient.sum(dim=1)

    result = sanity.check(detector, image, found[0], [fading, blank], **fast(layers="all"))
    spearman = result.table.query("measure == 'spearman'").set_index("method")
    assert spearman.loc["fading", "status"] == "vanished"
    assert spearman.loc["blank", "status"] == "no original map"
    assert spearman.loc[["fading", "blank"], "value"].isna().all()
    verdict = result.verdict()
    assert verdict.loc["fading", ["verdict", "resemblance", "vanished"]].tolist() == [sanity.PASSES, 0, 1]
    assert verdict.loc["blank", "verdict"] == sanity.UNDECIDED


def test_the_smooth_test_averages_maps_of_noisy_images() -> None:
    detector, image, found = narrow()
    plain, smooth = (
        sanity.check(detector, image, found, "grad-cam", **fast(layers="all", smooth=count)) for count in (0, 3)
    )
    a, b = plain.originals["grad-cam"], smooth.originals["grad-cam"]
    assert a.grids[0].shape == b.grids[0].shape
    assert not torch.allclose(a.grids[0], b.grids[0])
    assert np.array_equal(b.image, image)
    # The explained score is that of the image itself.
    scores = [r.table.query("measure == 'score'")["value"].tolist() for r in (plain, smooth)]
    assert scores[0] == pytest.approx(scores[1])
    assert smooth.verdict().loc[sanity.EDGES, "verdict"] == sanity.FAILS


def test_independent_randomization_is_judged_by_the_stage_that_matters_most() -> None:
    detector, image, found = narrow()
    result = sanity.check(detector, image, found, "odam", **fast(mode="independent"))
    medians = result.table.query("measure == 'spearman' and method == 'odam'")
    medians = medians.assign(value=medians["value"].abs().fillna(0)).groupby("step")["value"].median()
    verdict = result.verdict().loc["odam"]
    assert verdict["step"] == medians.idxmin()
    assert verdict["resemblance"] == pytest.approx(medians.min())


def test_progress_counts_up_to_its_total() -> None:
    detector, image, found = narrow()
    calls: list[tuple[int, int]] = []
    sanity.check(detector, image, found, ["odam", "grad-cam"], progress=lambda *now: calls.append(now), **fast())
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    assert len({total for _, total in calls}) == 1
    assert calls[-1][0] == calls[-1][1]


def test_it_draws_itself() -> None:
    detector, image, found = narrow()
    settings = {
        "randomization": sanity.Randomization(seeds=[0, 1]),
        "comparison": sanity.Similarity(measures=["spearman", "hog"]),
    }
    result = sanity.check(detector, image, found, ["odam"], **settings)
    for options in ({}, {"number": 1, "measure": "score", "seed": 1}):
        figure = result.plot(**options)
        assert len(figure.axes) == 2 * 6 + 1
    assert result._repr_png_().startswith(b"\x89PNG")
    assert "2 seeds" in repr(result)
    plain = result.originals["odam"]
    low, high = float(plain.values[0].min()), float(plain.values[0].max())
    share = ((plain.values[0] - low) / (high - low)).numpy()
    camouflage = (colormaps["viridis"](share)[..., :3] * 255).astype(np.uint8)
    own = replace(plain, image=camouflage)
    drawn = replace(result, originals={**result.originals, "odam": own}).plot().axes[0].images[0].get_array()
    assert (drawn[share == 0] == as_gray(camouflage)[share == 0]).all(), "in grey where the map would not be seen"
    with pytest.raises(ValueError, match="seed is one of 0, 1; got 7"):
        result.plot(seed=7)
    with pytest.raises(IndexError, match="no number 9"):
        result.plot(9)
    with pytest.raises(ValueError, match="measure is one of 'complexity'"):
        result.plot(measure="beauty")
    curve = result.curve("hog")
    assert curve.query("method == 'control: edges'")["median"].tolist() == [1.0] * 5
    assert math.isfinite(curve["high"].max())


@pytest.mark.parametrize(
    ("kind", "options", "says"),
    [
        (sanity.Randomization, {"mode": "sideways"}, "mode is one of 'cascading', 'independent'"),
        (sanity.Randomization, {"seeds": []}, "seeds are different whole numbers"),
        (sanity.Randomization, {"seeds": [1, 1]}, "seeds are different whole numbers"),
        (sanity.Randomization, {"seeds": -1}, "seeds are different whole numbers"),
        (sanity.Randomization, {"init": "zeros"}, "init is one of"),
        (sanity.Randomization, {"smooth": -1}, "smooth is 0 or"),
        (sanity.Randomization, {"smooth": 2, "noise": 0}, "noise is above 0"),
        (sanity.Similarity, {"region": "box"}, "region is one of 'support', 'image'"),
        (sanity.Similarity, {"threshold": 1.5}, "threshold is from 0 to 1"),
        (sanity.Similarity, {"measures": ["rank"]}, "measures are among"),
        (sanity.Similarity, {"measures": []}, "measures are among"),
    ],
)
def test_settings_out_of_range_are_named(kind: Any, options: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        kind(**options)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"randomization": "sideways"}, "mode is one of 'cascading', 'independent'"),
        (fast(layers="some"), "layers is one of 'papers'"),
        (fast(layers=["neck.7"]), "'neck.7' is no submodule with weights of FCOS; some that are: head"),
        (fast(layers=[]), "layers is empty"),
        ({"methods": "nothing"}, "unknown method 'nothing'"),
    ],
)
def test_mistakes_are_named(options: dict[str, Any], says: str) -> None:
    detector, image, found = narrow()
    with pytest.raises(ValueError, match=says):
        sanity.check(detector, image, found, **options)


def test_unknown_arguments_and_settings_are_refused_with_the_known_ones() -> None:
    detector, image, found = narrow()
    with pytest.raises(TypeError, match=r"check\(\) has no argument 'mode'; its keyword arguments are randomization,"):
        sanity.check(detector, image, found, mode="independent")
    with pytest.raises(TypeError, match="randomization is 'cascading' or 'independent' or a Randomization, got 3"):
        sanity.check(detector, image, found, randomization=3)


def test_the_settings_are_complete_and_stay_with_the_result() -> None:
    detector, image, found = narrow()
    randomization = sanity.Randomization("independent", layers=["head"], seeds=range(2))
    comparison = sanity.Similarity(measures=["ssim"], region="image", threshold=0.25)
    assert (randomization.layers, randomization.seeds) == (("head",), (0, 1))
    assert comparison.measures == ("spearman", "ssim")
    assert sanity.Randomization.of("independent") == sanity.Randomization(mode="independent")
    result = sanity.check(detector, image, found, "odam", randomization=randomization, comparison=comparison)
    assert (result.randomization, result.comparison) == (randomization, comparison)
    assert (result.mode, result.seeds, result.measures, result.threshold) == (
        "independent", (0, 1), ("spearman", "ssim"), 0.25
    )  # fmt: skip
    assert result.settings == {"layer": None, "method_settings": {}}


def test_the_signature_shows_every_argument_with_its_default() -> None:
    shown = inspect.signature(sanity.check).parameters
    assert "options" not in shown
    assert [shown[name].default for name in ("target", "layer", "on_step")] == ["class", None, None]


def test_a_detector_without_weights_or_steady_queries_is_refused_in_words() -> None:
    detector, image, found = narrow()
    closed = dx.wrap_predict(lambda images: [], names=list("ab"))
    with pytest.raises(TypeError, match="has no module whose weights could be randomized"):
        sanity.check(closed, image, found)
    chosen = dx.Detections(found.boxes, found.scores, found.labels, found.names, origin_fields=("query", "cell"))
    with pytest.raises(TypeError, match="queries of this FCOS are chosen by its weights"):
        sanity.check(detector, image, chosen)
