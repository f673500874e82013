"""Train the bundled models and measure them again.

``python -m detxai_nb.training.zoo tiny-fcos`` trains a model on scenes and writes its weights and its card; with
``--bundle FOLDER`` these come into the package, stored as the recipe says.
``python -m detxai_nb.training.zoo --check`` measures the bundled weights and compares the figures with the cards, for
all models or for the given ones.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save, save_file
from torch import Tensor

from detxai_nb.detectors.catalogue import bundled_weights
from detxai_nb.detectors.registry import ZOO, load_detector
from detxai_nb.detectors.zoo.storage import pack, unpack
from detxai_nb.files import write_whole
from detxai_nb.training.card import differences, make_card
from detxai_nb.training.event_log import EventLog
from detxai_nb.training.loop import TrainingRun, TrainingSettings
from detxai_nb.training.recipes import RECIPES


def train(name: str, stages: Sequence[TrainingSettings], folder: Path, device: str, workers: int, half: bool) -> Path:
    """Train a model, or resume from its checkpoints, and write its weights and its card.

    Args:
        name: a name in ``RECIPES``.
        stages: the settings of each training; those after the first begin with the averaged weights of the one before.
        folder: where the checkpoints, the weights and the card are written; made if it is missing.
        device: the device, such as "cpu" or "cuda".
        workers: the number of processes that draw scenes.
        half: whether the network runs in bfloat16.

    Returns:
        The path of the weights.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recipe = RECIPES[name]
    averaged: dict[str, Tensor] | None = None
    for number, settings in enumerate(stages, start=1):
        checkpoint = folder / ("checkpoint.pt" if number == 1 else f"checkpoint-{number}.pt")
        model = recipe.initial_model(settings.seed)
        if averaged is not None:
            model.load_state_dict(averaged)
        run = TrainingRun(model, recipe.losses, settings, device, half, about={"recipe": name, "training": number})
        if checkpoint.exists():
            run.load(checkpoint)
            _say(f"resuming from step {run.step} of {checkpoint}")
        run.train(workers, checkpoint, _say, min(300, max(1, settings.steps // 10)), EventLog(folder))
        averaged = run.averaged
    weights = folder / f"{name}.safetensors"
    save_file(to_float16(recipe.finish(run.averaged)), weights)
    # safetensors writes files that only their owner may read, which an installed package must not have.
    weights.chmod(0o644)
    _say("measuring")
    detector = load_detector(name, weights=weights, names=recipe.names, device=device)
    card = make_card(
        name,
        recipe,
        stages,
        parameters=sum(parameter.numel() for parameter in detector.module.parameters()),
        hardware=f"{run.device.type}, {'bfloat16' if half else 'float32'}",
        measured=recipe.protocol.measure(detector),
        weights=weights,
    )
    (folder / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return weights


def to_float16(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Convert weights to the form in which they are stored: on the CPU, floating-point tensors in float16.

    Args:
        state: a state dict.

    Returns:
        A new state dict of contiguous tensors.

    Raises:
        ValueError: if a value is too large for float16.
    """
    kept = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    lost = [name for name, value in kept.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if lost:
        raise ValueError(f"the weights {', '.join(lost)} do not fit into float16; nothing was written")
    return {name: value.cpu().contiguous() for name, value in kept.items()}


def bundle(name: str, folder: Path, device: str) -> Path:
    """Put a trained model's weights and card into the package, stored as its recipe says.

    Args:
        name: a name in ``RECIPES``.
        folder: where ``train`` wrote weights and card.
        device: the device to measure on again, where the stored weights are not those of the training to the bit.

    Returns:
        The path of the bundled weights.

    Raises:
        FileNotFoundError: if weights or card are missing.
        ValueError: if an average precision with the stored weights is not within 0.002 of the card's; then nothing is
            written.
    """
    state, storage = load_file(folder / f"{name}.safetensors"), RECIPES[name].storage
    card = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    weights = ZOO / f"{name}.safetensors"
    if storage is None:
        stored = state
    else:
        base = bundled_weights(storage.base)
        stored = pack(state, base, storage)
        card["stored_on"] = {
            "model": storage.base,
            "sha256": hashlib.sha256((ZOO / f"{storage.base}.safetensors").read_bytes()).hexdigest(),
            "shared": dict(storage.shared),
        }
        if storage.eight_bits:
            card["measured"] = _measured_again(name, unpack(stored, base, storage.shared), card["measured"], device)
    content = save(stored)
    card |= {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    write_whole(weights, content)
    write_whole(ZOO / f"{name}.json", (json.dumps(card, indent=2) + "\n").encode())
    return weights


def _measured_again(name: str, state: dict[str, Tensor], before: dict[str, Any], device: str) -> dict[str, Any]:
    """The figures of weights that were rounded, if they are those of the card."""
    recipe = RECIPES[name]
    with tempfile.TemporaryDirectory() as folder:
        rounded = Path(folder) / "rounded.safetensors"
        save_file({key: value.contiguous() for key, value in state.items()}, rounded)
        detector = load_detector(name, weights=rounded, names=recipe.names, device=device)
        found = recipe.protocol.measure(detector)
    card, rounded_off = (
        {mode: {"AP": of["AP"], "AP50": of["AP50"]} for mode, of in each.items()} for each in (before, found)
    )
    if wrong := differences(card, rounded_off, tolerance=0.002):
        raise ValueError(f"{name} does not stand 8-bit differences: {'; '.join(wrong)}; nothing was written")
    return found


def check_card(name: str, device: str) -> bool:
    """Measure the bundled weights of a model and compare the figures with its card.

    Args:
        name: a name in ``RECIPES``.
        device: the device to measure on.

    Returns:
        Whether every figure is within 0.005 of the card.
    """
    card = json.loads((ZOO / f"{name}.json").read_text(encoding="utf-8"))
    measured = RECIPES[name].protocol.measure(load_detector(name, device=device))
    wrong = differences(card["measured"], measured, tolerance=0.005)
    for line in wrong:
        _say(f"{name}: {line}")
    _say(f"{name}: {len(wrong)} figures differ from the card" if wrong else f"{name}: every figure is as the card says")
    return not wrong


def _main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m detxai_nb.training.zoo", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES], metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--check", action="store_true", help="measure the bundled weights instead of training")
    parser.add_argument("--bundle", type=Path, metavar="FOLDER", help="put what was trained there into the package")
    parser.add_argument("--steps", type=int, help="the number of steps of each training, by default that of the recipe")
    parser.add_argument("--batch", type=int, help="images per step, by default as in the recipe")
    parser.add_argument("--rate", type=float, help="the highest learning rate, by default that of the recipe")
    parser.add_argument("--seed", type=int, help="the seed, by default that of the recipe")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="the number of processes that draw scenes")
    parser.add_argument(
        "--threads",
        type=int,
        default=1,
        help="CPU threads of the network; threads and workers together should not exceed the number of cores",
    )
    parser.add_argument(
        "--float32", action="store_true", help="train in float32, for a device that is slow in bfloat16"
    )
    parser.add_argument("--out", type=Path, help="the folder of checkpoint and result, by default NAME-training")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.check:
        # All are measured, even after one that differs.
        bundled = [name for name in RECIPES if (ZOO / f"{name}.json").is_file()]
        results = [check_card(name, options.device) for name in options.names or bundled]
        return 0 if all(results) else 1
    if len(options.names) != 1:
        parser.error("name exactly one model to train or to bundle, or pass --check")
    name = options.names[0]
    if options.bundle is not None:
        _say(f"wrote {bundle(name, options.bundle, options.device)} and its card")
        return 0
    given = {key: getattr(options, key) for key in ("steps", "batch", "rate", "seed")}
    changes = {key: value for key, value in given.items() if value is not None}
    stages = [replace(settings, **changes) for settings in RECIPES[name].stages]
    folder = options.out or Path(f"{name}-training")
    weights = train(name, stages, folder, options.device, options.workers, not options.float32)
    _say(f"wrote {weights} and its card; --bundle {folder} puts them into the package")
    return 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(_main())
