"""ODAM-Train's loss: its value against a slow reference, its gradient against finite differences, what it leaves."""

from __future__ import annotations

import math
import os
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torchvision.models.detection import FCOS
from torchvision.models.detection.fcos import FCOSHead
from torchvision.models.detection.retinanet import RetinaNetHead
from torchvision.ops import box_iou

from detxai_nb.data import scenes
from detxai_nb.detectors.zoo.networks.torchvision import tiny_faster_rcnn, tiny_fcos, tiny_retinanet
from detxai_nb.geometry import Placement
from detxai_nb.training.map_pairs import map_pair_losses
from detxai_nb.training.odam_maps import map_vectors_with_graph
from detxai_nb.training.odam_train import OdamLoss, with_odam
from detxai_nb.training.positives import PassRecord, record_positives
from detxai_nb.training.recipes import RECIPES
from detxai_nb.training.torchvision_losses import fcos_losses

STEPS = int(os.environ.get("DETXAI_NB_ODAM_STEPS", "16"))
BOXES = [[6.0, 8.0, 44.0, 48.0], [20.0, 10.0, 60.0, 52.0], [50.0, 20.0, 90.0, 60.0]]


class GivenProposals(nn.Module):
    """Proposals that do not depend on the weights, as the box head's gradient has them."""

    def forward(self, images: Any, features: Any, targets: Any) -> tuple[list[Tensor], dict[str, Tensor]]:
        dtype = images.tensors.dtype
        shifts = torch.tensor([[0, 0, 0, 0], [3, -2, 2, 3], [-3, 2, 1, -4]], dtype=dtype)
        return [(target["boxes"][:, None] + shifts).flatten(0, 1) for target in targets], {}


def without_norm(module: Any) -> Any:
    """The same detector with a head without group normalisation, whose convolutions are not tiny."""
    if isinstance(module, FCOS):
        module.head = FCOSHead(64, 1, 2, num_convs=2)
        for part in (module.head.classification_head, module.head.regression_head):
            part.conv = nn.Sequential(*(layer for layer in part.conv if not isinstance(layer, nn.GroupNorm)))
    else:
        module.head = RetinaNetHead(64, 6, 2)
        for part in (module.head.classification_head, module.head.regression_head):
            part.conv = part.conv[:2]
    for name, value in module.head.named_parameters():
        if value.ndim == 4 and ".conv." in name:
            nn.init.kaiming_normal_(value)
    return module


def network(kind: str) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(3)
        module: Any = {
            "fcos": lambda: tiny_fcos(2),
            "fcos without norm": lambda: without_norm(tiny_fcos(2)),
            "retinanet": lambda: tiny_retinanet(2),
            "retinanet without norm": lambda: without_norm(tiny_retinanet(2)),
            "faster_rcnn": lambda: tiny_faster_rcnn(3),
        }[kind]()
        if kind == "faster_rcnn":
            module.rpn = GivenProposals()
            for value in module.roi_heads.box_predictor.parameters():
                nn.init.normal_(value, std=0.1)
    module.transform.min_size, module.transform.max_size = (64,), 128
    return module.double().train()


def batch(dtype: torch.dtype = torch.float64, first_label: int = 0) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 64, 96, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2)]
    boxes = torch.tensor(BOXES, dtype=dtype)
    labels = torch.tensor([0, 0, 1]) + first_label
    return images, [{"boxes": boxes, "labels": labels}, {"boxes": boxes[1:] - 4, "labels": labels[1:]}]


def batch_of(module: Any, dtype: torch.dtype = torch.float64) -> tuple[list[Tensor], list[dict[str, Tensor]]]:
    return batch(dtype, 1 if hasattr(module, "roi_heads") else 0)


def recorded(module: Any, *given: Any) -> tuple[PassRecord, dict[str, Tensor]]:
    torch.manual_seed(5)
    with record_positives(module) as record:
        losses = module(*(given or batch_of(module)))
    return record, losses


KINDS = ("fcos", "fcos without norm", "retinanet", "retinanet without norm", "faster_rcnn")
LIMITS: dict[str, Any] = {"objects": 2, "positives": 2}


