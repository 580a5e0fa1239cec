"""Schedulers that step between noise levels of a variance exploding state."""

from explorer.models.schedulers.entry import DISTILLED, TWO, SchedulerEntry

NOISES: dict[str, SchedulerEntry] = {
    "diffusers/euler": SchedulerEntry(
        "EulerDiscreteScheduler",
        "ve",
        "Euler (EDM form)",
        float32=True,
        departs="With `s_churn` it adds the noise after the model was asked; the paper's Algorithm 2 asks at "
        "the noisier state.",
    ),
    "diffusers/euler_ancestral": SchedulerEntry(
        "EulerAncestralDiscreteScheduler",
        "ve",
        "Euler ancestral",
        is_random=True,
        predictions=TWO,
        float32=True,
    ),
    "diffusers/heun": SchedulerEntry(
        "HeunDiscreteScheduler",
        "ve",
        "Heun (EDM form)",
        order=2,
        evals_per_step=2,
        departs="The churn of the paper's Algorithm 2 is fixed at zero.",
    ),
    "diffusers/kdpm2": SchedulerEntry(
        "KDPM2DiscreteScheduler",
        "ve",
        "DPM2 (midpoint in log sigma)",
        order=2,
        evals_per_step=2,
        grids="own",
        predictions=TWO,
        departs="The churn of the paper's Algorithm 2 is fixed at zero.",
    ),
    "diffusers/kdpm2_ancestral": SchedulerEntry(
        "KDPM2AncestralDiscreteScheduler",
        "ve",
        "DPM2 ancestral",
        evals_per_step=2,
        is_random=True,
        grids="own",
        predictions=TWO,
    ),
    "diffusers/lms": SchedulerEntry(
        "LMSDiscreteScheduler",
        "ve",
        "Linear multistep (order 4)",
        order=4,
        departs="Its coefficients come from numerical quadrature (1e-4), about as dear as a small network.",
    ),
    "diffusers/consistency": SchedulerEntry(
        "CMStochasticIterativeScheduler",
        "ve",
        "Consistency model",
        is_random=True,
        predictions=("consistency",),
        kwargs={"num_train_timesteps": 1000, "clip_denoised": False},
        departs=DISTILLED,
    ),
    "diffusers/edm_euler": SchedulerEntry(
        "EDMEulerScheduler",
        "edm",
        "EDM Euler",
        predictions=("edm",),
        kwargs={"sigma_data": 0.5},
        float32=True,
        departs="With `s_churn` it adds the noise after the model was asked; the paper's Algorithm 2 asks at "
        "the noisier state.",
    ),
    "diffusers/edm_dpm++_2m": SchedulerEntry(
        "EDMDPMSolverMultistepScheduler",
        "edm",
        "EDM DPM-Solver++ 2M",
        order=2,
        predictions=("edm",),
        kwargs={"sigma_data": 0.5, "solver_order": 2},
    ),
}
