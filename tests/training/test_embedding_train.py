"""FeatureNMS's embedding head: its loss, its training with the detector and alone, and FeatureNMS with it."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor
from torchvision.ops import box_iou

import detxai_nb as dx
from detxai_nb.capabilities import Capabilities
from detxai_nb.data import scenes
from detxai_nb.detectors.zoo.networks.torchvision import tiny_faster_rcnn, tiny_fcos, tiny_retinanet
from detxai_nb.evaluation.fingerprint import detector_identity
from detxai_nb.nms.embedding import EmbeddingForm, EmbeddingHead, weights_digest
from detxai_nb.training import embedding_only, fine_tune
from detxai_nb.training.embedding_only import SETTINGS, KeptBatches, positives_of, train_head
from detxai_nb.training.embedding_pairs import area_under_curve, objects_of, pair_separation
from detxai_nb.training.embedding_train import EmbeddingLoss, OwnedVectors, vectors_with_graph
from detxai_nb.training.positives import PassRecord, record_positives
from detxai_nb.training.recipes import RECIPES

KINDS: dict[str, Callable[[], Any]] = {
    "fcos": lambda: tiny_fcos(2),
    "retinanet": lambda: tiny_retinanet(2),
    "faster_rcnn": lambda: tiny_faster_rcnn(3),
}
BUNDLED = {"fcos": "tiny-fcos", "retinanet": "tiny-retinanet", "faster_rcnn": "tiny-faster-rcnn"}
BOXES = torch.tensor([[6.0, 8.0, 44.0, 48.0], [20.0, 10.0, 60.0, 52.0], [50.0, 20.0, 90.0, 60.0]])
QUICK = replace(SETTINGS, steps=4, batch=2, pool=2, sizes=(((128, 96), 1.0),))


@pytest.fixture(scope="module")
def detectors() -> dict[str, Any]:
    """The bundled ones, loaded once."""
    return {kind: dx.load_detector(name, device="cpu") for kind, name in BUNDLED.items()}


def network(kind: str) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        module = KINDS[kind]()
    if kind == "fcos":
        # Boxes of an area, which random weights do not give.
        torch.nn.init.constant_(module.head.regression_head.bbox_reg.bias, 3.0)
    module.transform.min_size, module.transform.max_size = (64,), 128
    return module.double().train()


def recorded(module: Any) -> tuple[PassRecord, dict[str, Tensor]]:
    first = 1 if hasattr(module, "roi_heads") else 0
    dtype = next(module.parameters()).dtype
    generator = torch.Generator().manual_seed(1)
    images = [torch.rand(3, 64, 96, generator=generator, dtype=torch.float64).to(dtype) for _ in range(2)]
    targets = [
        {"boxes": BOXES.to(dtype), "labels": torch.tensor([0, 0, 1]) + first},
        {"boxes": BOXES[:2].to(dtype) - 4, "labels": torch.tensor([1, 1]) + first},
    ]
    with torch.random.fork_rng(devices=[]), record_positives(module) as record:
        torch.manual_seed(5)
        losses = module(images, targets)
    return record, losses


def slow_terms(record: PassRecord, head: EmbeddingHead, loss: EmbeddingLoss) -> tuple[list[float], list[float]]:
    """The loss of each pair, prediction by prediction."""
    near, apart = [], []
    with torch.no_grad():
        vectors = vectors_with_graph(record, head, [record.positives(image) for image in range(2)])
    for image in range(2):
        rows = record.positives(image)
        boxes = record.predicted(image, rows)
        for i in range(len(rows)):
            for j in range(i):
                objects = [int(record.matched[image][rows[k]]) for k in (i, j)]
                labels = [int(record.targets[image]["labels"][k]) for k in objects]
                iou = float(box_iou(boxes[i][None], boxes[j][None]))
                if labels[0] != labels[1] or not loss.low_iou <= iou <= loss.high_iou:
                    continue
                d = float((vectors[image][i] - vectors[image][j]).square().sum().sqrt())
                if objects[0] == objects[1]:
                    near.append(max(0.0, d - loss.distance + loss.margin))
                else:
                    apart.append(max(0.0, loss.distance + loss.margin - d))
    return near, apart


@pytest.mark.parametrize("kind", KINDS)
def test_the_loss_is_the_mean_over_pairs_and_its_gradient_that_of_finite_differences(kind: str) -> None:
    module = network(kind)
    record, _ = recorded(module)
    head = EmbeddingHead.made_for(module, seed=1).double()
    # Far from the hinges, so that differences see no kink; vectors of a new head lie near each other.
    loss = EmbeddingLoss(margin=0.1, distance=0.05, low_iou=0.02, high_iou=0.98)
    terms = loss.terms(record, head)
    near, apart = slow_terms(record, head, loss)
    assert (terms.same, terms.different) == (len(near), len(apart))
    assert terms.same > 0
    assert terms.different > 0
    assert terms.near.item() == pytest.approx(sum(near) / len(near), rel=1e-9)
    assert terms.apart.item() == pytest.approx(sum(apart) / len(apart), rel=1e-9)
    value = EmbeddingLoss(2.0, margin=0.1, distance=0.05, low_iou=0.02, high_iou=0.98)(record, head)
    assert value.item() == pytest.approx(2 * (terms.near + terms.apart).item())
    weights = list(head.parameters())
    gradients = torch.autograd.grad(value, weights, retain_graph=True)
    generator = torch.Generator().manual_seed(2)
    for weight, gradient in zip(weights, gradients):
        way = torch.randn(weight.shape, generator=generator, dtype=torch.float64)
        way = way / way.norm() * 1e-5 * float(weight.detach().norm())
        found = []
        for sign in (1, -1):
            with torch.no_grad():
                weight += sign * way
                found.append(2 * float(loss(record, head).detach()))
                weight -= sign * way
        assert (found[0] - found[1]) / 2 == pytest.approx(float((gradient * way).sum()), rel=1e-4, abs=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_trained_along_the_loss_reaches_the_backbone_and_leaves_the_detectors_own_losses(kind: str) -> None:
    module = network(kind)
    _, plain = recorded(module)
    module.add_module("embedding", EmbeddingHead.made_for(module).double())
    loss = EmbeddingLoss(low_iou=0, high_iou=1)
    record, losses = recorded(module)
    assert losses.keys() == plain.keys()
    assert all(torch.equal(losses[name], plain[name]) for name in plain)
    loss(record, module.embedding).backward()  # type: ignore[no-untyped-call]
    assert all(float(value.grad.abs().max()) > 0 for value in module.embedding.parameters())
    pyramid = [value.grad for name, value in module.backbone.named_parameters() if value.grad is not None]
    assert any(float(gradient.abs().max()) > 0 for gradient in pyramid)


def test_a_batch_without_pairs_costs_nothing_and_has_a_gradient_of_zero() -> None:
    module = network("fcos")
    record, _ = recorded(module)
    head = EmbeddingHead.made_for(module).double()
    record.matched = [torch.full_like(matched, -1) for matched in record.matched]
    value = EmbeddingLoss()(record, head)
    assert value.item() == 0
    gradients = torch.autograd.grad(value, list(head.parameters()))
    assert all(float(gradient.abs().max()) == 0 for gradient in gradients)
    # Equal vectors have no direction to be pushed in, and no NaN.
    same = torch.ones(2, 4, requires_grad=True)
    owned = OwnedVectors(same, BOXES[:2] * 0 + BOXES[0], torch.tensor([0, 1]), torch.tensor([0, 0]))
    terms = EmbeddingLoss(high_iou=1.0).of_vectors([owned], head)
    assert terms.apart.item() == pytest.approx(1.2)
    assert torch.equal(torch.autograd.grad(terms.apart, same)[0], torch.zeros(2, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_kept_positives_give_the_loss_of_the_pass_itself_and_leave_the_detector_as_it_was(
    kind: str, detectors: dict[str, Any]
) -> None:
    module, losses = detectors[kind].module, RECIPES[BUNDLED[kind]].losses
    scene = scenes.make(0, mode="one-class-crowd", width=128, height=96)
    images = torch.from_numpy(scene.image).permute(2, 0, 1)[None]
    targets = [{"boxes": torch.from_numpy(scene.boxes), "labels": torch.from_numpy(scene.labels)}]
    before, random = weights_digest(module.state_dict()), torch.get_rng_state()
    flags = [part.training for part in module.modules()]
    kept = positives_of(module, losses, images, targets)
    assert weights_digest(module.state_dict()) == before
    assert [part.training for part in module.modules()] == flags
    assert torch.equal(torch.get_rng_state(), random)
    assert "select_training_samples" not in vars(getattr(module, "roi_heads", module))
    head = EmbeddingHead.made_for(module)
    parts = embedding_only.losses_of_kept(EmbeddingLoss(low_iou=0, high_iou=1))(head, images, kept, False)
    if kind != "faster_rcnn":
        # A two-stage detector's own pass leaves out positives; of one stage the pass is the same.
        with record_positives(module) as record, torch.no_grad():
            losses(module.eval(), images, targets, False)
        own = EmbeddingLoss(low_iou=0, high_iou=1).terms(record, head)
        assert parts["near"].item() == pytest.approx(own.near.item(), abs=2e-3)
        assert parts["apart"].item() == pytest.approx(own.apart.item(), abs=2e-3)
    assert parts["near"].item() + parts["apart"].item() > 0
    assert kept[0]["rows"].shape == kept[0]["objects"].shape == kept[0]["labels"].shape
    assert len(kept[0]["boxes"]) == len(kept[0]["rows"]) > 3


@pytest.mark.parametrize("kind", ["faster_rcnn"])
def test_training_the_head_alone_raises_the_separation_on_held_out_crowds(
    kind: str, detectors: dict[str, Any], tmp_path: Path
) -> None:
    detector = detectors[kind]
    held_out = scenes.Scenes(4, seed=1, mode="one-class-crowd", width=128, height=96)
    settings = replace(QUICK, steps=40, pool=8, rate=3e-3, average=0.9)
    before = pair_separation(
        detector, dx.nms.DetectorEmbedding(EmbeddingHead.made_for(detector.module), detector), held_out
    )
    digest = weights_digest(detector.module.state_dict())
    path = train_head(
        detector.module, RECIPES[BUNDLED[kind]].losses, settings, tmp_path, every=40, report=lambda line: None
    )
    after = pair_separation(detector, dx.nms.load_embedding(path, detector), held_out)
    assert weights_digest(detector.module.state_dict()) == digest
    assert (after.same, after.different) == (before.same, before.different)
    # Forty steps on tiny pictures: 0.64 to 0.68. The whole training comes to 0.90 (tiny-faster-rcnn-crowd).
    assert after.auc > before.auc + 0.01
    assert "AUC" in str(after)


def test_a_killed_training_of_the_head_goes_on_to_the_same_weights_bit_for_bit(
    detectors: dict[str, Any], tmp_path: Path
) -> None:
    module, losses = detectors["faster_rcnn"].module, RECIPES["tiny-faster-rcnn"].losses
    train_head(module, losses, QUICK, tmp_path / "whole", every=2, report=lambda line: None)
    lines: list[str] = []

    def stop(line: str) -> None:
        lines.append(line)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_head(module, losses, QUICK, tmp_path / "cut", every=2, report=stop)
    assert "step 2/4" in lines[0]
    assert not (tmp_path / "cut" / "embedding.safetensors").exists()
    train_head(module, losses, QUICK, tmp_path / "cut", every=2, report=lines.append)
    assert "resuming from step 2" in lines[1]
    whole, cut = ((tmp_path / name / "embedding.safetensors").read_bytes() for name in ("whole", "cut"))
    assert whole == cut
    other = replace(QUICK, rate=1e-4)
    with pytest.raises(ValueError, match=r"rate is 0\.002, this run has 0\.0001"):
        train_head(module, losses, other, tmp_path / "cut", report=lines.append)
    changed = copy.deepcopy(module)
    with torch.no_grad():
        next(changed.parameters()).add_(1)
    with pytest.raises(ValueError, match="detector is '"):
        train_head(changed, losses, QUICK, tmp_path / "cut", report=lines.append)
    for wrong in (replace(QUICK, pool=0), replace(QUICK, sizes=(((128, 96), 0.5), ((96, 128), 0.5)))):
        with pytest.raises(ValueError, match="pool of scenes of one size"):
            KeptBatches(module, losses, wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_of_candidates_are_those_of_the_head_at_each_ones_own_place(
    kind: str, detectors: dict[str, Any]
) -> None:
    detector = detectors[kind]
    head = EmbeddingHead.made_for(detector.module, seed=4)
    embedding = dx.nms.DetectorEmbedding(head, detector)
    image = scenes.make(3, mode="one-class-crowd", width=128, height=96).image
    trace = detector.trace(image)
    found = detector.candidates(trace, 0.1)
    vectors = embedding(trace, found)
    assert vectors.shape == (len(found), 32)
    assert vectors.dtype == torch.float32
    assert not vectors.requires_grad
    assert torch.allclose(vectors.norm(dim=1), torch.ones(len(found)), atol=1e-5)
    rows = torch.arange(len(found)).flip(0)[:5]
    assert torch.allclose(embedding(trace, found[rows]), vectors[rows], atol=1e-6)
    assert embedding(trace, found[:0]).shape == (0, 32)
    with torch.no_grad():
        for row in (0, len(found) - 1):
            assert found.origins is not None
            if kind == "faster_rcnn":
                (part,) = trace.regions(found[row : row + 1])
                slow = head(part.features)[0]
            else:
                level, y, x = found.origins[row, :3].tolist()
                raw = head.layers(trace.pyramid[level][None])[0, :, y, x]
                anchor = found.origins[row, 3] if found.origins.shape[1] > 3 else 0
                slow = torch.nn.functional.normalize(raw.reshape(-1, 32)[anchor], dim=0)
            assert torch.allclose(vectors[row], slow, atol=1e-5)
    # The same as in training: the outputs of all cells in torchvision's order.
    if kind != "faster_rcnn":
        with record_positives(detector.module) as record, torch.no_grad():
            pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
            detector.module.eval()
            RECIPES[BUNDLED[kind]].losses(
                detector.module, pixels, [{"boxes": BOXES[:1], "labels": torch.tensor([0])}], False
            )
            grid = detector._dense.output_of(trace).grid
            every = vectors_with_graph(record, head, [torch.arange(len(grid.boxes))])[0]
        origins = grid.origins(torch.arange(len(grid.boxes))).tolist()
        at = {tuple(origin): number for number, origin in enumerate(origins)}
        first = tuple(found.origins[0].tolist())  # type: ignore[index]
        assert torch.allclose(every[at[(*first, 0)[:4]]], vectors[0], atol=1e-4)


@pytest.mark.parametrize("kind", ["fcos", "faster_rcnn"])
def test_feature_nms_runs_end_to_end_with_a_trained_head(kind: str, detectors: dict[str, Any], tmp_path: Path) -> None:
    detector = detectors[kind]
    head = EmbeddingHead.made_for(detector.module, seed=4)
    dx.nms.save_embedding(tmp_path / "a.safetensors", head, detector.module.state_dict(), distance=0.1)
    embedding = dx.nms.load_embedding(tmp_path / "a.safetensors", detector)
    assert embedding.distance == 0.1
    assert all(torch.equal(a, b) for a, b in zip(embedding.head.state_dict().values(), head.state_dict().values()))
    rule = dx.nms.FeatureNms(distance=embedding.distance)
    with_features = dx.nms.NmsDetector(detector, rule, vectors=embedding)
    image = scenes.make(3, mode="one-class-crowd", width=128, height=96).image
    found = with_features.detect([image], 0.2)[0]
    before = dx.nms.candidates(detector, image, 0.2)
    vectors = embedding(detector.trace(image), before)
    kept = dx.nms.remove_duplicates(before, rule, vectors)
    assert 0 < len(found) < len(before)
    assert torch.equal(found.boxes, kept.boxes[: len(found)])
    # Stores tell heads of other weights apart, also where the detector describes itself.
    other = EmbeddingHead.made_for(detector.module, seed=5)
    own = copy.copy(detector)
    own.__class__ = type("Own", (type(detector),), {"identity": "mine"})
    for inside in (detector, own):
        identities = [
            detector_identity(dx.nms.NmsDetector(inside, rule, vectors=dx.nms.DetectorEmbedding(one, inside)))
            for one in (head, other, copy.deepcopy(head))
        ]
        assert identities[0] != identities[1]
        assert identities[0] == identities[2]
        json.dumps(identities)


def test_a_head_of_another_detector_is_refused_in_words(detectors: dict[str, Any], tmp_path: Path) -> None:
    fcos, rcnn = detectors["fcos"], detectors["faster_rcnn"]
    head = EmbeddingHead.made_for(fcos.module)
    path = tmp_path / "embedding.safetensors"
    dx.nms.save_embedding(path, head, fcos.module.state_dict())
    with pytest.raises(ValueError, match="another detector than this FasterRCNN: kind is 'cells of a pyramid' there"):
        dx.nms.load_embedding(path, rcnn)
    with pytest.raises(ValueError, match="another detector than this RetinaNet: anchors is 1 there and 6 here"):
        dx.nms.load_embedding(path, detectors["retinanet"])
    wide = EmbeddingHead(EmbeddingForm("cells of a pyramid", 128))
    with pytest.raises(ValueError, match="channels is 128 there and 64 here"):
        dx.nms.DetectorEmbedding(wide, fcos)
    changed = copy.deepcopy(fcos)
    with torch.no_grad():
        next(changed.module.parameters()).add_(0.5)
    with pytest.raises(ValueError, match="trained on other weights"):
        dx.nms.load_embedding(path, changed)
    assert dx.nms.load_embedding(path, changed, other_weights=True).distance == 1.0
    # Half precision rounds weights as the digest does.
    assert weights_digest(fcos.module.state_dict()) == weights_digest(copy.deepcopy(fcos.module).half().state_dict())
    embedding = dx.nms.load_embedding(path, fcos)
    image = scenes.make(3, mode="one-class-crowd", width=128, height=96).image
    with pytest.raises(ValueError, match="another network than the trace"):
        embedding(rcnn.trace(image), dx.nms.candidates(rcnn, image, 0.3))
    trace, found = fcos.trace(image), dx.nms.candidates(fcos, image, 0.3)
    with pytest.raises(ValueError, match="do not say where"):
        embedding(trace, replace(found, origins=None, origin_fields=()))
    with pytest.raises(ValueError, match="another detector or image size"):
        embedding(trace, replace(found, origins=found.origins + 100))
    with pytest.raises(ValueError, match=r"hand in vectors=dx\.nms\.load_embedding"):
        dx.nms.NmsDetector(fcos, "feature-nms")
    record, _ = recorded(network("faster_rcnn"))
    with pytest.raises(ValueError, match="has two stages"):
        EmbeddingLoss()(record, head)
    record, _ = recorded(network("fcos"))
    with pytest.raises(ValueError, match="reads 128 channels, and this FCOS has 64"):
        EmbeddingLoss()(record, wide)
    for other in (dx.load_detector("tiny-ssd", device="cpu"), dx.wrap_predict(lambda image: ([], [], []), ["cat"])):
        with pytest.raises(TypeError, match="an embedding head reads"):
            dx.nms.load_embedding(path, other)


def test_what_is_no_file_of_a_head_is_refused_in_words(detectors: dict[str, Any], tmp_path: Path) -> None:
    fcos, path = detectors["fcos"], tmp_path / "embedding.safetensors"
    head = EmbeddingHead.made_for(fcos.module)
    with pytest.raises(FileNotFoundError, match=r"no embedding head at .*; train one"):
        dx.nms.load_embedding(path, fcos)
    path.write_bytes(b"no tensors")
    with pytest.raises(ValueError, match="not a whole safetensors file"):
        dx.nms.load_embedding(path, fcos)
    save_file(head.state_dict(), path)
    with pytest.raises(ValueError, match="holds no embedding head"):
        dx.nms.load_embedding(path, fcos)
    dx.nms.save_embedding(path, head, fcos.module.state_dict())
    about = {
        "format": 1,
        "form": {"kind": "cells of a pyramid", "channels": 64, "anchors": 1, "pooled": [1, 1], "size": 32},
        "detector": weights_digest(fcos.module.state_dict()),
        "distance": 1.0,
    }
    form: dict[str, Any] = about["form"]  # type: ignore[assignment]
    for wrong, said in (
        ("{", "cannot be opened|can be opened"),
        ([], "can be opened"),
        ({**about, "format": 2}, "its format is 2"),
        ({**about, "distance": float("nan")}, "its distance is nan"),
        ({**about, "form": {**form, "channels": 0}}, "channels is a whole number"),
        ({**about, "form": {**form, "pooled": 3}}, "can be opened"),
        ({**about, "form": {**form, "more": 1}}, "can be opened"),
        ({name: value for name, value in about.items() if name != "detector"}, "does not say 'detector'"),
    ):
        text = wrong if isinstance(wrong, str) else json.dumps(wrong)
        path.write_bytes(save(head.state_dict(), metadata={"detxai-nb embedding": text}))
        with pytest.raises(ValueError, match=said):
            dx.nms.load_embedding(path, fcos)
    state = {**head.state_dict(), "layers.0.bias": torch.full((64,), float("nan"))}
    path.write_bytes(save(state, metadata={"detxai-nb embedding": json.dumps(about)}))
    with pytest.raises(ValueError, match="NaN or infinity"):
        dx.nms.load_embedding(path, fcos)
    with pytest.raises(FileNotFoundError, match="no folder"):
        dx.nms.save_embedding(tmp_path / "none" / "a.safetensors", head, fcos.module.state_dict())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: EmbeddingLoss(0), "weight is a number above 0"),
        (lambda: EmbeddingLoss(float("nan")), "weight is a number above 0"),
        (lambda: EmbeddingLoss(margin=-0.1), "margin is 0 or more"),
        (lambda: EmbeddingLoss(distance=2.0), "distance is between 0 and 2"),
        (lambda: EmbeddingLoss(low_iou=0.9, high_iou=0.1), "low_iou <= high_iou"),
        (lambda: EmbeddingForm("cells", 64), "kind is"),
        (lambda: EmbeddingForm("pooled regions", 64, pooled=(7, 0)), "pooled columns is a whole number"),
        (lambda: EmbeddingHead.made_for(tiny_fcos(1), size=0), "size is a whole number"),
    ],
)
def test_settings_out_of_range_are_refused(make: Callable[[], object], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        make()


def test_the_loss_asks_for_one_pass() -> None:
    module = network("fcos")
    with record_positives(module) as record:
        pass
    with pytest.raises(ValueError, match="expected one training pass"):
        EmbeddingLoss()(record, EmbeddingHead.made_for(module))


def test_the_area_under_the_curve_counts_pairs_of_one_and_the_other_kind() -> None:
    generator = torch.Generator().manual_seed(0)
    values = torch.randint(0, 6, (40,), generator=generator).float()
    positive = torch.rand(40, generator=generator) < 0.4
    slow = [float((a > b).float() + (a == b).float() / 2) for a in values[positive] for b in values[~positive]]
    assert area_under_curve(values, positive) == pytest.approx(sum(slow) / len(slow))
    assert area_under_curve(values, positive | True) != area_under_curve(values, positive | True)


def test_predictions_are_of_the_object_of_their_class_that_they_overlap_most(detectors: dict[str, Any]) -> None:
    scene = scenes.Scenes(1, mode="one-class-crowd")[0]
    boxes = torch.from_numpy(scene.boxes)
    names = ("__background__", *scene.names)
    detections = dx.Detections(
        torch.cat([boxes, boxes[:1], boxes[:1] * 0 + torch.tensor([0, 0, 2, 2])]),
        torch.ones(len(boxes) + 2),
        torch.cat([torch.from_numpy(scene.labels) + 1, torch.tensor([(int(scene.labels[0]) + 1) % 10 + 1, 1])]),
        names,
    )
    objects = objects_of(detections, scene)
    assert objects[: len(boxes)].tolist() == list(range(len(boxes)))
    assert objects[len(boxes) :].tolist() == [-1, -1]


def test_one_command_trains_the_head_alone_and_measures_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedding_only, "SETTINGS", QUICK)
    flags = ["tiny-faster-rcnn", "--out", str(tmp_path), "--device", "cpu", "--scenes", "1"]
    assert embedding_only._main([*flags, "--steps", "2", "--batch", "1", "--pool", "1", "--every", "1"]) == 0
    said = capsys.readouterr().out
    assert "step 2/2" in said
    assert "load_embedding" in said
    assert "held-out crowds: AUC" in said
    assert embedding_only._main([*flags, "--check"]) == 0
    assert capsys.readouterr().out.split("AUC")[1] == said.split("AUC")[1]
    assert embedding_only._main([*flags, "--steps", "0"]) == 2
    assert "--steps is at least 1" in capsys.readouterr().err
    assert embedding_only._main([*flags, "--rate", "nan"]) == 2
    assert "--rate is a number above 0" in capsys.readouterr().err
    assert embedding_only._main(["tiny-fcos", "--out", str(tmp_path / "none"), "--check"]) == 2
    assert "no embedding head" in capsys.readouterr().err


def test_fine_tuning_trains_detector_and_head_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = replace(fine_tune.CROWD_SETTINGS, sizes=(((128, 96), 1.0),), pool=2)
    monkeypatch.setattr(fine_tune, "CROWD_SETTINGS", small)
    flags = ["tiny-fcos", "--steps", "2", "--batch", "1", "--workers", "0", "--device", "cpu", "--every", "1"]
    flags += ["--odam-weight", "1", "--embedding", "--out", str(tmp_path)]
    assert fine_tune._main(flags) == 0
    said = capsys.readouterr().out
    assert "apart" in said
    assert "separation" in said
    assert "load_embedding" in said
    assert not [name for name in load_file(tmp_path / "weights.safetensors") if name.startswith("embedding")]
    detector = dx.load_detector("tiny-fcos", weights=tmp_path / "weights.safetensors", device="cpu")
    embedding = dx.nms.load_embedding(tmp_path / "embedding.safetensors", detector)
    started = EmbeddingHead.made_for(detector.module)
    assert not torch.equal(embedding.head.layers[0].weight, started.layers[0].weight)  # type: ignore[arg-type]
    assert Capabilities(dx.nms.NmsDetector(detector, "feature-nms", vectors=embedding)).family == "fcos"
    assert json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))["embedding"].startswith("weight 1,")
    with pytest.raises(ValueError, match="trained on other weights"):
        dx.nms.load_embedding(tmp_path / "embedding.safetensors", dx.load_detector("tiny-fcos", device="cpu"))
    # The same training without the head is another one.
    assert fine_tune._main([flag for flag in flags if flag != "--embedding"]) == 2
    assert "embedding" in capsys.readouterr().err
