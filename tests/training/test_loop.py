"""The training loop: repeatable batches, losses that fall, and runs that go on where they stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from detxai_nb.data import scenes
from detxai_nb.detectors.zoo.networks.torchvision import tiny_fcos
from detxai_nb.training.loop import TRAINING_SEED, Batches, TrainingRun, TrainingSettings, pool_index
from detxai_nb.training.recipes import RECIPES
from detxai_nb.training.torchvision_losses import fcos_losses

SMALL = TrainingSettings(steps=4, batch=2, rate=1e-3, mix=(("plain", 1.0),), sizes=(((160, 128), 1.0),))


def fresh_model(seed: int) -> Any:
    return RECIPES["tiny-fcos"].initial_model(seed)


def run_of_recipe(name: str, seed: int) -> TrainingRun:
    """A short run with the losses of a recipe, on few crowds of one class."""
    recipe = RECIPES[name]
    settings = replace(SMALL, steps=4, mix=(("one-class-crowd", 1.0),), pool=3, frozen=recipe.settings.frozen)
    return TrainingRun(recipe.initial_model(seed), recipe.losses, settings, half=False)


def run(seed: int, settings: TrainingSettings = SMALL) -> TrainingRun:
    return TrainingRun(fresh_model(seed), fcos_losses, settings, half=False)


def test_a_batch_is_known_by_its_step_alone() -> None:
    first, again, other = Batches(SMALL)[1], Batches(SMALL)[1], Batches(SMALL)[2]
    assert first[0].shape == (2, 3, 128, 160)
    assert first[0].dtype == torch.uint8
    assert torch.equal(first[0], again[0])
    assert not torch.equal(first[0], other[0])
    scene = scenes.make(3, TRAINING_SEED, "plain", 160, 128)
    assert np.array_equal(first[0][1].permute(1, 2, 0).numpy(), scene.image)
    assert first[1][1]["labels"].tolist() == scene.labels.tolist()


def test_shortcut_scenes_carry_the_cue_of_the_settings() -> None:
    settings = replace(SMALL, mix=(("shortcut", 1.0),), cue_class="mug", cue_kind="floor")
    image = Batches(settings)[1][0][0].permute(1, 2, 0).numpy()
    scene = scenes.make(2, TRAINING_SEED, "shortcut", 160, 128, cue_class="mug", cue_kind="floor")
    assert np.array_equal(image, scene.image)


@pytest.mark.parametrize(
    "fresh",
    [
        pytest.param(run, id="tiny-fcos"),
        pytest.param(partial(run_of_recipe, "tiny-fcos-crowd-odam"), id="tiny-fcos-crowd-odam"),
        pytest.param(partial(run_of_recipe, "tiny-faster-rcnn-crowd-odam"), id="tiny-faster-rcnn-crowd-odam"),
    ],
)
def test_an_interrupted_run_goes_on_as_if_it_had_not_been(fresh: Callable[[int], TrainingRun], tmp_path: Path) -> None:
    whole = fresh(1)
    whole.train(0, tmp_path / "whole.pt", lambda line: None, every=2)
    stopped = fresh(1)
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped.train(0, tmp_path / "part.pt", stop, every=2)
    assert "step 2/4" in lines[0]
    resumed = fresh(2)
    resumed.load(tmp_path / "part.pt")
    resumed.train(0, tmp_path / "part.pt", lambda line: None, every=2)
    assert resumed.step == whole.step == 4
    for name, value in whole.averaged.items():
        assert torch.equal(resumed.averaged[name], value), name
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["part.pt", "whole.pt"]


def test_a_checkpoint_of_other_settings_is_refused_by_the_first_difference(tmp_path: Path) -> None:
    run(0).save(tmp_path / "a.pt")
    other = run(0, TrainingSettings(steps=5, batch=2))
    before = {name: value.clone() for name, value in other.model.state_dict().items()}
    with pytest.raises(ValueError, match="steps is 4, this run has 5; give the same settings or another --out"):
        other.load(tmp_path / "a.pt")
    assert other.step == 0
    assert all(torch.equal(value, before[name]) for name, value in other.model.state_dict().items())


def test_a_checkpoint_of_another_model_is_refused_by_the_first_difference(tmp_path: Path) -> None:
    run(0).save(tmp_path / "a.pt")
    smaller = TrainingRun(tiny_fcos(3), fcos_losses, SMALL, half=False)
    with pytest.raises(ValueError, match=r"another model: head\.classification_head\.cls_logits\.weight is \[10, 64"):
        smaller.load(tmp_path / "a.pt")
    named = TrainingRun(fresh_model(0), fcos_losses, SMALL, half=False, about={"recipe": "tiny-fcos"})
    with pytest.raises(ValueError, match="this run has recipe, it has not"):
        named.load(tmp_path / "a.pt")


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 cut"])
def test_what_is_no_checkpoint_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.pt").write_bytes(content)
    with pytest.raises(ValueError, match="no checkpoint of a training"):
        run(0).load(tmp_path / "a.pt")


def test_a_checkpoint_that_runs_code_is_refused(tmp_path: Path) -> None:
    torch.save({"settings": Path("a")}, tmp_path / "a.pt")
    with pytest.raises(ValueError, match="no checkpoint of a training"):
        run(0).load(tmp_path / "a.pt")
    torch.save({"settings": {}}, tmp_path / "b.pt")
    with pytest.raises(ValueError, match="it has no step, model, averaged, optimizer, scheduler"):
        run(0).load(tmp_path / "b.pt")
    with pytest.raises(FileNotFoundError, match="no checkpoint"):
        run(0).load(tmp_path / "c.pt")


def test_a_pool_is_gone_through_in_another_order_each_time() -> None:
    settings = replace(SMALL, pool=6)
    seed = TRAINING_SEED + settings.seed
    turns = [[pool_index(6 * turn + place, 6, seed) for place in range(6)] for turn in range(3)]
    assert all(sorted(turn) == list(range(6)) for turn in turns)
    assert len({tuple(turn) for turn in turns}) == 3
    images, targets = Batches(settings)[4]
    for place in range(2):
        scene = scenes.make(turns[1][2 + place], seed, "plain", 160, 128)
        assert np.array_equal(images[place].permute(1, 2, 0).numpy(), scene.image)
        assert targets[place]["labels"].tolist() == scene.labels.tolist()


def test_training_lowers_the_loss_on_one_batch() -> None:
    batch = Batches(SMALL)[0]
    training = run(0, replace(SMALL, steps=30, rate=2e-3))
    values = [sum(training._update(*batch).values()) for _ in range(15)]
    assert values[-1] < 0.9 * values[0]


def test_fresh_weights_come_from_the_seed_and_leave_the_global_state() -> None:
    before = torch.get_rng_state()
    one, same, other = fresh_model(0), fresh_model(0), fresh_model(1)
    assert torch.equal(torch.get_rng_state(), before)
    weight = "backbone.body.stem.0.0.weight"
    assert torch.equal(one.state_dict()[weight], same.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], other.state_dict()[weight])


def test_what_a_step_draws_is_known_by_its_number() -> None:
    """Faster R-CNN's samplers draw proposals from the global state."""
    recipe, batch = RECIPES["tiny-faster-rcnn"], Batches(SMALL)[0]
    before, seen = torch.get_rng_state(), []
    for _ in range(2):
        training = TrainingRun(recipe.initial_model(0), recipe.losses, SMALL, half=False)
        seen.append(training._update(*batch))
        torch.rand(3)
    assert seen[0] == seen[1]
    torch.set_rng_state(before)


def test_what_is_frozen_stays_and_the_rest_learns() -> None:
    settings = replace(SMALL, frozen=("backbone.body.",))
    training = run(0, settings)
    before = {name: value.clone() for name, value in training.model.state_dict().items()}
    training._update(*Batches(SMALL)[0])
    after = training.model.state_dict()
    changed = {name for name, value in before.items() if not torch.equal(after[name], value)}
    assert not [name for name in changed if name.startswith("backbone.body.")]
    assert {"backbone.fpn.inner_blocks.0.0.weight", "head.classification_head.conv.0.weight"} <= changed
