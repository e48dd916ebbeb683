"""How commands find a study's folder."""

from __future__ import annotations

from pathlib import Path

from bitfront.spaces import UserError


def find_study(study: str) -> Path | None:
    """Return the folder of a study that ran, given as that folder, as its study file, or by name under
    `studies`.

    None where none of these holds one.
    """
    given = Path(study)
    candidates = [given, Path("studies") / study]
    if given.suffix in {".yaml", ".yml"} or (given / "study.yaml").is_file():
        from bitfront.search.config import load_study

        if not (given / "reference.json").is_file():
            config = load_study(given)
            candidates.append(Path(config.output) / config.name)
    return next((folder for folder in candidates if (folder / "reference.json").is_file()), None)


def study_folder(study: str) -> Path:
    """Return the folder of a study that ran; see `find_study`.

    Raises:
        UserError: when there is none.
    """
    folder = find_study(study)
    if folder is None:
        raise UserError(
            f"{study!r} is no study that has run: give its folder, or run it first with bitfront run."
        )
    return folder