def slow_vectors(record: PassRecord, image: int, rows: Tensor, short_edge: int) -> Tensor:
    """Maps from one autograd call each, placed by F.interpolate's arithmetic as ``Placement`` has it."""
    found = []
    for row in rows.tolist():
        label = record.targets[image]["labels"][record.matched[image][row]]
        height, width = record.image_sizes[image]
        scale = short_edge / min(height, width)
        small = Placement((round(height * scale), round(width * scale)), (height, width), (height, width))
        if not record.dense:
            at = record.begin(image) + row
            score = record.outputs["class_logits"][at].softmax(0)[label]
            (gradient,) = torch.autograd.grad(score, record.features[0], retain_graph=True)
            grid = (gradient[at] * record.features[0][at]).sum(0).relu()
            x1, y1, x2, y2 = record.boxes[image][row].tolist()
            stride = ((y2 - y1) / 7, (x2 - x1) / 7)
            found.append(small.maps_to_image(grid[None], stride, corner=(y1, x1)).flatten())
            continue
        score = record.outputs["cls_logits"][image, row, label].sigmoid()
        if "bbox_ctrness" in record.outputs:
            score = (score * record.outputs["bbox_ctrness"][image, row, 0].sigmoid()).sqrt()
        gradients = torch.autograd.grad(score, record.features, retain_graph=True)
        level = next(i for i, gradient in enumerate(gradients) if bool(gradient.abs().sum() > 0))
        grid = (gradients[level] * record.features[level])[image].sum(0).relu()
        stride = (float(8 * 2**level),) * 2
        found.append(small.maps_to_image(grid[None], stride).flatten())
    return torch.stack(found)


def directions(vectors: Tensor) -> Tensor:
    length = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
    return vectors / torch.where(length > 0, length, 1)


@pytest.mark.parametrize("kind", KINDS)
def test_maps_are_those_of_one_gradient_at_a_time(kind: str) -> None:
    record, _ = recorded(network(kind))
    chosen = [record.positives(image)[::2] for image in range(2)]
    vectors = map_vectors_with_graph(record, chosen, score="prob", norm_statistics="exact", short_edge=20)
    for image, rows in enumerate(chosen):
        assert len(rows) > 2
        slow = slow_vectors(record, image, rows, 20)
        torch.testing.assert_close(directions(vectors[image].detach()), directions(slow), rtol=1e-9, atol=1e-11)


def literal_losses(vectors: Tensor, objects: list[int], overlaps: list[float], epsilon: float) -> tuple[float, int]:
    total, pairs = 0.0, 0
    maps = [row.tolist() for row in vectors]
    nothing = {i for i, row in enumerate(maps) if not any(row)}
    for p in sorted(set(objects)):
        own = [i for i, o in enumerate(objects) if o == p and i not in nothing]
        if not own:
            continue
        best = max(own, key=lambda i: (overlaps[i], -i))
        for n, o in enumerate(objects):
            if n == best or n in nothing:
                continue
            dot = sum(a * b for a, b in zip(maps[best], maps[n]))
            cosine = dot / math.sqrt(sum(a * a for a in maps[best]) * sum(a * a for a in maps[n]))
            cosine = min(max(cosine, epsilon), 1 - epsilon)
            total -= math.log(cosine if o == p else 1 - cosine)
            pairs += 1
    return total, pairs


def test_losses_of_pairs_are_those_of_equation_3_in_loops() -> None:
    generator = torch.Generator().manual_seed(0)
    for case in range(40):
        count = int(torch.randint(0, 9, (), generator=generator))
        vectors = torch.rand(count, 6, generator=generator, dtype=torch.float64)
        vectors = vectors * (torch.rand(count, 6, generator=generator) < 0.6)
        objects = torch.randint(0, 4, (count,), generator=generator)
        overlaps = torch.randint(0, 3, (count,), generator=generator) / 2
        found = map_pair_losses(vectors, objects, overlaps, 0.01)
        total, pairs = literal_losses(vectors, objects.tolist(), overlaps.tolist(), 0.01)
        assert found.same + found.different == pairs, case
        assert float(found.consistency + found.separation) == pytest.approx(total, rel=1e-9, abs=1e-12), case


def test_equal_maps_of_different_objects_cost_a_finite_amount() -> None:
    vectors = torch.ones(2, 5, requires_grad=True)
    found = map_pair_losses(vectors, torch.tensor([0, 1]), torch.ones(2), 1e-4)
    assert float(found.separation.detach()) == pytest.approx(-2 * math.log(1e-4), rel=1e-2)
    found.separation.backward()  # type: ignore[no-untyped-call]
    assert vectors.grad is not None
    assert bool(torch.isfinite(vectors.grad).all())


