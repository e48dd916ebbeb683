"""Simulate jets of bottom, charm and light quarks or gluons, as tracks with impact parameters.

    python -m bitfront.experiments.jets.flavour --jets 18000 --seed 7 --out flavour_tagging.npz

wrote the file that ships beside this module, with the optional extra `jets` (`pip install "bitfront[jets]"`).
The same command with the same versions gives the same bytes.

Physics, all of it (`settings()` stores the same in the file):

* proton-proton collisions at 13 TeV, Pythia's default tune (Monash 2013); multi-parton interactions on, no
  pile-up.
* processes: `HardQCD` to b b-bar, to c c-bar, and the light-quark and gluon 2 -> 2 ones, hard transverse
  momentum of 60 to 160 GeV. Particles decay within a cylinder of 30 mm radius, so that K0S and Lambda fake
  displaced tracks.
* jets: anti-kT with R = 0.4 from visible, stable particles with |eta| < 4; those with 50 <= pT <= 120 GeV,
  |eta| < 2.1 and at least one track are kept.
* flavour: b with a b hadron of pT > 5 GeV within 0.3 of the axis; else c with a c hadron; else light. A
  sample of b jets holds the b jets of the first process alone, and so on: gluons that split to heavy quarks
  are in no class.
* tracks: charged constituents with pT > 0.5 GeV, |eta| < 2.5, all found. Their closest approach to the beam
  is taken along a straight line; the field's bending over millimetres is left out.
* smearing, Gaussian: d0 by 12 um + 70 um GeV / (pT sqrt(sin theta)), z0 sin(theta) by 25 um + 90 um GeV / (pT
  sqrt(sin theta)), each added in quadrature (of the order of an LHC experiment's inner tracker), pT by 1 %.

The set-up follows the flavour-tagging benchmark of Khoda et al. 2023 (arXiv:2207.00559): 15 tracks of six
features and three classes, most displaced track first; the sample and its exact features are ours.
"""

from __future__ import annotations

import math
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bitfront.spaces import UserError

from .simulation import generators, pythia_seeds, sample_command, started, write_sample

TRACKS = 15
"""Tracks kept a jet, by falling |significance of d0|."""
FEATURES = ("d0", "d0_significance", "z0", "z0_significance", "log_pt_rel", "delta_r")
"""Signed d0 and z0 sin(theta) in mm, each over its resolution, ln(track pT / jet pT), distance to the
axis.
"""
FLAVOURS = ("light", "c", "b")
"""Labels 0, 1, 2."""

RADIUS = 0.4
MATCH = 0.3
PT_RANGE = (50.0, 120.0)
MAX_JET_ETA, MAX_TRACK_ETA, MAX_PARTICLE_ETA = 2.1, 2.5, 4.0
MIN_TRACK_PT, MIN_HADRON_PT = 0.5, 5.0
D0_RESOLUTION, Z0_RESOLUTION = (0.012, 0.070), (0.025, 0.090)
"""mm, and mm GeV over pT sqrt(sin theta); added in quadrature."""
PT_RESOLUTION = 0.01

COMMON = (
    "Beams:eCM = 13000.",
    "PhaseSpace:pTHatMin = 60.",
    "PhaseSpace:pTHatMax = 160.",
    "PartonLevel:MPI = on",
    "ParticleDecays:limitCylinder = on",
    "ParticleDecays:xyMax = 30.",
    "ParticleDecays:zMax = 300.",
)
PROCESSES = {
    "light": (
        "HardQCD:gg2gg = on",
        "HardQCD:gg2qqbar = on",
        "HardQCD:qg2qg = on",
        "HardQCD:qq2qq = on",
        "HardQCD:qqbar2gg = on",
        "HardQCD:qqbar2qqbarNew = on",
    ),
    "c": ("HardQCD:gg2ccbar = on", "HardQCD:qqbar2ccbar = on"),
    "b": ("HardQCD:gg2bbbar = on", "HardQCD:qqbar2bbbar = on"),
}


