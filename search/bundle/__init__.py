"""The bundle: a candidate as files that prove themselves and can be built without bitfront."""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .designs import model_design, study_designs
    from .export import export_bundle
    from .reload import candidate_artifacts
    from .source import BundleSource
    from .verify import VerifyResult, verify_bundle
    from .write import EXACT_MODEL, write_bundle, write_project

__all__ = [
    "EXACT_MODEL",
    "BundleSource",
    "VerifyResult",
    "candidate_artifacts",
    "export_bundle",
    "model_design",
    "study_designs",
    "verify_bundle",
    "write_bundle",
    "write_project",
]

__getattr__ = lazy_door(
    __name__,
    {
        "designs": ("model_design", "study_designs"),
        "export": ("export_bundle",),
        "reload": ("candidate_artifacts",),
        "source": ("BundleSource",),
        "verify": ("VerifyResult", "verify_bundle"),
        "write": ("EXACT_MODEL", "write_bundle", "write_project"),
    },
)
