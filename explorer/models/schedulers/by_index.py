"""Schedulers that step between entries of a table of training levels."""

from explorer.models.schedulers.entry import BETAS, DISTILLED, FEW, STRIDE, TWO, UNCLIPPED, SchedulerEntry

INDEXED: dict[str, SchedulerEntry] = {
    "diffusers/ddim": SchedulerEntry(
        "DDIMScheduler", "vp_index", "DDIM", departs=STRIDE, grids="own", kwargs=UNCLIPPED
    ),
    "diffusers/ddim_parallel": SchedulerEntry(
        "DDIMParallelScheduler", "vp_index", "DDIM (parallel)", departs=STRIDE, grids="own", kwargs=UNCLIPPED
    ),
    "diffusers/ddim_cogvideox": SchedulerEntry(
        "CogVideoXDDIMScheduler",
        "vp_index",
        "DDIM (CogVideoX)",
        departs=STRIDE + " `eta` is accepted and ignored.",
        grids="own",
        kwargs={**UNCLIPPED, "snr_shift_scale": 1.0},
    ),
    "diffusers/dpm_cogvideox": SchedulerEntry(
        "CogVideoXDPMScheduler",
        "vp_index",
        "SDE-DPM-Solver++ 2M (CogVideoX)",
        order=1,
        is_random=True,
        departs=STRIDE + " It must be handed its last clean prediction; the adapter hands it.",
        grids="own",
        kwargs={**UNCLIPPED, "snr_shift_scale": 1.0},
    ),
    "diffusers/ddpm": SchedulerEntry(
        "DDPMScheduler", "vp_index", "DDPM", is_random=True, grids="levels", kwargs=UNCLIPPED
    ),
    "diffusers/ddpm_parallel": SchedulerEntry(
        "DDPMParallelScheduler",
        "vp_index",
        "DDPM (parallel)",
        is_random=True,
        grids="levels",
        kwargs=UNCLIPPED,
    ),
    "diffusers/ddpm_wuerstchen": SchedulerEntry(
        "DDPMWuerstchenScheduler",
        "vp_index",
        "DDPM (Wuerstchen, cosine)",
        is_random=True,
        grids="own",
        predictions=("epsilon",),
        kwargs={"scaler": 1.0, "s": 0.008},
        moves=True,
        departs="Its levels are cut at ratios 100 and 0.01, so it begins and ends with that much noise.",
    ),
    "diffusers/unclip": SchedulerEntry(
        "UnCLIPScheduler",
        "vp_index",
        "DDPM (unCLIP, cosine)",
        is_random=True,
        grids="levels",
        least=2,
        predictions=("sample", "epsilon"),
        kwargs={"num_train_timesteps": 1000, "clip_sample": False},
        departs="It must be told the next training step, else it goes one step down; the adapter tells it.",
    ),
    "diffusers/pndm": SchedulerEntry(
        "PNDMScheduler",
        "vp_index",
        "PNDM (pseudo linear multistep)",
        order=2,
        grids="own",
        predictions=TWO,
        kwargs={**BETAS, "skip_prk_steps": True, "set_alpha_to_one": True},
        departs=STRIDE
        + " Called beyond its last entry it carries on silently. Its first step costs two model calls.",
    ),
    "diffusers/lcm": SchedulerEntry(
        "LCMScheduler",
        "vp_index",
        "Latent consistency",
        is_random=True,
        grids="own",
        kwargs=FEW,
        most=50,
        departs=DISTILLED,
    ),
    "diffusers/tcd": SchedulerEntry(
        "TCDScheduler",
        "vp_index",
        "Trajectory consistency",
        is_random=True,
        grids="own",
        kwargs=FEW,
        most=50,
        extra={"eta": 0.3},
        departs="It is made for a distilled model, and it ends at the first training level "
        "(ratio 0.01), not at 0.",
    ),
}
