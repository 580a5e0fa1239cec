"""A small class-conditional U-Net for pictures, diffusers' own, called like every other network here.

Source: Ho et al. 2020, arXiv:2006.11239, as ``diffusers.UNet2DModel``; classes dropped in training after Ho and
Salimans 2022, arXiv:2207.12598. diffusers is imported when the first one is built.
"""

from typing import Any

import torch
from torch import Tensor, nn

from explorer.maths.shapes import Points

TIMES = 1000.0
"""diffusers' time features are made for steps from 0 to 1000."""


class PictureUNet(nn.Module):
    """Two or more levels of one residual block each, a time embedding, and a class embedding.

    Classes are indices from 0; the last of ``classes + 1`` means "no class". Pictures are computed in the type of
    the weights, and the answer comes back in the type of x. First weights are drawn from ``seed``.
    """

    def __init__(
        self,
        channels: int = 1,
        size: int = 8,
        widths: tuple[int, ...] = (24, 48),
        classes: int = 10,
        seed: int = 0,
    ):
        super().__init__()
        from diffusers import UNet2DModel  # two seconds to import

        # diffusers draws from the global generator, which is put back as it was.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            self.unet: Any = UNet2DModel(
                sample_size=size,
                in_channels=channels,
                out_channels=channels,
                layers_per_block=1,
                block_out_channels=tuple(widths),
                down_block_types=("DownBlock2D",) * len(widths),
                up_block_types=("UpBlock2D",) * len(widths),
                norm_num_groups=8,
                add_attention=False,
                num_class_embeds=classes + 1,
            )
        self.unlabelled = classes

    def forward(self, x: Points, t: Tensor, class_labels: Tensor | None = None) -> Points:
        """The prediction at pictures x [batch, channels, size, size], times [batch], classes [batch]."""
        if class_labels is None:
            class_labels = torch.full((len(x),), self.unlabelled, device=x.device)
        kind = next(self.unet.parameters()).dtype
        return self.unet(x.to(kind), TIMES * t.to(kind), class_labels).sample.to(x.dtype)
