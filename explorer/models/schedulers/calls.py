"""Calling ``step`` of a scheduler: the usual way, and for the few that want to be told more."""

from typing import Any

from torch import Tensor


def called(run: Any, class_name: str, entry: int, output: Tensor, state: Tensor) -> Tensor:
    """The next state, from the model's ``output`` at entry ``entry`` of a run's scheduler."""
    scheduler, arguments = run.scheduler, run.arguments
    timestep = scheduler.timesteps[entry]
    if hasattr(scheduler, "scale_model_input"):
        scheduler.scale_model_input(state, timestep)  # some warn without it; networks here see our own scale
    if class_name == "CogVideoXDPMScheduler":
        before = scheduler.timesteps[entry - 1] if entry else None
        state, run.clean = scheduler.step(
            output, run.clean, timestep, before, state, **arguments, return_dict=False
        )
        return state
    if class_name == "UnCLIPScheduler" and entry + 1 < len(scheduler.timesteps):
        arguments = {**arguments, "prev_timestep": scheduler.timesteps[entry + 1]}
    if class_name == "DDPMWuerstchenScheduler":
        timestep = timestep[None]
    return scheduler.step(output, timestep, state, **arguments, return_dict=False)[0]
