"""Weights from files: what loads, and what is refused before anything is changed or run."""

from __future__ import annotations

import copy
import pickle
from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

import detxai_nb as dx
from detxai_nb.detectors.weights import differentiable, fit_weights, read_weights
from detxai_nb.detectors.yolox.network import SIZES, Yolox


@pytest.fixture(scope="module")
def network() -> Yolox:
    torch.manual_seed(0)
    return Yolox(80, SIZES["yolox-nano"]).eval()


def under(prefix: str, state: dict[str, Any]) -> dict[str, Any]:
    return {prefix + name: tensor for name, tensor in state.items()}


LOSS = {"criterion.weight": torch.ones(3)}
# How trainers write the same tensors.
CHECKPOINTS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "plain": lambda state: state,
    "official latest": lambda state: {"start_epoch": 3, "model": state, "optimizer": {"lr": 0.1}, "curr_ap": None},
    "official best": lambda state: {"model": state, "best_ap": np.float64(0.3), "curr_ap": np.float32(0.3)},
    "arrays beside": lambda state: {"model": state, "curve": np.arange(3.0), "flag": np.bool_(True), "n": np.int64(3)},
    "command line": lambda state: {
        "model": state,
        "args": Namespace(lr=0.1, out=Path("runs"), nested=Namespace(a=[1])),
        "when": datetime(2024, 1, 1),
        "history": defaultdict(list, {"loss": [0.5]}),
    },
    "parallel": lambda state: under("module.", state),
    "compiled": lambda state: under("_orig_mod.", state),
    "compiled in parallel": lambda state: {"state_dict": under("module._orig_mod.", state)},
    "Lightning": lambda state: {"state_dict": {**under("model.", state), **LOSS}, "epoch": 3},
    "Lightning compiled": lambda state: {"state_dict": under("detector.net._orig_mod.", state)},
    "Lightning averaged": lambda state: {
        "state_dict": {**under("ema_model.module.", {k: v + 1 for k, v in state.items()}), **under("model.", state)}
    },
    "average": lambda state: {"ema": {"module": state, "updates": 7}},
    "both": lambda state: {"ema": {k: v + 1 for k, v in state.items()}, "model": state},
    "safetensors": lambda state: state,
    "safetensors compiled": lambda state: under("_orig_mod.", state),
}


@pytest.mark.parametrize("kind", CHECKPOINTS)
@pytest.mark.filterwarnings("ignore:.*states nothing of its input:UserWarning")
def test_every_file_gives_the_same_detector(tmp_path: Path, network: Yolox, kind: str) -> None:
    state = network.state_dict()
    path = tmp_path / ("w.safetensors" if "safetensors" in kind else "w.pth")
    (save_file if "safetensors" in kind else torch.save)(CHECKPOINTS[kind](state), path)
    detector = dx.load_detector("yolox-nano", weights=path, device="cpu")
    loaded = detector.module.state_dict()
    assert all(torch.equal(loaded[name], value) for name, value in state.items())
    assert detector.input_size == (416, 416)
    assert detector.names[0] == "person"
    assert not any(p.requires_grad for p in detector.module.parameters())


@pytest.mark.filterwarnings("ignore:.*states nothing of its input:UserWarning")
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


def test_what_is_ignored_beside_the_tensors_runs_nothing(tmp_path: Path, network: Yolox) -> None:
    before = torch.serialization.get_safe_globals()

    class Holder:
        def __reduce__(self) -> tuple:
            return (np.core.multiarray.scalar if np.__version__ < "2" else np._core.multiarray.scalar, (np.dtype("O"),))

    torch.save({"model": network.state_dict(), "args": Namespace(out=Harmful(tmp_path / "ran"))}, tmp_path / "evil.pth")
    with pytest.raises(ValueError, match="is refused"):
        read_weights(tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()
    torch.save({"model": network.state_dict(), "score": Holder()}, tmp_path / "object.pth")
    assert len(read_weights(tmp_path / "object.pth")) == len(network.state_dict())
    assert torch.serialization.get_safe_globals() == before


def test_one_name_twice_is_refused(tmp_path: Path) -> None:
    torch.save({"a.weight": torch.ones(1), "module.a.weight": torch.zeros(1)}, tmp_path / "two.pth")
    with pytest.raises(ValueError, match=r"holds the tensor 'a.weight' twice, once as 'module.a.weight'"):
        read_weights(tmp_path / "two.pth")


def test_a_tensor_that_is_missing_behind_a_prefix_is_named(network: Yolox) -> None:
    weights = under("model.", network.state_dict())
    del weights["model.head.obj_preds.2.bias"]
    with pytest.raises(ValueError, match=r"'head\.obj_preds\.2\.bias' \[1\] is missing"):
        fit_weights(network, weights, "yolox-nano")


def test_weights_made_in_inference_mode_are_copied_once() -> None:
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    assert differentiable(module) is module
    with torch.inference_mode():
        made = copy.deepcopy(module).double().float()
        module.cache = [torch.ones(2)]
    for one in (made, module):
        again = differentiable(one)
        assert again is not one
        assert differentiable(again) is again
        assert all(torch.equal(a, b) for a, b in zip(again.state_dict().values(), module.state_dict().values()))


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


@pytest.mark.parametrize("key", ["model_state", "weights", "params", "model_ema", "state_dict_ema"])
def test_further_names_of_trainers_are_known(tmp_path: Path, network: Yolox, key: str) -> None:
    torch.save({key: network.state_dict(), "epoch": 3}, tmp_path / "a.pth")
    assert len(read_weights(tmp_path / "a.pth")) == len(network.state_dict())


def test_an_averaged_model_is_its_network(tmp_path: Path, network: Yolox) -> None:
    averaged = torch.optim.swa_utils.AveragedModel(network)
    torch.save(averaged.state_dict(), tmp_path / "a.pth")
    assert set(read_weights(tmp_path / "a.pth")) == set(network.state_dict())


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("nan", "holds NaN or infinity; take an earlier checkpoint"),
        ("inf", "holds NaN or infinity"),
        ("complex", "is a complex tensor.*save the weights as plain float32 tensors"),
        ("sparse", "is a sparse tensor"),
        ("quantized", "is a quantized tensor"),
        ("meta", "is a meta tensor"),
    ],
)
# What PyTorch says of quantized tensors, which are to go.
@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_what_are_no_weights_is_refused_and_nothing_changes(network: Yolox, kind: str, words: str) -> None:
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    name, tensor = next((name, tensor) for name, tensor in before.items() if tensor.ndim == 4)
    changed = {
        "nan": tensor * torch.nan,
        "inf": tensor + torch.inf,
        "complex": tensor + 0j,
        "sparse": tensor.to_sparse(),
        "quantized": torch.quantize_per_tensor(tensor, 0.1, 0, torch.qint8),
        "meta": tensor.to("meta"),
    }[kind]
    with pytest.raises(ValueError, match=words):
        fit_weights(network, {**before, name: changed}, "yolox-nano")
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
