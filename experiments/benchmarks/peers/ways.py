"""The ways in which bitfront itself searches beside its peers."""

from __future__ import annotations

from collections.abc import Mapping

WAYS: Mapping[str, tuple[str, ...]] = {
    "bitfront, default": (),
    "default, no gradient search": ("gradient_epochs=0",),
    "default, no sparsity": ("space.sparsity=0",),
    "default, no element widths": ("space.element_widths=false",),
    "bitfront": (),
    "bitfront, no path": ("gradient_epochs=0",),
    "random": ("sampler=random", "screening=0", "gradient_epochs=0", "fidelity.least_gain=0"),
}
"""Way of searching -> settings beyond the study's. Those that say default take a study file without any
settings (see `Task.default`), the others the ready study as it is tuned.
"""
TUNED = ("bitfront", "bitfront, no path", "random")
"""Those that take the ready study's settings."""
