"""Mapping folders on disk: YAML files → a catalogue, with every problem at its line and column; their examples run.

`yaml_nodes` is the only home of yaml; what a document means is `connector.mapping`'s.
"""

from __future__ import annotations

from connector.mapping_files.examples import run_examples
from connector.mapping_files.folders import Loaded, check, load, mapping_files, read_body, shipped_folder

__all__ = ["Loaded", "check", "load", "mapping_files", "read_body", "run_examples", "shipped_folder"]
