"""The training room: several optimisers from one start, what is measured on the way, and the valley that they run in.

``descend`` trains and yields records; ``tracks`` lays them on one plane, ``river`` splits a run along and across its
valley, ``decay_now`` branches it.
"""

from explorer.maths.landscape.training.course import decay_now, descend, resume
from explorer.maths.landscape.training.optimisers import OPTIMISERS, DiffGrad, PolarGrad, Rule, next_step
from explorer.maths.landscape.training.problems import (
    PROBLEMS,
    Problem,
    digits_problem,
    flow_problem,
    modular_problem,
)
from explorer.maths.landscape.training.record import PROBES, Descent, Mark, Plan, Probes, Run
from explorer.maths.landscape.training.river import River, river
from explorer.maths.landscape.training.schedules import (
    SCHEDULES,
    AbstractSchedule,
    Constant,
    Cosine,
    DecayFrom,
    WarmStable,
)
from explorer.maths.landscape.training.tracks import Track, Tracks, tracks

__all__ = [
    "OPTIMISERS",
    "PROBES",
    "PROBLEMS",
    "SCHEDULES",
    "AbstractSchedule",
    "Constant",
    "Cosine",
    "DecayFrom",
    "Descent",
    "DiffGrad",
    "Mark",
    "Plan",
    "PolarGrad",
    "Probes",
    "Problem",
    "River",
    "Rule",
    "Run",
    "Track",
    "Tracks",
    "WarmStable",
    "decay_now",
    "descend",
    "digits_problem",
    "flow_problem",
    "modular_problem",
    "next_step",
    "resume",
    "river",
    "tracks",
]
