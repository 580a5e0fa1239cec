"""Experiments on step safety: training with eyes, the spike arena, onsets, temperature, counter-examples, collapse."""

from explorer.maths.softmax.experiments.arena import Arena, ArenaRun, Spike, arena
from explorer.maths.softmax.experiments.collapse import CollapseFrame, addition, collapse, lost_margin
from explorer.maths.softmax.experiments.controls import CONTROLS
from explorer.maths.softmax.experiments.counter import (
    PairCurve,
    PerceptronRun,
    SquaresRun,
    conflicting_pair,
    least_squares,
    perceptron,
    signed,
)
from explorer.maths.softmax.experiments.directions import DIRECTIONS, direction
from explorer.maths.softmax.experiments.onset import (
    CRITERIA,
    OnsetCurve,
    OnsetTable,
    onset,
    onset_curve,
    table_from_text,
    table_of,
)
from explorer.maths.softmax.experiments.optimisers import OPTIMISERS
from explorer.maths.softmax.experiments.split import (
    Split,
    accuracy,
    digits_by_page,
    digits_pair,
    digits_split,
)
from explorer.maths.softmax.experiments.stages import STAGES, Stage, stages
from explorer.maths.softmax.experiments.temperature import (
    TemperatureCurve,
    Temperatures,
    spread_of_medians,
    temperatures,
)
from explorer.maths.softmax.experiments.training import TrainFrame, watched_training

__all__ = [
    "CONTROLS",
    "CRITERIA",
    "DIRECTIONS",
    "OPTIMISERS",
    "STAGES",
    "Arena",
    "ArenaRun",
    "CollapseFrame",
    "OnsetCurve",
    "OnsetTable",
    "PairCurve",
    "PerceptronRun",
    "Spike",
    "Split",
    "SquaresRun",
    "Stage",
    "TemperatureCurve",
    "Temperatures",
    "TrainFrame",
    "accuracy",
    "addition",
    "arena",
    "collapse",
    "conflicting_pair",
    "digits_by_page",
    "digits_pair",
    "digits_split",
    "direction",
    "least_squares",
    "lost_margin",
    "onset",
    "onset_curve",
    "perceptron",
    "signed",
    "spread_of_medians",
    "stages",
    "table_from_text",
    "table_of",
    "temperatures",
    "watched_training",
]
