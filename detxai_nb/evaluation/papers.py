"""Figures printed in papers, which a report shows beside the measured ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OTHERS = "*"


@dataclass(frozen=True)
class Figure:
    """One printed number.

    Attributes:
        value: in the unit of this package's metric (shares 0..1, areas of deletion curves in percent).
        table: where the paper prints it.
    """

    value: float
    table: str


@dataclass(frozen=True)
class Paper:
    """One experiment of a paper.

    Attributes:
        title: authors and title.
        detector: the detector of the paper.
        data: the data of the paper.
        figures: by method and metric, with the names of this package; "difference:odam" is the difference map of ODAM,
            "deletion: s2" the figure "s2" among the extras of "deletion".
        protocol: name of the protocol that is closest to the paper's; "" if the paper does not say.
        targets: the explained part by method; under ``OTHERS`` that of all other methods.
        note: what else differs.
        scores: which score is explained by method, "prob" or "logit" as in ``Target``; ``OTHERS`` as for the targets.
    """

    title: str
    detector: str
    data: str
    figures: Mapping[tuple[str, str], Figure]
    protocol: str = ""
    targets: Mapping[str, str] = field(default_factory=dict)
    note: str = ""
    scores: Mapping[str, str] = field(default_factory=dict)

    def target_of(self, method: str) -> str | None:
        """Return the part that a method explains in the paper.

        Args:
            method: a registered name.

        Returns:
            A part of ``Target``, or None if the paper does not say.
        """
        return self.targets.get(method, self.targets.get(OTHERS))

    def score_of(self, method: str) -> str:
        """Return the score that a method explains in the paper.

        Args:
            method: a registered name.

        Returns:
            A score of ``Target``; "prob" if the paper does not say.
        """
        return self.scores.get(method, self.scores.get(OTHERS, "prob"))


def _table(table: str, metrics: str, scale: float, rows: Mapping[str, str]) -> dict[tuple[str, str], Figure]:
    """A printed table: metrics from left to right, methods with their numbers, which are divided by ``scale``."""
    return {
        (method, metric): Figure(round(float(number) / scale, 6), table)
        for method, numbers in rows.items()
        for metric, number in zip(metrics.split(), numbers.split(), strict=True)
    }


_POINTING = "pointing-game-box pointing-game-mask energy-pointing-box energy-pointing-mask"

ODAM = Paper(
    title="Zhao & Chan, ODAM (ICLR 2023)",
    detector="FCOS, ResNet-50 FPN",
    data="COCO val2017",
    protocol="odam",
    targets={OTHERS: "class"},
    note="D-RISE with 5000 masks of 16x16 cells; the paper does not say how many objects were measured",
    figures={
        **_table(
            "table 1",
            "deletion-odam insertion-odam",
            1,
            {
                "grad-cam": "92.79 36.78",
                "grad-cam++": "92.52 36.18",
                "d-rise": "73.35 43.35",
                "odam": "72.68 50.33",
            },
        ),
        **_table("table 1", "vea", 1, {"grad-cam": "0.039", "grad-cam++": "0.027", "d-rise": "0.157", "odam": "0.163"}),
        **_table(
            "table 3a",
            "odi-box odi-mask",
            100,
            {"grad-cam": "77.0 72.7", "grad-cam++": "77.3 73.2", "d-rise": "71.0 66.3", "odam": "34.8 19.5"},
        ),
        **_table(
            "table 4",
            _POINTING,
            100,
            {
                "grad-cam": "26.7 22.5 20.7 15.0",
                "grad-cam++": "26.6 20.2 20.0 14.8",
                "d-rise": "82.6 68.0 17.4 12.0",
                "odam": "91.9 82.6 73.1 57.1",
            },
        ),
        **_table(
            "table 4", "compactness", 1, {"grad-cam": "4.34", "grad-cam++": "4.91", "d-rise": "5.17", "odam": "1.36"}
        ),
    },
)

ODAM_CROWDHUMAN = Paper(
    title="Zhao & Chan, ODAM (ICLR 2023)",
    detector="FCOS, ResNet-50 FPN",
    data="CrowdHuman validation set",
    protocol="odam",
    targets={OTHERS: "class"},
    note="one class only; the paper does not say whether full or visible boxes were taken",
    figures={
        **_table(
            "table 3a", "odi-box", 100, {"grad-cam": "91.4", "grad-cam++": "92.0", "d-rise": "95.3", "odam": "56.9"}
        ),
        **_table(
            "table 4",
            "pointing-game-box energy-pointing-box",
            100,
            {"grad-cam": "15.7 9.7", "grad-cam++": "15.4 11.4", "d-rise": "1.5 1.7", "odam": "95.5 79.5"},
        ),
        **_table(
            "table 4", "compactness", 1, {"grad-cam": "3.99", "grad-cam++": "3.84", "d-rise": "3.53", "odam": "1.04"}
        ),
    },
)

ODAM_VOC = Paper(
    title="Zhao & Chan, ODAM (ICLR 2023), A.5.9",
    detector="Faster R-CNN, in the source code of BBAM",
    data="PASCAL VOC",
    protocol="best",
    targets={OTHERS: "class"},
    note="the best-scoring prediction of each image; the paper does not say which split",
    figures={
        **_table(
            "table 11",
            "deletion-odam insertion-odam",
            1,
            {"grad-cam": "60.4 11.4", "grad-cam++": "53.9 22.4", "bbam": "27.5 48.7", "odam": "26.0 58.0"},
        ),
        **_table(
            "table 11",
            "pointing-game-box energy-pointing-box",
            100,
            {"grad-cam": "63.1 63.2", "grad-cam++": "62.2 63.3", "bbam": "97.0 96.9", "odam": "98.8 98.9"},
        ),
        **_table(
            "table 11", "compactness", 1, {"grad-cam": "0.33", "grad-cam++": "0.25", "bbam": "0.059", "odam": "0.043"}
        ),
    },
)

SS_GRAD_CAM_PLUS_PLUS = Paper(
    title="Yamauchi, Spatial Sensitive Grad-CAM++ (XAI4CV workshop)",
    detector="not named on the poster",
    data="not named on the poster",
    note="the poster does not say how objects were selected or how pixels were deleted and inserted",
    figures={
        **_table(
            "deletion and insertion",
            "deletion insertion",
            1,
            {
                "grad-cam": "0.201 0.650",
                "grad-cam++": "0.104 0.853",
                "d-rise": "0.154 0.781",
                "odam": "0.113 0.745",
                "ss-grad-cam": "0.071 0.916",
                "ss-grad-cam++": "0.055 0.942",
            },
        ),
        **{
            (method, f"{metric}: s2"): figure
            for (method, metric), figure in _table(
                "deletion and insertion",
                "deletion insertion",
                1,
                {
                    "grad-cam": "0.241 0.655",
                    "grad-cam++": "0.142 0.851",
                    "d-rise": "0.201 0.766",
                    "odam": "0.180 0.731",
                    "ss-grad-cam": "0.135 0.867",
                    "ss-grad-cam++": "0.102 0.901",
                },
            ).items()
        },
        **_table(
            "pointing game",
            _POINTING,
            1,
            {
                "grad-cam": "0.389 0.330 0.127 0.08",
                "grad-cam++": "0.649 0.563 0.150 0.09",
                "d-rise": "0.624 0.505 0.119 0.070",
                "odam": "0.916 0.804 0.737 0.546",
                "ss-grad-cam": "0.911 0.769 0.726 0.509",
                "ss-grad-cam++": "0.981 0.880 0.743 0.512",
            },
        ),
    },
)

DIFFERENCE_MAP = Paper(
    title="Xia, Zhao & Chan, difference maps",
    detector="FCOS, ResNet-50 FPN",
    data="COCO validation set",
    protocol="difference",
    targets={"odam": "combined", OTHERS: "class"},
    figures=_table(
        "table 1",
        "deletion-difference insertion-difference deletion-difference-others insertion-difference-others",
        1,
        {
            "grad-cam": "94.88 9.40 89.54 7.23",
            "difference:grad-cam": "93.76 7.84 91.01 5.99",
            "ss-grad-cam": "64.91 25.67 94.99 2.66",
            "difference:ss-grad-cam": "65.24 26.33 95.70 3.10",
            "ss-grad-cam++": "60.84 26.86 96.27 2.68",
            "difference:ss-grad-cam++": "61.40 37.16 98.44 1.94",
            "odam": "61.27 46.06 96.12 3.14",
            "difference:odam": "60.74 44.25 99.01 1.58",
        },
    ),
)

G_CAME = Paper(
    title="Nguyen et al., G-CAME",
    detector="YOLOX-l",
    data="COCO val2017",
    targets={OTHERS: "class"},
    note=(
        "D-RISE with 4000 masks of 16x16 cells; table 1 is taken to be of YOLOX-l, the only detector with figures; the "
        "paper does not say which scores and overlaps count, and for tiny objects takes the energy in the predicted "
        "box, here it is the annotated one; it also prints seconds an object on a P100 (table 2: D-RISE 252, G-CAME "
        "0.435), beside which metrics.running_time puts one's own"
    ),
    figures={
        **_table(
            "table 1",
            "pointing-game-box tiny-pointing-game-box energy-pointing-box tiny-energy-pointing-box",
            1,
            {"d-rise": "0.86 0.127 0.184 0.009", "g-came": "0.98 0.158 0.671 0.261"},
        ),
        **_table("table 2", "confidence-drop information-drop", 100, {"d-rise": "42.3 31.58", "g-came": "36.8 29.15"}),
    },
)

_GUIDANCE_METHODS = (
    "grad-cam",
    "grad-cam++",
    "xgrad-cam",
    "cameras",
    "fullgrad",
    "smooth-fullgrad",
    "integrated-grad-cam",
    "score-cam",
    "relevance-cam",
    "global-guidance",
)


def _guidance(data: str, table: str, note: str, rows: Mapping[str, str]) -> Paper:
    """A table of the global guidance paper: a line for each metric, the methods from left to right."""
    left_open = (
        "it says neither at which value a map is cut into zones nor what fills the removed pixels nor which few "
        "thousand images were taken; its column Integrated is taken for integrated-grad-cam, which it cites"
    )
    return Paper(
        title="Fahim et al., global guidance maps",
        detector="ResNet-50",
        data=data,
        protocol="classes",
        targets={OTHERS: "class"},
        # Score-CAM's own code weighs by probabilities; the others take gradients of the class score.
        scores={"score-cam": "prob", OTHERS: "logit"},
        note=f"{left_open}{note}",
        figures={
            (method, metric): Figure(float(number), table)
            for metric, numbers in rows.items()
            for method, number in zip(_GUIDANCE_METHODS, numbers.split(), strict=True)
        },
    )


GLOBAL_GUIDANCE = _guidance(
    "PASCAL VOC 2012",
    "table 1",
    "; Dice and IoU cannot be means over the same zones: of each zone IoU is Dice / (2 - Dice), which is convex, so a "
    "mean Dice of 0.43 goes with a mean IoU of at least 0.27, and 0.13 is printed",
    {
        "saliency-zone-drop": "0.8996 0.8064 0.8745 0.8201 0.8873 0.8762 0.9399 0.8567 0.8333 0.7784",
        "saliency-zone-increase": "0.0366 0.0716 0.0366 0.0715 0.0421 0.0421 0.0172 0.0506 0.0559 0.0786",
        "context-zone-drop": "0.9395 0.8812 0.9429 0.8834 0.9083 0.9281 0.8124 0.9389 0.9089 0.9443",
        "context-zone-increase": "0.0172 0.0312 0.0205 0.0244 0.0291 0.0215 0.0411 0.0151 0.029 0.0183",
        "pointing-game-box": "0.3355 0.4731 0.3733 0.4412 0.3713 0.4422 0.2642 0.4322 0.532 0.5945",
        "zone-dice-mask": "0.2822 0.3422 0.2934 0.3342 0.2942 0.3328 0.1834 0.3321 0.411 0.4321",
        "zone-iou-mask": "0.0823 0.1122 0.0901 0.1007 0.0812 0.0963 0.0625 0.0943 0.121 0.1321",
    },
)

GLOBAL_GUIDANCE_COCO = _guidance(
    "MS COCO 2014",
    "table 2",
    "",
    {
        "saliency-zone-drop": "0.8394 0.7243 0.8081 0.7325 0.8454 0.8288 0.7713 0.7822 0.7357 0.6493",
        "saliency-zone-increase": "0.0490 0.0913 0.0555 0.0935 0.0455 0.0495 0.0796 0.0695 0.089 0.0999",
        "context-zone-drop": "0.9023 0.9495 0.9142 0.9424 0.8961 0.9025 0.8607 0.9183 0.9081 0.9391",
        "context-zone-increase": "0.0245 0.0165 0.0215 0.0172 0.0311 0.0315 0.0335 0.0205 0.0311 0.0152",
    },
)

GLOBAL_GUIDANCE_IMAGENET = _guidance(
    "ImageNet",
    "table 3",
    "",
    {
        "saliency-zone-drop": "0.7906 0.6717 0.7682 0.7302 0.7775 0.7844 0.7267 0.6975 0.6844 0.6492",
        "saliency-zone-increase": "0.0535 0.0903 0.0635 0.0936 0.0803 0.0669 0.0435 0.1003 0.0969 0.1008",
        "context-zone-drop": "0.8767 0.9178 0.8698 0.9335 0.8379 0.8548 0.8938 0.8585 0.8541 0.9392",
        "context-zone-increase": "0.0234 0.0067 0.0368 0.0134 0.0502 0.0301 0.0301 0.0468 0.0602 0.0012",
    },
)

PAPERS: dict[str, Paper] = {
    "odam": ODAM,
    "odam-crowdhuman": ODAM_CROWDHUMAN,
    "odam-voc": ODAM_VOC,
    "ss-grad-cam++": SS_GRAD_CAM_PLUS_PLUS,
    "difference": DIFFERENCE_MAP,
    "g-came": G_CAME,
    "global-guidance": GLOBAL_GUIDANCE,
    "global-guidance-coco": GLOBAL_GUIDANCE_COCO,
    "global-guidance-imagenet": GLOBAL_GUIDANCE_IMAGENET,
}
"""The values that papers print, by the names that ``report`` and ``reproduce`` take."""


def find_paper(paper: str | Paper) -> Paper:
    """Return the paper of that name, or the given Paper itself.

    Args:
        paper: a name of ``PAPERS``, or a Paper.

    Returns:
        The paper.

    Raises:
        ValueError: for an unknown name.
    """
    if isinstance(paper, Paper):
        return paper
    if paper not in PAPERS:
        raise ValueError(f"unknown paper {paper!r}; known: {', '.join(PAPERS)}")
    return PAPERS[paper]
