"""Five small designs, made on the spot, that show whether a machine's tools take what bitfront writes, and
how far its estimates are from what they report.
"""

from typing import TYPE_CHECKING

from bitfront.spaces import lazy_door

if TYPE_CHECKING:
    from .designs import DESIGNS, BuiltDesign, SmallDesign, build_design
    from .open_tools import Shown, gpp_test, rtl_test
    from .vendor import Row, VendorResult, read_results, vendor_test, write_results

__all__ = [
    "DESIGNS",
    "BuiltDesign",
    "Row",
    "Shown",
    "SmallDesign",
    "VendorResult",
    "build_design",
    "gpp_test",
    "read_results",
    "rtl_test",
    "vendor_test",
    "write_results",
]

__getattr__ = lazy_door(
    __name__,
    {
        "designs": ("DESIGNS", "BuiltDesign", "SmallDesign", "build_design"),
        "open_tools": ("Shown", "gpp_test", "rtl_test"),
        "vendor": ("Row", "VendorResult", "read_results", "vendor_test", "write_results"),
    },
)
