#!/usr/bin/env python3
"""A stand-in for AMD's tools, for tests of process handling only: it synthesises nothing.

It copies reports that a test wrote in the tools' documented format to where the tools would put them, or
behaves badly, as STAND_IN says: hang, stubborn (deaf to a polite signal), detach (a child in a session of its
own that hangs), memory, crash, or a message to print before it fails. No figure that it leaves is a
measurement.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

SLEEP = [sys.executable, "-c", "import time; time.sleep(600)"]


def main() -> int:
    behaviour = os.environ.get("STAND_IN", "")
    print(f"stand-in called as {Path(sys.argv[0]).name} {' '.join(sys.argv[1:])}", flush=True)
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
        print(behaviour, flush=True)
        return 1
    reports = Path(os.environ["STAND_IN_REPORTS"])
    target = (
        Path("vivado_synth.rpt") if Path(sys.argv[0]).name == "vivado" else Path("bitfront_prj/solution1")
    )
    if target.suffix:
        shutil.copy(reports / target.name, target)
    else:
        shutil.copytree(reports / "solution1", target)
    return 0


if __name__ == "__main__":
    sys.exit(main())
