"""The command line: ``detxai-nb``, and one command for each thing that is done often without a notebook."""

from detxai_nb.cli.command_line import main

__all__ = ["main"]
