"""Catalogue of AMD devices: what a design may use, and which DSP slice multiplies.

The figures stand in `parts.json` beside this module, whose `about` names AMD's product tables as the source.
Memory is counted in RAMB18 (18 Kbit halves, what Vivado and Vitis HLS call BRAM_18K): one RAMB36 is two.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Literal

from bitfront.spaces import UserError

__all__ = ["Part", "catalogue", "part", "part_of_family"]

DspGeneration = Literal["DSP48E1", "DSP48E2", "DSP58"]

# Widest signed multiplication of one slice: UG479 (DSP48E1), UG579 (DSP48E2), AM004 (DSP58).
MULTIPLIER_PORTS: dict[str, tuple[int, int]] = {"DSP48E1": (25, 18), "DSP48E2": (27, 18), "DSP58": (27, 24)}


@dataclass(frozen=True, kw_only=True)
class Part:
    """One device.

    Attributes:
        name: the part string that hls4ml and Vitis take, with package and speed grade.
        die: the device without package and speed grade, in lower case (`xcvu13p`).
        family: AMD's product family.
        dsp_generation: the kind of DSP slice.
        lut, ff, dsp, bram18, uram: how many the device has; `bram18` counts RAMB18, two to a RAMB36.
        aliases: short names, of the device or of a board that carries it.
    """

    name: str
    die: str
    family: str
    dsp_generation: DspGeneration
    lut: int
    ff: int
    dsp: int
    bram18: int
    uram: int
    aliases: tuple[str, ...]

    @property
    def multiplier_ports(self) -> tuple[int, int]:
        """Bits of the wider and the narrower signed operand that one DSP slice multiplies."""
        return MULTIPLIER_PORTS[self.dsp_generation]

    def capacity(self) -> dict[str, int]:
        """Return what the device offers, by resource: lut, ff, dsp, bram18, uram."""
        return {"lut": self.lut, "ff": self.ff, "dsp": self.dsp, "bram18": self.bram18, "uram": self.uram}


@cache
def catalogue() -> tuple[Part, ...]:
    """Every known part, in the file's order."""
    text = resources.files("bitfront.hls").joinpath("parts.json").read_text(encoding="utf-8")
    return tuple(
        Part(
            name=row["part"],
            die=row["die"],
            family=row["family"],
            dsp_generation=row["dsp_generation"],
            lut=row["lut"],
            ff=row["ff"],
            dsp=row["dsp"],
            bram18=row["bram18"],
            uram=row["uram"],
            aliases=tuple(row["aliases"]),
        )
        for row in json.loads(text)["parts"]
    )


def part(name: str) -> Part:
    """Return the part called `name`: a board or device alias, or a part string of any package and speed
    grade.

    A part string of a known die keeps its own spelling in `Part.name`, so that it reaches the tools as the
    user wrote it; an alias gets the catalogue's default package and speed grade.

    Raises:
        UserError: no such part; the message names the nearest known ones.
    """
    if not isinstance(name, str) or not name.strip():
        raise UserError("The part is empty: give a board (u250) or a part string (xcvu13p-flga2577-2-e).")
    wanted = name.strip().lower()
    # What stands beside the name in a sentence or a table ('xcvu13p (12288 DSP, ...)') is no part of it.
    wanted = wanted.split(" ", 1)[0]
    simple = re.sub(r"[\s_]+", "-", wanted)
    for known in catalogue():
        if simple == known.name.lower() or simple == known.die or simple in known.aliases:
            return known
    # The longest die that starts the string, with a package or nothing behind it: xc7z020clg400-1,
    # xcvu9p-flgb2104-2-i.
    for known in sorted(catalogue(), key=lambda row: -len(row.die)):
        rest = simple[len(known.die) :]
        if simple.startswith(known.die) and re.fullmatch(r"-?[a-z]{2,4}\d{3,4}[-a-z0-9]*|-[-a-z0-9]+", rest):
            return replace(known, name=name.strip())
    names = [alias for known in catalogue() for alias in (known.die, known.name.lower(), *known.aliases)]
    near = difflib.get_close_matches(simple, names, n=4, cutoff=0.5) or ["u250", "vu13p", "kv260", "pynq-z2"]
    raise UserError(f"Part '{name}' is not in the catalogue: did you mean {', '.join(near)}?")


_FAMILIES: tuple[tuple[str, str, DspGeneration], ...] = (
    (r"xcu\d", "Alveo", "DSP48E2"),
    (r"x[acq][uq]?vu\d+p", "Virtex UltraScale+", "DSP48E2"),
    (r"x[acq][uq]?ku\d+p", "Kintex UltraScale+", "DSP48E2"),
    (r"x[acq][uq]?au\d+p", "Artix UltraScale+", "DSP48E2"),
    (r"x[acq][uq]?zu\d", "Zynq UltraScale+", "DSP48E2"),
    (r"xck2[46]", "Zynq UltraScale+", "DSP48E2"),
    (r"x[acq][uq]?vu\d", "Virtex UltraScale", "DSP48E2"),
    (r"x[acq][uq]?ku\d", "Kintex UltraScale", "DSP48E2"),
    (r"x[acq][uq]?v[cpmeh]\d", "Versal", "DSP58"),
    (r"x[acq][uq]?7z\d", "Zynq-7000", "DSP48E1"),
    (r"x[acq][uq]?7a\d", "Artix-7", "DSP48E1"),
    (r"x[acq][uq]?7k\d", "Kintex-7", "DSP48E1"),
    (r"x[acq][uq]?7v", "Virtex-7", "DSP48E1"),
    (r"x[acq][uq]?7s\d", "Spartan-7", "DSP48E1"),
)
"""Families by the beginning of a part string, as AMD's selection guides spell them: its speed and its DSP
slice are known, its size isn't.
"""


def part_of_family(name: str) -> Part | None:
    """Return what the name of a part that isn't in the catalogue tells: family and DSP slice, with no
    resources.

    None where the name begins as no family's does.
    """
    wanted = str(name).strip().lower()
    for pattern, family, generation in _FAMILIES:
        if re.match(pattern, wanted):
            return Part(
                name=str(name).strip(), die=wanted.split("-", 1)[0], family=family,
                dsp_generation=generation, lut=0, ff=0, dsp=0, bram18=0, uram=0, aliases=(),
            )  # fmt: skip
    return None
