"""Make the bundled detectors, and measure them again.

``python -m detxai_nb.training.zoo tiny-fcos`` trains on scenes and writes the weights and their card;
``python -m detxai_nb.training.zoo tiny-fcos --check`` measures the bundled weights and compares with their card.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import torch
from safetensors.torch import save_file
from torchvision.models.detection import FCOS

from detxai_nb.data import scenes
from detxai_nb.detectors.fcos import FcosDetector
from detxai_nb.detectors.registry import ZOO, load_detector
from detxai_nb.detectors.tiny import tiny_fcos
from detxai_nb.training.calibration import sharpen
from detxai_nb.training.card import differences, make_card, measure
from detxai_nb.training.loop import Run, Settings

NAME = "tiny-fcos"


def fresh_model(seed: int) -> FCOS:
    """tiny-fcos with the random weights of ``seed``; the global random state stays as it is."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return tiny_fcos(len(scenes.NAMES))


def train(settings: Settings, folder: Path, device: str, workers: int, half: bool) -> Path:
    """Train, or go on from ``folder``/checkpoint.pt; write weights and card there and return the weights' path."""
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.pt"
    run = Run(fresh_model(settings.seed), settings, device, half)
    if checkpoint.exists():
        run.load(checkpoint)
        _say(f"going on from step {run.step} of {checkpoint}")
    run.train(workers, checkpoint, _say)
    weights = folder / f"{NAME}.safetensors"
    state = {name: value.cpu().contiguous() for name, value in sharpen(run.averaged).items()}
    save_file(state, weights)
    # safetensors makes files that nobody but their owner may read, which an installed package must not hold.
    weights.chmod(0o644)
    model = tiny_fcos(len(scenes.NAMES))
    model.load_state_dict(state)
    _say("measuring")
    measured = measure(FcosDetector(model.to(device).eval(), scenes.NAMES))
    hardware = f"{run.device.type}, {'bfloat16' if half else 'float32'}"
    card = make_card(NAME, model, settings, hardware, measured, weights)
    (folder / f"{NAME}.json").write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    return weights


def check(device: str) -> bool:
    """Measure the bundled weights and compare with the card; whether every figure is within 0.005."""
    card = json.loads((ZOO / f"{NAME}.json").read_text(encoding="utf-8"))
    wrong = differences(card["measured"], measure(load_detector(NAME, device=device)), tolerance=0.005)
    for line in wrong:
        _say(line)
    _say(f"{len(wrong)} figures differ from the card" if wrong else "every figure is as the card says")
    return not wrong


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m detxai_nb.training.zoo", description=__doc__)
    parser.add_argument("name", choices=[NAME])
    parser.add_argument("--check", action="store_true", help="measure the bundled weights instead of training")
    parser.add_argument("--steps", type=int, default=Settings.steps)
    parser.add_argument("--batch", type=int, default=Settings.batch, help="images a step")
    parser.add_argument("--rate", type=float, default=Settings.rate, help="highest learning rate")
    parser.add_argument("--seed", type=int, default=Settings.seed)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw scenes")
    parser.add_argument(
        "--threads", type=int, default=1, help="threads of the network on a CPU; with the workers at most its cores"
    )
    parser.add_argument("--float32", action="store_true", help="for a device that is slow in bfloat16")
    parser.add_argument("--out", type=Path, default=Path(f"{NAME}-training"), help="folder of checkpoint and result")
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    if options.check:
        return 0 if check(options.device) else 1
    settings = Settings(steps=options.steps, batch=options.batch, seed=options.seed, rate=options.rate)
    weights = train(settings, options.out, options.device, options.workers, not options.float32)
    _say(f"wrote {weights} and its card; copy both to {ZOO} to bundle them")
    return 0


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
