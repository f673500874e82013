"""Makers of entries that several families share: models bundled with the package, and torchvision's detectors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from safetensors.torch import load
from torch import Tensor, nn

from detxai_nb.data.scenes.recognition import looks_like_scene
from detxai_nb.detectors.base import Adapter, Entry, Weights
from detxai_nb.detectors.weights import fit_weights, read_weights, tensor_called
from detxai_nb.detectors.zoo.storage import unpack
from detxai_nb.downloads import Download
from detxai_nb.files import as_path
from detxai_nb.stated_input import require_stated_input
from detxai_nb.types import OpenDetector

ZOO = Path(__file__).parent / "zoo"
"""The folder of the bundled weights and their cards."""
_REINSTALL = "install the package again (pip install --force-reinstall --no-deps detxai-nb)"
SCENES = "trained on the synthetic scenes"
Stated = Callable[[str | os.PathLike[str], Mapping[str, Any], Mapping[str, Any]], dict[str, Any]]
"""From a weights file, the usual settings and those given: settings as the file states them."""


def bundled(
    name: str,
    adapter: type[Adapter],
    about: str,
    network: Callable[[Sequence[str]], nn.Module],
    settings: Mapping[str, Any] | None = None,
    group: str = "bundled",
    stated: Stated | None = None,
) -> Entry:
    """Return the entry of a model of the zoo: its weights are ``zoo/<name>.safetensors``, its card ``zoo/<name>.json``.

    Args:
        name: the name of the entry and of its files.
        adapter: the family's detector.
        about: what it is, in words.
        network: ``network(names)`` makes the module with random weights.
        settings: of the adapter, where they differ from its defaults.
        group: "bundled", or "bundled control" for a model that is there for experiments.
        stated: ``stated(weights, settings, given)`` returns settings as a file of other weights states them; without
            it a file that states another input than the module's is refused.

    Returns:
        The entry. Without the files it says how to train the model.
    """
    own, card = ZOO / f"{name}.safetensors", ZOO / f"{name}.json"
    trained = f"python -m detxai_nb.training.zoo {name}"
    there = own.is_file() and card.is_file()

    def build(weights: Weights, names: Sequence[str] | None, given: dict[str, Any]) -> OpenDetector:
        if not there and (weights is None or names is None):
            raise ValueError(
                f"no weights of {name} come with this version; `{trained}` makes them, "
                "then hand in weights='path' and names=[...]"
            )
        if names is None:
            names = read_card(name)["names"]
        module = network(names)
        fit_weights(module, bundled_weights(name) if weights is None else read_weights(weights), name)
        usual = dict(settings or {})
        if weights is not None and stated is not None:
            usual.update(stated(weights, usual, given))
        elif weights is not None:
            require_stated_input(module, weights, name)
        made = _made(adapter, module, names, {**usual, **given})
        if weights is None:
            cast(Adapter, made)._doubts = doubt_what_is_no_scene
        return made

    told = "bundled" if there else f"to be trained: {trained}"
    about = f"{about}; works offline" if there else about
    return Entry(name, adapter.family, told, about, build, group, settings=dict(settings or {}))


def crowd_pair(name: str, adapter: type[Adapter], network: Callable[[Sequence[str]], nn.Module]) -> list[Entry]:
    """Return the entries of a bundled detector that was fine-tuned on crowds of one class, without ODAM-Train and with.

    Args:
        name: the name of the detector that both started from.
        adapter, network: as in ``bundled``.

    Returns:
        The entries NAME-crowd and NAME-crowd-odam.
    """
    about = f"{name} fine-tuned on crowds of one class"
    return [
        bundled(f"{name}-crowd{end}", adapter, f"{about}{how}", network, group="bundled control")
        for end, how in (("", ""), ("-odam", ", with ODAM-Train"))
    ]


def read_card(name: str) -> dict[str, Any]:
    """Return the card of a bundled model.

    Args:
        name: the name of the model.

    Returns:
        The card.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is damaged.
    """
    path = ZOO / f"{name}.json"
    try:
        card = json.loads(path.read_bytes())
        if isinstance(card, dict) and isinstance(card["names"], list):
            return card
        raise ValueError("it is no card")
    except (ValueError, KeyError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({error}); {_REINSTALL}") from error


def bundled_weights(name: str) -> dict[str, Tensor]:
    """Return the weights of a bundled model, if they are the ones that its card describes.

    Args:
        name: the name of the model.

    Returns:
        The tensors by name, those too that are stored with another model (``zoo.storage``).

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if the SHA-256 of the weights, or of those that they are stored on, is not the card's.
    """
    card = read_card(name)
    stored, on = load(_content(name, card.get("sha256"))), card.get("stored_on")
    if on is None:
        return stored
    _content(on["model"], on["sha256"])
    return unpack(stored, bundled_weights(on["model"]), on["shared"])


def _content(name: str, said: Any) -> bytes:
    """The file of a model's weights, if it has the SHA-256 that a card says."""
    path = ZOO / f"{name}.safetensors"
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if found != said:
        raise ValueError(
            f"{path} is not the file that its card describes (its SHA-256 is {found[:12]}..., the card says "
            f"{str(said)[:12]}...): it was damaged or changed; {_REINSTALL}"
        )
    return content


