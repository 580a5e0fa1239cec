// Upright lines of a chart with their words at the top, each where it touches no other.

const NAME_HEIGHT = 13;

// Draws `chart.verticals`; the boxes of their words and their places are kept, so that the names of lines keep clear of them.
function drawVerticals(chart) {
  chart.words = [];
  const said = (chart.chart.verticals || []).filter(({ x }) => Number.isFinite(x) && isInside(x, chart.rangeX));
  const places = said.map(({ x }) => chart.x(x));
  chart.uprights = places;
  const ends = { y1: INSETS.top - 2, y2: chart.height - INSETS.bottom };
  said.forEach((vertical, i) => {
    const stroke = vertical.role ? chart.colour(vertical.role) : chart.stage.theme.muted;
    draw("line", { class: "exs-vertical", x1: places[i], x2: places[i], ...ends, stroke, "stroke-dasharray": vertical.dashed ? "4 3" : "none" }, chart.svg);
    // A hand may be near it.
    const reach = draw("line", { class: "exs-vertical-reach", x1: places[i], x2: places[i], ...ends }, chart.svg);
    if (vertical.hint || vertical.label) reach.dataset.hint = vertical.hint || vertical.label;
  });
  said.forEach((vertical, i) => vertical.label && nameVertical(chart, vertical, places[i], places));
}

function isInside(x, [from, to]) {
  return (x - from) * (x - to) <= 1e-12 * (to - from) ** 2;
}

function nameVertical(chart, vertical, x, places) {
  const half = 3.15 * vertical.label.length + 2;
  const free = verticalPlaces(chart, x, half).filter((place) => isFree(chart, place, half));
  // Clear of the other uprights if that can be.
  const box = free.find((place) => !places.some((other) => Math.abs(other - x) > 0.5 && Math.abs(other - place.x) < half + 1)) || free[0];
  if (!box) return;
  chart.words.push({ ...box, half });
  const fill = chart.stage.theme.inks[vertical.role] || chart.stage.theme.muted;
  const node = draw("text", { class: "exs-name exs-halo exs-vertical-name", x: box.x, y: box.y + 4, fill, "text-anchor": "middle" }, chart.svg);
  node.textContent = vertical.label;
  hint(node, vertical.hint);
}

// From the top down, to the right of the line and to its left.
function verticalPlaces(chart, x, half) {
  const rows = Math.floor((chart.height - INSETS.bottom - INSETS.top) / NAME_HEIGHT) - 1;
  return Array.from({ length: Math.max(rows, 1) }, (_, row) => INSETS.top + 4 + row * NAME_HEIGHT).flatMap((y) => [{ x: x + half + 4, y }, { x: x - half - 4, y }]);
}

function isFree(chart, { x, y }, half) {
  if (x - half < INSETS.left || x + half > chart.width - 2) return false;
  if (y < INSETS.top + 14 && x - half < INSETS.left + 8 + chart.topWord) return false;
  return !chart.words.some((word) => Math.abs(word.x - x) < half + word.half && Math.abs(word.y - y) < NAME_HEIGHT);
}

// The bars of a histogram.
function drawBars(chart) {
  for (const bar of chart.bars) {
    const [left, right] = [chart.x(bar.x0), chart.x(bar.x1)].sort((a, b) => a - b);
    const [top, foot] = [chart.y(bar.y), chart.y(chart.chart.log ? chart.rangeY[0] : 0)];
    const gap = right - left > 4 ? 0.5 : 0; // bars that meet are told apart
    const traits = { class: "exs-column", x: left + gap, y: Math.min(top, foot), width: Math.max(right - left - 2 * gap, 0.5), height: Math.abs(foot - top), fill: chart.colour(bar.role) };
    draw("rect", traits, chart.svg);
  }
}

function soundBars(chart) {
  return (chart.bars || []).filter((bar) => [bar.x0, bar.x1, bar.y].every(Number.isFinite));
}

// What the bar under the hand says.
function barWords(chart) {
  const at = chart.hovered;
  if (at === undefined) return "";
  return chart.bars
    .filter(({ x0, x1 }) => at >= Math.min(x0, x1) && at < Math.max(x0, x1))
    .map((bar) => `${bar.label ? `${bar.label} ` : ""}${figure(bar.y)} from ${figure(bar.x0)} to ${figure(bar.x1)}`)
    .join(", ");
}
