"""The peer of the stage benchmark: a Panel page whose slider replaces a whole Plotly figure.

``python -m benchmarks.rival PORT TRACE``: TRACE is scatter (SVG) or scattergl. The picture is the stage's own: 2,000
particles and 60 paths of the same run. Panel's own 50 ms debounce is on, as it comes.
"""

import sys

import panel as pn
import plotly.graph_objects as go

from benchmarks.pictures import STEPS, run


def page(trace: str) -> pn.Column:
    """One slider, one figure."""
    states = run(2000).states.numpy()
    slider = pn.widgets.IntSlider(name="step", start=0, end=STEPS, value=0, width=700)
    kind = go.Scattergl if trace == "scattergl" else go.Scatter

    def figure(step: int) -> go.Figure:
        points = states[step].copy()
        points[0, 0] = -2.5 + step * 1e-3  # the stamp: particle 0 tells which step is shown
        drawn = go.Figure(kind(x=points[:, 0], y=points[:, 1], mode="markers", marker={"size": 3}))
        for i in range(60):
            drawn.add_trace(
                kind(x=states[: step + 1, i, 0], y=states[: step + 1, i, 1], mode="lines", line={"width": 1})
            )
        return drawn.update_layout(
            width=700,
            height=560,
            showlegend=False,
            uirevision="same",
            xaxis_range=[-3, 3],
            yaxis_range=[-3, 3],
        )

    return pn.Column(slider, pn.pane.Plotly(pn.bind(figure, slider), width=700, height=560))


def main() -> None:
    """Serve until killed."""
    pn.extension("plotly")
    port, trace = int(sys.argv[1]), sys.argv[2]
    pn.serve(lambda: page(trace), port=port, address="127.0.0.1", show=False, threaded=False)


if __name__ == "__main__":
    main()
