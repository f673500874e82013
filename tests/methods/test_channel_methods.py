"""Score-CAM and Ablation-CAM against the whole detector run once for each channel and read at the origin."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from reruns_by_hand import IMAGE, Case
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.methods import channels as shared
from detxai_nb.types import Cancelled, Target

FEW = 3


@pytest.fixture(scope="module", params=["tiny-fcos", "tiny-faster-rcnn", "tiny-detr"])
def case(request: pytest.FixtureRequest) -> Case:
    return Case(request.param)


def without(channel: int) -> Any:
    def change(grid: Tensor) -> Tensor:
        grid = grid.clone()
        grid[:, channel] = 0
        return grid

    return change


def assert_close(found: Tensor, expected: Tensor) -> None:
    assert expected.any()
    assert float((found - expected).abs().max()) <= 1e-4 * float(expected.max())


@pytest.mark.parametrize("method", ["ablation-cam", "score-cam"])
def test_each_channel_alone_changes_the_score_at_the_origin(case: Case, method: str) -> None:
    """The channels are those of the largest mean of activation times gradient, of each detection for itself."""
    maps = dx.explain(case.detector, IMAGE, case.detections, method=method, channels=FEW, batch=2)
    whole, blank = case.scores(case.trace.input), case.scores(torch.zeros_like(case.trace.input))
    assert torch.allclose(whole, case.detections.scores, atol=1e-5)
    for row, (level, evidence) in case.places().items():
        features = case.trace.levels[level].features
        total = torch.zeros_like(features[0])
        best = evidence.argsort(descending=True)[:FEW].tolist()
        for channel in best:
            if method == "ablation-cam":
                left = case.scores(case.trace.input, level, without(channel))[row]
                weight = (whole[row] - left) / whole[row]
            else:
                weight = case.scores(case.trace.input * case.mask(level, channel))[row] - blank[row]
            total += weight * features[channel]
        # A score's fall is known to some 1e-7, and so is the map that is made of it.
        expected = total.clamp(min=0)
        assert float((maps.grids[row] - expected).abs().max()) <= 1e-4 * float(total.abs().max())
        assert maps.diagnostics["channels used"][row] == FEW
        share = float(evidence[best].abs().sum() / evidence.abs().sum())
        assert maps.diagnostics["evidence covered"][row] == pytest.approx(share, rel=1e-4)


class Small(nn.Module):
    """A classifier that is linear after its first layer."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.first = nn.Sequential(nn.Conv2d(3, 6, 3, stride=2, padding=1), nn.ReLU())
        self.last = nn.Linear(6, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.last(self.first(x).mean(dim=(2, 3)))


@pytest.fixture(scope="module")
def small() -> Any:
    return dx.wrap(Small(), names=["a", "b", "c", "d"], family="classifier", input_size=(16, 24), layer="first")


def test_all_channels_by_default_in_batches_of_any_size(small: Any) -> None:
    found = small.detect([IMAGE], 0.0)[0]
    target = Target(score="logit")
    trace = small.trace(IMAGE)
    features, logits = trace.levels[0].features, trace.scalars(found, target)
    falls = small.module.last.weight.detach()[found.labels] * features.mean(dim=(1, 2))
    expected = torch.einsum("nc,chw->nhw", falls / logits.abs()[:, None], features).clamp(min=0)
    for batch in (1, 4, 32):
        maps = dx.explain(small, IMAGE, found, method="ablation-cam", target=target, batch=batch)
        assert torch.allclose(torch.stack(list(maps.grids)), expected, atol=1e-5)
        assert set(maps.diagnostics["channels used"]) == {6.0}
        assert set(maps.diagnostics["evidence covered"]) == {1.0}
    assert (logits < 0).any(), "the size of a negative logit divides, so that it turns no map around"
    everything = dx.explain(small, IMAGE, found, method="ablation-cam", target=target, channels=1000)
    assert all(torch.equal(a, b) for a, b in zip(everything.grids, maps.grids))


def test_weights_of_score_cam(small: Any) -> None:
    found = small.detect([IMAGE], 0.0)[0]

    def of(score: str, **settings: Any) -> Any:
        return dx.explain(small, IMAGE, found, method="score-cam", target=Target(score=score), **settings)

    assert of("logit").settings["weights"] == "softmax"
    assert of("prob").settings["weights"] == "increase"
    for score in ("logit", "prob"):
        for weights in ("softmax", "increase"):
            assert of(score, weights=weights).settings["weights"] == weights
    trace = small.trace(IMAGE)
    wide = nn.functional.interpolate(trace.levels[0].features[None], scale_factor=2, mode="bilinear")[0]
    masks = torch.stack([(one - one.min()) / (one.max() - one.min()) for one in wide])
    scores = small.module(trace.input * masks[:, None])[:, found.labels].T.detach()
    expected = torch.einsum("nc,chw->nhw", scores.softmax(dim=1), trace.levels[0].features)
    assert_close(torch.stack(list(of("logit").grids)), expected)
    assert len({float(grid.sum()) for grid in of("logit", channels=2).grids}) > 1


def test_a_channel_without_contrast_masks_everything(small: Any) -> None:
    grid = torch.stack([torch.full((8, 12), 3.0), torch.rand(8, 12)])
    level = dx.types.Level("first", grid, (2.0, 2.0))
    for kind in ("cells", "corners"):
        masks = dx.methods.score_cam._masks(level, torch.tensor([0, 1]), torch.zeros(1, 3, 16, 24), None, kind)
        assert not masks[0].any()
        assert (float(masks[1].min()), float(masks[1].max())) == (0, 1)


def test_choosing_channels() -> None:
    evidence = torch.tensor([[3.0, -5.0, 1.0], [0.0, 0.0, 0.0]])
    chosen, share = shared.choose(evidence, 2)
    assert chosen[0].tolist() == [True, False, True]
    assert float(share[0]) == pytest.approx(4 / 9)
    assert share[1].isnan()
    assert shared.choose(evidence, None)[0].all()


@pytest.mark.parametrize("method", ["score-cam", "ablation-cam"])
def test_what_cannot_be_done_is_refused_and_cancelling_leaves_nothing(
    small: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = small.detect([IMAGE], 0.0)[0][:1]
    for settings in ({"channels": 0}, {"channels": 1.5}, {"batch": 0}, {"batch": True}):
        with pytest.raises(ValueError, match=f"of '{method}' is a whole number of at least 1"):
            dx.explain(small, IMAGE, found, method=method, **settings)

    def stop(done: int, total: int) -> None:
        raise Cancelled

    before = {name: w.clone() for name, w in small.module.state_dict().items()}
    with pytest.raises(Cancelled):
        dx.explain(small, IMAGE, found, method=method, progress=stop)
    assert all(torch.equal(before[name], w) for name, w in small.module.state_dict().items())
    assert not any(part._forward_hooks or "forward" in vars(part) for part in small.module.modules())
    monkeypatch.setattr(type(small), "offers", ())
    with pytest.raises(TypeError, match=r"needs a detector whose trace gives rerun, which .*: its network has to run"):
        dx.explain(small, IMAGE, found, method=method)
