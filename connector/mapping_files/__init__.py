"""Mapping folders on disk: YAML files → a catalogue, with every problem at its line and column; their examples run.

`yaml_nodes` is the only home of yaml; what a document means is `connector.mapping`'s.
"""

from __future__ import annotations

from connector.mapping_files.examples import run_examples
from connector.mapping_files.folders import Loaded, check, load, mapping_files, read_text, shipped_folder
from connector.mapping_files.yaml_nodes import MAX_FILE

__all__ = ["MAX_FILE", "Loaded", "check", "load", "mapping_files", "read_text", "run_examples", "shipped_folder"]
