"""The Hessian of a loss, known by what it does to a vector.

One graph of the gradient is kept and differentiated again for each vector: about seven forward passes a product, half
of what building it anew costs (Pearlmutter 1994; measured in the sheet). Forward mode is not used: in torch 2.13 it is
wrong through LayerNorm's backward pass, and missing for train-mode BatchNorm and all fused attention. Where a module
has no second derivative the gradient is asked to either side instead, and ``by`` says so.
"""

import torch
from torch import Tensor

from explorer.maths.landscape.flat import FlatLoss, global_randomness_kept


class Hessian:
    """``hessian(v)`` [P] -> [P] at the start of a ``FlatLoss``, which it keeps for itself.

    ``loss`` and ``gradient`` [P] are those at the start; ``matvecs`` counts the products so far; ``by`` is
    ``"double backward"`` or ``"differences"``, whose digits are fewer (about 3 in float32).

    Raises:
        ValueError: when the loss or its gradient is not finite there, or does not depend on the module.
    """

    def __init__(self, flat: FlatLoss):
        flat.check()
        flat.place.copy_(flat.start)
        self.flat, self.matvecs, self.by = flat, 0, "double backward"
        mean = flat.mean_with_graph()
        self._slopes = flat.slopes(mean, create_graph=True)
        self.loss, self.gradient = float(mean.detach()), self._slopes.detach()
        doubtful = _has_foreign(mean)
        if not bool(torch.isfinite(self.gradient).all()):
            raise ValueError(
                f"the loss must be finite and smooth where its curvature is asked; loss {self.loss:.4g} has a gradient "
                "with NaN or infinity; start from other parameters"
            )
        if doubtful and not self._agrees():
            self.by, self._slopes = "differences", self.gradient

    @property
    def size(self) -> int:
        """Rows of the matrix, P."""
        return self.flat.size

    def __call__(self, vector: Tensor) -> Tensor:
        self.matvecs += 1
        if self.by == "differences":
            return self._between(vector)
        if not self._slopes.requires_grad:  # a loss that is linear in its parameters
            return torch.zeros_like(vector)
        try:
            with global_randomness_kept(vector):
                return self._again(vector)
        except (RuntimeError, NotImplementedError) as error:
            if isinstance(error, torch.OutOfMemoryError) or self.matvecs > 1:
                raise
            self.by, self._slopes = "differences", self.gradient
            return self._between(vector)

    def _again(self, vector: Tensor) -> Tensor:
        pieces = torch.autograd.grad(
            self._slopes, self.flat.parameters, vector, retain_graph=True, materialize_grads=True
        )
        return self.flat.gathered(pieces).detach()

    def _agrees(self) -> bool:
        """Whether a product is that of differences: a function of Python's may lose its second derivative unheard."""
        probe = torch.ones_like(self.gradient)
        plain = self._between(probe)
        if not self._slopes.requires_grad:
            return bool(plain.norm() <= 1e-3 * self.gradient.norm())
        try:
            product = self._again(probe)
        except (RuntimeError, NotImplementedError):
            return False
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
            sides.append(self.flat.slopes(self.flat.mean_with_graph()).detach())
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
