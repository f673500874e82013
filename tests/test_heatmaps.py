"""HeatMaps: normalising, differences, slicing, and files that hold everything."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from detxai_nb import heatmaps
from detxai_nb.geometry import Placement
from detxai_nb.heatmaps import NO_POSITIVE_EVIDENCE, NOT_FINITE, OK, HeatMaps
from detxai_nb.types import Detections, Target

HEIGHT, WIDTH = 24, 40


def some(signed: bool = False) -> HeatMaps:
    """Three maps on two grids; the last is zero everywhere."""
    random = torch.Generator().manual_seed(0)
    grids = (torch.rand(3, 5, generator=random) + 1, torch.rand(6, 10, generator=random), torch.zeros(6, 10))
    found = Detections(
        boxes=torch.tensor([[0.0, 0, 10, 12], [5, 5, 30, 20], [20, 2, 40, 24]]),
        scores=torch.tensor([0.9, 0.8, 0.7]),
        labels=torch.tensor([0, 1, 1]),
        names=("cat", "dog"),
        class_scores=torch.rand(3, 2, generator=random),
        origins=torch.tensor([[0, 1, 2], [1, 1, 1], [1, 0, 0]]),
        origin_fields=("level", "row", "column"),
        highest_score=0.9,
        score_threshold=0.3,
        image_size=(HEIGHT, WIDTH),
        canvas_size=(HEIGHT * 1.5, WIDTH * 1.25),
    )
    return HeatMaps(
        grids=tuple(grid - 0.5 for grid in grids) if signed else grids,
        strides=((8.0, 8.0), (4.0, 4.0), (4.0, 4.0)),
        placement=Placement.identity(HEIGHT, WIDTH),
        image=np.full((HEIGHT, WIDTH, 3), 90, np.uint8),
        detections=found,
        target=Target("x1"),
        method="odam",
        layer="neck",
        settings={"direction": "signed" if signed else "positive", "smooth": None},
        seconds=0.25,
        signed=signed,
    )


def test_values_are_placed_at_the_image() -> None:
    maps = some()
    assert maps.values.shape == (3, HEIGHT, WIDTH)
    assert maps.values.dtype == torch.float32
    expected = maps.placement.maps_to_image(maps.grids[1][None], (4.0, 4.0))[0]
    assert torch.equal(maps.values[1], expected)
    assert maps.status == (OK, OK, NO_POSITIVE_EVIDENCE)
    assert maps.status is maps.status, "looked at once, not at every use"


def test_diagnostics_follow_their_maps_and_are_kept(tmp_path: Path) -> None:
    maps = replace(some(), diagnostics={"split-half correlation": (0.9, 0.25, float("nan"))}, seed=3)
    assert maps[1].diagnostics == {"split-half correlation": (0.25,)}
    back = HeatMaps.load(maps.save(tmp_path / "maps"))
    assert back[:2].diagnostics == maps[:2].diagnostics
    assert np.isnan(back.diagnostics["split-half correlation"][2])
    assert maps.difference().diagnostics == {}
    with pytest.raises(ValueError, match="the diagnostic 'reliability' has 2 values for 3 maps"):
        replace(some(), diagnostics={"reliability": (0.1, 0.2)})


def test_a_map_of_a_region_is_placed_there_and_kept(tmp_path: Path) -> None:
    maps = replace(some(), corners=((2.5, 6.0), None, None), strides=((4.0, 4.0), (4.0, 4.0), (4.0, 4.0)))
    expected = maps.placement.maps_to_image(maps.grids[0][None], (4.0, 4.0), (2.5, 6.0))[0]
    assert torch.equal(maps.values[0], expected)
    assert not maps.values[0][:2].any()
    assert not maps.values[0][:, 27:].any()
    assert maps[[2, 0]].corners == (None, (2.5, 6.0))
    maps.save(tmp_path / "maps.npz")
    assert HeatMaps.load(tmp_path / "maps.npz").corners == maps.corners
    assert set(maps.difference().corners) == {None}


def test_normalized_fills_0_to_1_and_a_constant_map_is_zero() -> None:
    normal = some().normalized()
    assert normal[:2].amin(dim=(1, 2)).tolist() == [0, 0]
    assert normal[:2].amax(dim=(1, 2)).tolist() == [1, 1]
    assert not normal[2].any()
    constant = replace(some(), grids=(torch.full((3, 5), 4.0), *some().grids[1:]))
    assert not constant.normalized()[0].any()


def test_signed_maps_keep_their_zero() -> None:
    maps = some(signed=True)
    normal = maps.normalized()
    assert torch.equal(normal.sign(), maps.values.sign())
    assert normal.abs().amax(dim=(1, 2)).tolist() == pytest.approx([1, 1, 1])


def test_difference_against_the_loop() -> None:
    maps = some()
    normal, found = maps.normalized(), maps.difference()
    for i in range(3):
        others = torch.stack([normal[n] for n in range(3) if n != i]).amax(dim=0)
        assert torch.allclose(found.values[i], normal[i] - others, atol=1e-6)
    assert found.signed
    assert found.settings["others"] == 2


def test_difference_of_one_object_is_its_own_map() -> None:
    one = some()[0]
    assert torch.allclose(one.difference().values, one.normalized(), atol=1e-6)
    assert one.difference().settings["others"] == 0


def test_the_positive_part_of_a_difference_fills_0_to_1() -> None:
    found = some().difference()
    positive = found.positive()
    assert torch.equal(positive.values, found.values.clamp(min=0))
    assert not positive.signed
    assert positive.settings["part"] == "positive"
    normal = positive.normalized()
    assert normal[:2].amax(dim=(1, 2)).tolist() == [1, 1]
    # Where the positive part is everywhere above 0 its least value becomes 0.
    assert (normal.amin(dim=(1, 2)) == 0).all()
    assert positive.status == (OK, OK, NO_POSITIVE_EVIDENCE)
    assert some().positive().settings == some().settings


def test_signed_maps_have_no_difference() -> None:
    with pytest.raises(ValueError, match=r"are signed; take their positive\(\) part first"):
        some(signed=True).difference()
    assert some(signed=True).positive().difference().signed


def test_slicing() -> None:
    maps = some()
    assert len(maps[1]) == 1
    assert torch.equal(maps[1].grids[0], maps.grids[1])
    assert maps[[2, 0]].detections.label_names() == ["dog", "cat"]
    assert len(maps[:2]) == 2


@pytest.mark.parametrize("signed", [False, True])
def test_a_file_holds_everything(tmp_path: Path, signed: bool) -> None:
    maps = some(signed)
    back = HeatMaps.load(maps.save(tmp_path / "maps"))
    assert all(torch.equal(a, b) for a, b in zip(back.grids, maps.grids))
    assert torch.equal(back.values, maps.values)
    for name in (
        "strides",
        "placement",
        "target",
        "method",
        "layer",
        "settings",
        "seed",
        "seconds",
        "signed",
        "status",
    ):
        assert getattr(back, name) == getattr(maps, name)
    assert np.array_equal(back.image, maps.image)
    for name in ("boxes", "scores", "labels", "class_scores", "origins"):
        assert torch.equal(getattr(back.detections, name), getattr(maps.detections, name))
    for name in (
        "names",
        "origin_fields",
        "highest_score",
        "score_threshold",
        "image_size",
        "canvas_size",
        "objectness",
    ):
        assert getattr(back.detections, name) == getattr(maps.detections, name)


def test_a_failed_save_leaves_the_old_file(tmp_path: Path) -> None:
    path = some().save(tmp_path / "maps.npz")
    kept = path.read_bytes()
    broken = replace(some(), settings={"callback": object()})
    with pytest.raises(TypeError):
        broken.save(path)
    assert path.read_bytes() == kept
    assert [p.name for p in tmp_path.iterdir()] == ["maps.npz"]
    with pytest.raises(FileNotFoundError, match="no folder"):
        some().save(tmp_path / "nowhere" / "maps.npz")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "pickle.npz", meta=np.array([{"a": 1}], dtype=object))
    cut = some().save(tmp_path / "cut.npz")
    cut.write_bytes(cut.read_bytes()[:200])
    for name in ("text", "other", "pickle", "cut"):
        with pytest.raises(ValueError, match="is not a heat map file"):
            HeatMaps.load(tmp_path / f"{name}.npz")
    with pytest.raises(FileNotFoundError):
        HeatMaps.load(tmp_path / "nothing.npz")


def test_a_file_of_another_format_is_refused_in_words(tmp_path: Path) -> None:
    with np.load(some().save(tmp_path / "maps.npz")) as file:
        arrays = dict(file)
    meta = json.loads(arrays["meta"].tobytes()) | {"format": "detxai-nb heat maps 1"}
    arrays["meta"] = np.frombuffer(json.dumps(meta).encode(), dtype=np.uint8)
    np.savez(tmp_path / "old.npz", **arrays)
    with pytest.raises(ValueError, match=r"has the format 'detxai-nb heat maps 1', and this version reads .* again"):
        HeatMaps.load(tmp_path / "old.npz")


def test_counts_must_fit() -> None:
    with pytest.raises(ValueError, match="3 detections need as many"):
        replace(some(), grids=some().grids[:2])


def test_maps_that_are_not_finite_are_not_ok() -> None:
    maps = some()
    grids = (maps.grids[0].clone(), maps.grids[1].clone(), maps.grids[2])
    grids[0][0, 0], grids[1][2, 2] = float("nan"), float("inf")
    assert replace(maps, grids=grids).status == (NOT_FINITE, NOT_FINITE, NO_POSITIVE_EVIDENCE)


def many(count: int = 40) -> HeatMaps:
    """Maps on grids of three sizes, some of them constant or zero, in an image of odd size."""
    height, width = 61, 83
    random = torch.Generator().manual_seed(1)
    sizes = [(8, 11), (16, 21), (4, 6)]
    grids = [torch.rand(*sizes[n % 3], generator=random) ** 3 for n in range(count)]
    grids[3], grids[7] = torch.zeros(8, 11), torch.full((16, 21), 2.0)
    grids[10] = grids[4].clone()
    strides = [(8.0, 8.0), (4.0, 4.0), (16.0, 16.0)]
    found = Detections(torch.rand(count, 4, generator=random), torch.rand(count), torch.zeros(count).long(), ("a",))
    image = np.zeros((height, width, 3), np.uint8)
    return HeatMaps(
        tuple(grids),
        tuple(strides[n % 3] for n in range(count)),
        Placement((height, width), (height, width), (64, 88)),
        image,
        found,
        Target(),
        "odam",
    )


def plain_difference(maps: HeatMaps) -> torch.Tensor:
    """All maps at once."""
    normal = maps.normalized()
    top = normal.topk(2, dim=0)
    parts = normal.clone()
    for i in range(len(maps)):
        parts[i] -= torch.where(top.indices[0] == i, top.values[1], top.values[0])
    return parts


@pytest.mark.parametrize("together", [1, 4 * 61 * 83 * 7, 2**27])
def test_differences_in_batches_are_those_of_all_maps_at_once(monkeypatch: pytest.MonkeyPatch, together: int) -> None:
    expected = plain_difference(many())
    monkeypatch.setattr(heatmaps, "_TOGETHER", together)
    maps = many()
    whole = maps.difference()
    assert torch.equal(torch.stack(whole.grids), expected)
    some_of_them = maps.difference([5, -1, 0])
    assert torch.equal(torch.stack(some_of_them.grids), expected[[5, -1, 0]])
    assert some_of_them.settings["others"] == len(maps) - 1
    assert len(maps.difference([])) == 0


def test_values_of_some_maps_are_those_of_all() -> None:
    maps = many()
    for rows in ([0], [7, 3], [-1], list(range(5, 30)), []):
        assert torch.equal(maps.values_of(rows), maps.values[rows])
        assert torch.equal(maps[rows].values, maps.values[rows])
    with pytest.raises(IndexError):
        maps.values_of([len(maps)])


def test_too_many_values_are_refused_and_the_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmaps, "VALUES_BUDGET", 4 * 61 * 83 * 39)
    maps = many()
    with pytest.raises(ValueError, match=r"values of 40 maps at 83x61 pixels take .* take values_of\(rows\)"):
        maps.values  # noqa: B018
    with pytest.raises(ValueError, match=r"take maps\[rows\]\.normalized\(\)"):
        maps.normalized()
    with pytest.raises(ValueError, match=r"take difference\(rows\)"):
        maps.difference()
    assert len(maps.values_of([1, 2])) == len(maps.difference([1, 2])) == 2


def same(one: HeatMaps, other: HeatMaps) -> bool:
    found, kept = one.detections, other.detections
    return (
        np.array_equal(one.image, other.image)
        and len(one) == len(other)
        and all(torch.equal(a, b) for a, b in zip(one.grids, other.grids))
        and torch.equal(found.boxes, kept.boxes)
        and torch.equal(found.scores, kept.scores)
        and (one.strides, one.corners, one.placement, one.settings)
        == (other.strides, other.corners, other.placement, other.settings)
    )


def test_a_flipped_bit_gives_the_same_maps_or_none(tmp_path: Path) -> None:
    maps = some()
    path = maps.save(tmp_path / "maps.npz")
    raw = path.read_bytes()
    starts = [info.header_offset + 30 + len(info.filename) for info in zipfile.ZipFile(io.BytesIO(raw)).infolist()]
    random = np.random.default_rng(0)
    places = [start + int(n) for start in starts for n in random.integers(0, 160, 12)] + random.integers(
        0, len(raw), 60
    ).tolist()
    for place in places:
        damaged = bytearray(raw)
        damaged[place % len(raw)] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        try:
            found = HeatMaps.load(path)
        except ValueError as error:
            assert "is not a heat map file written by HeatMaps.save" in str(error)  # noqa: PT017
            continue
        assert same(found, maps)


def test_arrays_that_are_not_those_of_the_file_are_refused(tmp_path: Path) -> None:
    path = some().save(tmp_path / "maps.npz")
    with np.load(path) as file:
        arrays = dict(file)
    meta = json.loads(arrays["meta"].tobytes())

    def written(**changes: object) -> Path:
        about = {**meta, **changes.pop("meta", {})}  # type: ignore[dict-item]
        text = np.frombuffer(json.dumps(about).encode(), np.uint8)
        np.savez(tmp_path / "other.npz", **{**arrays, "meta": text, **changes})  # type: ignore[arg-type]
        return tmp_path / "other.npz"

    assert same(HeatMaps.load(written()), some())
    image = arrays["image"]
    for other in (
        written(image=image[1:]),
        written(image=image[1:], meta={"shapes": None}),
        written(image=image.astype(np.float32), meta={"shapes": None}),
        written(grid_0=arrays["grid_0"][None], meta={"shapes": None}),
        written(grid_0=arrays["grid_0"].astype(complex), meta={"shapes": None}),
        written(boxes=arrays["boxes"][:2], meta={"shapes": None}),
        written(meta={"count": 2, "shapes": None}),
        written(meta={"count": "3"}),
        written(meta={"strides": [[0, 1]] * 3}),
        written(meta={"strides": [[float("nan"), 1]] * 3}),
        written(meta={"corners": 5}),
        written(meta={"detections": []}),
        written(meta={"target": {"part": "x3"}}),
        written(meta={"placement": {"image_size": [1e9, 2]}}),
    ):
        with pytest.raises(ValueError, match="is not a heat map file"):
            HeatMaps.load(other)


def test_a_declared_size_is_never_believed(tmp_path: Path) -> None:
    """A header that says four terabytes, and members that unpack to far more than they are."""
    for shape in ("(1099511627776,)", "(-5,)", "(2,)", "(10000000000000000000000,)"):
        stream = io.BytesIO()
        header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
        stream.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + bytes(12))
        with zipfile.ZipFile(tmp_path / "big.npz", "w") as archive:
            archive.writestr("meta.npy", stream.getvalue())
        with pytest.raises(ValueError, match="is not a heat map file"):
            HeatMaps.load(tmp_path / "big.npz")
    path = some().save(tmp_path / "bomb.npz")
    raw = bytearray(path.read_bytes())
    at = raw.rfind(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (2**31 - 1).to_bytes(4, "little")
    path.write_bytes(raw)
    with pytest.raises(ValueError, match="more than they can unpack to"):
        HeatMaps.load(path)


def test_a_setting_may_hold_what_json_reads_back(tmp_path: Path) -> None:
    maps = replace(some(), settings={"until": None, "levels": [1, 2]})
    assert HeatMaps.load(maps.save(tmp_path / "maps")).settings == {"until": None, "levels": [1, 2]}
