"""Puts `stand_in_tool.py` where AMD's tools would be, with reports in their documented format ready for
it.
"""

from __future__ import annotations

import os
from pathlib import Path

from test_reports import COSIM, SUMMARY_RPT, UTILIZATION, csynth_xml

PROGRAM = Path(__file__).with_name("stand_in_tool.py")
PASSED, FAILED = (COSIM.format(status=status, ii="4", more="") for status in ("Pass", "Fail"))


class StandIns:
    """The stand-in under the names of tools, in a folder of its own on PATH."""

    def __init__(self, folder: Path, monkeypatch) -> None:
        self._monkeypatch = monkeypatch
        self.reports, self.programs = folder / "reports", folder / "bin"
        for place, text in (
            ("syn/report/csynth.xml", csynth_xml()),
            ("syn/report/csynth.rpt", SUMMARY_RPT),
            ("sim/report/bitfront_cosim.rpt", PASSED),
        ):
            path = self.reports / "solution1" / place
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        utilization = UTILIZATION.format(version="2023.2", state="Synthesized", family="CLB")
        (self.reports / "vivado_synth.rpt").write_text(utilization)
        self.programs.mkdir()
        monkeypatch.setenv("STAND_IN_REPORTS", str(self.reports))
        monkeypatch.setenv("PATH", f"{self.programs}:{os.environ['PATH']}")

    def version(self, version: str) -> None:
        """Make the stand-in behave like this version of the tools."""
        self._monkeypatch.setenv("STAND_IN_VERSION", version)

    def install(self, *names: str) -> None:
        """Make the stand-in answer to these names."""
        for name in names:
            (self.programs / name).write_text(PROGRAM.read_text())
            (self.programs / name).chmod(0o755)