def doubt_what_is_no_scene(image: np.ndarray) -> str:
    """Return what the bundled models have to say of a picture that is no scene.

    Args:
        image: uint8 ``[H,W,3]``, RGB.

    Returns:
        A sentence or two; empty for a picture that looks like one of the synthetic scenes.
    """
    if looks_like_scene(image):
        return ""
    return (
        "this picture does not look like one of the synthetic scenes, and the bundled detectors know nothing else: "
        "what they find here means nothing. For photographs take a detector that knows them, such as "
        "load_detector('ssdlite320_mobilenet_v3_large')"
    )


def from_torchvision(
    name: str,
    adapter: type[Adapter],
    about: str,
    megabytes: int,
    classes: str,
    anchors: int = 1,
    published_eps: float | None = None,
    lengths: Mapping[str, str] | None = None,
) -> Entry:
    """Return the entry of a detector of torchvision, with COCO weights or those of a file.

    Args:
        name: torchvision's name of the model.
        adapter: the family's detector.
        about: what it is, in words.
        megabytes: the size of the download.
        classes: the name of the tensor whose length tells the number of classes.
        anchors: how many outputs that tensor has for each class.
        published_eps: the eps of batch normalisation that torchvision's own weights were trained with, where it is not
            that of the layers; the file itself does not hold it.
        lengths: further arguments of torchvision's function that a file's weights tell: by the argument, the name of
            the tensor whose length it is.

    Returns:
        The entry.
    """

    def build(weights: Weights, names: Sequence[str] | None, settings: dict[str, Any]) -> OpenDetector:
        from torchvision.models import get_model, get_model_weights

        coco = get_model_weights(name).DEFAULT
        usual = coco.meta["categories"]
        if weights is None:
            return _made(adapter, downloaded(name, coco), usual, settings)
        state = read_weights(weights)
        outputs = tensor_called(state, classes)
        count = len(usual) if outputs is None else len(outputs) // anchors
        told = {argument: tensor_called(state, tensor) for argument, tensor in (lengths or {}).items()}
        more = {argument: len(tensor) for argument, tensor in told.items() if tensor is not None}
        module = get_model(name, weights=None, weights_backbone=None, num_classes=count, **more)
        fit_weights(module, state, name)
        require_stated_input(module, weights, name)
        if published_eps is not None and Download(coco.url).is_content_of(as_path(weights, "a file of weights")):
            for layer in module.modules():
                if isinstance(layer, nn.BatchNorm2d):
                    layer.eps = published_eps
        return _made(adapter, module, pick_names(names, count, usual), settings)

    def download() -> Download:
        from torchvision.models import get_model_weights

        return Download(get_model_weights(name).DEFAULT.url)

    source = f"COCO, {megabytes} MB, downloaded by torchvision on first use"
    return Entry(name, adapter.family, source, about, build, "torchvision", download)


def _made(
    adapter: Callable[..., Any], module: nn.Module, names: Sequence[str], settings: Mapping[str, Any]
) -> OpenDetector:
    return cast(OpenDetector, adapter(module, names, **settings))


def downloaded(name: str, wanted: Any) -> nn.Module:
    """Return a model of torchvision with weights that are downloaded on first use.

    Args:
        name: torchvision's name of the model.
        wanted: a member of its weights enumeration.

    Returns:
        The module.

    Raises:
        RuntimeError: if the download fails; the message names the address and the remedies.
    """
    from torchvision.models import get_model

    fetch_file(name, Download(wanted.url))
    return cast(nn.Module, get_model(name, weights=wanted))


def fetch_file(name: str, download: Download, progress: bool = True) -> Path:
    """Download the weights of a detector unless they are there.

    Args:
        name: the detector's name, for the message.
        download: its file.
        progress: whether to show a progress bar.

    Returns:
        The file in the cache.

    Raises:
        RuntimeError: if the download fails; the message names the address and the remedies.
    """
    try:
        return download.fetch(progress)
    except OSError as error:  # URLError is one
        raise RuntimeError(
            f"could not download the weights of {name} from {download.url} ({error}). With a network, try again. "
            "Without one, download that address on another machine, bring the file here and run "
            f"`detxai-nb fetch {name} --from FILE` (in Python: dx.detectors.fetch({name!r}, file='FILE')), which puts "
            f"it into {download.path.parent}. For synthetic scenes 'tiny-fcos' is bundled"
        ) from error


def pick_names(names: Sequence[str] | None, classes: int, usual: Sequence[str]) -> Sequence[str]:
    """Return the class names of weights: those given, else the usual ones if their number fits.

    Args:
        names: those that the caller gave, or None.
        classes: how many classes the weights have.
        usual: the names of the usual weights.

    Returns:
        The names.

    Raises:
        ValueError: if none were given and the weights have another number of classes than usual.
    """
    if names is not None:
        return names
    if classes == len(usual):
        return usual
    raise ValueError(f"these weights have {classes} classes instead of {len(usual)}; hand in names=[...] for them")
