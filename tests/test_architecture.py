"""The layers of the package, and what holds for every one of its files: read from the source, nothing is imported."""

from __future__ import annotations

import ast
import functools
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from detxai_nb.detectors import registry

PACKAGE = Path(__file__).resolve().parents[1] / "detxai_nb"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")

# A module may import from its own layer and from the layers above it in this list.
LAYERS = (
    (
        "_version",
        "arrays",
        "callable_module",
        "capabilities",
        "detections",
        "doubts",
        "downloads",
        "entry_points",
        "exchange",
        "detection_rows",
        "detection_table",
        "files",
        "float32",
        "geometry",
        "heatmap_files",
        "heatmap_values",
        "html_tables",
        "image",
        "light_torchvision",
        "locks",
        "module_state",
        "module_use",
        "names",
        "options",
        "pages",
        "passes",
        "polygons",
        "scaling",
        "stated_input",
        "statistics",
        "subjects",
        "targets",
        "types",
        "vjp",
        "windows",
        "winograd",
    ),
    ("heatmap_labels", "heatmaps"),
    ("plots",),
    ("data", "detectors", "methods", "nms"),
    ("explaining", "interventions"),
    ("metrics",),
    ("check", "evaluation", "misses", "profiles", "sanity", "survey", "testing", "tiny", "training"),
    ("doctor",),
    ("widgets", "cli", "installation", "lab", "publishing", "workshop", "__main__"),
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
# What draws itself, or writes itself as a page, imports that inside the function, so that nothing loads it before.
ON_USE = {("heatmaps", "plots"), ("heatmaps", "widgets")}
APART = {("methods", "detectors"), ("detectors", "methods")}
WIDGETS_ONLY = {"anywidget", "ipywidgets", "traitlets"}
ON_USE_ONLY = {"matplotlib", "pandas", "skimage", "jupyterlab", "transformers", "ultralytics", "scipy", "pyarrow"}
ON_USE_ONLY |= {"fiftyone", "onnxruntime", "supervision"}


@pytest.fixture(scope="module", autouse=True)
def forget_the_trees() -> Iterator[None]:
    """What was read of the package is kept for the tests of this file alone."""
    yield
    _tree.cache_clear()


def _part(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def for_each(paths: Iterable[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """Make one test of a check for all paths, which names every one that fails.

    Thousands of small tests would take longer to be handed out and reported than to run.
    """

    def decorate(check: Callable[[Path], None]) -> Callable[[], None]:
        def test() -> None:
            wrong = []
            for path in paths:
                try:
                    check(path)
                except AssertionError as error:
                    wrong.append(f"{path.relative_to(PACKAGE)}: {error}")
            assert not wrong, "\n".join(wrong)

        test.__name__, test.__doc__ = check.__name__, check.__doc__
        return test

    return decorate


@functools.cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _imports(nodes: Iterator[ast.AST]) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise AssertionError(
                    f"line {node.lineno}: relative import; the package imports itself by its full name"
                )
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _at_import(tree: ast.Module) -> Iterator[ast.AST]:
    """Every node that runs when the module is imported: nothing inside functions or `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)):
            waiting += ast.iter_child_nodes(node)


def _inside(names: Iterator[str]) -> set[str]:
    """The parts of the package among the imported names."""
    found = {name.split(".")[1] for name in names if name.startswith("detxai_nb.")}
    return found & set(RANK)


@for_each(FILES)
def test_imports_run_one_way(path: Path) -> None:
    part = _part(path)
    assert part in RANK, f"{part} has no layer yet; give it one in LAYERS"
    for other in _inside(_imports(ast.walk(_tree(path)))):
        assert (part, other) in ON_USE or RANK[other] <= RANK[part], f"{part} must not import {other}"
        assert (part, other) not in APART, f"{part} must not import {other}"


@for_each(FILES)
def test_heavy_and_front_end_libraries_stay_where_they_belong(path: Path) -> None:
    everywhere = {name.split(".")[0] for name in _imports(ast.walk(_tree(path)))}
    at_import = {name.split(".")[0] for name in _imports(_at_import(_tree(path)))}
    if _part(path) != "widgets":
        assert not everywhere & WIDGETS_ONLY, "only widgets/ knows the notebook's front end"
    assert not at_import & ON_USE_ONLY, "imported inside the function that uses it"
    assert "matplotlib.pyplot" not in set(_imports(ast.walk(_tree(path)))), "pyplot keeps global state"


def test_torchvision_is_imported_by_packages_that_make_it_light_first() -> None:
    """Whatever module of the package comes first, torchvision does not bring the compiler along."""
    imported = {path: list(_imports(_at_import(_tree(path)))) for path in FILES}
    parts = {_part(path) for path, names in imported.items() if any(name.startswith("torchvision") for name in names)}
    for part in parts:
        ours = [name for name in _imports(iter(_tree(PACKAGE / part / "__init__.py").body)) if "detxai_nb" in name]
        assert ours[:1] == ["detxai_nb.light_torchvision"], f"{part}/__init__.py must import it first, got {ours[:1]}"


@for_each(FILES)
def test_no_assert_checks_input(path: Path) -> None:
    lines = [node.lineno for node in ast.walk(_tree(path)) if isinstance(node, ast.Assert)]
    assert not lines, f"asserts vanish under python -O; raise ValueError or TypeError at lines {lines}"


@for_each(FILES)
def test_global_random_state_is_never_touched(path: Path) -> None:
    called = {ast.unparse(node.func) for node in ast.walk(_tree(path)) if isinstance(node, ast.Call)}
    forked = "torch.random.fork_rng" in called
    seeds = {"torch.manual_seed", "np.random.seed", "numpy.random.seed", "random.seed"} & called
    assert forked or not seeds, f"{seeds} changes the caller's random numbers; use a Generator"


@for_each(FILES)
def test_everything_public_has_a_docstring(path: Path) -> None:
    tree = _tree(path)
    assert ast.get_docstring(tree), "the module says what it is"
    missing = []
    for node in [] if path.name.startswith("_") else tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            missing += [] if ast.get_docstring(node) else [node.name]
            missing += _bare_methods(node) if isinstance(node, ast.ClassDef) else []
    assert not missing, f"without a docstring: {', '.join(missing)}"


def _bare_methods(owner: ast.ClassDef) -> list[str]:
    """Public methods without a docstring; what a protocol declares, and a module's forward, need none."""
    bases = {ast.unparse(base) for base in owner.bases}
    if "Protocol" in ast.unparse(owner) and bases & {"Protocol", "Detector"}:
        return []
    methods = [node for node in owner.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]
    return [f"{owner.name}.{m.name}" for m in methods if m.name != "forward" and not ast.get_docstring(m)]


READERS = sorted((PACKAGE / "data").glob("*.py"))
READING = {"annotations.py": {"Sample"}, "foreign.py": {"json.loads", "ElementTree.fromstring", "_open_picture"}}
FOREIGN = {
    "Sample",
    *("json.load", "json.loads", "ElementTree.parse", "ElementTree.fromstring", "Image.open", "_open_picture", "open"),
    *("float", "np.load", "np.fromfile", "np.genfromtxt", "pickle.load"),
}


@for_each(READERS)
def test_readers_go_through_the_doors_for_foreign_values(path: Path) -> None:
    """What a file holds is parsed and checked by ``foreign`` and becomes a Sample by ``annotations`` alone."""
    called = {ast.unparse(node.func) for node in ast.walk(_tree(path)) if isinstance(node, ast.Call)}
    read = {name for name in called if name.endswith((".read_text", ".read_bytes"))}
    around = (called & FOREIGN | read) - READING.get(path.name, set())
    if path.name in ("foreign.py", "outlines.py"):
        around -= {"float", *read}
    if path.name == "coco.py":
        around -= {"float"}  # of digits that were looked at, to sort ids
    assert not around, f"{path.name} calls {', '.join(sorted(around))}; readers use data.foreign and data.annotations"
    classes = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.ClassDef)]
    # A subset hands on what another dataset read.
    if path.name != "subsets.py" and any("Sequence[Sample]" in map(ast.unparse, one.bases) for one in classes):
        assert "as_annotations" in called, f"the reader {path.name} goes around as_annotations"


def test_files_stay_short() -> None:
    long = {path.name: n for path in FILES if (n := len(path.read_text(encoding="utf-8").splitlines())) > 400}
    assert not long, f"a file is one idea, at most 400 lines: {long}"


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Counting what runs when a module is imported: each module is imported after all that it needs."""
    paths = {".".join(p.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): p for p in FILES}
    needs: dict[str, set[str]] = {}
    for name, path in paths.items():
        imported = list(_imports(_at_import(_tree(path))))
        needs[name] = {one if one in paths else one.rpartition(".")[0] for one in imported} & set(paths) - {name}
    while ready := {name for name, wanted in needs.items() if not wanted & set(needs)}:
        needs = {name: wanted for name, wanted in needs.items() if name not in ready}
    assert not needs, f"these modules import each other in a circle, or need one that does: {sorted(needs)}"


# What a detector may or may not have: ``capabilities`` alone knows what holds where it does not say.
ABILITIES = {
    "candidates",
    "doubts",
    "family",
    "holding",
    "identity",
    "layers",
    "module",
    "offers",
    "precision",
    "proposals",
    "stage_patterns",
    "targets",
}


@for_each(FILES)
def test_what_a_detector_may_lack_is_asked_in_one_place(path: Path) -> None:
    if path.name == "capabilities.py":
        return
    asked = []
    for node in ast.walk(_tree(path)):
        if not isinstance(node, ast.Call) or ast.unparse(node.func) not in ("getattr", "hasattr"):
            continue
        what, name = ast.unparse(node.args[0]), node.args[1]
        if isinstance(name, ast.Constant) and name.value in {*ABILITIES, "trace"} and what != "dataset":
            asked.append(f"line {node.lineno}: {ast.unparse(node)}")
    assert not asked, f"ask Capabilities(detector), which knows the defaults: {'; '.join(asked)}"


ADAPTERS = [path for path in FILES if "detectors" in path.parts]
DOORS = {"detect": ("detecting", "score_threshold"), "trace": ("tracing", "layer")}


@for_each(ADAPTERS)
def test_every_detect_and_trace_goes_through_the_doors(path: Path) -> None:
    """They run in float32 and outside inference mode whatever the caller has on; ``as_images`` alone reads a list."""
    wrong = []
    for node in ast.walk(_tree(path)):
        if not isinstance(node, ast.FunctionDef) or node.name not in DOORS:
            continue
        door, last = DOORS[node.name]
        calls = {id(call): call for call in ast.walk(node) if isinstance(call, ast.Call)}.values()
        handed_on = [call for call in calls if ast.unparse(call.func).endswith(f".{node.name}")]
        public = [arg.arg for arg in node.args.args][2:] == [last]
        if public and not handed_on and door not in map(ast.unparse, node.decorator_list):
            wrong.append(f"line {node.lineno}: {node.name} without @{door}")
        given = any(arg.arg == "images" for arg in node.args.args)
        read = [n for n in ast.walk(node) if isinstance(n, ast.Name) and n.id == "images" and given]
        through = [
            arg
            for call in calls
            if ast.unparse(call.func).rpartition(".")[2] in ("as_images", "detect")
            for arg in call.args
        ]
        wrong += [f"line {n.lineno}: images are read without as_images" for n in read if n not in through]
    assert not wrong, "; ".join(wrong)


@for_each(ADAPTERS)
def test_class_names_are_read_by_one_function(path: Path) -> None:
    """A tuple or a list of ``names`` would take the keys of a dict for class names."""
    made = [
        f"line {node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in ("tuple", "list")
        and node.args
        and ast.unparse(node.args[0]).endswith(("names", "id2label"))
    ]
    assert not made, f"as_names takes a dict too: {'; '.join(made)}"


# The verbs of the callable modules: `dx.methods.register`, `dx.metrics.table` and so on. A report is `dx.report` of an
# evaluation and `dx.survey.report` of a class. From torchvision come detectors' entries and, by a method, `Detections`.
IN_EACH = {"from_torchvision", "register", "report", "table"}


def test_no_two_public_classes_or_functions_have_one_name() -> None:
    where: dict[str, set[str]] = {}
    for path in FILES:
        for node in _tree(path).body:
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
                where.setdefault(node.name, set()).add(path.relative_to(PACKAGE).as_posix())
    twice = {name: sorted(files) for name, files in where.items() if len(files) > 1 and name not in IN_EACH}
    assert not twice, f"a name means one thing in the whole package: {twice}"


def _top_level(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements of a module; also those for type checkers, which say what is imported on first use."""
    for node in tree.body:
        yield from node.body if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test) else [node]


@for_each(sorted(PACKAGE.rglob("__init__.py")))
def test_nothing_public_hides_a_module(package: Path) -> None:
    inside = {path.stem for path in package.parent.glob("*.py")}
    inside |= {path.parent.name for path in package.parent.glob("*/__init__.py")}
    here = ".".join(("detxai_nb", *package.parent.relative_to(PACKAGE).parts))
    hiding = set()
    for node in _top_level(_tree(package)):
        if isinstance(node, ast.ImportFrom) and node.module != here:
            hiding |= {alias.asname or alias.name for alias in node.names} & inside
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            hiding |= {node.name} & inside
    assert not hiding, f"{here}.{hiding} would be no module any more; name the file or the function otherwise"


def test_the_detectors_folder_can_be_read_at_a_glance() -> None:
    """Each family is one file or one folder, and besides families there are at most eleven entries."""
    families = {module.__name__.split(".")[2] for module in registry._MODULES}
    entries = {path.stem for path in (PACKAGE / "detectors").iterdir() if path.name != "__pycache__"}
    assert families <= entries
    others = sorted(entries - families)
    assert len(others) <= 11, f"a family of several files is a folder, and is in registry._MODULES: {others}"


@for_each(FILES)
def test_functions_take_at_most_eight_parameters(path: Path) -> None:
    many = []
    for node in ast.walk(_tree(path)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            args = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
            bound = bool(args) and args[0].arg in ("self", "cls")
            many += [node.name] if len(args) - bound > 8 else []
    assert not many, f"more than 8 parameters: {many}; settings are a frozen dataclass or a TypedDict of options"


def test_no_two_test_files_share_a_name() -> None:
    """pytest imports test files by their bare names and collects only one of two that are called the same."""
    files = [p for p in Path(__file__).parent.rglob("test_*.py") if not {"bench", "node_modules"} & set(p.parts)]
    names = [path.name for path in files]
    twice = sorted({name for name in names if names.count(name) > 1})
    assert not twice, f"rename one of each, such as tests/methods/test_method_<...>.py: {', '.join(twice)}"
