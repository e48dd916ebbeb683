"""Where the fit starts: the cost of one unit of each feature, set by hand.

Sources: an adder of w bits is stated by Vivado HLS as w + 7 LUTs (its library's figure, seen in every
C-synthesis report); a product of a by b bits in the fabric as about a b LUTs; the rest are rounded guesses of
the right order, which the reports correct.
"""

from __future__ import annotations

__all__ = ["AS_BUILT", "COUNTED", "COUNTED_SPREAD", "IMPLEMENTED", "IMPLEMENTED_SHARES", "PRIORS", "SPREAD"]

SPREAD = {
    "csynth": {"lut": 1.2, "ff": 1.2, "bram18": 0.05},
    "implemented": {"lut": 0.6, "ff": 0.6, "bram18": 0.2},
}
"""Standard deviation allowed to the logarithm of a weight. Block memory follows from its shapes and hardly
moves.
"""

COUNTED = frozenset(
    {
        "adder_graph",
        "adder_graph_registers",
        "chain_registers",
        "input_registers",
        "pipeline",
        "result_registers",
    }
)
COUNTED_SPREAD = 0.35
"""Features that are counted in flip-flops already, and the spread that is allowed to their weights."""

AS_BUILT = frozenset({"adder_graph", "adder_graph_registers"})
"""Features that da4ml counts as LUTs and flip-flops of the implemented design."""

IMPLEMENTED = {"lut": 0.45, "ff": 0.7, "bram18": 1.0}
IMPLEMENTED_SHARES: dict[str, dict[str, float]] = {
    "lut": {"checked_adder": 0.15, "table_index": 0.3},
    "ff": {"state": 0.35},
}
"""Share of what C-synthesis reports that is expected to be left after implementation: by quantity, and of
features whose rounding and clipping logic synthesis mostly removes, or whose registers become shift registers
in LUTs.
"""

PRIORS: dict[str, dict[str, float]] = {
    "lut": {
        "adder_graph": 1.0,
        "divider": 60.0,
        "acc_index": 4.0,
        "acc_mux": 1.5,
        "adder": 1.0,
        "adds": 7.0,
        "cast": 1.0,
        "checked_adder": 6.0,
        "compare": 1.2,
        "control": 150.0,
        "design": 50.0,
        "dsp": 3.0,
        "fabric_mult": 1.1,
        "fifo_lut": 3.0,
        "hold": 0.05,
        "input_mux": 1.0,
        "line_buffer": 0.1,
        "lookup": 3.7,
        "lookup_inside": 11.0,
        "loop_registers": 0.2,
        "move": 1.0,
        "operand_mux": 0.5,
        "result": 0.3,
        "rom_lut": 0.1,
        "sequence_index": 1.0,
        "sequence_mux": 3.0,
        "shift_add": 1.0,
        "softmax": 4.0,
        "state": 0.3,
        "stream": 2.0,
        "table_index": 12.0,
        "unit_mux": 2.0,
        "window": 0.3,
        "window_mux": 2.0,
    },
    "ff": {
        "adder_graph_registers": 1.0,
        "divider": 15.0,
        "acc_index": 4.0,
        "acc_mux": 0.3,
        "chain_registers": 1.0,
        "checked_adder": 1.0,
        "control": 80.0,
        "dsp_registers": 1.0,
        "fifo_lut": 0.3,
        "hold": 0.6,
        "input_mux": 0.1,
        "input_registers": 1.0,
        "line_buffer": 0.02,
        "lookup": 0.2,
        "softmax": 3.0,
        "loop_registers": 1.0,
        "move": 0.5,
        "operand_mux": 0.1,
        "pipeline": 1.0,
        "result_registers": 1.0,
        "state": 3.0,
        "stream": 1.0,
        "table_index": 0.3,
        "unit_mux": 0.3,
        "window": 1.0,
    },
    "bram18": {
        "fifo_bram": 1.0,
        "rom_bram": 1.0,
        "table_bram": 1.0,
    },
}
"""Per quantity, LUTs, flip-flops or RAMB18 for one unit of a feature, as C-synthesis reports them."""
