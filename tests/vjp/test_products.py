"""Products of many vectors with a recorded graph's Jacobian equal autograd's, one vector after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.vjp import BatchedProducts, Unsupported
from detxai_nb.vjp.read_cells import ReadCells
from detxai_nb.vjp.rules import RULES

CHANNELS = 32


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def check(outputs: list[Tensor], leaf: Tensor, count: int = 3, known: bool = True) -> None:
    """Compare products with autograd, and see whether every operation has a rule of its own."""
    products = BatchedProducts(outputs, leaf)
    vectors = [random(count, *output.shape, seed=7 + i) for i, output in enumerate(outputs)]
    found = products(vectors)
    again = products(vectors)
    for row in range(count):
        ones = [vector[row] for vector in vectors]
        (slow,) = torch.autograd.grad(outputs, leaf, ones, retain_graph=True)
        assert slow.norm() > 0
        assert (found[row] - slow).norm() <= 1e-11 * slow.norm()
        assert (again[row] - slow).norm() <= 1e-11 * slow.norm()
    unknown = set(products.operations) - set(RULES) - {"AccumulateGrad"}
    assert (not unknown) is known, unknown


def leaf_of(*shape: int) -> Tensor:
    return random(*shape, seed=1).requires_grad_()


POINTWISE: dict[str, Callable[[Tensor], Tensor]] = {
    "activations": lambda x: F.silu(x) + F.gelu(x) + F.relu(x) + torch.tanh(x) + torch.sigmoid(x),
    "approximate gelu": lambda x: F.gelu(x, approximate="tanh"),
    "inverse sigmoid": lambda x: torch.log(torch.sigmoid(x).clamp(min=0.4) / (1 - x.clamp(0, 1)).clamp(min=1e-5)),
    "powers": lambda x: torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1) * x + torch.exp(-x) - 2.5 * x / 3,
    "both factors": lambda x: x * x.flip(-1) + x / (2 + x.sum(1, keepdim=True) ** 2),
    "broadcast": lambda x: x[..., :1] * random(1, 6, 10) - random(6, 1) * x.sum(dim=(0, 2), keepdim=True),
    "mask": lambda x: x.masked_fill(random(1, 6, 10) > 0.5, 3.0).float().double(),
    "softmax": lambda x: x.softmax(1) + 2 * x.softmax(-1),
    "several sums": lambda x: x.sum((-1, -3)) + x.mean(2) + x.mean((0, 2), keepdim=True)[..., 0],
}


@pytest.mark.parametrize("name", POINTWISE)
def test_operations_on_numbers(name: str) -> None:
    leaf = leaf_of(1, 6, 10)
    x = leaf * 1.0
    check([POINTWISE[name](x)], leaf, known=name != "both factors")


SHAPES: dict[str, Callable[[Tensor], Tensor]] = {
    "views": lambda x: x.view(6, 10).t().reshape(2, 5, 6).permute(-1, 0, 1).unsqueeze(-2).squeeze(2),
    "axes from the end": lambda x: x.transpose(-1, -2).unflatten(-1, (2, 3)).transpose(-3, 1).flatten(-2),
    "parts": lambda x: torch.cat([x[:, -2], x.select(-1, -1)[:, :3], x[:, 1:-1:2, 2].squeeze(0)[None]], dim=-1),
    "split": lambda x: x.split([2, 7, 1], dim=-1)[1] + x.split(2, dim=1)[2].sum() + x.chunk(2, -1)[0][..., :1],
    "unbound": lambda x: x.unbind(-1)[3] * 2 + torch.stack(x.unbind(1)[:3], dim=-1).sum(),
    "constants before and behind": lambda x: torch.cat([random(1, 2, 10), x, x.sin()[:, :1], random(1, 1, 10)], dim=1),
    "constants between": lambda x: torch.cat([random(1, 2, 10), x, random(1, 1, 10), x, random(1, 1, 10)], dim=1),
    "repeated": lambda x: x[:, :, None].expand(1, 6, 4, 10) * random(4, 1),
    "best": lambda x: x.topk(3, dim=-1).values.sum(0) + x.gather(2, x.argsort(dim=2)[..., :3]),
    "written into": lambda x: _written(x),
}


def _written(x: Tensor) -> Tensor:
    whole = torch.zeros(1, 6, 20, dtype=x.dtype)
    whole[..., 3:13] = x
    whole[..., 0] += x[..., 5]
    return whole * 2


def test_an_operation_whose_main_input_is_a_constant_goes_by_autograd() -> None:
    leaf = leaf_of(1, 2, 3, 3)
    kernel = (leaf * 2.0)[0][:, None]
    found = torch.nn.functional.conv2d(random(1, 1, 8, 9), kernel, padding=1)
    check([found.tanh()], leaf)


@pytest.mark.parametrize("name", SHAPES)
def test_operations_on_shapes(name: str) -> None:
    leaf = leaf_of(1, 6, 10)
    check([SHAPES[name](leaf * 1.0)], leaf, known=name not in ("constants before and behind", "written into"))


def test_several_outputs_one_of_which_is_constant() -> None:
    leaf, constant = leaf_of(1, 6), random(4)
    x = leaf * 2
    products = BatchedProducts([x, constant, x.sum(1)], leaf)
    found = products([random(2, 1, 6), random(2, 4), random(2, 1, seed=3)])
    assert torch.allclose(found, 2 * (random(2, 1, 6) + random(2, 1, seed=3)[..., None]))
    assert BatchedProducts([constant], leaf)([random(2, 4)]).norm() == 0


def test_linear_layers_where_most_rows_are_zero() -> None:
    layer = nn.Linear(10, 12).double()
    leaf = leaf_of(1, 700, 10)
    tokens = leaf * 1
    outputs = F.relu(layer(tokens)), layer(tokens.flip(1) * 1)[:, 600:], tokens @ random(10, 3)
    check([outputs[0][:, 5:9], outputs[1], outputs[2]], leaf, known=False)


def test_batches_of_matrices() -> None:
    leaf = leaf_of(4, 5, 6)
    x = leaf * 1
    check([torch.bmm(x, random(4, 6, 3)), torch.bmm(random(4, 2, 5), x), torch.bmm(x.transpose(1, 2), x)], leaf)
    check([torch.mv((leaf * 2)[0], random(6)), (leaf * 2)[0].matmul(random(6, 2))], leaf)


def test_layer_norms() -> None:
    leaf = leaf_of(1, 6, 10)
    norm, bare = nn.LayerNorm(10).double(), nn.LayerNorm((6, 10), elementwise_affine=False)
    nn.init.normal_(norm.weight)
    check([norm(leaf * 2), bare(leaf * 2)], leaf)


class _Branches(nn.Module):
    """Two convolutions of one map, each with a batch norm, as RepVGG has them, between 1x1 ones and an upsampling."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.before = nn.Conv2d(channels, channels, 1)
        self.wide, self.narrow = nn.Conv2d(channels, channels, 3, padding=1), nn.Conv2d(channels, channels, 1)
        self.first, self.second = nn.Conv2d(channels + 3, channels, 1), nn.Conv2d(channels + 3, channels, 1)
        self.down = nn.Conv2d(channels, channels, 3, stride=2, padding=1)
        self.grouped = nn.Conv2d(channels, channels, 5, padding=2, groups=channels)
        self.back = nn.ConvTranspose2d(channels, 5, 2, stride=2)
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(4))
        for norm in self.norms:
            nn.init.normal_(norm.weight)
            norm.running_var.uniform_(0.3, 1)
            norm.running_mean.normal_()

    def forward(self, x: Tensor) -> Tensor:
        x = self.before(x)
        large = F.interpolate(x, scale_factor=2.0)
        both = torch.cat([large, random(1, 3, *large.shape[2:])], dim=1)
        made = F.silu(self.norms[0](self.first(both))) + self.second(both)
        made = F.silu(self.norms[1](self.wide(made)) + self.norms[2](self.narrow(made)))
        made = self.norms[3](self.down(made)) + self.grouped(F.interpolate(made, size=x.shape[2:]))
        found: Tensor = self.back(made)
        return found


