"""The options of ``detxai-nb evaluate``."""

from __future__ import annotations

import argparse
from pathlib import Path

from detxai_nb.cli import commands
from detxai_nb.cli.argument_types import add_detector_options, whole_number
from detxai_nb.cli.configs import ENDING, config_kept


def add_evaluate(evaluate: argparse.ArgumentParser) -> None:
    """Add what the command takes.

    Args:
        evaluate: the parser of the command.
    """
    evaluate.set_defaults(run=_run)
    evaluate.add_argument(
        "paper",
        nargs="?",
        help="odam, odam-crowdhuman, odam-voc, ss-grad-cam++, difference or g-came; of classifiers global-guidance, "
        "global-guidance-coco or global-guidance-imagenet; odam-nms for ODAM's tables on suppression in crowds",
    )
    evaluate.add_argument(
        "--config",
        type=Path,
        metavar="FILE",
        help="a TOML file with options by their names, such as scenes = 50; those of the command line count more. The "
        f"options of a run are written beside its store, as STORE{ENDING}",
    )
    add_detector_options(evaluate)
    evaluate.add_argument("--coco", type=Path, help="a COCO annotation file, or a folder with instances.json")
    evaluate.add_argument("--images", type=Path, help="the folder of the images of --coco, by default beside the file")
    evaluate.add_argument("--voc", type=Path, help="a PASCAL VOC folder such as VOCdevkit/VOC2012")
    evaluate.add_argument(
        "--list",
        metavar="NAME",
        help="the list of the images of --voc, such as Segmentation/val, by default val",
    )
    evaluate.add_argument(
        "--image-folder", type=Path, help="a folder with a folder of pictures for each class, such as ImageNet's val"
    )
    evaluate.add_argument(
        "--subset",
        choices=("single", "dual", "several"),
        help="only images of --coco or --voc with one object, with objects of two classes, or with several of one",
    )
    evaluate.add_argument(
        "--classes",
        type=Path,
        metavar="FILE",
        help="a JSON file that says what the detector calls the classes of the data: {name: name or [names]}",
    )
    evaluate.add_argument(
        "--scenes",
        type=whole_number(1),
        default=200,
        help="the number of synthetic scenes, used without other data (%(default)s)",
    )
    evaluate.add_argument(
        "--mode",
        default="plain",
        help="the mode of the scenes: plain, tiny, crowd or one-class-crowd, for classifiers single, dual or several "
        "(%(default)s)",
    )
    evaluate.add_argument("--limit", type=whole_number(1), help="evaluate only the first LIMIT images")
    evaluate.add_argument(
        "--protocol",
        help="how objects are selected: default, odam, difference, best (one per image) or classes (of a classifier); "
        "by default as in the paper",
    )
    evaluate.add_argument(
        "--seed", type=whole_number(0), default=0, help="the seed of all random numbers (%(default)s)"
    )
    evaluate.add_argument(
        "--include-slow",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="include d-rise, which takes minutes per image on a CPU",
    )
    evaluate.add_argument(
        "--fast",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="--no-fast always asks the network itself about changed pictures, not a fast copy with the same scores to "
        "1e-5",
    )
    evaluate.add_argument("--exclude", nargs="+", default=[], metavar="NAME", help="methods or metrics to leave out")
    evaluate.add_argument(
        "--workers",
        type=whole_number(1),
        metavar="N",
        help="spread the images over N processes, which may share one GPU; by default everything runs in this process",
    )
    evaluate.add_argument(
        "--store", type=Path, help="the folder that keeps the rows; run the same command again to resume from it"
    )
    evaluate.add_argument(
        "--runs",
        type=Path,
        help="of odam-nms: the folder of the trainings, NAME-SEED with NAME.safetensors for each of tiny-fcos-crowd, "
        "tiny-faster-rcnn-crowd and the same with -odam",
    )
    evaluate.add_argument("--models", nargs="+", metavar="NAME", help="of odam-nms: only some of these models")
    evaluate.add_argument(
        "--timed",
        type=whole_number(0),
        default=5,
        metavar="N",
        help="of odam-nms: the number of scenes on which the pipelines are timed (%(default)s)",
    )


def _run(options: argparse.Namespace) -> None:
    """Reproduce a paper's table, and write the options beside the store."""
    if options.paper is None:
        raise ValueError("`detxai-nb evaluate` reproduces a paper's table: name it, such as odam, or in --config FILE")
    with config_kept(options, add_evaluate):
        commands.run_evaluate(options)
