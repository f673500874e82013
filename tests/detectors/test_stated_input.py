"""What the metadata of a weights file state of the network's input is what the network gets."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import detxai_nb as dx
from detxai_nb.detectors.yolox.network import SIZES, Yolox
from detxai_nb.stated_input import read_stated_input
from detxai_nb.testing import NAMES, photograph

IMAGENET = "x/255, then (x-[0.485,0.456,0.406])/[0.229,0.224,0.225]"


@pytest.fixture(scope="module")
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return Yolox(len(NAMES), SIZES["yolox-nano"]).state_dict()


def saved(folder: Path, state: dict[str, torch.Tensor], **metadata: str) -> Path:
    path = folder / "weights.safetensors"
    save_file(state, path, metadata=metadata or None)
    return path


@pytest.mark.parametrize(
    ("metadata", "convention", "size"),
    [
        ({"channel_order": "RGB", "normalisation": IMAGENET, "input_size": "640x640 (as exported)"}, 4, (640, 640)),
        ({"channel_order": "RGB", "normalisation": "ImageNet"}, 4, (416, 416)),
        ({"Channel-Order": "bgr", "normalization": "none (0..255)", "image_size": "[320, 416]"}, 0, (320, 416)),
        ({"channel_order": "RGB", "normalisation": "none", "input_size": "352"}, 2, (352, 352)),
        ({"channel_order": "RGB", "normalisation": "0-255"}, 2, (416, 416)),
        ({"channel_order": "BGR", "normalisation": "x/255"}, 3, (416, 416)),
        (
            {"channel_order": "BGR", "normalisation": "(x - [123.675, 116.28, 103.53]) / [58.395, 57.12, 57.375]"},
            5,
            None,
        ),
        ({"channel_order": "RGB"}, 2, (416, 416)),
        ({"input_size": "640×480"}, 0, (640, 480)),
    ],
)
def test_yolox_takes_what_its_file_states(
    tmp_path: Path, state: Any, metadata: dict[str, str], convention: int, size: tuple[int, int] | None
) -> None:
    kinds = ("bgr255", "", "rgb255", "bgr1", "rgb-imagenet", "bgr-imagenet")
    found: Any = dx.load_detector("yolox-nano", weights=saved(tmp_path, state, **metadata), names=NAMES, device="cpu")
    assert found.convention == kinds[convention]
    assert found.input_size == (size or (416, 416))


def test_arguments_count_more_than_the_file(tmp_path: Path, state: Any) -> None:
    path = saved(tmp_path, state, channel_order="GRAB", normalisation="a secret", input_size="large")
    found: Any = dx.load_detector(
        "yolox-nano", weights=path, names=NAMES, device="cpu", convention="rgb1", input_size=(64, 96)
    )
    assert (found.convention, found.input_size) == ("rgb1", (64, 96))


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"channel_order": "GRB"}, 'channel_order = "GRB", expected RGB or BGR'),
        ({"normalisation": "as usual"}, "a mean and a standard deviation of three numbers each"),
        ({"normalization": "(x/255 - [0.1, 0.2]) / [0.3, 0.4]"}, 'normalization = "'),
        ({"normalisation": "(x/255 - [0.5, 0.5, 0.5]) / [0.5, 0.5, 0.5]"}, r"none of YOLOX's.*convention="),
        ({"input_size": "as exported"}, 'a number of pixels such as "640"'),
        ({"input_size": "0x0"}, 'input_size = "0x0"'),
        ({"input_size": "100x100"}, "multiple of 32"),
    ],
)
def test_what_cannot_be_understood_is_said(tmp_path: Path, state: Any, metadata: dict[str, str], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        dx.load_detector("yolox-nano", weights=saved(tmp_path, state, **metadata), names=NAMES, device="cpu")


def test_a_warning_says_what_a_silent_file_is_taken_for(
    tmp_path: Path, state: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.warns(UserWarning, match=r"weights\.safetensors states nothing of its input.*bgr255.*416"):
        found: Any = dx.load_detector("yolox-nano", weights=saved(tmp_path, state), names=NAMES, device="cpu")
    assert (found.convention, found.input_size) == ("bgr255", (416, 416))
    with caplog.at_level(logging.INFO, logger="detxai_nb"):
        torch.save(state, tmp_path / "weights.pth")
        dx.load_detector("yolox-nano", weights=tmp_path / "weights.pth", names=NAMES, device="cpu")
        dx.load_detector(
            "yolox-nano", weights=tmp_path / "weights.pth", names=NAMES, convention="bgr255", input_size=416
        )
    assert len(caplog.messages) == 1, "nothing to say where everything is given"


def test_each_convention_is_its_arithmetic(state: Any) -> None:
    from detxai_nb.detectors.yolox.detector import CONVENTIONS, YoloxDetector

    network = Yolox(len(NAMES), SIZES["yolox-nano"])
    image = torch.from_numpy(photograph(64, 96)).permute(2, 0, 1).double()
    for convention in CONVENTIONS:
        detector = YoloxDetector(network, NAMES, convention=convention, input_size=(64, 96))
        expected = image if convention.endswith("255") else image / 255
        if convention.endswith("imagenet"):
            mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
            expected = (expected - mean[:, None, None]) / std[:, None, None]
        expected = expected.flip(0) if convention.startswith("bgr") else expected
        assert torch.allclose(detector._prepare(photograph(64, 96))[0].double(), expected, atol=1e-5)


def test_other_families_take_or_refuse_what_their_file_states(tmp_path: Path) -> None:
    fcos: Any = dx.load_detector("tiny-fcos", device="cpu")
    state, names = fcos.module.state_dict(), fcos.names

    def opened(**metadata: str) -> Any:
        return dx.load_detector("tiny-fcos", weights=saved(tmp_path, state, **metadata), names=names, device="cpu")

    mean, std = fcos.module.transform.image_mean, fcos.module.transform.image_std
    assert opened(channel_order="RGB", normalisation=f"{list(mean)} {list(std)}").family == "fcos"
    with pytest.raises(ValueError, match="states the channel order BGR, but tiny-fcos takes RGB"):
        opened(channel_order="BGR")
    with pytest.raises(ValueError, match=r"normalisation by mean .* but tiny-fcos normalises by"):
        opened(normalisation="none")
    with pytest.warns(UserWarning, match="777x999"):
        opened(input_size="777x999")

    own: Any = dx.load_detector("tiny-resnet", device="cpu")
    path = saved(tmp_path, own.module.state_dict(), normalisation=IMAGENET, input_size="64x96")
    made: Any = dx.load_detector("tiny-resnet", weights=path, names=own.names, device="cpu")
    assert made.input_size == (64, 96)
    assert made.mean == (0.485, 0.456, 0.406)
    given: Any = dx.load_detector("tiny-resnet", weights=path, names=own.names, device="cpu", input_size=32)
    assert given.input_size == (32, 32)

    small: Any = dx.load_detector("tiny-yolox", device="cpu")
    path = saved(tmp_path, small.module.state_dict(), channel_order="BGR", normalisation="none")
    again: Any = dx.load_detector("tiny-yolox", weights=path, names=small.names, device="cpu")
    assert (again.convention, again.input_size) == ("bgr255", small.input_size)


def test_a_file_of_another_kind_states_nothing(tmp_path: Path) -> None:
    assert read_stated_input(tmp_path / "weights.pth").is_silent
    (tmp_path / "broken.safetensors").write_bytes(b"no")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        read_stated_input(tmp_path / "broken.safetensors")


def test_the_real_yolox_nano_is_read_by_its_file_alone(shared: Path) -> None:
    found: Any = dx.load_detector(
        "yolox-nano", weights=shared / "weights" / "yolox_nano_coco.safetensors", device="cpu"
    )
    assert (found.convention, found.input_size) == ("rgb-imagenet", (640, 640))
