"""The emulation of a bundle's firmware as sources of a C library: for whoever calls it from a program."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

FILES = Path(__file__).parent / "files"
FOLDER = "emulator"


def write_c_emulator(bundle: Path, name: str, inputs: Sequence[int], outputs: Sequence[int]) -> None:
    """Write header, source, Makefile and an example to `emulator/` of the bundle; nothing is compiled.

    Args:
        bundle: the bundle's folder, which holds `project/` already.
        name: the project's name, with which the functions begin.
        inputs: values per sample of each input.
        outputs: values per sample of each output.
    """
    arguments = []
    for start, sizes in (("x.data()", inputs), ("y", outputs)):
        arguments += [f"{start} + {sum(sizes[:k])}" for k in range(len(sizes))]
    marks = {
        "NAME": name,
        "GUARD": name.upper(),
        "INPUTS": str(sum(inputs)),
        "OUTPUTS": str(sum(outputs)),
        "ARGUMENTS": ", ".join(arguments),
    }
    folder = bundle / FOLDER
    folder.mkdir()
    for template, file in (
        ("emulator.h", f"{name}_emulator.h"),
        ("emulator.cpp", f"{name}_emulator.cpp"),
        ("emulator.mk", "Makefile"),
        ("emulator_example.txt", "example.py"),
    ):
        text = (FILES / template).read_text()
        for mark, value in marks.items():
            text = text.replace(f"@{mark}@", value)
        (folder / file).write_text(text)
    shown = "".join(f"        {name}_{role};\n" for role in ("inputs", "outputs", "run"))
    (folder / "exported_names.map").write_text(f"{{\n    global:\n{shown}    local:\n        *;\n}};\n")