@pytest.mark.parametrize("channels", [4, CHANNELS])
@pytest.mark.parametrize("size", [(3, 5), (4, 7), (9, 6), (1, 1)])
def test_convolutions(channels: int, size: tuple[int, int]) -> None:
    """With many channels and cells by tiles, also where these reach over the border."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _Branches(channels).double().eval()
    leaf = leaf_of(1, channels, *size)
    made = with_exact_norms(network, lambda: network(leaf))
    check([made.flatten(2).transpose(1, 2), made.mean((2, 3))], leaf)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("together", [1, 10**6])
def test_attention(masked: bool, kept: bool, together: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("detxai_nb.vjp.rules.attention._KEPT", 10**9 * kept)
    monkeypatch.setattr("detxai_nb.vjp.rules.attention._SCORES", together)
    leaf = leaf_of(1, 4, 9, 8)
    mask = random(1, 1, 9, 7) if masked else None
    x = leaf * 1
    made = F.scaled_dot_product_attention(x, random(1, 4, 7, 8, seed=5), random(1, 4, 7, 8, seed=6), mask)
    check([made], leaf)
    made = F.scaled_dot_product_attention(random(1, 4, 9, 8, seed=5), x[..., :7, :], x.sin()[..., :7, :] * 1, mask)
    check([made], leaf, known=False)
    made = F.scaled_dot_product_attention(x, x * 2, x * 3, scale=0.7)
    check([made], leaf)


@pytest.mark.parametrize("aligned", [False, True])
@pytest.mark.parametrize("further", [{}, {"mode": "nearest"}, {"padding_mode": "border"}])
def test_sampling_inside_on_the_border_and_outside(aligned: bool, further: dict[str, Any]) -> None:
    leaf = leaf_of(1, 3 * 2 * 4 * 5)
    x = leaf * 1
    maps = x.view(3, 2, 4, 5)
    places = random(3, 6, 2, 2, seed=2).clamp(-1.5, 1.5)
    places[0, 0] = torch.tensor([-1.0, 1.0])
    places[1, 0] = torch.tensor([0.999, -0.999])
    check([F.grid_sample(maps, places, align_corners=aligned, **further)], leaf)
    moved = places + 0.1 * torch.tanh(maps.flatten(1)[:, :24].view(3, 6, 2, 2))
    if further.get("mode") == "nearest":
        return
    check([F.grid_sample(random(3, 2, 4, 5), moved, align_corners=aligned, **further)], leaf)


LEVELS = ((9, 11), (4, 5))
HEADS = 3


def _deformable(x: Tensor, width: int, points: int, reach: float, form: str) -> Tensor:
    """Two levels, as Hugging Face's ``MultiScaleDeformableAttention`` ("stack") and D-FINE's ("cat") read them."""
    tokens, queries = sum(h * w for h, w in LEVELS), 7
    value = F.linear(x, random(HEADS * width, x.shape[-1], seed=3))
    value = value.masked_fill(random(1, tokens, 1, seed=4) > 1, 0.0) if form == "masked" else value
    parts = value.view(1, tokens, HEADS, width).split([h * w for h, w in LEVELS], dim=1)
    chances = F.linear(x[:, :queries], random(HEADS * 2 * points, x.shape[-1], seed=5))
    chances = chances.view(1, queries, HEADS, 2 * points).softmax(-1).transpose(1, 2)
    chances = chances.reshape(HEADS, 1, queries, 2 * points)
    places = F.linear(x[:, :queries], random(HEADS * 2 * points * 2, x.shape[-1], seed=6)).tanh()
    places = reach * places.view(1, queries, HEADS, 2, points, 2)
    found = []
    for level, ((height, wide), part) in enumerate(zip(LEVELS, parts)):
        maps = part.flatten(2).transpose(1, 2).reshape(HEADS, width, height, wide)
        found.append(F.grid_sample(maps, places[:, :, :, level].transpose(1, 2).flatten(0, 1), align_corners=False))
    read = torch.cat(found, dim=-1) if form == "cat" else torch.stack(found, dim=-2).flatten(-2)
    return (read * chances).sum(-1).view(1, HEADS * width, queries).transpose(1, 2)


@pytest.mark.parametrize("form", ["stack", "cat", "masked"])
@pytest.mark.parametrize("points", [1, 4])
@pytest.mark.parametrize("width", [1, 5])
@pytest.mark.parametrize("reach", [0.2, 1.1])
def test_deformable_attention(form: str, points: int, width: int, reach: float) -> None:
    """With a short reach few cells are read, and only these are followed."""
    leaf = leaf_of(1, sum(h * w for h, w in LEVELS), 6)
    x = leaf * 1
    made = _deformable(x, width, points, reach, form)
    # Twice, so that rows of a few cells are added to one another.
    check([made, _deformable(x, width, points, reach, form) * 2], leaf)


def test_cells_that_nobody_reads_are_left_out_up_to_the_linear_layer(monkeypatch: pytest.MonkeyPatch) -> None:
    leaf = leaf_of(1, sum(h * w for h, w in LEVELS), 6)
    products = BatchedProducts([_deformable(leaf * 1, 5, 2, 0.2, "stack")], leaf)
    written: list[Any] = []
    rows: list[Any] = []
    of_cells = ReadCells.rows
    monkeypatch.setattr(ReadCells, "dense", lambda self: written.append(self))
    monkeypatch.setattr(ReadCells, "rows", lambda self: rows.append(of_cells(self)) or rows[-1])
    assert products([random(3, 1, 7, HEADS * 5)]).norm() > 0
    assert not written
    ((at, some),) = rows
    assert len(at) == len(some) < 3 * sum(h * w for h, w in LEVELS) / 2


def test_gradients_of_some_cells_seen_in_every_way() -> None:
    whole = torch.zeros(2, 12, 3, 5, dtype=torch.float64)
    cells = torch.tensor([7, 1, 10])
    whole[:, cells] = random(2, 3, 3, 5)
    read = ReadCells.of_all(cells, random(2, 3, 3, 5), 12)
    assert torch.equal(read.dense(), whole)
    turned = read.transposed(1, 3)
    assert torch.equal(turned.dense(), whole.transpose(1, 3))
    assert turned.viewed((15, 12)) is None
    assert turned.rows() is None
    rows = read.viewed((12, 15))
    assert rows is not None
    at, some = rows.rows() or (cells, cells)
    assert torch.equal(whole.view(24, 15)[at], some)
    parts = [read, ReadCells.of_all(cells[1:2], random(2, 1, 3, 5), 4)]
    both = ReadCells.joined(parts, 1)
    assert both is not None
    assert torch.equal(both.dense(), torch.cat([part.dense() for part in parts], dim=1))
    assert ReadCells.joined(parts, 2) is None
    assert ReadCells.joined([read, whole], 1) is None


class _Own(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return 2 * gradient


def test_functions_in_python_are_not_followed() -> None:
    leaf = leaf_of(1, 3)
    with pytest.raises(Unsupported, match="_OwnBackward"):
        BatchedProducts([_Own.apply(leaf * 1)], leaf)
    # Beside the way to the leaf they do not matter.
    check([leaf * 2 * _Own.apply(leaf_of(1, 3) * 1)], leaf)


def test_the_graph_can_be_used_again_and_nothing_is_changed() -> None:
    leaf = leaf_of(1, 6, 10)
    made = (leaf * 2).softmax(-1)
    (before,) = torch.autograd.grad(made, leaf, random(1, 6, 10), retain_graph=True)
    vector = random(1, 1, 6, 10)
    BatchedProducts([made], leaf)([vector])
    (after,) = torch.autograd.grad(made, leaf, random(1, 6, 10))
    assert torch.equal(before, after)
    assert torch.equal(vector, random(1, 1, 6, 10))
