"""The maths sheet's nets for cost, first weights from seed 0, and what they read."""

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from explorer.models.classifiers import classifier

LENGTH, VOCABULARY = 64, 4096
"""Tokens of a text and how many there are to choose from."""


class Transformer(nn.Module):
    """Four causal layers over tokens [n, length]: logits [n, length, vocabulary] of the next one."""

    def __init__(self, width: int = 128):
        super().__init__()
        self.words = nn.Embedding(VOCABULARY, width)
        self.places = nn.Parameter(0.02 * torch.randn(LENGTH, width))
        layer = nn.TransformerEncoderLayer(
            width, 4, 4 * width, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCABULARY, bias=False)
        self.register_buffer("mask", torch.full((LENGTH, LENGTH), -torch.inf).triu(1))

    def forward(self, tokens: Tensor) -> Tensor:
        hidden = self.layers(self.words(tokens) + self.places, mask=self.mask, is_causal=True)
        return self.head(self.norm(hidden))


def net(name: str) -> nn.Module:
    """A shipped classifier, "mlp-512" or "gpt"."""
    if name not in ("mlp-512", "gpt"):
        return classifier(name)
    torch.manual_seed(0)
    if name == "gpt":
        return Transformer()
    sizes = ((64, 512), (512, 512))
    return nn.Sequential(*(part for s in sizes for part in (nn.Linear(*s), nn.ReLU())), nn.Linear(512, 10))


def data(name: str) -> tuple[Tensor, Tensor]:
    """All there is to read [n, ..] and its targets: digits, or texts that count by a step of their own."""
    if name != "gpt":
        return digits()
    source = torch.Generator().manual_seed(0)
    first, step = torch.randint(0, VOCABULARY, (2, 256, 1), generator=source)
    text = (first + step % 8 * torch.arange(LENGTH + 1)) % VOCABULARY
    return text[:, :-1], text[:, 1:]


def digits() -> tuple[Tensor, Tensor]:
    """Images [1797, 64] from 0 to 1 and labels."""
    images, labels = load_digits(return_X_y=True)
    return torch.tensor(images / 16.0).float(), torch.tensor(labels)
