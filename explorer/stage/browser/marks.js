// What is drawn in a chart: lines, guides, bands and levels.

// One path for each stretch without a gap.
function course(chart, xs, ys) {
  let path = "";
  let drawing = false;
  xs.forEach((value, i) => {
    if (!Number.isFinite(value) || !Number.isFinite(ys[i])) drawing = false;
    else {
      path += `${drawing ? "L" : "M"}${chart.x(value).toFixed(1)} ${chart.y(ys[i]).toFixed(1)}`;
      drawing = true;
    }
  });
  return path;
}

function drawLine(chart, line) {
  const colour = chart.colour(line.role);
  const [xs, ys] = line.cut ? within(chart, line) : [line.x, line.y];
  draw("path", { class: "exs-line", d: course(chart, xs, ys), stroke: colour, "stroke-dasharray": line.dashed ? "4 3" : "none" }, chart.svg);
  if (!line.ticks || line.x.length > 61) return;
  const known = line.x.map((_, i) => i).filter((i) => Number.isFinite(line.x[i]) && Number.isFinite(line.y[i]) && !isBeyond(chart, line, line.y[i]));
  draw("path", { d: known.map((i) => stop(line.role, chart.x(line.x[i]), chart.y(line.y[i]))).join(""), fill: colour }, chart.svg);
}

// Whether a line that is cut at the plot's edge lies beyond it at this height.
function isBeyond(chart, line, y) {
  return Boolean(line.cut) && (y < chart.rangeY[0] || y > chart.rangeY[1]);
}

// How a line should run: cut where it leaves the plot, never bent along its edge.
function drawGuide(chart, line) {
  const [xs, ys] = within(chart, line);
  const stroke = line.role ? chart.colour(line.role) : chart.stage.theme.muted;
  draw("path", { class: "exs-guide", d: course(chart, xs, ys), stroke }, chart.svg);
}

// The points of a line inside the range of y, with those where it crosses its ends; a null between where it leaves and
// where it comes back.
function within(chart, line) {
  const [low, high] = chart.rangeY;
  const scale = (value) => (chart.chart.log ? Math.log10(Math.max(value, 1e-300)) : value);
  const known = (i) => i >= 0 && Number.isFinite(line.x[i]) && Number.isFinite(line.y[i]);
  const inside = (i) => line.y[i] >= low && line.y[i] <= high;
  const xs = [];
  const ys = [];
  const put = (x, y) => {
    xs.push(x);
    ys.push(y);
  };
  line.x.forEach((x, i) => {
    if (!known(i)) return put(null, null);
    if (known(i - 1) && !(inside(i) && inside(i - 1))) crossings(chart, line, i, scale).forEach(([place, edge]) => put(place, edge));
    if (inside(i)) put(x, line.y[i]);
    else put(null, null);
  });
  return [xs, ys];
}

// Where a line crosses the ends of y on its way to its point i, in order.
function crossings(chart, line, i, scale) {
  const [y, before] = [scale(line.y[i]), scale(line.y[i - 1])];
  const [from, to] = [chart.forward(line.x[i - 1]), chart.forward(line.x[i])];
  return chart.rangeY
    .map((edge) => ({ edge, part: (scale(edge) - before) / (y - before) }))
    .filter(({ part }) => part > 0 && part < 1)
    .sort((a, b) => a.part - b.part)
    .map(({ edge, part }) => {
      const place = from + part * (to - from);
      return [chart.chart.x_log ? 10 ** place : place, edge];
    });
}

function drawBand(chart, band) {
  const there = band.x.map((_, i) => i).filter((i) => Number.isFinite(band.lo[i]) && Number.isFinite(band.hi[i]));
  const corners = [...there.map((i) => [band.x[i], band.hi[i]]), ...there.reverse().map((i) => [band.x[i], band.lo[i]])];
  const path = corners.map(([x, y]) => `${chart.x(x).toFixed(1)} ${chart.y(y).toFixed(1)}`).join("L");
  if (path) draw("path", { d: `M${path}Z`, fill: chart.colour(band.role), opacity: 0.17 }, chart.svg);
}

function drawLevels(chart) {
  for (const level of chart.chart.levels || []) {
    const y = chart.y(level.y);
    draw("line", { class: "exs-level", x1: INSETS.left, x2: chart.width - INSETS.right, y1: y, y2: y, "stroke-dasharray": level.dashed === false ? "none" : "4 3" }, chart.svg);
  }
}
