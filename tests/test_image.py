"""The door for photographs: everything a person may have, and everything that is refused in words."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import detxai_nb as dx
from detxai_nb.image import FloatImage, as_images, load_image

RED = np.zeros((4, 6, 3), np.uint8)
RED[:, :3] = (255, 0, 0)


def saved(picture: Image.Image, folder: Path, name: str, **options: object) -> Path:
    path = folder / name
    picture.save(path, **options)
    return path


def test_path_bytes_pil_array_and_tensor_give_the_same_pixels(tmp_path: Path) -> None:
    path = saved(Image.fromarray(RED), tmp_path, "red.png")
    for source in (path, str(path), path.read_bytes(), Image.open(path), RED, torch.from_numpy(RED).permute(2, 0, 1)):
        assert np.array_equal(dx.load_image(source), RED)


def test_result_is_a_copy() -> None:
    source = RED.copy()
    dx.load_image(source)[:] = 7
    assert np.array_equal(source, RED)


def test_float_and_sixteen_bit_arrays_are_scaled() -> None:
    assert np.array_equal(dx.load_image(RED / 255.0), RED)
    assert np.array_equal(dx.load_image(RED.astype(np.uint16) * 257), RED)


def test_grey_becomes_three_channels() -> None:
    grey = np.arange(24, dtype=np.uint8).reshape(4, 6)
    assert np.array_equal(dx.load_image(grey), np.repeat(grey[:, :, None], 3, axis=2))


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = dx.load_image(saved(Image.fromarray(RED), tmp_path, "turned.png", exif=exif))
    assert turned.shape == (6, 4, 3)
    assert np.array_equal(turned, np.rot90(RED, -1))


def test_cmyk(tmp_path: Path) -> None:
    cmyk = Image.fromarray(RED).convert("CMYK")
    pixels = dx.load_image(saved(cmyk, tmp_path, "print.jpg", quality=100, subsampling=0))
    assert np.abs(pixels.astype(int) - RED).max() < 40


@pytest.mark.parametrize("mode", ["I;16", "I"])
def test_sixteen_bit_grey_file(tmp_path: Path, mode: str) -> None:
    values = (np.arange(24).reshape(4, 6) * 2570).astype(np.uint16)
    picture = Image.fromarray(values if mode == "I;16" else values.astype(np.int32))
    pixels = dx.load_image(saved(picture, tmp_path, "deep.tiff"))
    assert np.array_equal(pixels[:, :, 1], np.arange(24).reshape(4, 6) * 10)


def test_palette_with_transparency_lies_over_white(tmp_path: Path) -> None:
    picture = Image.new("P", (3, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putdata([0, 1, 1])
    path = saved(picture, tmp_path, "palette.png", transparency=1)
    assert dx.load_image(path).tolist() == [[[10, 20, 30], [255, 255, 255], [255, 255, 255]]]


def test_alpha_lies_over_white() -> None:
    pixels = np.array([[[0, 0, 0, 0], [0, 0, 0, 255], [100, 100, 100, 128]]], np.uint8)
    assert dx.load_image(pixels)[0, :, 0].tolist() == [255, 0, 177]


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("blue", "lime")]
    path = saved(frames[0], tmp_path, "two.gif", save_all=True, append_images=frames[1:])
    assert dx.load_image(path)[0, 0].tolist() == [0, 0, 255]
    with Image.open(path) as animation:
        animation.seek(1)
        assert dx.load_image(animation)[0, 0].tolist() == [0, 0, 255]
        assert animation.tell() == 1


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no image at .*nowhere\.jpg"):
        dx.load_image(tmp_path / "nowhere.jpg")


def test_folder_and_text_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is a folder"):
        dx.load_image(tmp_path)
    (tmp_path / "note.jpg").write_text("hello")
    with pytest.raises(ValueError, match="not a picture that Pillow can read"):
        dx.load_image(tmp_path / "note.jpg")


def test_truncated_file_is_refused() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(noise).save(buffer, "JPEG")
    with pytest.raises(ValueError, match="is damaged and cannot be decoded"):
        dx.load_image(buffer.getvalue()[: len(buffer.getvalue()) // 2])


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((4, 6, 2), np.uint8), r"got shape \[4, 6, 2\]"),
        (np.zeros((0, 6, 3), np.uint8), r"got shape \[0, 6, 3\]"),
        (np.full((4, 6, 3), 200.0), "values from 0 to 1, got 200"),
        (np.full((4, 6, 3), np.nan), "values from 0 to 1, got nan"),
        (np.zeros((4, 6, 3), np.int64), "uint8, uint16 or float in 0..1, got int64"),
        (torch.zeros(5, 6, 3), r"channels first"),
    ],
)
def test_wrong_arrays_say_what_was_expected(array: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dx.load_image(array)


def test_what_rounding_moves_beyond_the_range_is_no_mistake() -> None:
    found = dx.load_image(np.array([[-1e-4, 1.0004, 0.5]]))
    assert found[0, :, 0].tolist() == [0, 255, 128]
    with pytest.raises(ValueError, match=r"from 0 to 1, got 0 to 1\.01"):
        dx.load_image(np.array([[0.0, 1.01]]))


def test_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="not list"):
        dx.load_image([[1, 2], [3, 4]])


SINGLE = {
    "array": np.zeros((4, 6, 3), np.uint8),
    "grey array": np.zeros((4, 6), np.uint8),
    "tensor": torch.zeros(3, 4, 6),
    "grey tensor": torch.zeros(4, 6),
    "PIL": Image.new("RGB", (6, 4)),
    "path": "photo.jpg",
    "Path": Path("photo.jpg"),
    "bytes": b"\xff\xd8",
    "bytearray": bytearray(b"\xff\xd8"),
    "FloatImage": FloatImage(torch.zeros(3, 4, 6)),
}


@pytest.mark.parametrize("kind", SINGLE)
def test_one_picture_is_no_list_of_pictures(kind: str) -> None:
    with pytest.raises(TypeError, match=r"expected a list of pictures, got one picture \(.+\); .*\[image\]"):
        as_images(SINGLE[kind])


@pytest.mark.parametrize("thing", [None, 3, {"a": SINGLE["array"]}, {1, 2}])
def test_what_has_no_order_is_no_list_of_pictures(thing: object) -> None:
    with pytest.raises(TypeError, match="expected a list of pictures, got a"):
        as_images(thing)


def test_lists_generators_and_batches_are_lists_of_pictures() -> None:
    batch = torch.rand(2, 3, 4, 6)
    arrays = batch.permute(0, 2, 3, 1).numpy()
    expected = [load_image(picture) for picture in batch]
    for many in (list(batch), tuple(batch), (picture for picture in batch), batch, arrays, list(arrays)):
        found = as_images(many)
        assert len(found) == 2
        assert all(np.array_equal(a, b) for a, b in zip(found, expected))
    assert as_images([]) == []


@pytest.mark.filterwarnings("ignore")
def test_arrays_of_every_class_are_plain_inside(tmp_path: Path) -> None:
    plain = np.arange(20, dtype=np.uint8).reshape(4, 5)
    mapped = np.memmap(tmp_path / "x", np.uint8, "w+", shape=(4, 5))
    mapped[:] = plain
    for other in (
        np.asmatrix(plain),
        mapped,
        np.ma.masked_array(plain),
        torch.from_numpy(plain).as_subclass(torch.nn.Buffer),
    ):
        found = load_image(other)
        assert type(found) is np.ndarray
        assert (found == load_image(plain)).all()
    for _ in range(50):
        assert load_image(np.asmatrix(np.zeros((4, 5), np.uint16))).shape == (4, 5, 3)
    half = torch.full((3, 4, 5), 0.5)
    assert (load_image(half.bfloat16()) == load_image(half)).all()
    assert (load_image(half.requires_grad_()) == 128).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.ma.masked_array(np.zeros((4, 5), np.uint8), mask=np.eye(4, 5)),
        lambda: np.zeros((4, 5), complex),
        lambda: np.zeros((4, 5), object),
        lambda: np.zeros((4, 5), "U3"),
        lambda: np.zeros((4, 5), "M8[s]"),
        lambda: np.zeros((4, 5), [("r", np.uint8)]),
        lambda: torch.zeros(4, 5).to_sparse(),
        lambda: torch.zeros(4, 5, dtype=torch.complex64),
        lambda: torch.zeros(4, 5, device="meta"),
        lambda: torch.quantize_per_tensor(torch.zeros(4, 5), 0.1, 0, torch.quint8),
        lambda: torch.nested.nested_tensor([torch.zeros(4), torch.zeros(5)]),
        lambda: np.full((4, 5), np.nan),
        lambda: np.full((4, 5), np.inf),
        lambda: np.zeros((0, 5), np.uint8),
        lambda: np.zeros((), np.uint8),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_arrays_without_a_plain_form_are_refused_in_words(make: Callable[[], Any]) -> None:
    with pytest.raises(ValueError, match="image"):
        load_image(make())


class Read:
    """An open file, as far as a door looks at it."""

    def read(self) -> bytes:
        return b""


class Annotated:
    image = np.zeros((2, 2, 3), np.uint8)


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (io.BytesIO(b"x"), r"not BytesIO \(an open file: hand in what its read\(\) returns\)"),
        (Read(), r"not Read \(an open file"),
        (Annotated(), r"not Annotated \(hand in its \.image\)"),
        ([np.zeros((2, 2, 3), np.uint8)], r"not list \(hand in one picture"),
    ],
)
def test_what_holds_a_picture_is_refused_with_how_to_take_it_out(thing: object, words: str) -> None:
    with pytest.raises(TypeError, match=words):
        dx.load_image(thing)


def test_lines_of_a_file_and_columns_of_a_table_are_no_pictures(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "a.png"
    Image.new("RGB", (6, 4)).save(path)
    with path.open("rb") as file, pytest.raises(TypeError, match="expected a list of pictures, got a BufferedReader"):
        as_images(file)
    table = pandas.DataFrame({"path": [path]})
    with pytest.raises(TypeError, match="expected a list of pictures, got a DataFrame"):
        as_images(table)
    for paths in (table["path"], table["path"].to_numpy(), np.array([str(path)]), {"a": path}.values()):
        assert [picture.shape for picture in as_images(paths)] == [(4, 6, 3)]


def test_values_of_8_bits_in_16_are_no_black_picture() -> None:
    eight = np.arange(24, dtype=np.uint8).reshape(4, 6) * 10
    grey = Image.fromarray(eight)
    for held in (eight.astype(np.uint16), eight.astype(">u2"), grey.convert("I"), grey.convert("I;16")):
        with pytest.raises(ValueError, match=r"go only to 230 of 65535, which is black: .* as uint8"):
            dx.load_image(held)
    assert dx.load_image(eight.astype(">u2") * 257)[:, :, 0].tolist() == eight.tolist()
    assert not dx.load_image(np.zeros((4, 6), np.uint16)).any()


@pytest.mark.parametrize(
    ("low", "high", "remedy"),
    [
        (0.0, 255.0, "divide it by 255"),
        (0.0, 4095.0, "divide it by its maximum"),
        (-2.1, 2.6, "undo the normalisation"),
        (0.0, np.inf, "replace what is not finite"),
    ],
)
def test_floats_of_another_range_say_what_to_do(low: float, high: float, remedy: str) -> None:
    with pytest.raises(ValueError, match=f"from 0 to 1, got .*; {remedy}"):
        dx.load_image(np.array([[low, high]]))


def test_every_mode_of_pillow_is_a_picture_or_refused_in_words() -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (4, 6, 3), dtype=np.uint8))
    grey = picture.convert("L")
    alike = {"LA": grey.convert("LA"), "La": grey.convert("LA").convert("La"), "PA": grey.convert("P").convert("PA")}
    for mode, same in alike.items():
        assert (dx.load_image(same) == dx.load_image(grey)).all(), mode
    for mode in ("RGBA", "RGBX", "CMYK"):
        assert (dx.load_image(picture.convert(mode)) == dx.load_image(picture)).all(), mode
    closed = Image.new("RGB", (6, 4))
    closed.close()
    with pytest.raises(ValueError, match="the picture is damaged"):
        dx.load_image(closed)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path(os.devnull)):
        with pytest.raises(ValueError, match="is no file but a device or a pipe"):
            dx.load_image(path)
