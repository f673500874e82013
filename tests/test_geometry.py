"""Placement: round trips, and maps placed exactly where the definition says."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from detxai_nb.geometry import Placement, sampler_shift

sizes = st.tuples(st.integers(1, 700), st.integers(1, 700))


@st.composite
def placements(draw: st.DrawFn) -> Placement:
    resized = draw(sizes)
    offset = draw(st.tuples(st.integers(0, 40), st.integers(0, 40)))
    extra = draw(st.tuples(st.integers(0, 40), st.integers(0, 40)))
    canvas = (resized[0] + offset[0] + extra[0], resized[1] + offset[1] + extra[1])
    return Placement(draw(sizes), resized, canvas, offset)


@settings(deadline=None)
@given(placements(), st.integers(0, 10**6))
def test_boxes_come_back(placement: Placement, seed: int) -> None:
    boxes = torch.rand(5, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 700
    back = placement.boxes_to_image(placement.boxes_to_input(boxes))
    assert torch.allclose(back, boxes, rtol=1e-9, atol=1e-9)


@settings(deadline=None)
@given(placements())
def test_the_image_fills_its_place(placement: Placement) -> None:
    height, width = placement.image_size
    top, left = placement.offset
    box = placement.boxes_to_input(torch.tensor([[0.0, 0.0, width, height]], dtype=torch.float64))[0].tolist()
    assert box == pytest.approx([left, top, left + placement.resized[1], top + placement.resized[0]])


@settings(deadline=None)
@given(placements(), st.integers(1, 9), st.integers(1, 9), st.sampled_from([1.0, 2.5, 8.0]))
def test_maps_are_bilinear_at_every_pixel(placement: Placement, h: int, w: int, stride: float) -> None:
    grid = torch.rand(1, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(h * 10 + w))
    placed = placement.maps_to_image(grid, (stride, stride))[0]
    height, width = placement.image_size
    for y, x in [(0, 0), (height - 1, width - 1), (height // 2, width // 3)]:
        u = ((x + 0.5) * placement.resized[1] / width + placement.offset[1]) / stride - 0.5
        v = ((y + 0.5) * placement.resized[0] / height + placement.offset[0]) / stride - 0.5
        u, v = min(max(u, 0), w - 1), min(max(v, 0), h - 1)
        i, j = min(int(v), max(h - 2, 0)), min(int(u), max(w - 2, 0))
        a, b = v - i, u - j
        below, right = min(i + 1, h - 1), min(j + 1, w - 1)
        top = grid[0, i, j] * (1 - b) + grid[0, i, right] * b
        bottom = grid[0, below, j] * (1 - b) + grid[0, below, right] * b
        assert placed[y, x].item() == pytest.approx(float(top * (1 - a) + bottom * a), abs=1e-9)


@settings(deadline=None)
@given(placements(), st.integers(0, 10**6))
def test_points_and_maps_agree(placement: Placement, seed: int) -> None:
    """A grid that holds its own column number reads, at a pixel, the grid coordinate of that pixel."""
    stride = (4.0, 8.0)
    grid = torch.arange(200, dtype=torch.float64).expand(1, 300, 200)
    height, width = placement.image_size
    y, x = seed % height, seed % width
    point = torch.tensor([[x + 0.5, y + 0.5]], dtype=torch.float64)
    on_grid = placement.points_to_grid(point, stride)
    u = on_grid[0, 0]
    assert torch.allclose(placement.points_to_image(on_grid, stride), point, rtol=1e-9, atol=1e-9)
    assert placement.maps_to_image(grid, stride)[0, y, x].item() == pytest.approx(float(u.clamp(0, 199)), abs=1e-6)


@settings(deadline=None)
@given(placements(), st.integers(1, 9), st.integers(1, 9), st.floats(-3, 40), st.floats(-3, 40))
def test_a_grid_that_covers_a_part_is_read_from_its_corner(
    placement: Placement, h: int, w: int, top: float, left: float
) -> None:
    """As the grid over the whole input would be, moved by the corner; zero outside, and points agree."""
    stride, corner = (2.5, 3.0), (top, left)
    grid = torch.rand(1, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(h * 10 + w)) + 1
    placed = placement.maps_to_image(grid, stride, corner)[0]
    height, width = placement.image_size
    for y, x in [(0, 0), (height - 1, width - 1), (height // 2, width // 3)]:
        point = torch.tensor([[x + 0.5, y + 0.5]], dtype=torch.float64)
        on_grid = placement.points_to_grid(point, stride, corner)
        assert torch.allclose(placement.points_to_image(on_grid, stride, corner), point, rtol=1e-9, atol=1e-9)
        whole = placement.points_to_grid(point, stride) - on_grid
        assert whole[0].tolist() == pytest.approx([left / stride[1], top / stride[0]])
        u, v = on_grid[0].tolist()
        inside = -0.5 <= u <= w - 0.5 and -0.5 <= v <= h - 0.5
        assert (placed[y, x] > 0) == inside
        if inside:
            near = torch.nn.functional.grid_sample(
                grid[None],
                torch.tensor([[[[(u + 0.5) / w * 2 - 1, (v + 0.5) / h * 2 - 1]]]], dtype=torch.float64),
                padding_mode="border",
                align_corners=False,
            )
            assert placed[y, x].item() == pytest.approx(near.item(), abs=1e-9)


def test_letterbox_is_top_left_and_never_empty() -> None:
    placement = Placement.letterbox((427, 640), (640, 640))
    assert (placement.resized, placement.offset) == ((427, 640), (0, 0))
    assert Placement.letterbox((1, 5000), (64, 64)).resized == (1, 64)


@settings(deadline=None)
@given(placements(), st.integers(1, 9), st.integers(1, 9))
def test_a_grid_that_a_sampler_reads_begins_half_a_cell_before_the_input(placement: Placement, h: int, w: int) -> None:
    """Cell i lies at i times the stride, and beyond the last cells their values go on."""
    stride = (2.5, 3.0)
    shift = sampler_shift(stride)
    grid = torch.rand(1, h, w, dtype=torch.float64, generator=torch.Generator().manual_seed(h * 10 + w))
    cells = torch.tensor([[0.0, 0.0], [w - 1.0, h - 1.0]], dtype=torch.float64)
    at = placement.points_to_image(cells, stride, shift=shift)
    there = placement.boxes_to_input(torch.cat([at, at], dim=1))[:, :2]
    assert torch.allclose(there, cells * torch.tensor([3.0, 2.5], dtype=torch.float64), atol=1e-9)
    assert torch.allclose(placement.points_to_grid(at, stride, shift=shift), cells, atol=1e-9)
    placed = placement.maps_to_image(grid, stride, shift=shift)[0]
    height, width = placement.image_size
    for y, x in [(0, 0), (height - 1, width - 1), (height // 2, width // 3)]:
        point = torch.tensor([[x + 0.5, y + 0.5]], dtype=torch.float64)
        u, v = placement.points_to_grid(point, stride, shift=shift)[0].tolist()
        u, v = min(max(u, 0), w - 1), min(max(v, 0), h - 1)
        i, j = min(int(v), max(h - 2, 0)), min(int(u), max(w - 2, 0))
        a, b = v - i, u - j
        below, right = min(i + 1, h - 1), min(j + 1, w - 1)
        top = grid[0, i, j] * (1 - b) + grid[0, i, right] * b
        bottom = grid[0, below, j] * (1 - b) + grid[0, below, right] * b
        assert placed[y, x].item() == pytest.approx(float(top * (1 - a) + bottom * a), abs=1e-9)


def test_boxes_are_clipped_on_request() -> None:
    placement = Placement.identity(10, 20)
    boxes = torch.tensor([[-5.0, -5.0, 50.0, 50.0]])
    assert placement.boxes_to_image(boxes).tolist() == boxes.tolist()
    assert placement.boxes_to_image(boxes, clip=True).tolist() == [[0, 0, 20, 10]]


def test_impossible_placements_are_refused() -> None:
    with pytest.raises(ValueError, match="does not fit"):
        Placement((10, 10), (20, 20), (16, 32))
    with pytest.raises(ValueError, match="at least 1"):
        Placement((0, 10), (1, 1), (1, 1))
    with pytest.raises(ValueError, match=r"\[N,h,w\]"):
        Placement.identity(3, 4).maps_to_image(torch.zeros(3, 4), (1.0, 1.0))


@pytest.mark.parametrize("name", ["image_size", "resized", "input_size", "offset"])
@pytest.mark.parametrize("sides", [(), (0,), (4, 4, 4)])
def test_sizes_and_offsets_are_pairs(name: str, sides: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=f"{name} is a pair"):
        Placement(**{"image_size": (4, 4), "resized": (4, 4), "input_size": (4, 4), "offset": (0, 0), name: sides})


def test_a_limited_placement_is_that_of_the_smaller_image() -> None:
    whole = Placement((300, 400), (600, 800), (608, 800), (4, 0))
    small = whole.limited(100)
    assert small.image_size == (75, 100)
    assert whole.limited(400) is whole
    boxes = torch.tensor([[10.0, 20, 300, 200]])
    torch.testing.assert_close(small.boxes_to_image(boxes) * 4, whole.boxes_to_image(boxes))
