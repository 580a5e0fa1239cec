"""Lanczos' basis of a symmetric matrix, grown one product at a time and kept orthogonal in full.

Without that, values that have converged come back as ghosts (80 steps gave 19 where there were 2). A space that closes
on itself is left by a random vector at right angles to it.

Source: Golub and Van Loan, Matrix Computations, chapter 10; Paige 1972.
"""

from collections.abc import Callable

import torch
from torch import Tensor

ROOM = 16
"""Rows by which the basis grows."""


class Lanczos:
    """The matrix seen from a growing space that begins with ``start`` [P], across ``locked`` [r, P] (orthonormal).

    ``ritz()`` are the matrix's values on that space, and how it combines the basis into their vectors.
    """

    def __init__(
        self,
        matvec: Callable[[Tensor], Tensor],
        start: Tensor,
        generator: torch.Generator,
        locked: Tensor | None = None,
    ):
        self.matvec, self.generator = matvec, generator
        self.locked = start.new_zeros(0, len(start)) if locked is None else locked
        self.diagonal: list[float] = []
        self.beside: list[float] = []
        self._leaks: list[Tensor] = []
        self._basis = start.new_zeros(ROOM, len(start))
        self._keep(0, self._across(start))

    @property
    def steps(self) -> int:
        """Products spent here."""
        return len(self.diagonal)

    @property
    def complete(self) -> bool:
        """Whether the space is all that there is."""
        return self.steps + len(self.locked) >= self._basis.shape[1]

    def grow(self) -> None:
        """One product more."""
        m = self.steps
        image = self.matvec(self._basis[m])
        self._leaks.append((self.locked @ image).double())
        self.diagonal.append(float(self._basis[m] @ image))
        rest = self._across(image, m + 1)
        beta = float(rest.norm())
        scale = max(abs(number) for number in (*self.diagonal, *self.beside, 1e-300))
        if beta <= 30.0 * torch.finfo(image.dtype).eps * scale or self.complete:
            beta, rest = 0.0, self._fresh(m + 1)
        self.beside.append(beta)
        if not self.complete:
            self._keep(m + 1, rest)

    def ritz(self) -> tuple[Tensor, Tensor, Tensor]:
        """Values [m] from the largest down, combinations [m, m] by columns, and residuals [m] ``|Hv - value v|``."""
        matrix = torch.diag(torch.tensor(self.diagonal, dtype=torch.float64))
        inner = torch.tensor(self.beside[:-1], dtype=torch.float64)
        matrix += torch.diag(inner, 1) + torch.diag(inner, -1)
        values, combine = torch.linalg.eigh(matrix)
        values, combine = values.flip(0), combine.flip(1)
        leak = torch.stack(self._leaks, dim=1).cpu() @ combine
        outside = self.beside[-1] * combine[-1]
        return values, combine, (outside.square() + leak.square().sum(dim=0)).sqrt()

    def vectors(self, combine: Tensor) -> Tensor:
        """The vectors [c, P], of length 1, that columns [m, c] of ``ritz()`` make of the basis."""
        made = combine.T.to(self._basis) @ self._basis[: self.steps]
        return made / made.norm(dim=1, keepdim=True)

    def _across(self, vector: Tensor, m: int = 0) -> Tensor:
        """What is left of a vector at right angles to ``locked`` and the first m of the basis; twice is enough."""
        for _ in range(2):
            for rows in (self.locked, self._basis[:m]):
                vector = vector - (rows @ vector) @ rows
        return vector

    def _fresh(self, m: int) -> Tensor:
        return self._across(random_vector(self._basis[0], self.generator), m)

    def _keep(self, row: int, vector: Tensor) -> None:
        if row == len(self._basis):
            self._basis = torch.cat([self._basis, torch.zeros_like(self._basis[:ROOM])])
        self._basis[row] = vector / vector.norm()


def random_vector(like: Tensor, generator: torch.Generator) -> Tensor:
    """A Gaussian vector of the shape, type and device of ``like``, drawn on the CPU.

    In float32 whatever the type, so that a seed draws the same for all; in float64 it takes four times as long.
    """
    return torch.randn(like.shape, generator=generator, dtype=torch.float32).to(like)
