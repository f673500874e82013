"""Which of ImageNet's classes are COCO's and VOC's, to measure a classifier of ImageNet's on their pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from detxai_nb.data.voc import AS_COCO

AS_IMAGENET: Mapping[str, tuple[int, ...]] = {
    "bicycle": (444, 671),
    "car": (436, 468, 511, 609, 627, 656, 661, 751, 817),
    "motorcycle": (665, 670),
    "airplane": (404, 895),
    "bus": (654, 779, 874),
    "train": (466, 547, 565, 705, 820, 829),
    "truck": (555, 569, 675, 717, 864, 867),
    "boat": (472, 484, 510, 554, 576, 625, 628, 724, 814, 871, 914),
    "traffic light": (920,),
    "parking meter": (704,),
    "bench": (703,),
    "bird": (*range(7, 25), *range(80, 101), *range(127, 147)),
    "cat": tuple(range(281, 286)),
    "dog": tuple(range(151, 269)),
    "horse": (339,),
    "sheep": (348,),
    "cow": (345,),
    "elephant": (385, 386),
    "bear": (294, 295, 296, 297),
    "zebra": (340,),
    "backpack": (414,),
    "umbrella": (879,),
    "handbag": (748,),
    "tie": (457, 906),
    "skis": (795,),
    "sports ball": (429, 430, 522, 574, 722, 768, 805, 852, 890),
    "tennis racket": (752,),
    "bottle": (440, 720, 737, 898, 907),
    "wine glass": (572,),
    "cup": (504, 968),
    "spoon": (910,),
    "bowl": (659, 809),
    "banana": (954,),
    "apple": (948,),
    "orange": (950,),
    "broccoli": (937,),
    "hot dog": (934,),
    "pizza": (963,),
    "chair": (423, 559, 765, 857),
    "couch": (831,),
    "bed": (564,),
    "dining table": (532,),
    "toilet": (861,),
    "tv": (851,),
    "laptop": (620, 681),
    "mouse": (673,),
    "remote": (761,),
    "keyboard": (508,),
    "cell phone": (487,),
    "microwave": (651,),
    "toaster": (859,),
    "sink": (896,),
    "refrigerator": (760,),
    "clock": (409, 530, 892),
    "vase": (883,),
    "teddy bear": (850,),
    "hair drier": (589,),
}
"""By the name of COCO's class the numbers of ImageNet's classes that it is or holds; the others have none."""


def imagenet_classes(dataset_names: Sequence[str], imagenet_names: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return what ``Protocol`` takes as ``classes``: by the dataset's name the classifier's names of that class.

    Args:
        dataset_names: the classes of a dataset, named as COCO or as VOC names them.
        imagenet_names: the names of ImageNet's 1000 classes, in the order of their numbers. A name that two classes
            have, the bird and the machine "crane" in some lists, is left out: it does not say which one is meant.

    Returns:
        A tuple of names for each class of the dataset that ImageNet has; the others ("person") are left out.

    Raises:
        ValueError: if there are not 1000 names.

    Example:
        >>> from detxai_nb.data.imagenet import imagenet_classes
        >>> numbered = [f"number {number}" for number in range(1000)]
        >>> imagenet_classes(["aeroplane", "person"], numbered)
        {'aeroplane': ('number 404', 'number 895')}
    """
    if len(imagenet_names) != 1000:
        raise ValueError(f"imagenet_names are the names of ImageNet's 1000 classes, got {len(imagenet_names)}")
    names = list(imagenet_names)
    found = {}
    for name in dataset_names:
        numbers = AS_IMAGENET.get(AS_COCO.get(name, name), ())
        known = tuple(names[number] for number in numbers if names.count(names[number]) == 1)
        if known:
            found[name] = known
    return found
