"""A headless browser for the tests that look at pages."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SHOTS = os.environ.get("BITFRONT_SCREENSHOTS")
"""A folder that keeps the browser tests' pictures, for people to look at."""


def in_browser(test):
    """Mark a test that needs the browser: it skips with the reason where there is none."""
    missing = pytest.mark.skipif(
        BROWSER is None, reason="no Chromium on this machine: apt-get install chromium"
    )
    return pytest.mark.browser(missing(test))


def chromium(tmp_path, address, *options):
    """Open an address headless, without the browser's own errands, and return (stdout, what the page
    logged).
    """
    words = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--hide-scrollbars"]
    words += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    words += [
        "--enable-logging=stderr",
        f"--user-data-dir={tmp_path / 'profile'}",
        "--virtual-time-budget=15000",
    ]
    done = subprocess.run(
        [*words, *options, address], capture_output=True, text=True, timeout=180, check=True
    )
    return done.stdout, [line for line in done.stderr.splitlines() if ":CONSOLE" in line]
