"""Where a DETR of transformers is cut to explain a layer: the layers of each build of network, by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from detxai_nb.module_use import with_hooks

BACKBONE, NECK, ENCODER = "backbone", "neck", "encoder"
REMEDY = "open it with an adapter of your own (docs/adding/detector.md: GraphDetector takes under 30 lines)"

Sizes = list[tuple[int, int]]
"""(height, width) of each grid that enters the encoder."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A layer within the output of a submodule.

    Attributes:
        part: the submodule.
        take: takes the layer out of its output, as ``[B,C,h,w]``, given the sizes of the encoder's grids.
        put: returns the output with another layer in its place.
    """

    part: nn.Module
    take: Callable[[Any, Sizes], Tensor] = field(default=lambda output, _: output)
    put: Callable[[Any, Tensor, Sizes], Any] = field(default=lambda _, leaf, __: leaf)


@dataclass(frozen=True)
class Anatomy:
    """The parts of a DETR that a trace needs.

    Attributes:
        cuts: the layers that can be explained, by name, the default first.
        grids: the submodules whose outputs ``[B,C,h,w]`` are the grids that enter the encoder, or the decoder if there
            is no encoder.
        maps: ``maps(pixels)``: from an input ``[1,3,h,w]`` the map of each layer whose cells convolutions have made,
            for their strides; None where deformable attention reads the grids as shares of the input.
    """

    cuts: Mapping[str, Cut]
    grids: Sequence[nn.Module]
    maps: Callable[[Tensor], Mapping[str, Tensor]] | None = None

    @property
    def layers(self) -> tuple[str, ...]:
        """The layers that can be explained, the default first."""
        return tuple(self.cuts)


def encoder_decoder(module: Any, projections: str = "input_projection") -> Anatomy:
    """Return the parts of a network of backbone, encoder and decoder, as DETR has them.

    Args:
        module: the module.
        projections: attribute of its model that holds the convolution between backbone and encoder, or a list of them,
            one for each grid.

    Returns:
        The layers "backbone" (its last map), each stage by its name and "encoder"; with several grids "neck.0" (after
        the convolution), "encoder.0" and so on.

    Raises:
        TypeError: if a part is missing.
    """
    network = module.model
    _require(module, network, projections, "backbone", "encoder", "decoder")
    found = getattr(network, projections)
    grids = tuple(found) if isinstance(found, nn.ModuleList) else (found,)
    backbone = getattr(network.backbone, "conv_encoder", network.backbone)
    stages = stages_of(backbone)
    last = Cut(backbone, lambda maps, _: maps[-1][0], lambda maps, leaf, _: [*maps[:-1], (leaf, maps[-1][1])])
    cuts = {BACKBONE: last, **{f"{BACKBONE}.{name}": Cut(stage) for name, stage in stages.items()}}
    if len(grids) == 1:
        cuts[ENCODER] = tokens_cut(network.encoder, 0)
    else:
        cuts |= {f"{NECK}.{i}": Cut(grid) for i, grid in enumerate(grids)}
        cuts |= {f"{ENCODER}.{i}": tokens_cut(network.encoder, i) for i in range(len(grids))}
    return Anatomy(cuts, grids, lambda pixels: _convolved(backbone, stages, pixels))


def one_transformer(module: Any) -> Anatomy:
    """Return the parts of a YOLOS: one transformer over the patches of the image and the queries together.

    In the last block a query sees the patches through a layer norm only, which does not tell how large a patch's
    features are: before it, activation times gradient adds up to 0 in every cell whatever the network has learned. So
    the default is what comes out of the norm, as usual with vision transformers.

    Args:
        module: the module.

    Returns:
        The layers "backbone" (the patches as the last block's attention reads them), "backbone.patches" (their
        embedding), and the patches after each block but the last two.

    Raises:
        TypeError: if a part is missing.
    """
    _require(module, module, "vit")
    patches, blocks = module.vit.embeddings.patch_embeddings.projection, list(module.vit.encoder.layer)
    cuts = {BACKBONE: _patches_cut(blocks[-1].layernorm_before), f"{BACKBONE}.patches": Cut(patches)}
    cuts |= {f"{BACKBONE}.block{number}": _patches_cut(block) for number, block in enumerate(blocks[:-2], start=1)}
    return Anatomy(cuts, (patches,), lambda pixels: dict.fromkeys(cuts, patches(pixels)))


def projected_transformer(module: Any, backbone: bool = True) -> Anatomy:
    """Return the parts of LW-DETR and RF-DETR: a vision transformer, a projector, and a decoder without an encoder.

    RF-DETR's projector begins with a 1x1 convolution without bias and a layer norm in every cell, so it does not see
    how large the features of a cell are: before it, activation times gradient adds up to 0 in every cell whatever the
    network has learned, and a map of it would be rounding.

    Args:
        module: the module.
        backbone: whether what the projector reads is a layer.

    Returns:
        The layers "neck" (what the projector makes of the transformer's maps), or "neck.0", "neck.1" for several
        scales, and "backbone" (all maps that the projector reads, side by side in channels).

    Raises:
        TypeError: if a part is missing.
    """
    network = module.model
    _require(module, network, "backbone", "decoder")
    _require(module, network.backbone, "backbone", "projector")
    scales = tuple(getattr(network.backbone.projector, "scale_layers", (network.backbone.projector,)))
    names = [NECK] if len(scales) == 1 else [f"{NECK}.{i}" for i in range(len(scales))]
    necks = {name: Cut(scale) for name, scale in zip(names, scales)}
    before = {BACKBONE: _feature_maps_cut(network.backbone.backbone)} if backbone else {}
    return Anatomy({**necks, **before}, scales)


def joint_conv_encoder(module: Any) -> Anatomy:
    """Return the parts of DEIMv2: backbone and projections in one module, and an encoder of grids.

    Args:
        module: the module.

    Returns:
        The layers "backbone" (its last map; of a vision transformer all its maps, side by side in channels), each stage
        of a convolutional one by its name, "neck.0" and so on (after the projections), "encoder.0" and so on.

    Raises:
        TypeError: if a part is missing.
    """
    network = module.model
    _require(module, network, "conv_encoder", "encoder", "decoder")
    convolutions = network.conv_encoder
    if hasattr(convolutions, "fusion_proj"):
        cuts, grids = {BACKBONE: _feature_maps_cut(convolutions.backbone)}, tuple(convolutions.fusion_proj)
    else:
        _require(module, convolutions, "model", "encoder_input_proj")
        stages, grids = stages_of(convolutions), tuple(convolutions.encoder_input_proj)
        cuts = {BACKBONE: _feature_maps_cut(convolutions.model, only_last=True)}
        cuts |= {f"{BACKBONE}.{name}": Cut(stage) for name, stage in stages.items()}
    cuts |= {f"{NECK}.{i}": Cut(grid) for i, grid in enumerate(grids)}
    encoded = range(len(module.config.decoder_in_channels))
    cuts |= {f"{ENCODER}.{i}": tokens_cut(network.encoder, i, "feature_maps") for i in encoded}
    return Anatomy(cuts, grids)


def tokens_cut(encoder: nn.Module, level: int, name: str = "last_hidden_state") -> Cut:
    """Return where one grid of an encoder's output is cut out.

    Args:
        encoder: the encoder; its output is a list of grids ``[B,C,h,w]`` or the tokens ``[B,N,C]`` of all in a row.
        level: number of the grid.
        name: attribute of the output that holds them.

    Returns:
        The cut.
    """

    def take(output: Any, sizes: Sizes) -> Tensor:
        memory = output[name]
        if not isinstance(memory, Tensor):
            grid: Tensor = memory[level]
            return grid
        return torch.unflatten(_split(memory, sizes)[level].transpose(1, 2), 2, sizes[level])

    def put(output: Any, leaf: Tensor, sizes: Sizes) -> Any:
        memory = output[name]
        if not isinstance(memory, Tensor):
            return _with(output, name, [*memory[:level], leaf, *memory[level + 1 :]])
        parts = list(_split(memory, sizes))
        parts[level] = leaf.flatten(2).transpose(1, 2)
        return _with(output, name, torch.cat(parts, dim=1))

    return Cut(encoder, take, put)


def _patches_cut(block: nn.Module) -> Cut:
    """The patches among the tokens ``[B,1+N+Q,C]`` of a YOLOS: after the class token, before the queries."""

    def take(tokens: Tensor, sizes: Sizes) -> Tensor:
        ((height, width),) = sizes
        return torch.unflatten(tokens[:, 1 : 1 + height * width].transpose(1, 2), 2, (height, width))

    def put(tokens: Tensor, leaf: Tensor, _: Sizes) -> Tensor:
        patches = leaf.flatten(2).transpose(1, 2)
        return torch.cat([tokens[:, :1], patches, tokens[:, 1 + patches.shape[1] :]], dim=1)

    return Cut(block, take, put)


def _feature_maps_cut(backbone: nn.Module, only_last: bool = False) -> Cut:
    """All maps of a backbone of transformers side by side in channels (they have one size), or its last one alone."""

    def take(output: Any, _: Sizes) -> Tensor:
        return torch.cat(output.feature_maps[-1 if only_last else 0 :], dim=1)

    def put(output: Any, leaf: Tensor, _: Sizes) -> Any:
        maps = output.feature_maps
        kept, changed = (maps[:-1], maps[-1:]) if only_last else ((), maps)
        return _with(output, "feature_maps", (*kept, *torch.split(leaf, [x.shape[1] for x in changed], dim=1)))

    return Cut(backbone, take, put)


def _with(output: Any, name: str, value: Any) -> Any:
    """An output of transformers with another value under a name."""
    return type(output)(**{**output, name: value})


def _split(memory: Tensor, sizes: Sizes) -> tuple[Tensor, ...]:
    return torch.split(memory, [height * width for height, width in sizes], dim=1)


def _require(module: Any, within: Any, *parts: str) -> None:
    missing = [part for part in parts if not hasattr(within, part)]
    if missing:
        raise TypeError(
            f"family 'detr' expects a {type(module).__name__} whose model has {', '.join(missing)}; this version of "
            f"transformers has built it otherwise: {REMEDY}"
        )


def stages_of(backbone: Any) -> Mapping[str, nn.Module]:
    """Return the stages of a convolutional backbone.

    Args:
        backbone: our own, or one with a ResNet or the like of transformers or timm as its ``model``.

    Returns:
        The stages by name, in order, up to the last whose map is read; none for a model of unknown build.

    Raises:
        TypeError: if it has neither stages nor a model.
    """
    if hasattr(backbone, "stages"):
        return dict(backbone.stages)
    inner = getattr(backbone, "model", None)
    if inner is None:
        raise TypeError(
            f"family 'detr' expects a backbone with stages, or a model of transformers or timm inside; got "
            f"{type(backbone).__name__}; {REMEDY}"
        )
    stages = getattr(getattr(inner, "encoder", None), "stages", None)
    if stages is not None:
        named = dict(zip(inner.stage_names[1:], stages, strict=True))
        read = max((i for i, name in enumerate(named) if name in inner.out_features), default=len(named))
        return dict(list(named.items())[: read + 1])
    return {name: part for name, part in inner.named_children() if name.startswith(("layer", "stages_"))}


@torch.no_grad()
def _convolved(backbone: nn.Module, stages: Mapping[str, nn.Module], pixels: Tensor) -> Mapping[str, Tensor]:
    """The map of each stage of a backbone, and its last one, on which the encoder's tokens lie."""
    maps: dict[str, Tensor] = {}

    def note(name: str) -> Any:
        def hook(_: nn.Module, __: Any, output: Tensor) -> None:
            maps[f"{BACKBONE}.{name}"] = output

        return hook

    mask = torch.ones((1, *pixels.shape[-2:]), dtype=torch.int64, device=pixels.device)
    found = with_hooks([(part, note(name)) for name, part in stages.items()], lambda: backbone(pixels, mask))
    return {**maps, BACKBONE: found[-1][0], ENCODER: found[-1][0]}