@pytest.mark.parametrize(
    ("kind", "norm_statistics", "weights"),
    [
        ("fcos", "exact", ("backbone.fpn", "head.")),
        ("fcos", "fixed", ("backbone.fpn", "head.")),
        ("retinanet without norm", "exact", ("backbone.fpn", "head.")),
        ("faster_rcnn", "exact", ("backbone.class_tower", "roi_heads.")),
    ],
)
def test_the_gradient_is_that_of_finite_differences(kind: str, norm_statistics: str, weights: tuple[str, ...]) -> None:
    module = network(kind)
    odam = OdamLoss(objects=2, positives=2, norm_statistics=norm_statistics, short_edge=16)
    for start in weights:
        moved = [value for name, value in module.named_parameters() if name.startswith(start) and value.ndim > 1]
        generator = torch.Generator().manual_seed(2)
        step = [
            torch.randn(value.shape, generator=generator, dtype=value.dtype) * value.detach().std() for value in moved
        ]
        record, _ = recorded(module)
        loss = odam(record)
        gradients = torch.autograd.grad(loss, moved, allow_unused=True)
        slope = sum(float((g.detach() * d).sum()) for g, d in zip(gradients, step) if g is not None)
        assert float(loss.detach()) > 0
        values = []
        for sign in (1, -1):
            with torch.no_grad():
                for value, one in zip(moved, step):
                    value.add_(one, alpha=sign * 1e-6)
            values.append(float(odam(recorded(module)[0]).detach()))
            with torch.no_grad():
                for value, one in zip(moved, step):
                    value.sub_(one, alpha=sign * 1e-6)
        assert (values[0] - values[1]) / 2e-6 == pytest.approx(slope, rel=2e-4, abs=1e-7), start


@pytest.mark.parametrize("kind", KINDS)
def test_losses_gradients_and_random_draws_are_the_detectors_own_when_the_weight_is_zero(kind: str) -> None:
    plain, watched = network(kind), network(kind)
    torch.manual_seed(5)
    own = plain(*batch_of(plain))
    after = torch.get_rng_state()
    sum(own.values()).backward()
    before = {name: id(part) for name, part in watched.named_modules()}
    record, losses = recorded(watched)
    loss = sum(losses.values()) + OdamLoss(0.0)(record)
    assert torch.equal(torch.get_rng_state(), after)
    loss.backward()  # type: ignore[no-untyped-call]
    assert {name: float(value.detach()) for name, value in losses.items()} == {
        name: float(x.detach()) for name, x in own.items()
    }
    for (name, value), other in zip(watched.named_parameters(), plain.parameters()):
        assert (value.grad is None) == (other.grad is None), name
        assert value.grad is None or torch.equal(value.grad, other.grad), name
    assert before == {name: id(part) for name, part in watched.named_modules()}
    assert watched.training
    assert hooks(watched) == []


def hooks(module: nn.Module) -> list[str]:
    found = []
    for name, part in module.named_modules():
        found += [name for kind in ("_forward_hooks", "_forward_pre_hooks") if getattr(part, kind)]
        found += [f"{name}.{key}" for key in ("compute_loss", "select_training_samples") if key in part.__dict__]
    return found


@pytest.mark.parametrize("kind", ["fcos", "faster_rcnn"])
def test_an_exception_leaves_no_hook(kind: str) -> None:
    module = network(kind)
    images, targets = batch_of(module)
    with pytest.raises(AssertionError), record_positives(module):
        module(images, [{**targets[0], "boxes": torch.zeros(3, 3, dtype=torch.float64)}, targets[1]])
    with pytest.raises(KeyError), record_positives(module):
        module(images, [{"boxes": target["boxes"]} for target in targets])
    with pytest.raises(KeyboardInterrupt), record_positives(module):
        raise KeyboardInterrupt
    assert hooks(module) == []


@pytest.mark.parametrize("kind", ["fcos", "fcos without norm", "retinanet", "faster_rcnn"])
@pytest.mark.parametrize("objects", [0, 1])
def test_images_without_pairs_add_nothing(kind: str, objects: int) -> None:
    module = network(kind)
    images, targets = batch_of(module)
    few = [{name: value[:objects] for name, value in target.items()} for target in targets]
    record, losses = recorded(module, images, few)
    loss = OdamLoss(positives=1)(record)
    assert float(loss.detach()) == 0
    (sum(losses.values()) + loss).backward()  # type: ignore[no-untyped-call]
    for name, value in module.named_parameters():
        assert value.grad is None or bool(torch.isfinite(value.grad).all()), name


@pytest.mark.parametrize("kind", ["fcos", "retinanet without norm", "faster_rcnn"])
def test_under_autocast_the_loss_is_in_float32_and_finite(kind: str) -> None:
    module = network(kind).float()
    torch.manual_seed(5)
    with torch.autocast("cpu", torch.bfloat16), record_positives(module) as record:
        losses = module(*batch_of(module, torch.float32))
        loss = OdamLoss(**LIMITS)(record)
    assert loss.dtype == torch.float32
    assert float(loss.detach()) > 0
    (sum(losses.values()) + loss).backward()
    for name, value in module.named_parameters():
        assert value.grad is None or bool(torch.isfinite(value.grad).all()), name


def test_a_frozen_backbone_still_trains_the_head() -> None:
    module = network("fcos")
    module.backbone.requires_grad_(False)
    record, _ = recorded(module)
    OdamLoss(**LIMITS)(record).backward()  # type: ignore[no-untyped-call]
    assert float(module.head.classification_head.cls_logits.weight.grad.abs().sum()) > 0
    assert all(value.grad is None for value in module.backbone.parameters())


