"""What holds for every test: a developer's own site file changes no estimate."""

from __future__ import annotations

import os

from pages import full_page, page, view  # noqa: F401 - fixtures

os.environ["BITFRONT_SITE"] = os.devnull + "/none"
