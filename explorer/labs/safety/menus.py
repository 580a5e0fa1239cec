"""What the choices of the Step safety lab offer, given all the others."""

from explorer.labs.controls import Values
from explorer.labs.menus import is_own
from explorer.maths.softmax.experiments import CONTROLS, CRITERIA, OPTIMISERS
from explorer.models.arena_nets import ARENA_NETS
from explorer.models.classifiers import CLASSIFIERS

STEP, GHOSTS, SAMPLES, TRAINING, ARENA, ONSET, COUNTER = (
    "step",
    "ghosts",
    "samples",
    "training",
    "arena",
    "onset",
    "counter",
)
VIEWS = {
    STEP: "One step",
    GHOSTS: "Ghosts of one sample",
    SAMPLES: "Samples of a batch",
    TRAINING: "Training, live",
    ARENA: "Spike arena",
    ONSET: "Onset of failure",
    COUNTER: "Counter-examples",
}
EARLY, MID, FINAL = "early", "mid", "final"
STAGES = {EARLY: "early (80 % right)", MID: "mid (95 % right)", FINAL: "final (60 epochs)"}
GRADIENT, OWN = "gradient", "own"
WAYS = {
    "gradient": "Gradient",
    "mini_batch": "Mini-batch gradient",
    "adam": "Adam's next step",
    "momentum": "Momentum's next step",
    "random": "Random",
}
NETS = {
    "linear": "Linear",
    "mlp": "MLP",
    "mlp_tanh": "MLP, tanh",
    "mlp_gelu": "MLP, GELU",
    "mlp_ln": "MLP, LayerNorm",
    "cnn": "CNN",
    "cnn_bn": "CNN, BatchNorm",
    "vit": "Transformer (ViT)",
    "resnet": "ResNet, GroupNorm",
}
ARENA_LABELS = {"mlp": "MLP 64-128-10", "mlp_ln": "MLP, LayerNorm", "transformer": "Transformer, one token"}
OPTIMISER_LABELS = {
    "adam": "Adam",
    "adamw": "AdamW",
    "sgd": "SGD",
    "momentum": "SGD, momentum",
    "rmsprop": "RMSprop",
    "adagrad_norm": "AdaGrad-Norm",
}
SHORT = {
    "none": "none",
    "clip": "clip",
    "radius": "r ≤ 1",
    "lazy": "r ≤ 1 lazy",
    "mismatched": "mismatched",
    "certificate": "certificate",
    "polyak": "Polyak",
    "armijo": "Armijo",
    "tensors": "by tensor",
}
"""Names of contenders on chips."""
SINGLE, PERSISTENT = "single", "persistent"
BY_STAGE, ONE_NET, TRAIN_AT, LOSS_ONLY = "stages", "net", "train_at", "loss_only"
PAIR, PERCEPTRON, SQUARES, COLLAPSE = "pair", "perceptron", "squares", "collapse"
EXAMPLES = {
    PAIR: "Conflicting pair",
    PERCEPTRON: "Perceptron limit",
    SQUARES: "Squared loss",
    COLLAPSE: "Softmax collapse",
}
CASES = {
    "float16": "float16",
    "bfloat16": "bfloat16",
    "float32": "float32",
    "stablemax": "StableMax",
    "perpendicular": "⊥ gradient",
}
"""What softmax collapse is looked at in: types of the loss, and cures in the weakest type."""


def views(values: Values) -> dict[str, str]:
    """The sides of the lab."""
    return VIEWS


def nets(values: Values) -> dict[str, str]:
    """The classifiers, and the person's own module."""
    if values["view"] == ARENA:
        known = {name: ARENA_LABELS.get(name, name) for name in ARENA_NETS}
    else:
        known = {name: NETS.get(name, name) for name in CLASSIFIERS}
    return known | ({values["net"]: "Your module"} if is_own(values["net"]) else {})


def stages(values: Values) -> dict[str, str]:
    """How far a classifier was trained."""
    return STAGES


def ways(values: Values) -> dict[str, str]:
    """Along what the parameters step."""
    return WAYS | ({OWN: "Yours"} if is_own(values["net"]) else {})


def optimisers(values: Values) -> dict[str, str]:
    """What trains."""
    return {name: OPTIMISER_LABELS.get(name, name) for name in OPTIMISERS}


def contenders(values: Values) -> dict[str, str]:
    """Who may enter the arena."""
    return {name: SHORT.get(name, control.label) for name, control in CONTROLS.items()}


def spikes(values: Values) -> dict[str, str]:
    """How long the learning rate stays up."""
    return {PERSISTENT: "From step 50 on", SINGLE: "At step 50 alone"}


def questions(values: Values) -> dict[str, str]:
    """What an onset is asked of."""
    return {
        BY_STAGE: "All nets, by stage",
        ONE_NET: "One net, live",
        TRAIN_AT: "Temperature, trained at it",
        LOSS_ONLY: "Temperature, in the loss only",
    }


def criteria(values: Values) -> dict[str, str]:
    """What counts as a failure."""
    return dict(CRITERIA)


def examples(values: Values) -> dict[str, str]:
    """Where r says too much or too little."""
    return EXAMPLES


def cases(values: Values) -> dict[str, str]:
    """Types and cures."""
    return CASES
