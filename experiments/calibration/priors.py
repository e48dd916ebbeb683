"""Where the fit starts: the cost of one unit of each feature, set by hand.

Sources: an adder of w bits is stated by Vivado HLS as w + 7 LUTs (its library's figure, seen in every
C-synthesis report); a product of a by b bits in the fabric as about a b LUTs; the rest are rounded guesses of
the right order, which the reports correct.
"""

from __future__ import annotations

__all__ = ["PRIORS", "SPREAD"]

SPREAD = {
    "csynth": {"lut": 1.2, "ff": 1.2, "bram18": 0.05},
    "implemented": {"lut": 0.6, "ff": 0.6, "bram18": 0.2},
}
"""Standard deviation allowed to the logarithm of a weight. Block memory follows from its shapes and hardly
moves.
"""

PRIORS: dict[str, dict[str, float]] = {
    "lut": {
        "divider": 60.0,
        "acc_index": 4.0,
        "acc_mux": 1.5,
        "adder": 1.0,
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
        "loop_registers": 0.2,
        "move": 1.0,
        "operand_mux": 0.5,
        "pipeline": 0.02,
        "result": 0.3,
        "rom_lut": 0.1,
        "sequence_mux": 1.0,
        "shift_add": 1.0,
        "state": 0.3,
        "stream": 2.0,
        "table_index": 3.5,
        "window": 0.3,
    },
    "ff": {
        "divider": 15.0,
        "acc_index": 4.0,
        "acc_mux": 0.3,
        "adder": 0.03,
        "checked_adder": 1.0,
        "compare": 0.1,
        "control": 80.0,
        "design": 50.0,
        "dsp": 3.0,
        "fifo_lut": 0.3,
        "hold": 0.6,
        "input_mux": 0.1,
        "line_buffer": 0.02,
        "loop_registers": 1.0,
        "move": 0.5,
        "operand_mux": 0.1,
        "pipeline": 1.0,
        "result": 0.2,
        "sequence_mux": 0.5,
        "state": 1.0,
        "stream": 1.0,
        "table_index": 0.3,
        "window": 1.0,
    },
    "bram18": {
        "fifo_bram": 1.0,
        "rom_bram": 1.0,
        "table_bram": 1.0,
    },
}
"""Per quantity, LUTs, flip-flops or RAMB18 for one unit of a feature, as C-synthesis reports them."""
