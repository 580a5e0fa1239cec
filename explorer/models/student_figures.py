"""How well a student does, beside its teacher at the same evals: what its card says.

The same even noise and even data as for the networks of the zoo (``explorer.maths.training.protocol``); noise on the
way is even too. Source of precision and recall: Kynkäänniemi et al. 2019, arXiv:1904.06991.
"""

import torch
from torch import Tensor

from explorer.maths.fields import AbstractField
from explorer.maths.metrics import w2
from explorer.maths.neighbours import precision_recall
from explorer.maths.students import AbstractFlowMap
from explorer.maths.students.judge import made
from explorer.maths.targets import AbstractTarget
from explorer.maths.training.protocol import DATA_SEED, Protocol, sobol_noise
from explorer.models.students import EVALS

IMAGES, HALF = 1797, 898
MET = 0.01
"""A class has been met when it has at least this share of the samples."""


def evals_of(student: AbstractFlowMap) -> tuple[int, ...]:
    """The evals at which a student is judged: 1, 2, 4 and 8 calls, as far as it can be asked so."""
    counts = (calls * student.evals_per_call for calls in EVALS)
    return tuple(count for count in counts if student.takes(count) and count <= (student.most_evals or count))


def figures_of_student(
    student: AbstractFlowMap, teacher: AbstractField, target: AbstractTarget, evals: tuple[int, ...]
) -> dict[str, float]:
    """W2 to the data (units of x) at each of ``evals``, and of the teacher's Euler steps; of images more than that.

    On the plane also the W2 of the exact field, below which no student is expected. Of images precision and
    recall among balls that reach the third neighbour, the number of classes with at least 1 % of the samples, and the
    smallest class's share, after a logistic regression on the data.
    """
    if len(target.shape) > 1:
        return _of_images(student, teacher, target, evals)
    protocol = Protocol(target)
    data, noise = protocol.data, sobol_noise(protocol.n, target.shape)
    figures = {f"w2_{at(count)}": w2(made(student, noise, count), data) for count in evals}
    figures |= {
        f"w2_of_teacher_{at(count)}": w2(protocol.samples(teacher, steps=count), data) for count in evals
    }
    return figures | {"w2_of_exact_field": w2(protocol.samples(target.field("linear"), "heun"), data)}


def at(evals: int) -> str:
    """``at_1_eval``, ``at_2_evals``: how figures are named."""
    return f"at_{evals} eval{'' if evals == 1 else 's'}".replace(" ", "_")


def _of_images(
    student: AbstractFlowMap, teacher: AbstractField, target: AbstractTarget, evals: tuple[int, ...]
) -> dict[str, float]:
    data, classes = target.labelled(IMAGES, DATA_SEED, stratified=True)
    real, other = data.chunk(2)
    judge, noise = Classes(data, classes), sobol_noise(HALF, target.shape)
    figures: dict[str, float] = {}
    for count in evals:
        walked = Protocol(target, HALF).samples(teacher, steps=count)
        for who, x in (("", made(student, noise, count)), ("of_teacher_", walked)):
            shares, inside = judge.shares(x), precision_recall(x, real)
            figures |= {
                f"w2_{who}{at(count)}": w2(x, real),
                f"precision_{who}{at(count)}": inside.precision,
                f"recall_{who}{at(count)}": inside.recall,
                f"classes_{who}{at(count)}": float((shares >= MET).sum()),
                f"smallest_class_{who}{at(count)}": float(shares.min()),
            }
    return figures | {"w2_of_data": w2(other, real)}


class Classes:
    """Which class a sample is of, by a logistic regression on labelled data [n, *shape]."""

    def __init__(self, data: Tensor, classes: Tensor):
        from sklearn.linear_model import LogisticRegression  # a second to import

        self.count = int(classes.max()) + 1
        self.judge = LogisticRegression(C=0.1, max_iter=2000).fit(data.flatten(1).numpy(), classes.numpy())

    def shares(self, x: Tensor) -> Tensor:
        """The share of samples [count] that fall to each class."""
        found = torch.from_numpy(self.judge.predict(x.flatten(1).numpy()))
        return torch.bincount(found, minlength=self.count) / len(x)
