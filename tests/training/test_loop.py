"""The training loop: repeatable batches, losses that fall, and runs that go on where they stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from detxai_nb.data import scenes
from detxai_nb.training import loop
from detxai_nb.training.loop import MIX, SIZES, TRAINING_SEED, Batches, Run, Settings, losses
from detxai_nb.training.zoo import fresh_model

SMALL = Settings(steps=4, batch=2, rate=1e-3)


@pytest.fixture(autouse=True)
def small_scenes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "SIZES", (((160, 128), 1.0),))
    monkeypatch.setattr(loop, "MIX", (("plain", 1.0),))


def test_shares_add_up() -> None:
    assert sum(share for _, share in MIX) == pytest.approx(1)
    assert sum(share for _, share in SIZES) == pytest.approx(1)
    assert {mode for mode, _ in MIX} <= set(scenes.MODES)


def test_a_batch_is_known_by_its_step_alone() -> None:
    first, again, other = Batches(SMALL)[1], Batches(SMALL)[1], Batches(SMALL)[2]
    assert first[0].shape == (2, 3, 128, 160)
    assert first[0].dtype == torch.uint8
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    scene = scenes.make(3, TRAINING_SEED, "plain", 160, 128)
    assert np.array_equal(first[0][1].permute(1, 2, 0).numpy(), scene.image)
    assert first[1][1]["labels"].tolist() == scene.labels.tolist()


def test_losses_are_those_of_torchvision() -> None:
    images, targets = Batches(SMALL)[0]
    model = fresh_model(0).train()
    model.transform.min_size, model.transform.max_size = (128,), 448
    expected = model([image / 255 for image in images], targets)
    got = losses(model, images, targets, half=False)
    assert got.keys() == expected.keys()
    for name, value in got.items():
        torch.testing.assert_close(value, expected[name], rtol=1e-4, atol=1e-5)


def test_an_interrupted_run_goes_on_as_if_it_had_not_been(tmp_path: Path) -> None:
    whole = Run(fresh_model(1), SMALL, half=False)
    whole.train(0, tmp_path / "whole.pt", lambda line: None, every=2)
    stopped = Run(fresh_model(1), SMALL, half=False)
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.train(0, tmp_path / "part.pt", stop, every=2)
    assert "step 2/4" in lines[0]
    resumed = Run(fresh_model(2), SMALL, half=False)
    resumed.load(tmp_path / "part.pt")
    resumed.train(0, tmp_path / "part.pt", lambda line: None, every=2)
    assert resumed.step == whole.step == 4
    for name, value in whole.averaged.items():
        torch.testing.assert_close(resumed.averaged[name], value, rtol=1e-4, atol=1e-6, msg=name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.pt", "whole.pt"]


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    Run(fresh_model(0), SMALL).save(tmp_path / "a.pt")
    with pytest.raises(ValueError, match="give the same settings"):
        Run(fresh_model(0), Settings(steps=5, batch=2)).load(tmp_path / "a.pt")


def test_training_lowers_the_loss_on_one_batch() -> None:
    batch = Batches(SMALL)[0]
    run = Run(fresh_model(0), Settings(steps=30, batch=2, rate=2e-3), half=False)
    values = [float(run._update(*batch).sum()) for _ in range(15)]
    assert values[-1] < 0.9 * values[0]


def test_fresh_weights_come_from_the_seed_and_leave_the_global_state() -> None:
    before = torch.get_rng_state()
    one, same, other = fresh_model(0), fresh_model(0), fresh_model(1)
    assert torch.equal(torch.get_rng_state(), before)
    weight = "backbone.body.stem.0.0.weight"
    assert torch.equal(one.state_dict()[weight], same.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])
