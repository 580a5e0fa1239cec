// What names the lines of a chart: a word beside each, or a row of keys above the plot where words would collide.

const ROOM = 9; // from the middle of a name to another line, in pixels
const SHARED = 4; // pixels between two lines that the eye takes for one

// A place for the name of each line, or null where one of them has none that touches nothing.
function namePlaces(chart) {
  const taken = [...chart.words];
  const named = chart.lines.filter((line) => line.label && isKnown(line));
  const places = named.map((line) => {
    const place = placeFor(chart, line, taken);
    if (place) taken.push(place);
    return place && { ...place, line };
  });
  return places.every((place) => place && place.room >= ROOM) ? places : null;
}

// The name of each level stands at one of its ends, above or below, away from lines and other words.
function nameLevels(chart) {
  for (const level of chart.chart.levels || []) {
    const ends = [[INSETS.left + 4, level.y], [chart.width - INSETS.right, level.y]];
    if (level.label) nameAtEnds(chart, level.label, ends, true);
  }
}

// So does that of each guide, at the right one where both are clear; an end that it shares with another names neither.
// A guide whose every place is taken goes without.
function nameGuides(chart) {
  for (const line of chart.guides) {
    const [xs, ys] = within(chart, line);
    const known = [xs.findLastIndex(Number.isFinite), xs.findIndex(Number.isFinite)].filter((i) => i >= 0);
    const own = known.filter((i) => !isShared(chart, line, xs[i], chart.y(ys[i])));
    const ends = own.length ? own : known.slice(0, 1);
    if (line.label && ends.length) nameAtEnds(chart, line.label, ends.map((i) => [chart.x(xs[i]), ys[i]]), false);
  }
}

function isShared(chart, own, x, y) {
  return [...chart.lines, ...chart.guides].some((line) => {
    const height = line === own ? null : valueAt(line, x);
    return height !== null && Math.abs(chart.y(height) - y) < SHARED;
  });
}

function nameAtEnds(chart, label, ends, always) {
  const half = 3 * label.length;
  const [left, right] = [INSETS.left + 4 + half, chart.width - INSETS.right - half];
  const middles = [-half, half + 4].flatMap((across) => ends.map(([x, y]) => [clamp(x + across, left, right), chart.y(y)]));
  const places = [-8, 9].flatMap((down) => middles.map(([x, y]) => ({ x, y: y + down, half })));
  const found = places.map((place) => ({ place, room: roomAtEnd(chart, place) }));
  // The first of equals: one that is clear stays where it is while lines grow.
  const { place, room } = found.find(({ room }) => room >= ROOM) || found.reduce((best, next) => (next.room > best.room ? next : best));
  if (room < 0 && !always) return;
  chart.words.push(place);
  draw("text", { class: "exs-tick exs-halo", x: place.x, y: place.y + 4, "text-anchor": "middle" }, chart.svg).textContent = label;
}

// Below zero on another word or across an upright.
function roomAtEnd(chart, place) {
  return isAcross(chart, place) ? -1 : (roomFor(chart, place, null, chart.words)?.room ?? -1);
}

function isAcross(chart, { x, half }) {
  return chart.uprights.some((upright) => Math.abs(upright - x) < half + 2);
}

function isKnown(line) {
  return line.x.some((x, i) => Number.isFinite(x) && Number.isFinite(line.y[i]));
}

// Where the name touches nothing and the other lines are farthest away.
function placeFor(chart, line, taken) {
  const half = 3.3 * line.label.length;
  let best = null;
  for (const part of [0.12, 0.24, 0.36, 0.5, 0.64, 0.76, 0.88]) {
    const onLine = INSETS.left + part * (chart.width - INSETS.left - INSETS.right);
    const height = valueAt(line, chart.at(onLine));
    if (height === null || isBeyond(chart, line, height)) continue;
    for (const [across, down] of [[0, -12], [0, 12], [half + 8, 0], [-half - 8, 0]]) {
      const place = { x: onLine + across, y: chart.y(height) + down, half };
      const found = roomFor(chart, place, line, taken);
      if (!found) continue;
      found.score -= isAcross(chart, place) ? 10 : 0;
      if (!best || found.score > best.score) best = { ...place, ...found };
    }
  }
  return best;
}

// Higher is better: clear of its own line, far from the others; null does not fit or lies on another word.
function roomFor(chart, { x, y, half }, own, taken) {
  if (x - half < INSETS.left + 2 || x + half > chart.width - INSETS.right) return null;
  if (y < INSETS.top + 4 || y > chart.height - INSETS.bottom - 6) return null;
  if (taken.some((word) => Math.abs(word.x - x) < half + word.half + 4 && Math.abs(word.y - y) < 13)) return null;
  let clear = 12;
  let room = 40;
  for (const line of chart.lines) {
    for (const across of [-half, -half / 2, 0, half / 2, half]) {
      const height = valueAt(line, chart.at(x + across));
      const distance = height === null ? 40 : Math.abs(chart.y(height) - y);
      if (line === own) clear = Math.min(clear, distance);
      else room = Math.min(room, distance);
    }
  }
  return { score: 3 * clear + Math.min(room, 30), room };
}

// Shape doubles colour: each role has its own.
const STOPS = {
  second: "m-2.2 -2.2h4.4v4.4h-4.4z",
  third: "m0 -3l3 3l-3 3l-3 -3z",
  launched: "m0 -3l2.9 5.2h-5.8z",
  clean: "m0 3l2.9 -5.2h-5.8z",
  fourth: "m-0.9 -3h1.8v2.1h2.1v1.8h-2.1v2.1h-1.8v-2.1h-2.1v-1.8h2.1z",
  fifth: "m-3.2 -1.2h6.4v2.4h-6.4z",
};

function stop(role, x, y) {
  return `M${x.toFixed(1)} ${y.toFixed(1)}${STOPS[role] || "m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0"}`;
}

// The keys: mark, name and, under the hand, the value of each line.
class Keys {
  constructor(parent) {
    this.node = make("ul", "exs-keys", parent);
    this.node.hidden = true;
    this.values = [];
  }

  set(chart) {
    this.node.hidden = false;
    this.node.replaceChildren();
    this.values = chart.lines.map((line) => {
      const item = make("li", "", this.node);
      const mark = draw("svg", { viewBox: "0 0 14 10", "aria-hidden": "true" }, item);
      const colour = chart.colour(line.role);
      draw("path", { d: "M0 5h14", stroke: colour, "stroke-width": 1.8, "stroke-dasharray": line.dashed ? "4 3" : "none" }, mark);
      if (line.ticks) draw("path", { d: stop(line.role, 7, 5), fill: colour }, mark);
      make("span", "", item, brief(line.label || "")).title = line.label || "";
      return make("output", "", item);
    });
  }

  hide() {
    this.node.hidden = true;
    this.values = [];
  }

  read(figures) {
    this.values.forEach((node, i) => say(node, figures[i] || ""));
  }
}

// A name without what it says in brackets at its end.
function brief(label) {
  return label.replace(/ \S*\([^)]*\)$/, "");
}
