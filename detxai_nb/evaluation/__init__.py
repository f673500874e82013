"""Methods and metrics over a dataset: selection of objects, a store that survives interruptions, and the tables."""

from detxai_nb import light_torchvision as _light_torchvision  # noqa: F401
from detxai_nb.evaluation.kept import beside, keep_evaluation, kept_evaluation, kept_names
from detxai_nb.evaluation.kept_tables import kept_table
from detxai_nb.evaluation.pairs import Paired, paired
from detxai_nb.evaluation.papers import PAPERS, Figure, Paper
from detxai_nb.evaluation.parallel import worker_processes
from detxai_nb.evaluation.reports import Report, bootstrap, report
from detxai_nb.evaluation.reproduction import reproduce
from detxai_nb.evaluation.runner import evaluate, read_evaluation
from detxai_nb.evaluation.selection import PROTOCOLS, Protocol, Selected, select

__all__ = [
    "PAPERS",
    "PROTOCOLS",
    "Figure",
    "Paired",
    "Paper",
    "Protocol",
    "Report",
    "Selected",
    "beside",
    "bootstrap",
    "evaluate",
    "keep_evaluation",
    "kept_evaluation",
    "kept_names",
    "kept_table",
    "paired",
    "read_evaluation",
    "report",
    "reproduce",
    "select",
    "worker_processes",
]
