// What a line says at a place, where its name goes, and the places that an axis names.

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

// A name beside its line, where it touches nothing and the other lines are farthest away.
function nameLine(chart, line, taken) {
  if (!line.label) return;
  const half = 3.3 * line.label.length;
  let best = null;
  for (const part of [0.12, 0.24, 0.36, 0.5, 0.64, 0.76, 0.88]) {
    const onLine = INSETS.left + part * (chart.width - INSETS.left - INSETS.right);
    const height = valueAt(line, chart.at(onLine));
    if (height === null) continue;
    for (const [across, down] of [[0, -12], [0, 12], [half + 8, 0], [-half - 8, 0]]) {
      const place = { x: onLine + across, y: chart.y(height) + down };
      const score = roomFor(chart, place, half, line, taken);
      if (score !== null && (!best || score > best.score)) best = { ...place, score };
    }
  }
  if (!best) return;
  taken.push(best);
  const ink = chart.stage.theme.inks[line.role] || chart.stage.theme.muted;
  draw("text", { class: "exs-name exs-halo", x: best.x, y: best.y + 4, fill: ink, "text-anchor": "middle" }, chart.svg).textContent = line.label;
}

// Higher is better: clear of its own line, far from the others and from words set before; null does not fit.
function roomFor(chart, { x, y }, half, own, taken) {
  if (x - half < INSETS.left + 2 || x + half > chart.width - INSETS.right) return null;
  if (y < INSETS.top + 4 || y > chart.height - INSETS.bottom - 6) return null;
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
  for (const word of taken) room = Math.min(room, Math.hypot((word.x - x) / 3, word.y - y));
  return 3 * clear + Math.min(room, 30);
}

function powers(low, high, count) {
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  const stride = Math.max(1, Math.ceil((to - from + 1) / count));
  const ticks = [];
  for (let power = from; power <= to; power += stride) ticks.push(10 ** power);
  return ticks.length ? ticks : [low, high];
}

// Shape doubles colour: a disc, a square, a diamond.
function stop(role, x, y) {
  const at = `${x.toFixed(1)} ${y.toFixed(1)}`;
  if (role === "second") return `M${at}m-2.2 -2.2h4.4v4.4h-4.4z`;
  if (role === "third") return `M${at}m0 -3l3 3l-3 3l-3 -3z`;
  return `M${at}m-2.4 0a2.4 2.4 0 1 0 4.8 0a2.4 2.4 0 1 0 -4.8 0`;
}
