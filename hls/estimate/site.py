"""A site's own reports: designs and what a site's tools measured of them, kept in a file, correcting every
estimate.

Tools, versions and settings differ between sites, so their figures differ from the published ones alike for
all designs of a family. The correction is the one that a study's own syntheses give (see `correction`), by
family and by kind of figure; a family of which the site has no report stays as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from bitfront.hls.design.layers import DesignDescription
from bitfront.spaces import UserError

from .coefficients import Coefficients, Kind
from .correction import Correction
from .estimator import Estimate, estimate, family_of

__all__ = ["Site", "SiteDesign", "load_site", "site_estimate", "site_file"]

VARIABLE = "BITFRONT_SITE"
SCHEMA = 1
_STAGES: Mapping[str, Kind] = {"csynth": "csynth", "vsynth": "implemented", "postroute": "implemented"}
"""Which estimate each stage of a report corrects; place and route comes after logic synthesis and counts
instead.
"""


def site_file() -> Path:
    """Return where the site's file is: BITFRONT_SITE, or bitfront/site.json in the user's configuration
    folder.
    """
    given = os.environ.get(VARIABLE)
    config = os.environ.get("XDG_CONFIG_HOME")
    return (
        Path(given)
        if given
        else (Path(config) if config else Path.home() / ".config") / "bitfront" / "site.json"
    )


@dataclass(frozen=True, kw_only=True)
class SiteDesign:
    """One design that the site's tools reported on.

    Attributes:
        design: its description.
        measured: figures by stage (csynth, vsynth, postroute), under the names that estimates use.
        origin: where the report was read, for people.
    """

    design: DesignDescription
    measured: Mapping[str, Mapping[str, float]]
    origin: str = ""

    @property
    def key(self) -> str:
        """Identifies the design, whatever it is called: reported again, it replaces the earlier report."""
        plain = {**self.design.to_json(), "name": ""}
        return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Site:
    """The designs of a site, and the corrections that they give by (kind, family)."""

    designs: tuple[SiteDesign, ...] = ()
    _learned: dict[tuple[Kind, str], Correction] = field(default_factory=dict, repr=False, compare=False)

    def with_designs(self, more: Iterable[SiteDesign]) -> Site:
        """Return the site with these designs too; one that was known is replaced."""
        every = {one.key: one for one in (*self.designs, *more)}
        return Site(tuple(every.values()))

    def correction(self, kind: Kind, family: str) -> Correction:
        """Return what the site's reports say of estimates of a kind, for designs of a family."""
        if (kind, family) not in self._learned:
            pairs = []
            for one in self.designs:
                figures: dict[str, float] = {}
                for stage, meant in _STAGES.items():
                    figures |= one.measured.get(stage, {}) if meant == kind else {}
                if figures and family_of(one.design) == family:
                    pairs.append((estimate(one.design, kind=kind), figures))
            self._learned[kind, family] = Correction.of(pairs)
        return self._learned[kind, family]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "schema": SCHEMA,
            "designs": [
                {
                    "design": one.design.to_json(),
                    "measured": {k: dict(v) for k, v in one.measured.items()},
                    "origin": one.origin,
                }
                for one in self.designs
            ],
        }

    def write(self, path: Path) -> None:
        """Write the site's file whole or not at all.

        Raises:
            UserError: it can't be written.
        """
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(
                "w", dir=path.parent, prefix=".site-", suffix=".json", delete=False, encoding="utf-8"
            ) as file:
                json.dump(self.to_json(), file, indent=1)
            Path(file.name).replace(path)
        except OSError as error:
            raise UserError(
                f"The site's file {path} can't be written ({error.strerror}): set {VARIABLE}, or give --site."
            ) from error


def load_site(path: Path | None = None) -> Site:
    """Return the site of a file (`site_file()` by default), without designs where there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    file = path or site_file()
    try:
        stamp = file.stat().st_mtime_ns
    except OSError:
        return Site()
    return _read(str(file), stamp)


@lru_cache(maxsize=4)
def _read(path: str, stamp: int) -> Site:
    try:
        plain = json.loads(Path(path).read_text(encoding="utf-8"))
        if plain["schema"] != SCHEMA:
            raise ValueError(f"schema {plain['schema']}")
        return Site(
            tuple(
                SiteDesign(
                    design=DesignDescription.from_json(one["design"]),
                    measured={
                        str(stage): {str(name): float(value) for name, value in figures.items()}
                        for stage, figures in one["measured"].items()
                    },
                    origin=str(one["origin"]),
                )
                for one in plain["designs"]
            )
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, UserError) as error:
        raise UserError(
            f"The site's file {path} can't be read ({error!r}): restore it or delete it."
        ) from error


def site_estimate(
    design: DesignDescription,
    *,
    kind: Kind = "csynth",
    coefficients: Coefficients | None = None,
    site: Site | None = None,
    both: bool = False,
) -> Estimate:
    """Estimate a design as `estimate` does, corrected by the site's reports (those of `site_file()` by
    default), each kind by reports of its own.

    Raises:
        UserError: the part is unknown, or the site's file is damaged.
    """
    found = estimate(design, kind=kind, coefficients=coefficients, both=both)
    known = load_site() if site is None else site
    if not known.designs:
        return found
    corrected = _corrected(found, known)
    if found.implemented is not None:
        corrected = replace(corrected, implemented=_corrected(found.implemented, known))
    return corrected


def _corrected(found: Estimate, known: Site) -> Estimate:
    learned = known.correction(found.kind, found.family)
    return replace(learned.apply(found), calibrated_on=0, site_reports=learned.n if learned.quantities else 0)