class FlavourSample(NamedTuple):
    """Jets of one or more flavours.

    Attributes:
        X: float16 of shape (jets, 15, 6), the tracks' `FEATURES`; absent tracks are zero.
        jet: float32 of shape (jets, 3): pT (GeV), eta, number of tracks.
        y: uint8 of shape (jets,), index into `FLAVOURS`.
    """

    X: NDArray[np.float16]
    jet: NDArray[np.float32]
    y: NDArray[np.uint8]


def simulate(flavour: str, jets: int, seed: int) -> FlavourSample:
    """Generate `jets` jets of one flavour; `seed` is Pythia's (1 to 900,000,000) and that of the smearing."""
    pythia8, fastjet = generators()
    pythia = started(pythia8, (*COMMON, *PROCESSES[flavour]), seed)
    rng = np.random.default_rng(seed)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    X = np.zeros((jets, TRACKS, len(FEATURES)))
    jet = np.zeros((jets, 3), np.float32)
    found = 0
    while found < jets:
        if not pythia.next():
            continue
        event = pythia.event
        particles = [p for p in event if p.isFinal() and p.isVisible() and abs(p.eta()) < MAX_PARTICLE_ETA]
        inputs = []
        for index, p in enumerate(particles):
            inputs.append(fastjet.PseudoJet(p.px(), p.py(), p.pz(), p.e()))
            inputs[-1].set_user_index(index)
        hadrons = _heavy_hadrons(event)
        # The cluster sequence owns the jets' constituents, so it has to outlive them.
        sequence = fastjet.ClusterSequence(inputs, definition)
        for candidate in sorted(sequence.inclusive_jets(PT_RANGE[0]), key=lambda j: -j.pt())[:2]:
            if candidate.pt() > PT_RANGE[1] or abs(candidate.eta()) >= MAX_JET_ETA:
                continue
            if _flavour(candidate, hadrons) != flavour:
                continue
            tracks = [particles[c.user_index()] for c in candidate.constituents()]
            rows = [
                _track(p, candidate, rng)
                for p in tracks
                if p.isCharged() and p.pT() > MIN_TRACK_PT and abs(p.eta()) < MAX_TRACK_ETA
            ]
            if not rows:
                continue
            kept = np.array(sorted(rows, key=lambda row: -abs(row[1]))[:TRACKS])
            X[found, : len(kept)] = kept
            jet[found] = candidate.pt(), candidate.eta(), len(rows)
            found += 1
            if found % 1000 == 0:
                print(f"{flavour}: {found} of {jets} jets", file=sys.stderr, flush=True)
            if found == jets:
                break
    label = FLAVOURS.index(flavour)
    return FlavourSample(np.clip(X, -6e4, 6e4).astype(np.float16), jet, np.full(jets, label, np.uint8))


