#!/usr/bin/env python3
"""A stand-in for AMD's tools, for tests of process handling only: it synthesises nothing.

It takes the command lines that the tools document and no others, and copies reports that a test wrote in
their documented format to where the tool of STAND_IN_VERSION puts them, with its log beside them (the layouts
are those of `bitfront.hls.reports`' `project.py` and `log.py`). Or it behaves badly, as STAND_IN says: hang,
stubborn (deaf to a polite signal), detach (a child in a session of its own that hangs), memory, crash, a
message to print before it fails, or `quietly: MESSAGE`, which only its log has. No figure that it leaves is a
measurement.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]
VERSION = os.environ.get("STAND_IN_VERSION", "2023.2")
NAME = Path(sys.argv[0]).name
HINT = (
    "[HLS 200-2053] The vitis_hls executable is being deprecated. Consider using vitis-run --mode hls --tcl"
)
CAUGHT = "ERROR: [HLS 200-642] The 'config_array_partition -maximum_size' command is not supported."
"""What every Vitis HLS prints for hls4ml's script, also when all is well."""


def usage(said: str) -> None:
    print(f"ERROR: {NAME}: {said}", flush=True)
    sys.exit(2)


def option(name: str) -> str:
    if name not in sys.argv:
        usage(f"no {name} in {' '.join(sys.argv[1:])}")
    return sys.argv[sys.argv.index(name) + 1]


def script_project() -> Path:
    """Return the solution that hls4ml's script opens."""
    settings = Path("project.tcl")
    found = re.search(r'set project_name "(\w+)"', settings.read_text()) if settings.is_file() else None
    return Path(f"{found[1] if found else 'bitfront'}_prj/solution1")


def place() -> tuple[Path, Path]:
    """Return where this tool puts its reports, and its log."""
    if NAME == "vivado":
        return Path("vivado_synth.rpt"), Path("vivado.log")
    if NAME == "vivado_hls":
        option("-f")
        return script_project(), Path("vivado_hls.log")
    if NAME == "vitis_hls":
        if VERSION >= "2025":
            usage(f"there is no vitis_hls in {VERSION}")
        if option("-f") != "build_prj.tcl" or len(sys.argv) != 3:
            usage("one script, please")
        return script_project(), Path("vitis_hls.log")
    if option("--mode") != "hls":
        usage("--mode hls, please")
    if NAME == "vitis-run":
        if option("--tcl") != "build_prj.tcl" or len(sys.argv) != 5:
            usage("vitis-run hands no arguments on to a script")
        return script_project(), Path("logs/hls_run_tcl.log")
    if "-c" not in sys.argv:
        usage("v++ synthesises with -c")
    config, work = Path(option("--config")).read_text(), Path(option("--work_dir"))
    if "[hls]" not in config or "syn.top=" not in config or not config.startswith("part="):
        usage("no part, no [hls] or no syn.top in the configuration")
    return work / "hls", work / "logs/hls_compile.log"


def leave(reports: Path, target: Path) -> None:
    """Copy the reports of the stage, as this version writes them."""
    if target.suffix:
        shutil.copy(reports / target.name, target)
        return
    shutil.copytree(reports / "solution1", target)
    for file in target.rglob("*.xml"):
        file.write_text(re.sub(r"<Version>[^<]*", f"<Version>{VERSION}", file.read_text()))
    if NAME == "v++":
        copies = target.parent / "reports"
        copies.mkdir()
        for file in target.glob("*/report/csynth.rpt"):
            shutil.copy(file, copies / "hls_compile.rpt")


def main() -> int:
    behaviour = os.environ.get("STAND_IN", "")
    print(f"stand-in called as {NAME} {' '.join(sys.argv[1:])}", flush=True)
    target, log = place()
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text(f"INFO: [HLS 200-10] stand-in for {NAME} {VERSION}\n")
    if behaviour == "hang":
        subprocess.run(SLEEP, check=False)
    elif behaviour == "stubborn":
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(600)
    elif behaviour == "detach":
        subprocess.Popen(SLEEP, start_new_session=True)
        time.sleep(600)
    elif behaviour == "memory":
        hold = []
        while True:
            hold.append(bytearray(b"x") * (32 << 20))
    elif behaviour == "crash":
        os.abort()
    elif behaviour:
        said = behaviour.removeprefix("quietly: ")
        log.write_text(log.read_text() + said + "\n")
        if behaviour == said:
            print(said, flush=True)
        return 1
    if NAME == "vitis_hls" and VERSION >= "2023.2":
        print(("WARNING: " if VERSION >= "2024.2" else "INFO: ") + HINT)
    if NAME in ("vitis_hls", "vitis-run"):
        print(CAUGHT)
    leave(Path(os.environ["STAND_IN_REPORTS"]), target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
