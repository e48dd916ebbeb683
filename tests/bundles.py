"""What tests of bundles share: a change that checksums don't notice, and both verifiers' answers to it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from bitfront.search import verify_bundle
from bitfront.spaces import BitfrontError

CHECKSUMS = "checksums.sha256"


def sign(bundle: Path) -> None:
    """Write the checksum list anew, as whoever changed a file on purpose would."""
    names = sorted(p.relative_to(bundle).as_posix() for p in bundle.rglob("*") if p.is_file())
    lines = [
        f"{hashlib.sha256((bundle / name).read_bytes()).hexdigest()}  {name}\n"
        for name in names
        if name != CHECKSUMS
    ]
    (bundle / CHECKSUMS).write_text("".join(lines))


def said_by_bitfront(bundle: Path) -> tuple[int, str]:
    """Return the exit code of `bitfront verify`, and its sentence."""
    try:
        found = verify_bundle(bundle)
    except BitfrontError as error:
        return error.exit_code, str(error)
    return (0 if found.ok else 1), str(found)


def said_by_script(bundle: Path, **environment: str) -> tuple[int, str]:
    """Return the exit code of the bundle's own verify.py, and its sentence."""
    done = subprocess.run(
        [sys.executable, str(bundle / "verify.py")],
        capture_output=True,
        text=True,
        cwd="/",
        env={**os.environ, **environment},
        timeout=600,
    )
    said = done.stdout + done.stderr
    assert "Traceback" not in said, said
    return done.returncode, said.strip()


def both_say(bundle: Path, code: int, what: str) -> None:
    """Require both verifiers to end with `code` and one sentence that holds `what`."""
    for found, said in (said_by_bitfront(bundle), said_by_script(bundle)):
        assert (found, said.count("\n")) == (code, 0), said
        assert what in said, said
