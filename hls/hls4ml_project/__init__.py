"""The hls4ml project of a model: converted, corrected, written, emulated and verified."""

from . import emulation, verification
from .emulation import Refusal, emulator_source
from .patches import AppliedPatch
from .project import HlsProject, Notice, convert
from .sandbox import BuildError
from .verification import CHECKSUMS, GOLDEN, PROGRAM, SCRIPT, verify
from .weight_headers import constant_digests, constants

__all__ = [
    "CHECKSUMS",
    "GOLDEN",
    "PROGRAM",
    "SCRIPT",
    "AppliedPatch",
    "BuildError",
    "HlsProject",
    "Notice",
    "Refusal",
    "constant_digests",
    "constants",
    "convert",
    "emulation",
    "emulator_source",
    "verification",
    "verify",
]
