"""Figures of students hold the records' own numbers, where a reader would look for them."""

import math

import pytest
import torch
from torch import nn

import explorer as ex
from explorer.labs.figures import figures_of
from explorer.labs.figures.students import colour_of
from explorer.labs.figures.theme import STATE
from explorer.maths.students.kinds import EndpointMap, PointMap, StochasticMap, VelocityMap


class Toward(nn.Module):
    """The velocity to one point."""

    def __init__(self, *place):
        super().__init__()
        self.place = torch.tensor(place)

    def forward(self, x, t, *_):
        return (x - self.place) / (max(t, 1e-3) if isinstance(t, float) else t.clamp(min=1e-3)[:, None])


STUDENTS = {
    "walks": VelocityMap(Toward(-1.4, 0.0), (2,)),
    "point": PointMap(Toward(1.4, 0.0), (2,), "dmd2"),
    "again": EndpointMap(Toward(1.4, 0.0), (2,)),
}


@pytest.fixture(scope="module")
def table():
    target = ex.target("two_gaussians")
    return ex.compare(target.field("linear"), STUDENTS, evals=(1, 2, 4), n=60, seeds=(0, 1))


def line(figure, name):
    (found,) = [trace for trace in figure.data if trace.name == name]
    return found


def test_quality_is_drawn_by_evals_with_spread_and_floors(table):
    figure = ex.figure(table)
    walks = line(figure, "walks")
    cells = table.row("walks").cells
    assert list(walks.x) == [1, 2, 4] and list(walks.y) == [cell.mean("w2") for cell in cells]
    assert list(walks.error_y.array) == pytest.approx([cell.spread("w2") for cell in cells])
    assert list(line(figure, "point").x) == [1]  # what cannot be asked is not drawn
    assert figure.layout.xaxis.type == "log" and "evals" in figure.layout.xaxis.title.text
    heights = [shape.y0 for shape in figure.layout.shapes if shape.type == "line"]
    means = [sum(floors) / 2 for floors in (table.even_floors, table.plain_floors)]
    assert heights == pytest.approx(means)
    # A log axis places words by the logarithm.
    assert [note.y for note in figure.layout.annotations] == pytest.approx([math.log10(y) for y in means])


def test_rows_keep_their_colours(table):
    colours = [colour_of(table, row) for row in table.rows]
    assert colours[0] == STATE and len(set(colours)) == len(colours)
    figures = figures_of(table)
    for name in ("quality", "seconds"):
        assert [trace.line.color for trace in figures[name].data] == colours


def test_histograms_hold_the_distances_and_say_what_is_no_target(table):
    figure = ex.figure(table, "pairs")
    point = line(figure, "point, 1 eval, not a target")
    assert list(point.x) == pytest.approx(table.row("point").at(1).distances.tolist())
    assert line(figure, "walks, 1 eval") is not None


def test_the_composite_stands_beside_its_parts(table):
    figure = ex.figure(table, "parts")
    assert [trace.name for trace in figure.data] == ["MMHM", "W2", "MMD²", "precision", "recall"]
    marks = table.mmhm()
    best = max(marks["walks", evals].value for evals in (1, 2, 4))
    labels = list(figure.data[0].x)
    assert figure.data[0].y[[label.startswith("walks") for label in labels].index(True)] == best
    assert "harmonic mean" in figure.layout.title.text


def test_the_table_has_every_cell_and_the_reason_of_those_that_are_missing(table):
    cells = ex.figure(table, "table").data[0].cells.values
    assert len(cells[0]) == 4 * 3
    missing = [
        why
        for name, evals, why in zip(cells[0], cells[1], cells[-1], strict=True)
        if (name, evals) == ("point", 2)
    ]
    assert "from t = 1 to t_next = 0 only" in missing[0]


def test_a_table_that_is_not_begun_can_be_drawn():
    from explorer.maths.students.compare import comparing

    target = ex.target("two_gaussians")
    first = next(comparing(target.field("linear"), STUDENTS, evals=(1,), n=40, seeds=(0,)))
    for figure in figures_of(first).values():
        assert figure.layout.title.text


def test_any_step_is_a_map_over_both_times_with_holes():
    record = ex.any_step(STUDENTS["again"], ex.target("gaussian").field("linear"), points=16, cells=4)
    heat = ex.figure(record).data[0]
    assert list(heat.x) == record.nexts.tolist() and list(heat.y) == record.times.tolist()
    assert heat.z[0][-1] == pytest.approx(float(record.error[0, -1])) and heat.z[0][0] is None
    assert "no single end" in heat.text[0][0] and set(figures_of(record)) == {"error", "consistency"}


class Head(nn.Module):
    def forward(self, y, r, x, t):
        return y - x


def test_a_map_that_only_draws_says_so_in_the_middle():
    record = ex.any_step(
        StochasticMap(Head(), (2,), inner=2), ex.target("gaussian").field("linear"), points=8, cells=3
    )
    assert "no single end" in ex.figure(record).layout.annotations[0].text


def test_a_switch_is_drawn_by_the_teachers_step():
    target = ex.target("two_gaussians")
    curve = ex.switch_curve(target.field("linear"), STUDENTS["walks"], target, steps=4, n=60)
    figure = ex.figure(curve)
    assert list(line(figure, "recall").x) == [0, 1, 2, 3, 4]
    assert list(line(figure, "recall").y) == [point.recall for point in curve.points]
    assert list(line(figure, "modes of 2").y) == [point.covered / 2 for point in curve.points]
    assert (
        line(figure, "W2 to the data").yaxis == "y2" and figure.layout.yaxis2.title.text == "W2 (units of x)"
    )


def test_weak_fits_are_drawn_beside_the_target():
    from explorer.maths.playground import weak_fit

    record = weak_fit("reverse_kl", averaged=False)
    figures = figures_of(record)
    assert list(figures) == ["fits", "weight", "landscape"]
    best = figures["fits"].data[1]
    assert best.name.startswith("best") and "keeps 1 of 2 modes" in best.name
    assert float(best.x[int(torch.tensor(best.y).argmax())]) == pytest.approx(
        -2.0, abs=0.05
    )  # the sheet's fit
    marks = figures["landscape"].data[1:]
    assert len(marks) == len(record.fits)
    assert set(figures["weight"].data[0].y) == {1.0}  # reverse KL weighs all places alike
