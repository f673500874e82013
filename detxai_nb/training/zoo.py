"""Make the bundled models, and measure them again.

``python -m detxai_nb.training.zoo tiny-fcos`` trains on scenes and writes the weights and their card;
``python -m detxai_nb.training.zoo --check`` measures the bundled weights and compares with their cards, all of them or
those that are named.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from detxai_nb.detectors.registry import ZOO, load_detector
from detxai_nb.training.card import differences, make_card
from detxai_nb.training.loop import TrainingRun, TrainingSettings
from detxai_nb.training.recipes import RECIPES


def train(name: str, settings: TrainingSettings, folder: Path, device: str, workers: int, half: bool) -> Path:
    """Train, or go on from ``folder``/checkpoint.pt; write weights and card there and return the weights' path."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint, recipe = folder / "checkpoint.pt", RECIPES[name]
    run = TrainingRun(recipe.fresh(settings.seed), recipe.losses, settings, device, half)
    if checkpoint.exists():
        run.load(checkpoint)
        _say(f"going on from step {run.step} of {checkpoint}")
    run.train(workers, checkpoint, _say)
    weights = folder / f"{name}.safetensors"
    save_file(stored(recipe.finish(run.averaged)), weights)
    # safetensors makes files that nobody but their owner may read, which an installed package must not hold.
    weights.chmod(0o644)
    _say("measuring")
    detector = load_detector(name, weights=weights, names=recipe.names, device=device)
    card = make_card(
        name,
        recipe,
        settings,
        parameters=sum(parameter.numel() for parameter in detector.module.parameters()),
        hardware=f"{run.device.type}, {'bfloat16' if half else 'float32'}",
        measured=recipe.measuring.measure(detector),
        weights=weights,
    )
    (folder / f"{name}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return weights


def stored(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights as they are kept in files: on the CPU, floating-point ones in float16."""
    kept = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    lost = [name for name, value in kept.items() if value.is_floating_point() and not torch.isfinite(value).all()]
    if lost:
        raise ValueError(f"the weights {', '.join(lost)} do not fit into float16; nothing was written")
    return {name: value.cpu().contiguous() for name, value in kept.items()}


def check_cards(name: str, device: str) -> bool:
    """Measure the bundled weights and compare with the card; whether every figure is within 0.005."""
    card = json.loads((ZOO / f"{name}.json").read_text(encoding="utf-8"))
    measured = RECIPES[name].measuring.measure(load_detector(name, device=device))
    wrong = differences(card["measured"], measured, tolerance=0.005)
    for line in wrong:
        _say(f"{name}: {line}")
    _say(f"{name}: {len(wrong)} figures differ from the card" if wrong else f"{name}: every figure is as the card says")
    return not wrong


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m detxai_nb.training.zoo", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *RECIPES], metavar="NAME", help=", ".join(RECIPES))
    parser.add_argument("--check", action="store_true", help="measure the bundled weights instead of training")
    parser.add_argument("--steps", type=int, help="instead of the recipe's")
    parser.add_argument("--batch", type=int, help="images a step")
    parser.add_argument("--rate", type=float, help="highest learning rate")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes")
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of the network on a CPU; with the workers at most its cores"
    )
    parser.add_argument("--float32", action="store_true", help="for a device that is slow in bfloat16")
    parser.add_argument("--out", type=Path, help="folder of checkpoint and result, by default NAME-training")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.check:
        # Every one is measured, also after one that is off.
        bundled = [name for name in RECIPES if (ZOO / f"{name}.json").is_file()]
        results = [check_cards(name, options.device) for name in options.names or bundled]
        return 0 if all(results) else 1
    if len(options.names) != 1:
        parser.error("name the one model to train, or give --check")
    name = options.names[0]
    given = {key: getattr(options, key) for key in ("steps", "batch", "rate", "seed")}
    settings = replace(RECIPES[name].settings, **{key: value for key, value in given.items() if value is not None})
    folder = options.out or Path(f"{name}-training")
    weights = train(name, settings, folder, options.device, options.workers, not options.float32)
    _say(f"wrote {weights} and its card; copy both to {ZOO} to bundle them")
    return 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
