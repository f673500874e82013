"""What a method of explanation is: what it is handed, what it returns and what it can explain."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields, is_dataclass, replace
from typing import Any, Literal, get_args

from torch import Tensor

from detxai_nb.options import annotations_of, as_setting
from detxai_nb.types import PARTS, SCORES, Target

Kind = Literal["gradient", "trace", "perturbation"]
Rule = Callable[[Mapping[str, Any]], bool]
"""What a method does under its complete settings, such as whether its maps can be negative."""

KINDS: tuple[str, ...] = get_args(Kind)
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "gradient": ("activation", "gradient", "context"),
    "trace": ("trace", "detections", "progress"),
    "perturbation": ("detector", "image", "detections", "progress"),
}
"""By kind what a method's function takes before its settings."""


def never(settings: Mapping[str, Any]) -> bool:
    """Return False: the default of a method's rules.

    Args:
        settings: the method's complete settings, which change nothing.

    Returns:
        False.
    """
    return False


@dataclass(frozen=True, eq=False)
class Context:
    """What a gradient method may know besides activation and gradient.

    Attributes:
        size: (h, w) of the whole level in cells, also where only a window is handed in.
        boxes: float ``[n,4]``, xyxy, of the predictions in cells of the level's grid (a cell's centre at +0.5).
        input_size: (h, w) of the network's input in pixels.
        two_stage: whether the predictions were pooled from regions.
        corner: int64 ``[n,2]``, for a "compact" method the row and column of the first cell of each gradient window;
            None where it is handed whole gradients.
    """

    size: tuple[int, int]
    boxes: Tensor
    input_size: tuple[int, int] | None = None
    two_stage: bool = False
    corner: Tensor | None = None

    @property
    def area(self) -> int:
        """Number of locations of the whole level."""
        return self.size[0] * self.size[1]


@dataclass(frozen=True, eq=False)
class MethodResult:
    """The maps of a "trace" or "perturbation" method, one for each detection.

    Attributes:
        grids: N tensors ``[h,w]``, raw.
        strides: for each the stride (y, x) of its grid in pixels of the model's input, as in ``HeatMaps``; None for
            maps at the image's own size, one value a pixel.
        corners: for each where its grid begins, (y, x) in pixels of the model's input, or None for a grid over the
            whole input; None if all are.
        diagnostics: further numbers by name, one for each map, such as how reliable it is.
        settings: what the method decided by itself, such as how many steps it took.
        seed: the seed of what was random, None where nothing was.
        layer: the layer that the maps explain, None where they belong to no layer.
        shifts: for each where a grid over the whole input begins, (y, x) in pixels of the model's input; None if all
            begin at the input's own corner.
        unit: of the maps' values, where it is not that of the explained scalar.
        deciding: for maps that are joined of several parts which part each cell is taken from, see ``HeatMaps``.
    """

    grids: Sequence[Tensor]
    strides: Sequence[tuple[float, float]] | None = None
    corners: Sequence[tuple[float, float] | None] | None = None
    diagnostics: Mapping[str, Sequence[float]] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    layer: str | None = None
    shifts: Sequence[tuple[float, float]] | None = None
    unit: str = ""
    deciding: Sequence[Tensor] = ()


