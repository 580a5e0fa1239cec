"""One line of the registry of schedulers, and what several lines share.

Betas are explicit, because the defaults of the classes differ (1e-4 .. 0.02 or 8.5e-4 .. 0.012), and nothing
is clipped.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

NOTHING: Mapping[str, Any] = MappingProxyType({})
BETAS = {"num_train_timesteps": 1000, "beta_start": 1e-4, "beta_end": 0.02, "beta_schedule": "linear"}
UNCLIPPED = {**BETAS, "clip_sample": False}
FEW = {**UNCLIPPED, "original_inference_steps": 50}
FLOW = {"use_flow_sigmas": True, "prediction_type": "flow_prediction"}

THREE = ("epsilon", "sample", "v_prediction")
TWO = ("epsilon", "v_prediction")

STRIDE = (
    "It goes from t to t - 1000 // steps whatever the next entry is, so the levels it steps to and the "
    "levels at which the model is asked part where `steps` does not divide 1000, and on the linspace grid."
)
ENDS = (
    "Its last step ends at the first training level (ratio 0.01), not at 0, and from 15 steps on it is not "
    "of first order."
)
ROUNDED = (
    "Its `timesteps` are rounded to whole training steps while it steps between the exact levels; here the "
    "field is asked at the exact ones."
)
DISTILLED = (
    "It is made for a distilled model; with an ordinary field it draws fresh noise around the mean of the "
    "data, so that its samples spread too little however many steps are taken."
)


@dataclass(frozen=True)
class SchedulerEntry:
    """One line of the registry.

    ``family`` says how the class keeps its levels: vp_index, vp_sigma, ve, edm, flow or trig.
    ``predictions`` is what its model output can be. ``grids`` says which grids of ours it takes: any,
    levels (rounded to its training levels) or own (none). ``float32`` is True where ``step`` casts the
    state to float32; the run's dtype comes back. ``moves`` is True where the levels must lie on the
    state's device. ``departs`` says where the class does something else than the method it is named
    after, as seen by running diffusers 0.42.1; it is empty where nothing was seen.
    """

    class_name: str
    family: str
    label: str
    order: int = 1
    evals_per_step: int = 1
    is_random: bool = False
    departs: str = ""
    predictions: tuple[str, ...] = THREE
    grids: str = "any"
    kwargs: Mapping[str, Any] = field(default_factory=lambda: BETAS)
    extra: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    set_kwargs: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    least: int = 1
    most: int = 1000
    ends_counted: int = 0
    float32: bool = False
    moves: bool = False

    @property
    def chooses(self) -> bool:
        """True where the constructor takes a ``prediction_type`` among several."""
        return len(self.predictions) > 1
