"""In how many dimensions paths move, and a view of them that works for points and pictures alike.

Source: the regularity of sampling trajectories, arXiv:2405.11326 (chord and first components); Pearson 1901.
"""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Components:
    """Principal components of single paths: ``explained`` [k] cumulative energy, 0 to 1, mean over the paths."""

    explained: Tensor


def principal(states: Tensor) -> Components:
    """In how many dimensions a path moves: states [T, n, d].

    For each path the centred states are decomposed; the squared singular values are its energies. Paths that do not
    move count for nothing.
    """
    centred = (states - states.mean(dim=0)).transpose(0, 1)
    # The smaller of the two Gram matrices has the same energies.
    few = centred.shape[1] < centred.shape[2]
    gram = centred @ centred.mT if few else centred.mT @ centred
    energies = torch.linalg.eigvalsh(gram).flip(-1).clamp(min=0.0)
    whole = energies.sum(dim=-1, keepdim=True)
    shares = (energies.cumsum(dim=-1) / whole)[whole[:, 0] > 0]
    return Components(shares.mean(dim=0) if len(shares) else energies.new_ones(energies.shape[-1]))


def chord_view(states: Tensor) -> Tensor:
    """Paths along and off their own chords: states [T, n, d] -> [T, n, 2], both in units of the states.

    First how far along its chord a state is (0 at the start, the chord's length at the end); then its size along the
    first principal component of what is left of all paths. Each path's sign is the one under which its bow lies on the
    component's positive side, so that bows do not cancel. Source: the view of arXiv:2405.11326, section 3.
    """
    chord = states[-1] - states[0]
    length = chord.norm(dim=-1, keepdim=True)
    unit = chord / length.clamp(min=1e-300)
    offset = states - states[0]
    along = (offset * unit).sum(dim=-1, keepdim=True)
    rest = offset - along * unit
    axes = _first_component(rest)
    off = (rest * axes).sum(dim=-1, keepdim=True)
    return torch.cat([along, off * torch.where(off.sum(dim=0) < 0, -1.0, 1.0)], dim=-1)


def _first_component(rest: Tensor) -> Tensor:
    """The direction in which each path leaves its chord most [n, d]; paths differ in it, as their chords do."""
    paths = rest.transpose(0, 1)
    few = paths.shape[1] < paths.shape[2]
    if not few:
        return torch.linalg.eigh(paths.mT @ paths).eigenvectors[..., -1]
    most = torch.linalg.eigh(paths @ paths.mT).eigenvectors[..., -1:]
    axis = (paths.mT @ most)[..., 0]
    return axis / axis.norm(dim=-1, keepdim=True).clamp(min=1e-300)
