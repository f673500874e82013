"""Whether an installation has everything that the notebooks need: ``detxai-nb doctor``. Nothing here imports torch."""

from detxai_nb.installation.diagnosis import Diagnosis, diagnose
from detxai_nb.installation.finding import Finding

__all__ = ["Diagnosis", "Finding", "diagnose"]
