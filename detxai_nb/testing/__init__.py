"""The contract that every adapter passes, for the tests of packages that bring one: ``check_detector`` runs it."""

from detxai_nb.testing.contract import check_detector
from detxai_nb.testing.models import (
    NAMES,
    Kind,
    Scalar,
    border_distance,
    enliven,
    forget,
    in_common,
    photograph,
    spread,
)
from detxai_nb.testing.reference import slow_gradients
from detxai_nb.testing.requirements import ContractError

__all__ = [
    "NAMES",
    "ContractError",
    "Kind",
    "Scalar",
    "border_distance",
    "check_detector",
    "enliven",
    "forget",
    "in_common",
    "photograph",
    "slow_gradients",
    "spread",
]
