"""The DETR family beyond the contract: transformers' own post-processing, attention, checkpoints, tiny-detr."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from families.detr import builder, choose, everything, module_of, scalar
from full_size import of_a_kind
from torch import Tensor, nn

import detxai_nb as dx
from detxai_nb.detectors.detr import trace as detr_trace
from detxai_nb.detectors.detr.anatomy import one_transformer, projected_transformer
from detxai_nb.detectors.detr.capture import capture_pass
from detxai_nb.detectors.detr.detector import DetrDetector
from detxai_nb.detectors.detr.pretrained import image_settings, open_pretrained
from detxai_nb.detectors.detr.variants import anatomy_of, variant_of
from detxai_nb.detectors.trace.batch_norms import with_exact_norms
from detxai_nb.detectors.zoo.networks.detr import IMAGE_SETTINGS, QUERIES, first_group, tiny_detr
from detxai_nb.geometry import Placement
from detxai_nb.testing import NAMES, gradients, photograph
from detxai_nb.types import Target
from detxai_nb.vjp import BatchedProducts

PROCESSORS = {
    "detr": "DetrImageProcessor",
    "conditional-detr": "ConditionalDetrImageProcessor",
    "deformable-detr": "DeformableDetrImageProcessor",
    "rt-detr": "RTDetrImageProcessor",
    "table-transformer": "DetrImageProcessor",
    "yolos": "YolosImageProcessor",
    "lw-detr": "DeformableDetrImageProcessor",
    "rf-detr": "RfDetrImageProcessor",
    "deimv2": "RTDetrImageProcessor",
}
IMAGE = photograph()


def processor_of(kind: str, **settings: Any) -> Any:
    import transformers

    return getattr(transformers, PROCESSORS[kind])(**settings)


@pytest.mark.parametrize("kind", PROCESSORS)
@pytest.mark.parametrize("threshold", [0.0, 0.6])
def test_detections_are_transformers_own(kind: str, threshold: float) -> None:
    detector = builder(kind)()
    threshold *= {"detr": 0.8, "table-transformer": 0.6}.get(kind, 1)
    images = [IMAGE, photograph(150, 213, seed=5)]
    batch = torch.cat([detector._prepare([image])[0] for image in images])
    with torch.no_grad():
        outputs = detector.module(pixel_values=batch)
    expected = processor_of(kind).post_process_object_detection(
        outputs, threshold=threshold, target_sizes=[(150, 213)] * 2
    )
    placement = Placement.identity(150, 213)
    for found, own in zip(detector.detect(images, threshold), expected, strict=True):
        order = own["scores"].argsort(descending=True, stable=True)
        assert len(found) == len(order) > 0
        assert torch.allclose(found.scores, own["scores"][order], atol=1e-5)
        assert torch.equal(found.labels, own["labels"][order])
        assert torch.allclose(found.boxes, placement.clip(own["boxes"])[order], atol=1e-2)


@pytest.mark.parametrize("size", [(150, 213), (300, 90), (96, 130), (400, 401)])
def test_images_are_prepared_as_transformers_does(size: tuple[int, int]) -> None:
    processor = processor_of("detr", size={"shortest_edge": 96, "longest_edge": 160})
    detector = builder("detr")(**image_settings(processor))
    image = photograph(*size, seed=2)
    expected = processor(images=image, return_tensors="pt")["pixel_values"]
    found, placement = detector._prepare([image])
    assert found.shape == expected.shape
    assert (placement.image_size, placement.resized) == (size, tuple(expected.shape[2:]))
    # One grey value where the two round differently.
    assert (found - expected).abs().max() <= 1.01 / 255 / 0.224
    assert (found - expected).abs().mean() < 5e-3


def test_images_are_scaled_alike_whatever_the_network_computes_in() -> None:
    """A grey value rounded otherwise would make another image of it."""
    single, double = builder("detr")()._prepare([IMAGE])[0], builder("detr")(torch.float64)._prepare([IMAGE])[0]
    assert double.dtype == torch.float64
    assert torch.allclose(single.double(), double, atol=1e-6)


def test_a_fixed_size_stretches_the_image() -> None:
    processor = processor_of("rt-detr", size={"height": 96, "width": 128})
    detector = builder("rt-detr")(**image_settings(processor))
    found, placement = detector._prepare([IMAGE])
    expected = processor(images=IMAGE, return_tensors="pt")["pixel_values"]
    assert placement.resized == (96, 128)
    assert (found - expected).abs().max() <= 1.01 / 255


@pytest.mark.parametrize("kind", ["dab-detr", "deformable-detr", "rt-detr-v2", "d-fine"])
def test_gradients_of_the_other_variants_equal_the_slow_loop(kind: str) -> None:
    """DAB-DETR makes float32 queries whatever its weights, so it is tested in float32."""
    dtype, tolerance = (torch.float32, 1e-4) if kind == "dab-detr" else (torch.float64, 1e-9)
    detector = builder(kind)(dtype)
    trace = detector.trace(IMAGE)
    chosen = choose(everything(detector, IMAGE), trace)
    for target in (Target(), Target(score="logit"), Target("y1")):
        (chunk,) = trace.chunks(chosen, target)
        for row, one in enumerate(chosen):
            leaf = trace.levels[0].features[None].clone().requires_grad_()
            of_one = partial(scalar, detector, trace, [leaf], one, int(one.labels[0]), target)
            value = with_exact_norms(detector.module, of_one)
            (slow,) = torch.autograd.grad(value, leaf)
            assert trace.scalars(one, target).item() == pytest.approx(value.item(), rel=1e-4)
            assert slow.norm() > 0
            assert (chunk.gradient[row] - slow[0]).norm() <= tolerance * slow.norm()


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("deimv2-dinov3", {}),
        ("deimv2-lite", {}),
        ("lw-detr", {"projector_scale_factors": [2.0, 0.5]}),
        ("yolos", {"use_mid_position_embeddings": False, "num_hidden_layers": 1}),
        ("yolos", {"num_hidden_layers": 2}),
        ("yolos", {}),
        ("rf-detr", {}),
    ],
)
def test_every_layer_of_other_builds_equals_the_slow_loop(kind: str, changes: dict[str, Any]) -> None:
    detector = builder(kind, **changes)(torch.float64)
    chosen = choose(everything(detector, IMAGE), None)[:3]
    for layer in detector.layers:
        (chunk,) = detector.trace(IMAGE, layer).chunks(chosen, Target())
        assert (chunk.gradient.flatten(1).norm(dim=1) > 0).all(), f"nothing reads {layer}"
        product = chunk.gradient * detector.trace(IMAGE, layer).levels[0].features
        assert product.sum(1).abs().sum() > 1e-2 * product.abs().sum(), f"evidence cancels by construction at {layer}"
        gradients.check_layer_gradients(detector, IMAGE, chosen, layer, scalar)


@pytest.mark.parametrize("kind", ["rf-detr", "yolos"])
def test_evidence_cancels_in_front_of_a_layer_norm(kind: str) -> None:
    """Why what such a norm reads is no layer: the network does not see how large its cells are."""
    changes: dict[str, Any] = {"use_mid_position_embeddings": False} if kind == "yolos" else {}
    detector = builder(kind, **changes)(torch.float64)
    module = detector.module
    if kind == "rf-detr":
        layer, anatomy = "backbone", projected_transformer(module)
    else:
        layer, own = "backbone.block3", one_transformer(module)
        anatomy = replace(own, cuts={layer: replace(own.cuts["backbone"], part=module.vit.encoder.layer[2])})
    batch, _ = detector._prepare([IMAGE])
    opened = capture_pass(layer, anatomy, lambda: module(pixel_values=batch))
    (gradient,) = torch.autograd.grad(opened.outputs.logits[0, 0, 0], opened.leaf)
    product = gradient * opened.leaf.detach()
    assert product.abs().sum() > 0
    assert product.sum(1).abs().sum() < 1e-3 * product.abs().sum()


BATCHED = ["detr", "conditional-detr", "deformable-detr", "rt-detr", "yolos", "rf-detr", "deimv2"]
# On a CPU PyTorch's batches of gradients through LW-DETR's projector are wrong, which the trace notices.
NOTICED = pytest.mark.filterwarnings("ignore:this module's gradients come out wrong in batches")


@pytest.mark.parametrize("kind", [*BATCHED, pytest.param("lw-detr", marks=NOTICED)])
def test_gradients_in_batches_equal_those_one_by_one(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = builder(kind)(torch.float64)
    for layer in of_a_kind(detector.layers):
        single = detector.trace(IMAGE, layer)
        chosen = choose(everything(detector, IMAGE), single)
        with monkeypatch.context() as patched:
            patched.setattr(detr_trace, "batching_pays", lambda device: True)
            batched = detector.trace(IMAGE, layer)
        for target in (Target(), Target("x2")):
            one_by_one = torch.cat([chunk.gradient for chunk in single.chunks(chosen, target)])
            together = torch.cat([chunk.gradient for chunk in batched.chunks(chosen, target)])
            assert one_by_one.norm() > 0
            assert (together - one_by_one).norm() <= 1e-9 * one_by_one.norm()


class _Affine(nn.Module):
    """A batch normalisation in evaluation mode, written out."""

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        assert norm.running_mean is not None
        assert norm.running_var is not None
        factor = norm.weight.detach() * torch.rsqrt(norm.running_var + norm.eps)
        self.factor, self.shift = (
            factor[:, None, None],
            (norm.bias.detach() - norm.running_mean * factor)[:, None, None],
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor + self.shift


@pytest.mark.parametrize("kind", ["rt-detr", "rt-detr-v2", "d-fine", "deimv2"])
@pytest.mark.parametrize("products", [True, False])
def test_gradients_go_right_through_batch_norms(kind: str, products: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """PyTorch's own are wrong here on the CPU, and would be so in every reference too: see ``trace.batch_norms``."""
    plain = builder(kind)(torch.float64)
    for part in list(plain.module.modules()):
        for name, norm in part.named_children():
            if isinstance(norm, nn.BatchNorm2d):
                setattr(part, name, _Affine(norm))
    detector = builder(kind)(torch.float64)
    if not products:
        monkeypatch.setattr(detr_trace.Products, "of_pass", lambda *_: None)
    for layer in of_a_kind(detector.layers):
        trace = detector.trace(IMAGE, layer)
        chosen = choose(everything(detector, IMAGE), trace)
        for target in (Target(), Target("x2")):
            found = torch.cat([chunk.gradient for chunk in trace.chunks(chosen, target)])
            expected = torch.cat([chunk.gradient for chunk in plain.trace(IMAGE, layer).chunks(chosen, target)])
            assert trace.gradients_by == ("products" if products else "one by one")
            assert expected.norm() > 0
            assert (found - expected).norm() <= 1e-9 * expected.norm()


