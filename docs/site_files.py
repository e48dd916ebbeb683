"""What the site takes from outside `docs`: figures from where results keep them, and the changelog.

MkDocs runs this as a hook. Pages name figures by their place in the repository, so that they show in a
checkout too and lie there once.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
FIGURE = re.compile(r"\]\(\.\./(experiments/[\w./-]+\.png)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the figures that pages name, and the changelog as a page."""
    texts = [page.content_string for page in files.documentation_pages()]
    for name in sorted({name for text in texts for name in FIGURE.findall(text)}):
        files.append(File.generated(config, _place(name), abs_src_path=str(ROOT / name)))
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").replace("](docs/", "](")
    files.append(File.generated(config, "changelog.md", content=changes))
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Let a page's figures point to where `on_files` put them."""
    return FIGURE.sub(lambda match: f"]({_place(match[1])})", markdown)


def _place(name: str) -> str:
    return f"images/{name.replace('/', '-')}"
