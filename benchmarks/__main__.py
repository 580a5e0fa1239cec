"""``python -m benchmarks [name ...]``: run the benchmarks and print their tables as Markdown."""

import sys
from importlib import import_module

BENCHMARKS = (
    "loop",
    "start",
    "stage",
    "curvature",
    "radius",
    "safety",
    "compare",
    "students",
    "distill",
    "landscape",
)


def main(names: list[str]) -> None:
    unknown = set(names) - set(BENCHMARKS)
    if unknown:
        raise SystemExit(f"unknown benchmark {', '.join(unknown)}; known: {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
