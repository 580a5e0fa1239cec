"""What the maths sheet of the Students lab measured: W2 to the data under the protocol, by evals. Written by hand.

Measured before this project began with its own networks, so that nothing here is of what it is held against: other
first weights, other teachers (W2 after 100 Euler steps .080 and .055). Figures with a star there are of a second
teacher by the same recipe; they stand here like the others.
"""

ROWS: dict[str, dict[str, tuple[float, ...]]] = {
    "pairs": {"eight_gaussians": (0.079,), "two_moons": (0.061,)},
    "progressive": {
        "eight_gaussians": (0.086, 0.085, 0.083, 0.080),
        "two_moons": (0.071, 0.070, 0.069, 0.063),
    },
    "reflow": {"eight_gaussians": (0.106, 0.095, 0.089, 0.086), "two_moons": (0.082, 0.073, 0.068, 0.064)},
    "rf_plus_plus": {
        "eight_gaussians": (0.098, 0.094, 0.089, 0.087),
        "two_moons": (0.083, 0.074, 0.069, 0.065),
    },
    "reflow_distill": {"eight_gaussians": (0.083,), "two_moons": (0.062,)},
    "consistency_distillation": {
        "eight_gaussians": (0.089, 0.085, 0.077),
        "two_moons": (0.072, 0.071, 0.071),
    },
    "consistency_training": {"eight_gaussians": (0.159, 0.145, 0.175), "two_moons": (0.150, 0.221, 0.272)},
    "continuous_consistency": {"eight_gaussians": (0.103, 0.104, 0.079), "two_moons": (0.083, 0.082, 0.077)},
    "lagrangian_map": {
        "eight_gaussians": (0.107, 0.089, 0.092, 0.082),
        "two_moons": (0.086, 0.074, 0.061, 0.056),
    },
    "eulerian_map": {
        "eight_gaussians": (0.138, 0.115, 0.102, 0.083),
        "two_moons": (0.118, 0.098, 0.085, 0.077),
    },
    "progressive_map": {
        "eight_gaussians": (0.141, 0.127, 0.104, 0.096),
        "two_moons": (0.168, 0.142, 0.101, 0.085),
    },
    "mean_flow": {
        "eight_gaussians": (0.170, 0.166, 0.119, 0.100),
        "two_moons": (0.142, 0.126, 0.094, 0.078),
    },
    "improved_mean_flow": {
        "eight_gaussians": (0.161, 0.149, 0.115, 0.090),
        "two_moons": (0.134, 0.122, 0.094, 0.073),
    },
    "shortcut": {"eight_gaussians": (0.253, 0.218, 0.145, 0.115), "two_moons": (0.191, 0.166, 0.126, 0.096)},
    "dmd2": {"eight_gaussians": (0.095,), "two_moons": (0.079,)},
    "f_distill": {"eight_gaussians": (0.094,), "two_moons": (0.079,)},
    "transition_matching": {
        "eight_gaussians": (0.259, 0.177, 0.152, 0.112),
        "two_moons": (0.320, 0.243, 0.232, 0.241),
    },
}
"""W2 after 1, 2, 4 and 8 calls, as many as the sheet has. The sheet has no progressive map from a teacher on two moons;
what stands there is of the one without."""

TEACHER = {"eight_gaussians": (1.450, 0.655, 0.195, 0.111), "two_moons": (1.379, 0.700, 0.418, 0.230)}
"""The teacher's own Euler steps."""

TRANSITIONS: dict[str, dict[tuple[int, int], float]] = {
    "eight_gaussians": {
        **{(1, 1): 1.35, (2, 1): 0.685, (4, 1): 0.216, (1, 4): 0.321, (2, 4): 0.163, (4, 4): 0.149},
        **{(1, 16): 0.259, (2, 16): 0.177, (4, 16): 0.152, (8, 16): 0.112},
    },
    "two_moons": {
        **{(1, 1): 1.215, (2, 1): 0.708, (4, 1): 0.417, (1, 4): 0.454, (2, 4): 0.299, (4, 4): 0.242},
        **{(1, 16): 0.320, (2, 16): 0.243, (4, 16): 0.232, (8, 16): 0.241},
    },
}
"""Difference Transition Matching's own table: (calls, steps of the head in each) -> W2."""

DIGITS: dict[str, dict[int, tuple[float, float, float]]] = {
    "teacher": {
        1: (4.061, 0.90, 0.00),
        2: (2.988, 0.96, 0.03),
        4: (2.757, 0.94, 0.36),
        8: (2.715, 0.91, 0.64),
    },
    "pairs": {1: (2.818, 0.78, 0.84)},
    "consistency_distillation": {1: (2.898, 0.68, 0.88), 2: (2.811, 0.78, 0.86), 4: (2.706, 0.85, 0.80)},
    "lagrangian_map": {
        1: (2.919, 0.70, 0.86),
        2: (2.812, 0.79, 0.84),
        4: (2.781, 0.82, 0.85),
        8: (2.767, 0.83, 0.84),
    },
}
"""Evals -> W2, precision, recall of the 8 x 8 digits."""
