"""Simulate a sample of top-quark and QCD jets with Pythia 8 and FastJet.

    python -m bitfront.experiments.jets.generate --jets 12000 --seed 7 --out top_tagging.npz

wrote the file that ships beside this module. The two generators are the optional extra `jets` (`pip install
"bitfront[jets]"`; both are GPL, which is why nothing else imports them). The same command with the same
versions gives the same bytes: seeds are fixed, and `numpy.savez_compressed` stamps its members 1980.

Physics, all of it (`settings()` stores the same in the file):

* proton-proton collisions at 13 TeV; Pythia's default tune (Monash 2013) and parton distributions; parton
  showers, hadronisation and multi-parton interactions on; no pile-up and no detector simulation.
* signal: gg and qq-bar to t t-bar, every W decaying to quarks. Background: the light-quark and gluon 2 -> 2
  processes of `HardQCD`. Both with a hard transverse momentum of 450 to 800 GeV.
* particles: visible, stable, pT > 0.5 GeV, |eta| < 3, taken as massless (energy |p|, so that rapidity is
  pseudorapidity), as a detector without particle identification would.
* jets: anti-kT with R = 0.8; of an event's two hardest jets those with 500 <= pT <= 700 GeV and |eta| < 2. A
  signal jet also holds a top quark and its three decay quarks within R = 0.8 of its axis: a fully merged top.
* constituents: the 20 hardest in pT, each with the six features of `FEATURES`, padded with zeros.

The set-up follows the top-tagging benchmark of Khoda et al. 2023 (arXiv:2207.00559: 20 particles with six
features, ordered in pT); the sample and its exact features are ours.
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

CONSTITUENTS = 20
"""Constituents kept a jet, hardest first."""

FEATURES = ("log_pt", "log_pt_rel", "delta_eta", "delta_phi", "delta_r", "log_e_rel")
"""ln(pT / GeV), ln(pT / jet pT), rapidity and azimuth relative to the jet, their distance, ln(E / jet E)."""

JET_COLUMNS = ("pt", "eta", "mass", "multiplicity")
"""Columns of `jet`, from all constituents of the jet (pT and mass in GeV)."""

RADIUS = 0.8
PT_RANGE = (500.0, 700.0)
MAX_JET_ETA = 2.0
MAX_PARTICLE_ETA = 3.0
MIN_PARTICLE_PT = 0.5

COMMON = (
    "Beams:eCM = 13000.",
    "PhaseSpace:pTHatMin = 450.",
    "PhaseSpace:pTHatMax = 800.",
    "PartonLevel:MPI = on",
)
TOP = ("Top:gg2ttbar = on", "Top:qqbar2ttbar = on", "24:onMode = off", "24:onIfAny = 1 2 3 4 5")
QCD = (
    "HardQCD:gg2gg = on",
    "HardQCD:gg2qqbar = on",
    "HardQCD:qg2qg = on",
    "HardQCD:qq2qq = on",
    "HardQCD:qqbar2gg = on",
    "HardQCD:qqbar2qqbarNew = on",
)


class Sample(NamedTuple):
    """Jets of one or both classes.

    Attributes:
        X: float16 of shape (jets, 20, 6), the constituents' `FEATURES`; absent constituents are zero.
        jet: float32 of shape (jets, 4), `JET_COLUMNS`.
        y: uint8 of shape (jets,), 1 for top and 0 for QCD.
    """

    X: NDArray[np.float16]
    jet: NDArray[np.float32]
    y: NDArray[np.uint8]


def simulate(kind: str, jets: int, seed: int) -> Sample:
    """Generate `jets` jets of one kind, "top" or "qcd"; `seed` is Pythia's (1 to 900,000,000)."""
    pythia8, fastjet = generators()
    pythia = started(pythia8, (*COMMON, *(TOP if kind == "top" else QCD)), seed)
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, RADIUS)
    X = np.zeros((jets, CONSTITUENTS, len(FEATURES)), np.float64)
    jet = np.zeros((jets, len(JET_COLUMNS)), np.float32)
    found = 0
    while found < jets:
        if not pythia.next():
            continue
        event = pythia.event
        particles = [
            fastjet.PseudoJet(p.px(), p.py(), p.pz(), p.pAbs())
            for p in event
            if p.isFinal() and p.isVisible() and p.pT() > MIN_PARTICLE_PT and abs(p.eta()) < MAX_PARTICLE_ETA
        ]
        tops = _top_decays(event) if kind == "top" else []
        # The cluster sequence owns the jets' constituents, so it has to outlive them.
        sequence = fastjet.ClusterSequence(particles, definition)
        hardest = sorted(sequence.inclusive_jets(PT_RANGE[0] / 2), key=lambda j: -j.pt())[:2]
        for candidate in hardest:
            if not PT_RANGE[0] <= candidate.pt() <= PT_RANGE[1] or abs(candidate.eta()) >= MAX_JET_ETA:
                continue
            if kind == "top" and not any(_merged(candidate, decay) for decay in tops):
                continue
            X[found], jet[found] = _describe(candidate)
            found += 1
            if found % 1000 == 0:
                print(f"{kind}: {found} of {jets} jets", file=sys.stderr, flush=True)
            if found == jets:
                break
    return Sample(X.astype(np.float16), jet, np.full(jets, kind == "top", np.uint8))


