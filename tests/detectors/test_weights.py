"""Weights from files: what loads, and what is refused before anything is changed or run."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import detxai_nb as dx
from detxai_nb.detectors.weights import fit_weights, read_weights
from detxai_nb.detectors.yolox.network import SIZES, Yolox


@pytest.fixture(scope="module")
def network() -> Yolox:
    torch.manual_seed(0)
    return Yolox(80, SIZES["yolox-nano"]).eval()


@pytest.mark.parametrize("kind", ["safetensors", "official", "plain", "parallel"])
def test_every_file_gives_the_same_detector(tmp_path: Path, network: Yolox, kind: str) -> None:
    state = network.state_dict()
    path = tmp_path / ("w.safetensors" if kind == "safetensors" else "w.pth")
    if kind == "safetensors":
        save_file(state, path)
    elif kind == "official":
        torch.save({"start_epoch": 300, "model": state, "optimizer": {"lr": 0.1}, "best_ap": 0.3}, path)
    else:
        torch.save({("module." if kind == "parallel" else "") + k: v for k, v in state.items()}, path)
    detector = dx.load_detector("yolox-nano", weights=path, device="cpu")
    loaded = detector.module.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    assert detector.input_size == (416, 416)
    assert detector.names[0] == "person"
    assert not any(p.requires_grad for p in detector.module.parameters())


def test_another_architecture_names_the_first_tensor(tmp_path: Path, network: Yolox) -> None:
    path = tmp_path / "nano.safetensors"
    save_file(network.state_dict(), path)
    with pytest.raises(
        ValueError, match=r"not of yolox-tiny: the tensor 'backbone.backbone.stem.conv.conv.weight' is \[16,.*\[24,"
    ):
        dx.load_detector("yolox-tiny", weights=path)
    with pytest.raises(
        ValueError, match=r"not of fcos_resnet50_fpn: the tensor 'backbone.body.conv1.weight' .* missing"
    ):
        dx.load_detector("fcos_resnet50_fpn", weights=path)


def test_nothing_changes_where_one_tensor_does_not_fit(network: Yolox) -> None:
    before = {k: v.clone() for k, v in network.state_dict().items()}
    other = {k: v + 1 for k, v in before.items()}
    name = "head.obj_preds.2.bias"
    with pytest.raises(ValueError, match=r"head\.obj_preds\.2\.bias"):
        fit_weights(network, {**other, name: torch.zeros(9)}, "yolox-nano")
    with pytest.raises(ValueError, match=r"it has no tensor 'extra'"):
        fit_weights(network, {**other, "extra": torch.zeros(9)}, "yolox-nano")
    assert all(torch.equal(network.state_dict()[k], v) for k, v in before.items())


class Harmful:
    """Pickled, it would create a file when loaded."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)

    def __reduce__(self) -> tuple:
        return (open, (self.path, "w"))


def test_a_pickle_that_is_not_plain_tensors_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save({"model": Harmful(tmp_path / "ran")}, tmp_path / "evil.pth")
    (tmp_path / "bare.pth").write_bytes(pickle.dumps(Harmful(tmp_path / "ran")))
    for name in ("evil.pth", "bare.pth"):
        with pytest.raises(ValueError, match=r"is refused: .*save_file"):
            read_weights(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_broken_files_are_named(tmp_path: Path, network: Yolox) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file at .*none\.pth"):
        read_weights(tmp_path / "none.pth")
    (tmp_path / "cut.safetensors").write_bytes(b"\x10\0\0\0")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        read_weights(tmp_path / "cut.safetensors")
    torch.save(network.state_dict(), tmp_path / "cut.pth")
    (tmp_path / "cut.pth").write_bytes((tmp_path / "cut.pth").read_bytes()[:5000])
    with pytest.raises(ValueError, match=r"cannot be read|refused"):
        read_weights(tmp_path / "cut.pth")
    torch.save([1, 2], tmp_path / "list.pth")
    with pytest.raises(ValueError, match="holds no table of tensors"):
        read_weights(tmp_path / "list.pth")
