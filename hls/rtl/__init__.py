"""A second opinion without a vendor's tool: RTL by da4ml, synthesised by Yosys, simulated by Verilator."""

from .flow import RtlTools, find_rtl_tools, synthesise_rtl
from .trace import prove, trace_logic

__all__ = ["RtlTools", "find_rtl_tools", "prove", "synthesise_rtl", "trace_logic"]