def generate(jets: int, seed: int) -> FlavourSample:
    """Generate a balanced, shuffled sample; equal `jets` and `seed` give equal arrays.

    Raises:
        UserError: `jets` is not a multiple of three.
        ToolMissing: Pythia or FastJet is not installed.
    """
    if jets < 3 or jets % 3:
        raise UserError(f"A balanced sample needs a multiple of three jets, but --jets is {jets}.")
    seeds, shuffling = pythia_seeds(seed, 3)
    parts = [simulate(flavour, jets // 3, own) for flavour, own in zip(FLAVOURS, seeds, strict=True)]
    order = np.random.default_rng(shuffling).permutation(jets)
    return FlavourSample(*(np.concatenate(columns)[order] for columns in zip(*parts, strict=True)))


def settings(jets: int, seed: int) -> dict[str, Any]:
    """Describe what makes a sample: versions, Pythia's settings, cuts and smearing, as stored in the file."""
    return {
        "command": f"python -m bitfront.experiments.jets.flavour --jets {jets} --seed {seed}",
        "pythia8mc": version("pythia8mc"),
        "fastjet": version("fastjet"),
        "pythia_common": list(COMMON),
        "pythia_processes": {flavour: list(lines) for flavour, lines in PROCESSES.items()},
        "jet_algorithm": f"anti-kT, R = {RADIUS}",
        "jet_pt_gev": list(PT_RANGE),
        "jet_max_abs_eta": MAX_JET_ETA,
        "hadron_match": f"pT > {MIN_HADRON_PT} GeV within {MATCH} of the jet's axis",
        "track_min_pt_gev": MIN_TRACK_PT,
        "track_max_abs_eta": MAX_TRACK_ETA,
        "d0_resolution_mm": list(D0_RESOLUTION),
        "z0_resolution_mm": list(Z0_RESOLUTION),
        "pt_resolution": PT_RESOLUTION,
        "labels": {str(label): flavour for label, flavour in enumerate(FLAVOURS)},
    }


def save(sample: FlavourSample, about: dict[str, Any], path: Path) -> None:
    """Write a sample as `.npz` without pickled objects: X, jet, y, feature_names, flavours, settings."""
    write_sample(sample, about, path, feature_names=FEATURES, flavours=FLAVOURS)


def _heavy_hadrons(event: Any) -> list[tuple[int, float, float]]:
    """Return (quark, rapidity, azimuth) of each hadron with a b (5) or c (4) quark."""
    found = []
    for p in event:
        identity = p.idAbs()
        if identity < 100 or p.pT() < MIN_HADRON_PT or not p.isHadron():
            continue
        # The heaviest quark is a hadron's leading digit: of a meson the hundreds, of a baryon the thousands.
        quark = max(identity // 100 % 10, identity // 1000 % 10)
        if quark in (4, 5):
            found.append((quark, p.y(), p.phi()))
    return found


def _flavour(jet: Any, hadrons: list[tuple[int, float, float]]) -> str:
    near = {
        quark
        for quark, y, phi in hadrons
        if math.hypot(y - jet.rap(), math.remainder(phi - jet.phi(), 2 * math.pi)) < MATCH
    }
    return "b" if 5 in near else "c" if 4 in near else "light"


def _track(p: Any, jet: Any, rng: np.random.Generator) -> tuple[float, ...]:
    """Return the smeared `FEATURES` of a track.

    Both are signed by the jet, positive where the track meets its axis downstream of the beam: d0 by the
    direction of its closest approach, z0 as (rapidity of the jet - that of the track) z0.
    """
    px, py, pz, pt = p.px(), p.py(), p.pz(), p.pT()
    sine = pt / p.pAbs()
    to_beam = (p.xProd() * px + p.yProd() * py) / pt  # path in the transverse plane, from closest approach
    scale = pt * math.sqrt(sine)
    d0_error = math.hypot(D0_RESOLUTION[0], D0_RESOLUTION[1] / scale)
    z0_error = math.hypot(Z0_RESOLUTION[0], Z0_RESOLUTION[1] / scale)
    d0 = (p.xProd() * py - p.yProd() * px) / pt + d0_error * rng.standard_normal()
    z0 = (p.zProd() - to_beam * pz / pt) * sine + z0_error * rng.standard_normal()
    ahead = d0 * (py * jet.px() - px * jet.py())
    signed = math.copysign(abs(d0), ahead)
    along = math.copysign(1.0, (jet.rap() - p.y()) * z0) * abs(z0)
    smeared = pt * (1 + PT_RESOLUTION * rng.standard_normal())
    distance = math.hypot(p.eta() - jet.eta(), math.remainder(p.phi() - jet.phi(), 2 * math.pi))
    return (
        signed,
        signed / d0_error,
        along,
        along / z0_error,
        math.log(max(smeared, 0.1) / jet.pt()),
        distance,
    )


main = sample_command(
    "Simulate b, c and light jets with Pythia 8 and FastJet.",
    18_000,
    "a third each",
    generate=generate,
    settings=settings,
    save=save,
)


if __name__ == "__main__":
    sys.exit(main())
