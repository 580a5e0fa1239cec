// What a line says at a place.

// Where a line was measured it is read at its own points; elsewhere along its course.
function readAt(line, target, scale) {
  if (!line.ticks) return [target, valueAt(line, target)];
  let best = -1;
  line.x.forEach((value, i) => {
    if (!Number.isFinite(value)) return;
    if (best < 0 || Math.abs(scale(value) - scale(target)) < Math.abs(scale(line.x[best]) - scale(target)) - 1e-9) best = i;
  });
  return best < 0 || !Number.isFinite(line.y[best]) ? [target, null] : [line.x[best], line.y[best]];
}

// The height of a line at x, straight between its points; null beyond its ends and in its gaps.
function valueAt(line, x) {
  for (let i = 1; i < line.x.length; i++) {
    const from = line.x[i - 1];
    const to = line.x[i];
    if (!Number.isFinite(from) || !Number.isFinite(to) || (x - from) * (x - to) > 0 || from === to) continue;
    const height = line.y[i - 1] + ((x - from) / (to - from)) * (line.y[i] - line.y[i - 1]);
    return Number.isFinite(line.y[i]) && Number.isFinite(line.y[i - 1]) ? height : null;
  }
  return null;
}

// What stands under the hand, in words: in the keys where there are any, else beside the subtitle.
function readOut(chart, reads) {
  const known = reads.map(([x, y], i) => ({ x, y, line: chart.lines[i] })).filter(({ y }) => y !== null);
  const figures = known.map(({ y }) => figure(y));
  const place = placeWords(chart, known);
  const keyed = chart.keys.values.length > 0;
  chart.keys.read(reads.map(([, y]) => (y === null ? "" : figure(y))));
  const named = known.map(({ line }, i) => `${(chart.lines.length > 1 && line.label) || ""} ${figures[i]}`.trim()).join(", ");
  // Where names have no room the figures are said alone, each in the ink of its line.
  const brief = !keyed && 6 * (named.length + place.length) > chart.width;
  const text = [keyed ? "" : brief ? figures.join(", ") : named, place, barWords(chart)].filter(Boolean).join(" ");
  if (chart.value.textContent === text) return;
  chart.value.replaceChildren(...(brief ? inked(chart, known, place) : [text]));
}

function placeWords(chart, known) {
  if (!known.length) return "";
  const gap = ({ x }) => Math.abs(chart.forward(x) - chart.forward(chart.hovered));
  const nearest = [...known].sort((a, b) => gap(a) - gap(b))[0];
  const same = known.every(({ x }) => x === nearest.x);
  const unit = chart.unit.word || chart.chart.x_label || "";
  const place = chart.shares ? chart.stage.gauge.figure(nearest.x) : `${figure(nearest.x * chart.unit.times)} ${unit}`;
  return `${same ? "at" : "near"} ${place}`.trim();
}

function inked(chart, known, place) {
  const words = known.flatMap(({ line, y }, i) => {
    const word = make("span", "", null, figure(y));
    word.style.color = chart.stage.theme.inks[line.role] || "";
    return [word, i < known.length - 1 ? ", " : " "];
  });
  return [...words, place];
}