@dataclass(frozen=True, eq=False)
class Method:
    """A method of explanation, as ``explain`` finds it; it checks itself when it is made.

    What its function takes and returns depends on its kind. ``progress(done, total)`` is to be called between steps; it
    may raise to end the work.

    - "gradient": ``function(activation, gradient, context, **settings) -> [n,h,w]`` with activation ``[C,h,w]``
      (``[n,C,a,b]`` for windows) and gradient ``[n,C,h,w]``;
    - "trace", for what needs more of a white-box detector: ``function(trace, detections, progress, **settings)``, or
      with the target after ``progress`` if it is ``targeted``, which returns a ``MethodResult``;
    - "perturbation", for any detector: ``function(detector, image, detections, progress, **settings)`` with the image
      RGB uint8 ``[H,W,3]``, or with the target after ``progress`` if it is ``targeted`` and so explains contrasts of
      two classes too, which returns a ``MethodResult``.

    Its settings are the function's keyword-only arguments or, where there are many, the fields of the dataclass
    ``settings``: the function then takes one such object as its last positional argument instead of ``**settings``.

    Attributes:
        name: the slug by which ``explain`` finds it, such as "grad-cam".
        function: what computes the maps, see above.
        kind: "gradient", "trace" or "perturbation".
        title: its name in tables and widgets.
        source: the paper, with the equations.
        choices: by setting the values it may have, where these are few.
        parts: the target parts that it can explain, of ``types.PARTS``.
        scores: the target scores that it can explain, of ``types.SCORES``.
        needs: what a detector has to name in ``offers``, further abilities of its traces ("attention"); a dict also
            says for each why, and what else can be done, in words for whoever is refused.
        windowed: whether, handed only windows outside of which the gradient is zero, it returns the window of the same
            map, which is zero outside; of the complete settings.
        compact: whether it takes the gradient as such windows, with their corners in the context, and the whole
            activation, and returns the whole map; of the complete settings.
        summed: whether it reads activation and gradient only as the sum over channels of their products, so that it may
            be handed these sums as a gradient of one channel whose activation is 1; of the complete settings.
        signed: whether its maps can be negative; of the complete settings.
        prefers: the layers that it is meant for, best first; the first that a detector has is explained where the
            caller names none, and if it has none of them the detector's own default.
        settings: a dataclass whose fields, all with defaults, are the settings; None for keyword-only arguments.
        targeted: whether the function takes the target after ``progress``, and so explains any scalar that it names;
            of a "perturbation" method any contrast of two classes by what a detector answers about them.
        unit: of a gradient method's maps, where it is not that of the explained scalar.

    Raises:
        TypeError: if a name is no text, the function cannot be called with what its kind is handed, a rule is no
            function or ``settings`` is no dataclass.
        ValueError: if the name is empty, or the kind, a part, a score or a setting with choices is unknown.
    """

    name: str
    function: Callable[..., Any]
    kind: Kind = "gradient"
    title: str = ""
    source: str = ""
    choices: Mapping[str, tuple[Any, ...]] = field(default_factory=dict)
    parts: tuple[str, ...] = PARTS
    scores: tuple[str, ...] = SCORES
    needs: tuple[str, ...] | Mapping[str, str] = ()
    windowed: Rule = never
    compact: Rule = never
    signed: Rule = never
    prefers: tuple[str, ...] = ()
    settings: type[Any] | None = None
    targeted: bool = False
    unit: str = ""
    summed: Rule = never

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"a method's name is a text such as 'grad-cam', got {self.name!r}")
        if not self.name:
            raise ValueError("a method's name is empty; take a short text such as 'grad-cam'")
        if not callable(self.function):
            raise TypeError(f"the function of method {self.name!r} cannot be called: {self.function!r}")
        for what, given, known in (
            ("kind", (self.kind,), KINDS),
            ("parts", self.parts, PARTS),
            ("scores", self.scores, SCORES),
        ):
            if isinstance(given, str) or not set(given) <= set(known):
                raise ValueError(f"{what} of method {self.name!r}: known are {', '.join(known)}; got {given!r}")
        if self.targeted and self.kind == "gradient":
            raise ValueError(
                f"method {self.name!r} is targeted, and a gradient method is handed gradients of any target"
            )
        for what in ("needs", "prefers"):
            if isinstance(getattr(self, what), str):
                raise TypeError(f"{what} of method {self.name!r} is a tuple of names, got {getattr(self, what)!r}")
        if self.settings is not None and not (isinstance(self.settings, type) and is_dataclass(self.settings)):
            raise TypeError(f"settings of method {self.name!r} is a dataclass or None, got {self.settings!r}")
        for what in ("windowed", "compact", "signed", "summed"):
            if not callable(getattr(self, what)):
                raise TypeError(
                    f"{what} of method {self.name!r} is a function of its settings, such as lambda settings: True; "
                    f"got {getattr(self, what)!r}"
                )
        self._check_signature()
        if self.choices and (unknown := set(self.choices) - set(self.defaults)):
            raise ValueError(
                f"method {self.name!r} has choices for {', '.join(sorted(unknown))}, which it does not take"
            )

    def _check_signature(self) -> None:
        """Raise an error if the function cannot be called as one of this kind is; see ``ARGUMENTS``."""
        further = (("target",) if self.targeted else ()) + (("settings",) if self.settings is not None else ())
        wanted = (*ARGUMENTS[self.kind], *further)
        try:
            signature = inspect.signature(self.function)
        except ValueError:
            raise TypeError(
                f"the function of method {self.name!r} has no signature that Python can read: {self.function!r}; "
                f"write a function ({', '.join(wanted)}) around it"
            ) from None
        named = [p.name for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
        try:
            signature.bind(*wanted, **dict.fromkeys(named))
        except TypeError as error:
            raise TypeError(
                f"the function of {self.kind} method {self.name!r} takes ({', '.join(wanted)}), "
                f"got {signature}: {error}; settings are keyword-only, after a *"
            ) from None

    @property
    def contrasts(self) -> bool:
        """Whether it explains one class rather than another: methods of gradients do, and those handed the target."""
        return self.kind == "gradient" or self.targeted

    @property
    def defaults(self) -> dict[str, Any]:
        """The method's own settings with their defaults, in the order in which they are declared."""
        if self.settings is not None:
            return {one.name: _default(one) for one in fields(self.settings)}
        parameters = inspect.signature(self.function).parameters.values()
        return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

    def complete(self, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``settings`` over the defaults.

        Args:
            settings: some of the method's settings, by name.

        Returns:
            Every setting of the method, by name.

        Raises:
            TypeError: for a name that the method does not have; the message lists those that it has.
            ValueError: for a value that is none of its choices, or not of its setting's type (``options.as_setting``).
        """
        known, found = self.defaults, {}
        kinds = annotations_of(self.function, self.settings) if settings else {}
        for name, value in settings.items():
            if name not in known:
                raise TypeError(
                    f"method {self.name!r} has no setting {name!r}; its settings: {', '.join(known) or 'none'}"
                )
            found[name] = as_setting(f"{name} of {self.name!r}", value, kinds[name], self.choices.get(name))
        return {**known, **found}

    def run(self, *arguments: Any, settings: Mapping[str, Any]) -> Any:
        """Call the function in the form in which it takes its settings.

        Args:
            *arguments: what a function of this kind takes before its settings, see the class.
            settings: complete settings, from ``complete``.

        Returns:
            What the function returns: maps ``[n,h,w]`` of a gradient method, else a ``MethodResult``.

        Raises:
            TypeError: if the function returns something else.
            ValueError: for settings that the method refuses, or maps of another shape.
        """
        if self.settings is not None:
            found = self.function(*arguments, self.settings(**settings))
        else:
            found = self.function(*arguments, **settings)
        if self.kind == "gradient":
            _, gradient, context = arguments
            self._check_maps(found, gradient, context)
        elif not isinstance(found, MethodResult):
            raise TypeError(f"the function of method {self.name!r} returns a MethodResult, got {type(found).__name__}")
        return found

    def _check_maps(self, found: Any, gradient: Tensor, context: Context) -> None:
        """Raise an error if a gradient method returned anything but one map for each row of the gradient."""
        if not isinstance(found, Tensor):
            raise TypeError(
                f"the function of method {self.name!r} returns a tensor of maps [n,h,w], got {type(found).__name__}"
            )
        size = gradient.shape[-2:] if context.corner is None else context.size
        if tuple(found.shape) != (len(gradient), *size):
            raise ValueError(
                f"the function of method {self.name!r} returns maps [n,h,w] = {[len(gradient), *size]} for gradients "
                f"[n,C,h,w] = {list(gradient.shape)}, got {list(found.shape)}"
            )

    def layer_of(self, layers: Sequence[str]) -> str | None:
        """Return the layer of a detector that the method explains by default.

        Args:
            layers: the detector's layers, by name.

        Returns:
            The first preferred layer that is among them; None for the detector's own default.
        """
        return next((name for name in self.prefers if name in layers), None)

    def check_target(self, target: Target) -> None:
        """Check that the method can explain a target.

        Args:
            target: which scalar of a prediction is to be explained.

        Raises:
            ValueError: if the method has no maps of that part or score, or none of a class other than the detection's.
        """
        if target.against is not None and self.targeted and self.kind == "perturbation":
            return
        if target.against is not None and not self.contrasts:
            raise ValueError(
                f"method {self.name!r} explains each detection's own class, and no class rather than another; leave "
                "out against"
            )
        for what, asked, known in (("target", target.part, self.parts), ("score", target.score, self.scores)):
            if asked not in known:
                raise ValueError(
                    f"method {self.name!r} has no maps of the {what} {asked!r}; it has: {', '.join(known)}"
                )
        if target.label is not None and (self.kind == "perturbation" or (self.kind == "trace" and not self.targeted)):
            raise ValueError(f"method {self.name!r} explains each detection's own class; leave out the label")

    def explained(self, target: Target) -> Target:
        """Return a target as the method explains it.

        Args:
            target: which scalar of a prediction is to be explained.

        Returns:
            The same; of a "perturbation" method that is to explain the difference of two logits, that of the two log
            probabilities, since a detector answers with probabilities.
        """
        if self.kind == "perturbation" and target.against is not None and target.score == "logit":
            return replace(target, score="log-prob")
        return target


def _default(one: Any) -> Any:
    """The default of a dataclass's field; ``Parameter.empty`` where it has none, as a function's argument has."""
    if one.default_factory is not MISSING:
        return one.default_factory()
    return inspect.Parameter.empty if one.default is MISSING else one.default
