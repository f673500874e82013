"""What bundled models have in common is stored once, and comes back to the bit."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from detxai_nb.detectors import catalogue
from detxai_nb.detectors.catalogue import ZOO, bundled_weights
from detxai_nb.detectors.zoo.storage import DIFFERENCE, SCALE, Storage, pack, unpack
from detxai_nb.training import zoo

BASE = {"body.w": torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(0)).half(), "head.b": torch.ones(4)}


def test_what_the_base_has_is_left_out_and_comes_back_to_the_bit() -> None:
    state = {"net.body.w": BASE["body.w"].clone(), "net.head.b": torch.zeros(4), "own": torch.arange(3)}
    storage = Storage("base", {"net.": ""})
    stored = pack(state, BASE, storage)
    assert set(stored) == {"net.head.b", "own"}
    again = unpack(stored, BASE, storage.shared)
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], tensor) and again[name].dtype == tensor.dtype for name, tensor in state.items())


def test_eight_bit_differences_are_off_by_half_a_step_at_most() -> None:
    moved = BASE["body.w"].float() + 0.01 * torch.randn(4, 3, 2, generator=torch.Generator().manual_seed(1))
    moved[2] = BASE["body.w"][2].float()
    state = {"body.w": moved, "head.b": torch.full((4,), 2.0)}
    stored = pack(state, BASE, Storage("base", eight_bits=True))
    assert set(stored) == {f"body.w{DIFFERENCE}", f"body.w{SCALE}", "head.b"}
    assert stored[f"body.w{DIFFERENCE}"].dtype == torch.int8
    again = unpack(stored, BASE, {"": ""})
    most = (moved - BASE["body.w"].float()).abs().flatten(1).amax(1)
    off = (again["body.w"] - moved).abs().flatten(1).amax(1)
    assert (off <= most / 254 + 1e-7).all()
    assert torch.equal(again["body.w"][2], moved[2]), "a row that did not change"
    assert torch.equal(again["head.b"], state["head.b"])


def test_a_difference_from_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="'w:difference' is a difference from a tensor that the base does not have"):
        unpack({f"w{DIFFERENCE}": torch.zeros(2, 2, dtype=torch.int8)}, {}, {"": ""})


@pytest.fixture
def copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of two bundled models, of which one is stored on the other."""
    for name in ("tiny-fcos", "tiny-ssd"):
        for end in ("json", "safetensors"):
            shutil.copy(ZOO / f"{name}.{end}", tmp_path)
    monkeypatch.setattr(catalogue, "ZOO", tmp_path)
    monkeypatch.setattr(zoo, "ZOO", tmp_path)
    return tmp_path


def test_a_model_is_refused_where_the_one_that_it_is_stored_on_has_changed(copied: Path) -> None:
    state = load_file(copied / "tiny-fcos.safetensors")
    save_file({name: tensor + 1 for name, tensor in state.items()}, copied / "tiny-fcos.safetensors")
    with pytest.raises(ValueError, match=r"tiny-fcos\.safetensors is not the file that its card describes"):
        bundled_weights("tiny-ssd")


def test_what_was_trained_is_put_into_the_package(copied: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder, state = tmp_path_factory.mktemp("trained"), bundled_weights("tiny-ssd")
    changed = "head.classification_head.module_list.0.bias"
    state[changed] = state[changed] + 1
    save_file(state, folder / "tiny-ssd.safetensors")
    shutil.copy(copied / "tiny-ssd.json", folder)
    assert zoo._main(["tiny-ssd", "--bundle", str(folder), "--device", "cpu"]) == 0
    assert torch.equal(bundled_weights("tiny-ssd")[changed], state[changed])
    assert (copied / "tiny-ssd.safetensors").stat().st_size < (folder / "tiny-ssd.safetensors").stat().st_size / 2
    assert json.loads((copied / "tiny-ssd.json").read_text())["stored_on"]["model"] == "tiny-fcos"
