"""The bundle: a candidate as files that prove themselves and can be built without bitfront."""

from .source import MIN_SAMPLES, BundleSource
from .verify import VerifyResult, verify_bundle
from .write import export_bundle, write_bundle, write_project

__all__ = [
    "MIN_SAMPLES",
    "BundleSource",
    "VerifyResult",
    "export_bundle",
    "verify_bundle",
    "write_bundle",
    "write_project",
]
