"""Any PyTorch module as a detector, from two functions: what it finds, and the score that is explained."""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, TypedDict, Unpack

import numpy as np
import torch
from torch import Tensor, nn

from detxai_nb.capabilities import RERUN
from detxai_nb.detectors.base import detecting
from detxai_nb.detectors.precision import require_full_precision
from detxai_nb.detectors.trace.graph import HookedDetector, box_side
from detxai_nb.detectors.wrapping.measured_placement import measure_placement
from detxai_nb.detectors.wrapping.module_answers import Layers, as_layers, split_answer
from detxai_nb.detectors.wrapping.module_run import ModuleRun, Predict
from detxai_nb.detectors.wrapping.reading import PredictionReader
from detxai_nb.geometry import Placement
from detxai_nb.image import ImageSource, as_images, load_image
from detxai_nb.names import ClassNames
from detxai_nb.types import PARTS, SIDES, Detections, Target

Score = Callable[[Any, Any, int], Tensor]
AS_REPORTED = 1e-3
"""How far ``score`` may be from the score that ``predict`` reports, for rounding."""
_TRIED = 3


class ModuleOptions(TypedDict, total=False):
    """What ``wrap_module`` takes besides.

    Attributes:
        box: returns the four sides of an origin, xyxy in any pixels.
        logit: returns the class output of an origin and class before its activation.
        fixed_origins: whether an origin means the same place of the outputs for every picture.
        origin_fields: a name for each number of an origin.
        placement: returns where images of a size (height, width) lie in the network's input.
    """

    box: Callable[[Any, Any], Tensor] | None
    logit: Score | None
    fixed_origins: bool
    origin_fields: Sequence[str] | None
    placement: Callable[[tuple[int, int]], Placement] | None


def wrap_module(
    module: nn.Module,
    *,
    predict: Predict,
    score: Score,
    layer: Layers,
    names: ClassNames,
    **options: Unpack[ModuleOptions],
) -> ModuleDetector:
    """Wrap any PyTorch module as a detector that every gradient method explains: exact, one backward pass an object.

    What the module returned is kept while ``predict`` runs, with a graph from the layer on; ``score`` reads one
    prediction's score out of it. How ``predict`` prepares a picture is not asked for: where the picture lies in the
    network's input is measured with four test pictures.

    Args:
        module: the network; it is used as it is, in evaluation mode, and never changed.
        predict: ``predict(module, image)`` takes RGB uint8 ``[H,W,3]``, calls ``module(...)`` once, for this one
            picture, and returns boxes ``[N,4]``, xyxy in pixels of the image, scores ``[N]`` in 0..1, labels ``[N]``
            and origins: for each prediction a whole number, or several, that says where it stands in what the module
            returned. As a tuple in this order, or a dict with these names; class scores ``[N,C]`` and objectness
            ``[N]`` may follow ("class_scores", "objectness"). It should return low scores too.
        score: ``score(outputs, origin, label)`` takes what the module returned, an origin (a number, or a tuple of
            several) and a class, and returns the score that ``predict`` reports, as a tensor of one number.
        layer: which maps are explained: the path of a submodule (as in ``module.named_modules()``), the submodule
            itself, several paths, or a dict {name: path}, the default first. Of a submodule that returns several maps
            (a pyramid) each prediction is explained on the one that its score depends on.
        names: a name for each class, as a list or a dict {number: name}.
        **options: ``box(outputs, origin)`` returns the four sides, xyxy in any pixels, for maps of box sides.
            ``logit``, like ``score``, returns the class output before its activation, for the target score "logit" and
            for contrasts. ``fixed_origins`` (False) says that an origin means the same place of the outputs for every
            picture, as a cell or a query does, and a number in a list after suppression does not: methods that run the
            network on changed inputs need it. ``origin_fields`` names each number of an origin; one named "level" says
            on which map of the layer it lies. ``placement`` returns the ``Placement`` of images of a size (height,
            width) in the network's input, where measuring it is not possible.

    Returns:
        The detector.

    Raises:
        TypeError: if ``module`` is none, a function cannot be called, ``layer`` names nothing, or an option is unknown.
        ValueError: if the layer is not in the module.

    Example:
        >>> import torch
        >>> import detxai_nb as dx
        >>> own = dx.load_detector("tiny-fcos", device="cpu")
        >>> def predict(module, image):
        ...     found = module([torch.from_numpy(image).permute(2, 0, 1) / 255])[0]
        ...     return found["boxes"], found["scores"], found["labels"], range(len(found["scores"]))
        >>> def score(outputs, origin, label):
        ...     return outputs[0]["scores"][origin]
        >>> detector = wrap_module(own.module, predict=predict, score=score, layer="backbone", names=own.names)
        >>> image = dx.data.scenes.Scenes(1, seed=1)[0].image
        >>> maps = dx.explain(detector, image, detector.detect([image])[0][:2])
        >>> maps.layer, len(maps)
        ('backbone', 2)
    """
    return ModuleDetector(module, predict=predict, score=score, layer=layer, names=names, **options)


