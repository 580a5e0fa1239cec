"""Schedulers that step along the straight path, or along a quarter circle."""

from explorer.models.schedulers.entry import DISTILLED, NOTHING, SchedulerEntry

SHARES: dict[str, SchedulerEntry] = {
    "diffusers/flow_euler": SchedulerEntry(
        "FlowMatchEulerDiscreteScheduler",
        "flow",
        "Flow matching Euler",
        predictions=("flow_prediction",),
        kwargs={"shift": 1.0},
        float32=True,
        departs="`s_churn` is accepted and ignored; its own grid ends with a step from 0.001, a level to "
        "which `shift` is applied twice.",
    ),
    "diffusers/flow_euler_stochastic": SchedulerEntry(
        "FlowMatchEulerDiscreteScheduler",
        "flow",
        "Flow matching Euler (stochastic)",
        is_random=True,
        predictions=("flow_prediction",),
        kwargs={"shift": 1.0, "stochastic_sampling": True},
        float32=True,
        departs="`stochastic_sampling` is no stochastic differential equation: it draws fresh noise around "
        "the mean of the data, and its samples spread too little however many steps are taken.",
    ),
    "diffusers/flow_heun": SchedulerEntry(
        "FlowMatchHeunDiscreteScheduler",
        "flow",
        "Flow matching Heun",
        order=2,
        evals_per_step=2,
        predictions=("flow_prediction",),
        kwargs={"shift": 1.0},
        float32=True,
        departs="With `s_churn` it adds noise by the rule of the variance exploding path in flow "
        "coordinates, so that the samples spread too much.",
    ),
    "diffusers/flow_lcm": SchedulerEntry(
        "FlowMatchLCMScheduler",
        "flow",
        "Flow matching latent consistency",
        is_random=True,
        predictions=("flow_prediction",),
        kwargs={"shift": 1.0},
        float32=True,
        departs=DISTILLED,
    ),
    "diffusers/flow_map_euler": SchedulerEntry(
        "FlowMapEulerDiscreteScheduler",
        "flow",
        "Flow map Euler",
        predictions=("flow_prediction",),
        kwargs={"shift": 1.0},
        departs="It is made for a flow map; with an ordinary field it is Euler's method.",
    ),
    "diffusers/flow_euler_ancestral": SchedulerEntry(
        "LTXEulerAncestralRFScheduler",
        "flow",
        "Flow Euler ancestral (LTX)",
        is_random=True,
        predictions=("flow_prediction",),
        kwargs=NOTHING,
        float32=True,
        moves=True,
    ),
    "diffusers/minimax_h3": SchedulerEntry(
        "MiniMaxH3Scheduler",
        "flow",
        "Flow Euler (MiniMax-H3)",
        predictions=("data_velocity",),
        kwargs={"shift": 1.0},
        ends_counted=1,
        departs="Its model's velocity points to the data, and the final 0 counts as one of its steps; the "
        "adapter turns both round.",
    ),
    "diffusers/ipndm": SchedulerEntry(
        "IPNDMScheduler",
        "trig",
        "iPNDM",
        order=2,
        predictions=("v_prediction",),
        kwargs=NOTHING,
        departs="It puts Adams-Bashforth weights for equal steps on levels that are not equally spaced, so "
        "that it is of second order instead of fourth.",
    ),
    "diffusers/scm": SchedulerEntry(
        "SCMScheduler",
        "trig",
        "Continuous-time consistency (TrigFlow)",
        is_random=True,
        predictions=("trigflow",),
        kwargs={"sigma_data": 1.0},
        set_kwargs={"intermediate_timesteps": None},
        departs=DISTILLED,
    ),
}
