"""Improved distribution matching: the student's score is pulled to the data's, and pairs are left free."""

from dataclasses import dataclass
from typing import ClassVar

from explorer.maths.samplers.base import setting
from explorer.maths.students.matching import AbstractMatching


@dataclass(frozen=True)
class DMD2(AbstractMatching):
    """Distribution right, pairing loose: long arrows to the teacher's end points are the method, not a fault.

    With ``evals`` above 1 it is an endpoint map on the grid 1, 1 - 1/evals, ..., learnt on its own roll-outs. ``gan``
    adds the adversarial term.
    """

    evals: int = 1
    gan: bool = False
    name: ClassVar[str] = "dmd2"
    label: ClassVar[str] = "Distribution matching"
    keeps_pairs: ClassVar[bool] = False
    summary: ClassVar[str] = "Moves the student's samples until their score is the data's."
    source: ClassVar[str] = "Yin et al. 2024, arXiv:2405.14867; after Yin et al. 2023, arXiv:2311.18828"
    equation: ClassVar[str] = "dL/dx = (D_student(x_t) - D_data(x_t)) / mean |x - D_data(x_t)|"
    differs: ClassVar[str] = (
        "exact score of the data unless asked otherwise; starts from 600 updates on pairs; no adversarial term in the "
        "shipped student; a discriminator of its own"
    )

    def __post_init__(self):
        super().__post_init__()
        setting("evals", self.evals, 1, 16, whole=True)
        if self.evals > 1:
            self.declare(kind="endpoint", main=self.evals)

    @property
    def adversarial(self) -> float:
        """The weight of the adversarial term; 0 for none."""
        return 0.03 if self.gan else 0.0