@pytest.mark.parametrize("kind", ["fcos", "faster_rcnn"])
def test_limits_keep_the_best_prediction_of_neighbours(kind: str) -> None:
    record, _ = recorded(network(kind))
    odam = OdamLoss(objects=2, positives=2)
    rows = odam._choose(record, 0)
    objects = record.matched[0][rows].tolist()
    assert len(rows) <= 4
    assert len(set(objects)) == 2
    assert set(objects) in ({0, 1}, {1, 2})
    every = record.positives(0)
    overlaps = record.overlaps(0, every)
    for one in set(objects):
        mine = every[record.matched[0][every] == one]
        best = mine[overlaps[record.matched[0][every] == one].argmax()]
        assert int(best) in rows.tolist()


def test_overlaps_are_those_of_the_decoded_boxes() -> None:
    record, _ = recorded(network("fcos"))
    row = record.positives(1)[:1]
    left, top, right, bottom = (8 * record.outputs["bbox_regression"][1][row[0]]).tolist()
    x1, y1, x2, y2 = record.boxes[1][row[0]].tolist()
    assert x2 - x1 == 8
    x, y = (x1 + x2) / 2, (y1 + y2) / 2
    box = torch.tensor([[x - left, y - top, x + right, y + bottom]], dtype=torch.float64)
    wanted = record.targets[1]["boxes"][record.matched[1][row]]
    assert float(record.overlaps(1, row)) == pytest.approx(float(box_iou(box, wanted).detach()), abs=1e-9)


def test_a_record_of_no_pass_or_of_two_is_refused() -> None:
    module = network("faster_rcnn")
    with record_positives(module) as record:
        pass
    with pytest.raises(ValueError, match="one training pass"):
        OdamLoss()(record)
    with record_positives(module) as record:
        module(*batch_of(module))
        module(*batch_of(module))
    with pytest.raises(ValueError, match="got 2"):
        OdamLoss()(record)


def test_predictions_that_share_batch_statistics_have_no_maps() -> None:
    module = network("faster_rcnn")
    module.roi_heads.box_head = nn.Sequential(module.roi_heads.box_head, nn.BatchNorm1d(192).double())
    record, _ = recorded(module)
    with pytest.raises(ValueError, match="evaluation mode"):
        OdamLoss()(record)


@pytest.mark.parametrize(
    "settings",
    [
        {"weight": -1},
        {"weight": float("nan")},
        {"objects": 0},
        {"positives": 0},
        {"score": "probability"},
        {"norm_statistics": "running"},
        {"epsilon": 0.5},
        {"short_edge": 0},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        OdamLoss(**settings)


def test_other_modules_are_refused() -> None:
    with pytest.raises(TypeError, match="FCOS, RetinaNet or FasterRCNN"), record_positives(nn.Linear(2, 2)):
        pass


Batch = tuple[Tensor, list[dict[str, Tensor]]]


def crowd(seed: int, count: int) -> Batch:
    made = [scenes.make(i, seed, "one-class-crowd", 160, 128) for i in range(count)]
    images = torch.stack([torch.from_numpy(one.image).permute(2, 0, 1) for one in made])
    return images, [{"boxes": torch.from_numpy(x.boxes), "labels": torch.from_numpy(x.labels)} for x in made]


def separation_after(weight: float, steps: int, trained: Batch, held_out: Batch) -> tuple[float, float]:
    """The separation loss of a held-out batch before and after steps on other scenes, from exact gradients."""
    module: Any = RECIPES["tiny-fcos-crowd"].initial_model(0).train()
    module.backbone.body.eval().requires_grad_(False)
    losses = with_odam(fcos_losses, OdamLoss(weight, objects=6, positives=3, norm_statistics="fixed"))
    optimizer = torch.optim.AdamW([value for value in module.parameters() if value.requires_grad], lr=5e-4)

    def separation() -> float:
        torch.manual_seed(0)
        with record_positives(module) as record:
            fcos_losses(module, *held_out, False)
        return float(OdamLoss(objects=6, positives=2).terms(record).separation.detach())

    with torch.random.fork_rng():
        before = separation()
        for step in range(steps):
            rows = [(4 * step + i) % len(trained[1]) for i in range(4)]
            optimizer.zero_grad()
            parts = losses(module, trained[0][rows], [trained[1][i] for i in rows], False)
            torch.stack(list(parts.values())).sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return before, separation()


def test_a_few_steps_raise_the_separation_on_a_held_out_batch() -> None:
    trained, held_out = crowd(1_000_000, 24), crowd(2, 4)
    before, after = separation_after(2.0, STEPS, trained, held_out)
    _, plain = separation_after(0.0, STEPS, trained, held_out)
    assert after < 0.7 * before
    assert after < 0.7 * plain
