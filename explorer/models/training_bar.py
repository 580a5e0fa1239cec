"""What every training at a terminal shares: its bar, its end, and the command that trains the same again."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from tqdm import tqdm

from explorer.maths.training.run import TrainEnded
from explorer.models.entries import Entry


class Progress(Protocol):
    """One record of a training: how far it is, and how it ended where it did."""

    @property
    def step(self) -> int: ...

    @property
    def ended(self) -> TrainEnded | None: ...


P = TypeVar("P", bound=Progress)


def followed(records: Iterator[P], entry: Entry, state: Path, said: Callable[[P], str]) -> P:
    """The last record of a run whose bar is drawn as it goes.

    Raises:
        ValueError: when the run diverged; its state file is gone, and nothing was written.
        KeyboardInterrupt: saying where it was; the state file holds the run.
    """
    step = 0
    with tqdm(total=entry.steps, desc=entry.name, unit="step", disable=None) as bar:
        try:
            for last in records:
                bar.update(last.step - step)
                step = last.step
                bar.set_postfix_str(said(last), refresh=False)
        except KeyboardInterrupt:
            bar.close()
            records.close()  # type: ignore[attr-defined] # a generator: it saves as it closes
            raise KeyboardInterrupt(f"near step {step}") from None
    if last.ended is not None and last.ended.kind == "diverged":
        state.unlink(missing_ok=True)
        raise ValueError(f"{entry.name} {last.ended.text}; nothing was written")
    return last


def command_of(entry: Entry, what: str, *names: str) -> str:
    """The command that trains it, whatever the catalogue will say one day; other settings stand in the card."""
    return " ".join(
        [
            "sampler-explorer train",
            what,
            *_options(entry, (*names, "steps", "batch", "learning_rate", "seed")),
        ]
    )


def _options(entry: Entry, names: Sequence[str]) -> Iterator[str]:
    for name in names:
        value: Any = getattr(entry, name)
        yield f"--{name.replace('_', '-')} {value}"
