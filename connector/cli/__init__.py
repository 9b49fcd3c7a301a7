"""The command line: what an operator types. Each group of commands is a module; what they do is done elsewhere."""

from connector.cli.root import main

__all__ = ["main"]
