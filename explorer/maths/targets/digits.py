"""Handwritten digits as finite data: the exact field of 1,797 images, which can only ever return one of them.

Source: UCI optical recognition of handwritten digits, as scikit-learn ships it (8 x 8, grey levels 0 to 16).
"""

import torch

from explorer.maths.targets.mixture import Mixture


def digits() -> Mixture:
    """``image / 8 - 1`` in [-1, 1], shape (1, 8, 8), ten classes; no component has any width."""
    from sklearn.datasets import load_digits

    data = load_digits()
    images = torch.from_numpy(data.data) / 8.0 - 1.0
    return Mixture(
        torch.ones(len(images)),
        images,
        variances=torch.zeros(len(images)),
        classes=torch.from_numpy(data.target).long(),
        shape=(1, 8, 8),
    )
