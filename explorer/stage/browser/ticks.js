// The places that an axis names, and how it writes them.

// Powers of ten from `low` to `high`, about `count` of them; within few of them, 2 and 5 times each as well.
function logTicks(low, high, count) {
  const from = Math.ceil(Math.log10(low) - 1e-9);
  const to = Math.floor(Math.log10(high) + 1e-9);
  const stride = Math.max(1, Math.ceil((to - from + 1) / count));
  const powers = [];
  for (let power = from; power <= to; power += stride) powers.push(10 ** power);
  if (to - from >= 2) return powers;
  const finer = [];
  for (let power = from - 1; power <= to; power++) for (const times of [1, 2, 5]) finer.push(Number((times * 10 ** power).toPrecision(3)));
  const inside = finer.filter((value) => value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9));
  if (inside.length <= count + 1 && inside.length > 1) return inside;
  return powers.length > 1 ? powers : [low, high];
}

// All numbers of an axis are written alike: as powers of ten where one of them is very large or very small.
function tickWords(ticks, log) {
  const plain = !log || ticks.every((value) => value > 0.9e-3 && value < 1.1e4);
  return ticks.map((value) => (plain || value === 1 ? tickWord(value) : powerWord(value)));
}

function powerWord(value) {
  const power = Math.round(Math.log10(value));
  if (Math.abs(value / 10 ** power - 1) > 1e-6) return figure(value);
  return `10${[...String(power)].map((sign) => SUPERSCRIPT[sign]).join("")}`;
}

function ticksY(chart) {
  const [low, high] = chart.rangeY;
  const room = Math.max(2, Math.floor((chart.height - INSETS.top - INSETS.bottom) / 48));
  return chart.chart.log ? logTicks(low, high, room + 1) : niceTicks(low, high, Math.min(room, 4));
}

// The places along the axis, from left to right, each with its word.
function ticksX(chart) {
  if (chart.shares) return chart.stage.gauge.ticks(4);
  const values = valuesX(chart).sort((a, b) => chart.x(a) - chart.x(b)); // an axis may fall
  const words = tickWords(values.map((value) => value * chart.unit.times), chart.chart.x_log);
  return values.map((at, i) => ({ at, word: words[i] }));
}

function valuesX(chart) {
  const [from, to] = chart.rangeX;
  const low = Math.min(from, to);
  const high = Math.max(from, to);
  if (chart.other && chart.chart.x_log) return logTicks(low, high, 5);
  if (chart.other) return niceTicks(low, high, 3).filter((value) => chart.other === "seconds" || Number.isInteger(value));
  const own = [...new Set(chart.lines.flatMap((line) => line.x))].filter((x) => x >= low && x <= high).sort((a, b) => a - b);
  if (chart.chart.x_log) return own.length > 2 && own.length <= 5 ? own : logTicks(low, high, 5);
  const counted = own.length > 0 && own.every(Number.isInteger);
  if (counted && own.length <= 7) return own;
  return niceTicks(low, high, 4).filter((value) => !counted || Number.isInteger(value));
}
