"""The Hessian of a loss, known by what it does to a vector.

One graph of the gradient is kept and differentiated again for each vector: about seven forward passes a product, half
of what building it anew costs (Pearlmutter 1994; measured in the sheet). Forward mode is not used: in torch 2.13 it is
wrong through LayerNorm's backward pass, and missing for train-mode BatchNorm and all fused attention. Where a module
has no second derivative the gradient is asked to either side instead, and ``by`` says so.
"""

import torch
from torch import Tensor

from explorer.maths.borrowed import global_randomness_kept
from explorer.maths.landscape.flat import FlatLoss
from explorer.maths.landscape.pieces import Pieces


class Hessian:
    """``hessian(v)`` [P] -> [P] at the start of a ``FlatLoss``, which it keeps for itself.

    ``loss`` and ``gradient`` [P] are those at the start; ``matvecs`` counts the products so far; ``by`` is
    ``"double backward"``, with how many samples at a time where the graph of all is larger than ``room`` bytes (None
    is half of what is free), or ``"differences"``, whose digits are fewer (about 3 in float32).

    Raises:
        ValueError: when the loss or its gradient is not finite there, or does not depend on the module.
    """

    def __init__(self, flat: FlatLoss, room: int | None = None):
        flat.check()
        flat.place.copy_(flat.start)
        self.flat, self.matvecs, self.pieces = flat, 0, Pieces(flat, room)
        self._is_differenced, is_doubtful = False, False
        self.loss, self.gradient, is_doubtful = self._begun()
        if not bool(torch.isfinite(self.gradient).all()):
            raise ValueError(
                f"the loss must be finite and smooth where its curvature is asked; loss {self.loss:.4g} has a gradient "
                "with NaN or infinity; start from other parameters"
            )
        if is_doubtful and not self._agrees():
            self._give_up()

    @property
    def by(self) -> str:
        """How products are made."""
        if self._is_differenced:
            return "differences"
        size = self.pieces.size
        return f"double backward, {size:,} samples at a time" if size else "double backward"

    @property
    def size(self) -> int:
        """Rows of the matrix, P."""
        return self.flat.size

    def __call__(self, vector: Tensor) -> Tensor:
        self.matvecs += 1
        if self._is_differenced:
            return self._between(vector)
        try:
            with global_randomness_kept(vector):
                return self._again(vector)
        except (RuntimeError, NotImplementedError) as error:
            if isinstance(error, torch.OutOfMemoryError) or self.matvecs > 1:
                raise
            self._give_up()
            return self._between(vector)

    def _begun(self) -> tuple[float, Tensor, bool]:
        """The loss, its gradient, and whether what torch makes of them twice may be wrong; one graph is kept."""
        while True:
            try:
                loss, gradient, is_doubtful = 0.0, torch.zeros_like(self.flat.start), False
                for mean, slopes, share in self.pieces.slopes():
                    loss += share * float(mean.detach())
                    gradient.add_(slopes.detach(), alpha=share)
                    is_doubtful = is_doubtful or _has_foreign(mean)
                    self._slopes = slopes
                if self.pieces.size:
                    self._slopes = (
                        gradient  # of the last piece; its graph would take memory from the next ones
                    )
                return loss, gradient, is_doubtful
            except torch.OutOfMemoryError:
                if not self.pieces.halve():
                    raise

    def _again(self, vector: Tensor) -> Tensor:
        while self.pieces.size:
            try:
                product = torch.zeros_like(vector)
                for _, slopes, share in self.pieces.slopes():
                    product.add_(self._product(slopes, vector, False), alpha=share)
                return product
            except torch.OutOfMemoryError:
                if not self.pieces.halve():
                    raise
        try:
            return self._product(self._slopes, vector, True)
        except torch.OutOfMemoryError:
            if not self.pieces.halve():
                raise
            self._slopes = self.gradient
            return self._again(vector)

    def _product(self, slopes: Tensor, vector: Tensor, keep: bool) -> Tensor:
        if not slopes.requires_grad:  # a loss that is linear in its parameters
            return torch.zeros_like(vector)
        return self.flat.gathered(
            torch.autograd.grad(
                slopes, self.flat.parameters, vector, retain_graph=keep, materialize_grads=True
            )
        ).detach()

    def _give_up(self) -> None:
        self._is_differenced, self._slopes = True, self.gradient

    def _agrees(self) -> bool:
        """Whether a product is that of differences: a function of Python's may lose its second derivative unheard."""
        probe = torch.ones_like(self.gradient)
        plain = self._between(probe)
        try:
            product = self._again(probe)
        except (RuntimeError, NotImplementedError):
            return False
        if not bool(product.any()):
            return bool(plain.norm() <= 1e-3 * self.gradient.norm())
        return bool((product - plain).norm() <= 0.3 * plain.norm())

    def _between(self, vector: Tensor) -> Tensor:
        """Central differences of the gradient, over a step that is small beside the weights."""
        start, size = self.flat.start, float(vector.norm())
        if size == 0.0:
            return torch.zeros_like(vector)
        root = max(1.0, float(start.norm()))
        step = torch.finfo(start.dtype).eps ** (1 / 3) * root / size
        sides = []
        for sign in (1.0, -1.0):
            self.flat.move(start, vector[None], (sign * step,))
            sides.append(self.pieces.gradient())
        self.flat.place.copy_(start)
        return (sides[0] - sides[1]) / (2.0 * step)


def _has_foreign(mean: Tensor) -> bool:
    """Whether the graph holds a ``torch.autograd.Function`` of Python's, whose backward torch cannot vouch for."""
    seen, waiting = set(), [mean.grad_fn]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            return True
        seen.add(node)
        waiting += [before for before, _ in node.next_functions]
    return False
