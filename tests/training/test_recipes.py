"""The recipes of the bundled models: sound settings, known starts, repeatable fresh weights."""

from __future__ import annotations

import pytest
import torch

from detxai_nb.data import scenes
from detxai_nb.training.recipes import RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_settings_are_sound(name: str) -> None:
    recipe = RECIPES[name]
    settings = recipe.settings
    assert sum(share for _, share in settings.mix) == pytest.approx(1)
    assert sum(share for _, share in settings.sizes) == pytest.approx(1)
    assert {mode for mode, _ in settings.mix} <= set(scenes.MODES)
    assert recipe.names[-len(scenes.NAMES) :] == scenes.NAMES
    assert recipe.start is None or recipe.start in RECIPES


@pytest.mark.parametrize("name", RECIPES)
def test_fresh_weights_come_from_the_seed_and_leave_the_global_state(name: str) -> None:
    before = torch.get_rng_state()
    one, same, other = (RECIPES[name].initial_model(seed).state_dict() for seed in (0, 0, 1))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(same[key], value) for key, value in one.items())
    taken = RECIPES[name].transferred_weights(RECIPES[name].initial_model(0))
    fresh = [key for key in one if key not in taken]
    assert any(not torch.equal(other[key], one[key]) for key in fresh) == bool(fresh)


@pytest.mark.parametrize("name", [name for name, recipe in RECIPES.items() if recipe.start])
def test_what_a_recipe_takes_over(name: str) -> None:
    recipe = RECIPES[name]
    model = recipe.initial_model(0)
    taken, fresh = recipe.transferred_weights(model), model.state_dict()
    assert len(taken) > 20
    for key, value in taken.items():
        torch.testing.assert_close(fresh[key], value.to(fresh[key].dtype))
