"""One theme for every Plotly figure: the stage's own colours, type and hairlines."""

import plotly.graph_objects as go

STATE, SECOND, THIRD, CLEAN, LAUNCHED, TARGET = (
    "#0072B2",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#D55E00",
    "#8A8F94",
)
"""Okabe-Ito; a thing keeps its colour on every page."""

_AXIS = {
    "showgrid": True,
    "gridcolor": "#ECECEA",
    "zeroline": False,
    "linecolor": "#D9D9D6",
    "ticks": "",
    "title": {"standoff": 8},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": "system-ui, sans-serif", "size": 13, "color": "#1B1B1B"},
        "paper_bgcolor": "#FFFFFF",
        "plot_bgcolor": "#FFFFFF",
        "colorway": [STATE, SECOND, THIRD, LAUNCHED, CLEAN],
        "colorscale": {"sequential": "Viridis", "diverging": "RdBu"},
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "margin": {"l": 56, "r": 16, "t": 56, "b": 48},
        "title": {"x": 0, "xref": "paper", "font": {"size": 15}},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
        "uirevision": "kept",
    }
)