def generate(jets: int, seed: int) -> Sample:
    """Generate a balanced, shuffled sample; equal `jets` and `seed` give equal arrays.

    Raises:
        UserError: `jets` is not an even number of at least 2.
        ToolMissing: Pythia or FastJet is not installed.
    """
    if jets < 2 or jets % 2:
        raise UserError(f"A balanced sample needs an even number of jets, but --jets is {jets}.")
    seeds, shuffling = pythia_seeds(seed, 2)
    parts = [simulate(kind, jets // 2, own) for kind, own in zip(("top", "qcd"), seeds, strict=True)]
    order = np.random.default_rng(shuffling).permutation(jets)
    return Sample(*(np.concatenate(columns)[order] for columns in zip(*parts, strict=True)))


def settings(jets: int, seed: int) -> dict[str, Any]:
    """Describe what makes a sample: versions, Pythia's settings and the cuts, as stored in the file."""
    return {
        "command": f"python -m bitfront.experiments.jets.generate --jets {jets} --seed {seed}",
        "pythia8mc": version("pythia8mc"),
        "fastjet": version("fastjet"),
        "pythia_common": list(COMMON),
        "pythia_top": list(TOP),
        "pythia_qcd": list(QCD),
        "jet_algorithm": f"anti-kT, R = {RADIUS}",
        "jet_pt_gev": list(PT_RANGE),
        "jet_max_abs_eta": MAX_JET_ETA,
        "particle_max_abs_eta": MAX_PARTICLE_ETA,
        "particle_min_pt_gev": MIN_PARTICLE_PT,
        "particle_mass": "none: energy is |p|",
        "top_match": f"top quark and its three decay quarks within R = {RADIUS} of the jet's axis",
        "constituents": CONSTITUENTS,
        "labels": {"0": "QCD", "1": "top"},
    }


def save(sample: Sample, about: dict[str, Any], path: Path) -> None:
    """Write a sample as `.npz` without pickled objects: X, jet, y, feature_names, jet_names, settings."""
    write_sample(sample, about, path, feature_names=FEATURES, jet_names=JET_COLUMNS)


def _top_decays(event: Any) -> list[list[tuple[float, float]]]:
    """(eta, phi) of each decaying top quark, followed by those of its three decay quarks."""
    decays = []
    for i in range(event.size()):
        if event[i].idAbs() != 6 or event[i].iBotCopyId() != i:
            continue
        quarks = [i]
        for d in event[i].daughterList():
            if event[d].idAbs() == 24:
                quarks += list(event[event[d].iBotCopyId()].daughterList())
            else:
                quarks.append(d)
        decays.append([(event[q].eta(), event[q].phi()) for q in quarks])
    return decays


def _merged(jet: Any, directions: list[tuple[float, float]]) -> bool:
    """Whether all directions lie within the jet's radius of its axis."""
    return all(
        math.hypot(eta - jet.rap(), math.remainder(phi - jet.phi(), 2 * math.pi)) < RADIUS
        for eta, phi in directions
    )


def _describe(jet: Any) -> tuple[NDArray[np.float64], tuple[float, ...]]:
    """Constituent features (20, 6) and the jet's own columns."""
    constituents = sorted(jet.constituents(), key=lambda c: -c.pt())
    features = np.zeros((CONSTITUENTS, len(FEATURES)))
    for row, c in zip(features, constituents, strict=False):
        eta, phi = c.rap() - jet.rap(), jet.delta_phi_to(c)
        pt, energy = c.pt(), c.e()
        row[:] = (
            math.log(pt),
            math.log(pt / jet.pt()),
            eta,
            phi,
            math.hypot(eta, phi),
            math.log(energy / jet.e()),
        )
    return features, (jet.pt(), jet.eta(), jet.m(), float(len(constituents)))


main = sample_command(
    "Simulate top and QCD jets with Pythia 8 and FastJet.",
    12_000,
    "half of them top",
    generate=generate,
    settings=settings,
    save=save,
)


if __name__ == "__main__":
    sys.exit(main())