class ModuleDetector(HookedDetector):
    """What ``wrap_module`` returns.

    Args:
        module, predict, score, layer, names, **options: as in ``wrap_module``.
    """

    family = "own module"
    side_unit = "pixels of its box function"
    finds_level = True

    def __init__(
        self,
        module: nn.Module,
        *,
        predict: Predict,
        score: Score,
        layer: Layers,
        names: ClassNames,
        **options: Unpack[ModuleOptions],
    ) -> None:
        if not isinstance(module, nn.Module):
            raise TypeError(
                f"wrap_module expects a torch.nn.Module, got {type(module).__name__}; a function alone is wrapped by "
                "dx.wrap_predict(predict, names), for the methods that only ask it"
            )
        require_full_precision(module)
        if unknown := sorted(set(options) - set(ModuleOptions.__annotations__)):
            known = ", ".join(ModuleOptions.__annotations__)
            raise TypeError(f"wrap_module has no option {unknown[0]!r}; its options: {known}")
        functions = {name: options.get(name) for name in ("box", "logit", "placement") if options.get(name) is not None}
        for name, function in {"predict": predict, "score": score, **functions}.items():
            if not callable(function):
                raise TypeError(f"{name} is a function, got {type(function).__name__}")
        self.module = module
        self.score, self.box, self.logit = score, options.get("box"), options.get("logit")
        self.predict = predict
        self.offers = (RERUN,) if options.get("fixed_origins") else ()
        fields = options.get("origin_fields")
        self.origin_fields = ("origin",) if fields is None else tuple(fields)
        self.layer_modules = as_layers(module, layer)
        self._placement_of = options.get("placement")
        self._placements: dict[tuple[int, int], Placement] = {}
        self._reader = PredictionReader(names, torch.device("cpu"))
        self.names = self._reader.names
        self._image: np.ndarray | None = None
        self._heeds_class = True
        for name in self.layer_modules:
            self._modules(name)

    @property
    def targets(self) -> tuple[str, ...]:
        """The class, and the box sides if there is a ``box`` function."""
        return ("class",) if self.box is None else PARTS

    @property
    def _run(self) -> ModuleRun:
        return ModuleRun(self.module, self.predict)

    @detecting
    def detect(self, images: Sequence[ImageSource], score_threshold: float = 0.3) -> list[Detections]:
        """Return what ``predict`` finds in each image.

        Args:
            images: what ``load_image`` takes, of any sizes.
            score_threshold: the lowest score to report, 0..1.

        Returns:
            One ``Detections`` for each image, sorted by falling score, with boxes clipped to the image.

        Raises:
            ValueError: if an answer has another form, size or range than ``wrap_module`` says, or ``score`` does not
                return the scores that ``predict`` reports.
            TypeError: if ``score`` returns no tensor of one number.
        """
        return [self._found(np.asarray(image), score_threshold) for image in as_images(images)]

    def _found(self, image: np.ndarray, threshold: float) -> Detections:
        answer, outputs = self._run.answer(image)
        parts, origins = split_answer(answer, self.origin_fields)
        place = Placement.identity(*image.shape[:2])
        found = self._reader.read(parts, place, threshold, origins=origins, origin_fields=self.origin_fields)
        self._check_scores(found, outputs)
        return replace(found, canvas_size=self._placement(image.shape[:2]).canvas_size).to(self.device)

    def _check_scores(self, found: Detections, outputs: Any) -> None:
        """Compare ``score`` with what is reported, for the first of them, and note whether it heeds the class."""
        rows: Any = found.origins
        for i in range(min(_TRIED, len(found))):
            origin, label, reported = tuple(rows[i].tolist()), int(found.labels[i]), float(found.scores[i])
            value = float(self.scalar(outputs, origin, label, Target()).detach())
            if not abs(value - reported) <= AS_REPORTED:
                where = origin[0] if len(origin) == 1 else origin
                raise ValueError(
                    f"predict reports a score of {reported:.4g} for {found.names[label]} at {where}, and "
                    f"score(outputs, {where}, {label}) returns {value:.4g}; score has to return the same number, read "
                    "from what the module returned (a logit goes into logit=)"
                )
            if not i and len(self.names) > 1:
                self._heeds_class = self._of_other_class(outputs, origin, label) not in (value, None)

    def _of_other_class(self, outputs: Any, origin: tuple[int, ...], label: int) -> float | None:
        """The score of the same prediction for another class; None if ``score`` has none."""
        other = next(i for i in range(len(self.names)) if i != label)
        try:
            return float(self.scalar(outputs, origin, other, Target()).detach())
        except (IndexError, KeyError):
            return None

    def require_target(self, target: Target) -> None:
        """Raise an error for a score that no function was handed in for, and for another class than the predicted one.

        Args:
            target: which scalar is asked for.

        Raises:
            ValueError: naming the function that is missing.
        """
        if target.score == "logit" and target.part == "class" and self.logit is None:
            raise ValueError(
                "the score 'logit' is not known for this module: hand wrap_module a function logit=, like score= but "
                "before the activation, or ask for the score 'log-prob' or 'prob'"
            )
        named = target.label is not None or target.against is not None
        if named and not self._heeds_class and target.score != "logit":
            raise ValueError(
                "score() returns the same number whatever class it is asked for, so only each prediction's own class "
                "can be explained; let it heed its third argument, label, to explain another or a contrast"
            )

    def forward(self, batch: Tensor) -> Any:
        """Run ``predict`` on this trace's picture with another input for the network, until the module has returned.

        Args:
            batch: the input ``[1,C,h,w]``.

        Returns:
            What the module returned.
        """
        image: Any = self._image
        return self._run.outputs(image, batch)

    def scalar(self, outputs: Any, origin: tuple[int, ...], label: int, target: Target) -> Tensor:
        """Compute the explained scalar of one prediction: what ``score``, ``logit`` or ``box`` return.

        Args:
            outputs: what the module returned.
            origin: its row of the detections' origins.
            label: the explained class.
            target: which scalar.

        Returns:
            A tensor of one number.

        Raises:
            TypeError: if the function returned something else.
        """
        where: Any = origin[0] if len(origin) == 1 else origin
        if target.part in SIDES and self.box is not None:
            return box_side(self.box(outputs, where), target.part)
        read = self.logit if target.score == "logit" and self.logit is not None else self.score
        value = read(outputs, where, label)
        if not isinstance(value, Tensor) or value.numel() != 1:
            shape = f" of shape {list(value.shape)}" if isinstance(value, Tensor) else ""
            raise TypeError(
                f"{'score' if read is self.score else 'logit'}(outputs, origin, label) returns a tensor of one number, "
                f"read from what the module returned; got {type(value).__name__}{shape}"
            )
        return value.reshape(())

    def _for_image(self, image: ImageSource) -> ModuleDetector:
        mine = copy.copy(self)
        mine._image = np.asarray(load_image(image))
        return mine

    def _input(self, image: ImageSource) -> tuple[Tensor, Placement]:
        pixels = np.asarray(load_image(image))
        return self._run.first_input(pixels)[1], self._placement(pixels.shape[:2])

    def _placement(self, size: tuple[int, ...]) -> Placement:
        """Where an image of a size lies in the network's input; kept, since it takes four runs to see."""
        key = (int(size[0]), int(size[1]))
        if key not in self._placements:
            if self._placement_of is None:
                self._placements[key] = measure_placement(lambda image: self._run.first_input(image)[1], key)
            else:
                given = self._placement_of(key)
                if not isinstance(given, Placement):
                    raise TypeError(f"placement(size) returns a Placement, got {type(given).__name__}")
                self._placements[key] = given
        return self._placements[key]