@pytest.mark.parametrize("kind", [*sorted(PROCESSORS), "dab-detr", "rt-detr-v2", "d-fine"])
def test_products_equal_gradients_one_by_one(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """At every kind of layer, for queries at the border of the picture too; DAB-DETR computes in float32."""
    dtype, tolerance = (torch.float32, 1e-4) if kind == "dab-detr" else (torch.float64, 1e-9)
    detector = builder(kind)(dtype)
    for layer in of_a_kind(detector.layers):
        trace = detector.trace(IMAGE, layer)
        assert trace.gradients_by == "products"
        with monkeypatch.context() as patched:
            patched.setattr(detr_trace.Products, "of_pass", lambda *_: None)
            single = detector.trace(IMAGE, layer)
        chosen = everything(detector, IMAGE)[::4]
        for target in (Target(), Target(score="logit"), Target("x1"), Target("y2")):
            found = torch.cat([chunk.gradient for chunk in trace.chunks(chosen, target)])
            expected = torch.cat([chunk.gradient for chunk in single.chunks(chosen, target)])
            assert expected.norm() > 0
            assert (found - expected).norm() <= tolerance * expected.norm()
        assert trace.gradients_by == "products"
        assert single.gradients_by == "one by one"


def test_maps_by_products_are_those_one_by_one_in_float32(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("detr", "rt-detr", "d-fine", "deformable-detr"):
        detector = builder(kind)()
        chosen = everything(detector, IMAGE)[:9]
        found = dx.explain(detector, IMAGE, chosen, target="combined")
        with monkeypatch.context() as patched:
            patched.setattr(detr_trace.Products, "of_pass", lambda *_: None)
            expected = dx.explain(detector, IMAGE, chosen, target="combined")
        most = expected.values.amax((1, 2))
        assert (most > 0).any()
        assert ((found.values - expected.values).abs().amax((1, 2)) <= 1e-4 * most).all()


def test_many_objects_are_told_of_the_layer_above_the_encoder(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detr_trace, "MANY", 4)
    for kind, above in (("detr", "encoder"), ("rt-detr", "encoder.0"), ("yolos", None)):
        detector = builder(kind)()
        chosen = everything(detector, IMAGE)[:5]
        for layer, many, said in ((None, chosen, above), (None, chosen[:4], None), (detector.layers[-1], chosen, None)):
            trace = detector.trace(IMAGE, layer)
            with caplog.at_level("INFO", logger="detxai_nb"):
                caplog.clear()
                for _ in range(2):
                    assert trace.layer == trace.levels[0].name
                    list(trace.chunks(many, Target()))
            words = [] if said is None else [f"At layer={said!r} it costs a fraction"]
            assert len(caplog.messages) == len(words)
            assert all(word in message for word, message in zip(words, caplog.messages))


def test_what_products_cannot_follow_is_logged_and_exact(caplog: pytest.LogCaptureFixture) -> None:
    detector = builder("conditional-detr")(torch.float64)
    detector.module.class_labels_classifier = nn.Sequential(detector.module.class_labels_classifier, _Doubling())
    with caplog.at_level("INFO", logger="detxai_nb"):
        trace = detector.trace(IMAGE)
    assert "are computed one by one: _DoubledBackward is a function of its own" in caplog.text
    assert trace.gradients_by == "one by one"
    (chunk,) = trace.chunks(choose(everything(detector, IMAGE), trace)[:3], Target(score="logit"))
    assert chunk.gradient.norm() > 0


def test_products_that_come_out_wrong_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    detector, honest = builder("rt-detr")(torch.float64), BatchedProducts.__call__
    chosen = choose(everything(detector, IMAGE), None)
    (expected,) = detector.trace(IMAGE).chunks(chosen, Target())
    monkeypatch.setattr(BatchedProducts, "__call__", lambda *of: 1.1 * honest(*of))
    detector = builder("rt-detr")(torch.float64)
    trace = detector.trace(IMAGE)
    with pytest.warns(RuntimeWarning, match="come out wrong as products, they are computed one by one"):
        (chunk,) = trace.chunks(chosen, Target())
    assert trace.gradients_by == "one by one"
    assert torch.allclose(chunk.gradient, expected.gradient, rtol=1e-9)


class _Doubled(torch.autograd.Function):
    """An operation that has no rule for batches of gradients."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        return torch.from_numpy(2 * gradient.numpy())


class _Doubling(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return _Doubled.apply(x)


def test_what_cannot_be_batched_is_said_and_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detr_trace, "batching_pays", lambda device: True)
    detector = builder("conditional-detr")(torch.float64)
    detector.module.class_labels_classifier = nn.Sequential(detector.module.class_labels_classifier, _Doubling())
    trace = detector.trace(IMAGE)
    chosen = choose(everything(detector, IMAGE), trace)[:3]
    with pytest.warns(RuntimeWarning, match="cannot be batched, they are computed one by one"):
        (chunk,) = trace.chunks(chosen, Target(score="logit"))
    for row, one in enumerate(chosen):
        leaf = trace.levels[0].features[None].clone().requires_grad_()
        value = scalar(detector, trace, [leaf], one, int(one.labels[0]), Target(score="logit"))
        (slow,) = torch.autograd.grad(value, leaf)
        assert (chunk.gradient[row] - slow[0]).norm() <= 1e-9 * slow.norm()


def test_batches_that_come_out_wrong_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detr_trace, "batching_pays", lambda device: True)
    detector, honest = builder("rt-detr")(torch.float64), torch.autograd.grad

    def wrong_in_batches(*tensors: Any, is_grads_batched: bool = False, **settings: Any) -> tuple[Tensor, ...]:
        (found,) = honest(*tensors, is_grads_batched=is_grads_batched, **settings)
        return (found * (1 + 0.1 * is_grads_batched),)

    chosen = choose(everything(detector, IMAGE), None)
    (expected,) = detector.trace(IMAGE).chunks(chosen, Target())
    trace = detector.trace(IMAGE)
    monkeypatch.setattr(torch.autograd, "grad", wrong_in_batches)
    with pytest.warns(RuntimeWarning, match="come out wrong in batches on this device, they are computed one by one"):
        (chunk,) = trace.chunks(chosen, Target())
    assert torch.allclose(chunk.gradient, expected.gradient, rtol=1e-9)
    # Said once for a trace.
    list(trace.chunks(chosen, Target()))


@pytest.mark.parametrize("batched", [True, False])
def test_chunks_fit_the_memory_budget(batched: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detr_trace, "batching_pays", lambda device: batched)
    detector = builder("detr")(torch.float64)
    trace = detector.trace(IMAGE)
    found = everything(detector, IMAGE)
    (whole,) = trace.chunks(found, Target())
    features = trace.levels[0].features
    monkeypatch.setattr(detr_trace, "MEMORY_BUDGET", 4 * features.numel() * features.element_size())
    parts = list(trace.chunks(found, Target()))
    assert len(parts) > 1
    assert torch.equal(torch.cat([part.rows for part in parts]), torch.arange(len(found)))
    assert torch.allclose(torch.cat([part.gradient for part in parts]), whole.gradient, rtol=1e-9)


@pytest.mark.parametrize("kind", ["detr", "conditional-detr", "dab-detr"])
def test_attention_is_transformers_own(kind: str) -> None:
    detector = builder(kind)()
    trace = detector.trace(IMAGE)
    eager = module_of(kind, attn_implementation="eager")
    eager.load_state_dict(detector.module.state_dict())
    with torch.no_grad():
        outputs = eager(pixel_values=detector._prepare([IMAGE])[0], output_attentions=True)
    seen = torch.stack([layer[0] for layer in outputs.cross_attentions])
    found = trace.attention(query=4)
    assert found.shape == (3, 5)
    assert float(found.sum()) == pytest.approx(1, abs=1e-5)
    assert torch.allclose(found.flatten(), seen[:, :, 4].mean((0, 1)), atol=1e-5)
    heads = trace.attention(query=4, average_heads=False)
    assert torch.allclose(heads.flatten(1), seen[:, :, 4].mean(0), atol=1e-5)
    layers = trace.attention(query=4, average_layers=False)
    assert torch.allclose(layers.flatten(1), seen[:, :, 4].mean(1), atol=1e-5)
    assert trace.attention(query=4, average_layers=False, average_heads=False).shape == (2, seen.shape[1], 3, 5)
    # (100, 60) of 213x150 is (63.9, 38.4) of the 136x96 input: row 1, column 1 of the grid of stride 32.
    place = trace.attention(point=(100, 60))
    own = torch.stack([layer[0] for layer in outputs.encoder_attentions])
    assert torch.allclose(place.flatten(), own[:, :, 1 * 5 + 1].mean((0, 1)), atol=1e-5)


def test_attention_leaves_the_module_as_it_was() -> None:
    detector = builder("detr")()
    trace = detector.trace(IMAGE)
    configs = [part.config for part in detector.module.modules() if hasattr(part, "config")]
    before = [config._attn_implementation for config in configs]
    assert "sdpa" in before
    trace.attention(query=0)
    with pytest.raises(ValueError, match=r"there are 9 queries, numbered from 0; got 9"):
        trace.attention(query=9)
    detector.module.class_labels_classifier = nn.Linear(3, 3)
    with pytest.raises(RuntimeError):
        trace.attention(point=(100, 60))
    assert [config._attn_implementation for config in configs] == before


def test_mistakes_with_attention_are_named() -> None:
    trace = builder("detr")().trace(IMAGE)
    with pytest.raises(ValueError, match=r"either query= .* or point="):
        trace.attention()
    with pytest.raises(ValueError, match=r"either query= .* or point="):
        trace.attention(query=1, point=(3, 4))
    with pytest.raises(ValueError, match=r"\(x, y\) in an image of 213x150 pixels"):
        trace.attention(point=(3, 151))
    with pytest.raises(ValueError, match="deformable attention: each query looks at a few sampled points"):
        builder("rt-detr")().trace(IMAGE).attention(query=0)


@pytest.mark.parametrize("kind", ["detr", "deformable-detr", "rt-detr"])
def test_no_part_keeps_a_borrowed_forward(kind: str) -> None:
    detector = builder(kind)()
    for layer in detector.layers:
        detector.trace(IMAGE, layer)
    detector.module.model.decoder.forward = _broken
    with pytest.raises(RuntimeError, match="no decoder today"):
        detector.trace(IMAGE)
    del detector.module.model.decoder.forward
    assert not [name for name, part in detector.module.named_modules() if "forward" in part.__dict__]


def _broken(*_: Any, **__: Any) -> None:
    raise RuntimeError("no decoder today")


def test_queries_from_the_encoder_are_known_by_their_cell() -> None:
    """The number of such a query is its rank, which another batch may round differently."""
    detector = builder("rt-detr")(torch.float64)
    found = everything(detector, IMAGE)[:4]
    assert found.origin_fields == ("query", "cell")
    trace = detector.trace(IMAGE)
    expected = trace.scalars(found, Target())
    found.origins[:, 0] = 0
    assert torch.equal(trace.scalars(found, Target()), expected)


def test_mistakes_are_named() -> None:
    module = module_of("detr")
    with pytest.raises(
        TypeError, match=r"expects one of transformers' DetrForObjectDetection, .* got Linear; open it with an adapter"
    ):
        DetrDetector(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="got DetrModel"):
        DetrDetector(module.model)
    with pytest.raises(ValueError, match="DetrForObjectDetection has 7 class outputs, but 1 names"):
        DetrDetector(module, ["a"])
    message = "shortest_edge must be at least 32 pixels and at most longest_edge, got 90 and 80"
    with pytest.raises(ValueError, match=message):
        DetrDetector(module, shortest_edge=90, longest_edge=80)
    with pytest.raises(ValueError, match=r"fixed_size must be \(height, width\)"):
        DetrDetector(module, fixed_size=(640, 8))
    with pytest.raises(ValueError, match="mean and std must hold a value for each"):
        DetrDetector(module, std=(1, 0, 1))
    assert DetrDetector(module).names == NAMES


def test_transformers_missing_names_the_pip_command(monkeypatch: pytest.MonkeyPatch) -> None:
    module = module_of("detr")
    monkeypatch.setitem(sys.modules, "transformers", None)
    command = r'pip install "detxai-nb\[transformers\]"'
    with pytest.raises(ImportError, match=command):
        DetrDetector(module)
    with pytest.raises(ImportError, match=command):
        open_pretrained("anything")
    with pytest.raises(ImportError, match=command):
        tiny_detr(NAMES)


@pytest.mark.parametrize("kind", ["detr", "rt-detr"])
def test_a_checkpoint_is_opened_with_its_own_settings(kind: str, tmp_path: Path) -> None:
    original = module_of(kind)
    size = {"height": 96, "width": 128} if kind == "rt-detr" else {"shortest_edge": 64, "longest_edge": 100}
    original.save_pretrained(tmp_path)
    processor_of(kind, size=size).save_pretrained(tmp_path)
    module, names, settings = open_pretrained(tmp_path)
    assert names == NAMES
    assert type(module) is type(original)
    if kind == "rt-detr":
        assert settings == {"mean": (0, 0, 0), "std": (1, 1, 1), "fixed_size": (96, 128)}
    else:
        assert (settings["shortest_edge"], settings["longest_edge"]) == (64, 100)
        assert settings["mean"] == pytest.approx((0.485, 0.456, 0.406))
    ours, theirs = DetrDetector(module, names, **settings), DetrDetector(original, names, **settings)
    assert torch.allclose(everything(ours, IMAGE).boxes, everything(theirs, IMAGE).boxes, atol=1e-3)


def test_a_pickle_is_not_opened(tmp_path: Path) -> None:
    module = module_of("detr")
    module.config.save_pretrained(tmp_path)
    torch.save(module.state_dict(), tmp_path / "pytorch_model.bin")
    processor_of("detr").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"cannot be opened as a DETR .* model\.safetensors"):
        open_pretrained(tmp_path)


def test_tiny_detr_has_its_layers_and_size() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trained = tiny_detr(NAMES, groups=3)
        module = tiny_detr(NAMES)
    assert sum(p.numel() for p in module.parameters()) < 3e6
    module.load_state_dict(first_group(trained.state_dict()))
    detector = DetrDetector(module.eval(), **IMAGE_SETTINGS)
    assert detector.names == NAMES
    stages = ("stem", "stage4", "stage8", "stage16", "stage32")
    assert detector.layers == ("backbone", *(f"backbone.{stage}" for stage in stages), "encoder")
    image = photograph(256, 320)
    found = everything(detector, image)
    assert int(found.origins.max()) < QUERIES
    for layer, grid in (("backbone", (16, 20)), ("backbone.stage8", (32, 40)), ("encoder", (16, 20))):
        trace = detector.trace(image, layer)
        (chunk,) = trace.chunks(found[:3], Target())
        assert chunk.gradient.shape[2:] == grid
        assert (chunk.gradient.flatten(1).norm(dim=1) > 0).all()
        assert torch.allclose(trace.scalars(found, Target()), found.scores, atol=1e-5)
    assert detector.trace(image).attention(query=0).shape == (16, 20)


def test_an_unknown_anatomy_names_the_missing_part_and_the_remedy() -> None:
    module = module_of("detr")
    variant = variant_of(module)
    encoder = module.model.encoder
    del module.model.encoder
    with pytest.raises(TypeError, match=r"whose model has encoder; .*docs/adding/detector\.md"):
        anatomy_of(module, variant)
    module.model.encoder = encoder
    module.model.backbone = torch.nn.Identity()
    with pytest.raises(TypeError, match=r"expects a backbone with stages, .* got Identity; .*docs/adding/detector\.md"):
        anatomy_of(module, variant)
