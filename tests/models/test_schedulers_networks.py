"""diffusers' networks as fields: small ones with random weights, walked by diffusers' schedulers."""

import pytest
import torch
from diffusers import (
    AuraFlowTransformer2DModel,
    DiTTransformer2DModel,
    FluxTransformer2DModel,
    PixArtTransformer2DModel,
    PriorTransformer,
    SD3Transformer2DModel,
    UNet2DConditionModel,
    UNet2DModel,
)

from explorer.maths.fields import NetworkField
from explorer.maths.samplers import walk
from explorer.models.schedulers import SchedulerSampler

SIZE = {"sample_size": 8, "in_channels": 2, "out_channels": 2}
BLOCKS = {"block_out_channels": (8, 8), "layers_per_block": 1, "norm_num_groups": 4, "attention_head_dim": 4}
HEADS = {"num_attention_heads": 2, "attention_head_dim": 8, "patch_size": 2}
PROMPT = torch.linspace(-1.0, 1.0, 4 * 8).reshape(1, 4, 8)
POOLED = torch.linspace(-1.0, 1.0, 8)[None]


def unet(**settings):
    down, up = ("DownBlock2D", "AttnDownBlock2D"), ("AttnUpBlock2D", "UpBlock2D")
    return UNet2DModel(**SIZE, **BLOCKS, down_block_types=down, up_block_types=up, **settings)


def unet_with_prompt():
    down, up = ("CrossAttnDownBlock2D", "DownBlock2D"), ("UpBlock2D", "CrossAttnUpBlock2D")
    return UNet2DConditionModel(
        **SIZE, **BLOCKS, down_block_types=down, up_block_types=up, cross_attention_dim=8
    )


def dit(out: int = 2):
    size = {**SIZE, "out_channels": out}
    return DiTTransformer2DModel(**size, **HEADS, num_layers=1, norm_num_groups=2, num_embeds_ada_norm=3)


def pixart(out: int = 2):
    return PixArtTransformer2DModel(
        **{**SIZE, "out_channels": out},
        **HEADS,
        num_layers=1,
        norm_num_groups=1,
        cross_attention_dim=16,
        caption_channels=8,
        use_additional_conditions=False,
    )


def sd3():
    widths = {"joint_attention_dim": 8, "caption_projection_dim": 16, "pooled_projection_dim": 8}
    return SD3Transformer2DModel(**SIZE, **HEADS, **widths, num_layers=1, pos_embed_max_size=8)


def aura():
    widths = {"joint_attention_dim": 8, "caption_projection_dim": 16, "pos_embed_max_size": 64}
    return AuraFlowTransformer2DModel(**SIZE, **HEADS, **widths, num_mmdit_layers=1, num_single_dit_layers=1)


def flux():
    heads = {"attention_head_dim": 16, "num_attention_heads": 2, "axes_dims_rope": (4, 4, 8)}
    widths = {"joint_attention_dim": 8, "pooled_projection_dim": 8, "in_channels": 4}
    return FluxTransformer2DModel(**heads, **widths, num_layers=1, num_single_layers=1)


def prior():
    return PriorTransformer(
        num_attention_heads=2, attention_head_dim=4, num_layers=1, embedding_dim=8, num_embeddings=4
    )


NO_SIZE = {"resolution": None, "aspect_ratio": None}
CASES = {
    "UNet2DModel": (unet, {}, {}),
    "UNet2DConditionModel": (unet_with_prompt, {"encoder_hidden_states": PROMPT}, {}),
    "DiT": (dit, {"class_labels": torch.zeros(3, dtype=torch.long)}, {}),
    "DiT with variance": (lambda: dit(4), {"class_labels": torch.zeros(3, dtype=torch.long)}, {}),
    "PixArt": (pixart, {"encoder_hidden_states": PROMPT, "added_cond_kwargs": NO_SIZE}, {}),
    "PixArt with variance": (
        lambda: pixart(4),
        {"encoder_hidden_states": PROMPT, "added_cond_kwargs": NO_SIZE},
        {},
    ),
    "SD3": (sd3, {"encoder_hidden_states": PROMPT, "pooled_projections": POOLED}, {}),
    "AuraFlow": (aura, {"encoder_hidden_states": PROMPT}, {}),
    "Flux": (
        flux,
        {
            "encoder_hidden_states": PROMPT,
            "pooled_projections": POOLED,
            "img_ids": torch.zeros(16, 3),
            "txt_ids": torch.zeros(4, 3),
        },
        {"shape": (16, 4)},
    ),
    "PriorTransformer": (prior, {"proj_embedding": POOLED, "encoder_hidden_states": PROMPT}, {"shape": (8,)}),
}


def built(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize(
    ("key", "path", "predicts"),
    [("diffusers/ddim", "vp", "noise"), ("diffusers/flow_euler", "linear", "velocity")],
)
def test_a_network_of_diffusers_is_a_field_as_it_is(name, key, path, predicts):
    make, extra, given = CASES[name]
    module = built(make)
    field = NetworkField(module, path, predicts, time=lambda t: 999.0 * t, extra=extra, **given)
    assert field.shape == given.get("shape", (2, 8, 8))
    frames = list(walk(field, SchedulerSampler(key), steps=2, n=3))
    assert frames[-1].x.shape == (3, *field.shape) and frames[-1].evals == 2
    assert frames[-1].ended.kind == "done" and module.training == built(make).training


def test_classes_of_a_unet_give_different_samples():
    module = built(lambda: unet(num_class_embeds=3))
    field = NetworkField(
        module, "vp", "noise", time=lambda t: 999.0 * t, labels=("circle", "square"), unlabelled=2
    )
    ends = [
        list(walk(f, SchedulerSampler("diffusers/ddim"), steps=2, n=2))[-1].x
        for f in (field, field.given("circle"), field.given("square"))
    ]
    assert not torch.equal(ends[0], ends[1]) and not torch.equal(ends[1], ends[2])


def test_the_first_half_of_the_channels_is_the_prediction():
    module = built(lambda: dit(4)).eval()
    labels = torch.zeros(3, dtype=torch.long)
    x = torch.randn(3, 2, 8, 8, generator=torch.Generator().manual_seed(0))
    field = NetworkField(module, "vp", "noise", extra={"class_labels": labels})
    with torch.no_grad():
        whole = module(x, timestep=torch.full((3,), 0.5), class_labels=labels).sample
        assert torch.equal(field(x, 0.5).noise, whole[:, :2])
