"""The `bitfront` command: one module a subcommand; nothing heavy is imported before a command runs."""

from .main import app, main

__all__ = ["app", "main"]
