// Curves with a time marker that follows the cursor.

const INSETS = { left: 34, right: 12, top: 8, bottom: 20 };

class Charts {
  constructor(stage, parent) {
    this.stage = stage;
    this.node = make("aside", "exs-side", parent);
    this.charts = [];
    this.data = {};
    this.table = null;
    this.sizes = new ResizeObserver(() => this.charts.forEach((chart) => chart.fit()));
  }

  set(data) {
    this.data = data;
    const wanted = data.charts || [];
    const signature = wanted.map((chart) => chart.id || chart.title).join("\n");
    if (signature !== this.signature) this.rebuild(wanted, signature);
    this.charts.forEach((chart, i) => chart.set(wanted[i]));
    this.tabulate(data.numbers);
    this.node.hidden = !wanted.length && !this.table;
  }

  rebuild(wanted, signature) {
    this.signature = signature;
    this.sizes.disconnect();
    this.charts.forEach((chart) => chart.node.remove());
    this.charts = wanted.map(() => new Chart(this.stage, this.node));
    this.charts.forEach((chart) => this.sizes.observe(chart.plot));
    if (this.table) this.node.append(this.table.node);
  }

  tabulate(numbers) {
    if (!numbers || !(numbers.rows || []).length) {
      if (this.table) this.table.node.remove();
      this.table = null;
      return;
    }
    if (!this.table) this.table = new Numbers(this.stage, this.node);
    this.table.set(numbers);
  }

  restyle() {
    this.charts.forEach((chart) => chart.render());
    if (this.table) this.table.set(this.table.numbers);
  }

  move() {
    this.charts.forEach((chart) => chart.move());
    if (this.table) this.table.move();
  }

  drop() {
    this.sizes.disconnect();
  }
}

class Chart {
  constructor(stage, parent) {
    this.stage = stage;
    this.node = make("section", "exs-chart", parent);
    const head = make("header", "", this.node);
    this.title = make("h3", "", head);
    this.value = make("output", "exs-value", head);
    this.sub = make("p", "", this.node);
    this.plot = make("div", "exs-plot", this.node);
    this.svg = draw("svg", { role: "img" }, this.plot);
    this.width = 0;
    this.listen();
  }

  listen() {
    this.plot.addEventListener("pointermove", (event) => {
      this.hovered = this.under(event);
      if (event.buttons & 1) this.scrub(false);
      this.point();
    });
    this.plot.addEventListener("pointerdown", (event) => {
      this.plot.setPointerCapture(event.pointerId);
      this.hovered = this.under(event);
      this.scrub(false);
    });
    this.plot.addEventListener("pointerup", () => this.scrub(true));
    this.plot.addEventListener("pointerleave", () => {
      this.hovered = undefined;
      this.point();
    });
  }

  // A chart over the noise share is a handle of time as well.
  scrub(released) {
    if (this.chart.x === "share") this.stage.steer(this.stage.snap(clamp(this.hovered, 0, 1)), released);
  }

  under(event) {
    return this.at(event.clientX - this.plot.getBoundingClientRect().left);
  }

  // The value of x at a place in the plot.
  at(place) {
    const part = (place - INSETS.left) / Math.max(1, this.width - INSETS.left - INSETS.right);
    const [from, to] = this.rangeX;
    const value = this.forward(from) + part * (this.forward(to) - this.forward(from));
    return this.chart.x_log ? 10 ** value : value;
  }

  set(chart) {
    this.chart = chart;
    say(this.title, chart.title || "");
    say(this.sub, chart.subtitle || "");
    hint(this.title, chart.hint);
    this.fit();
    this.render();
  }

  fit() {
    const width = Math.round(this.plot.clientWidth);
    const height = Math.round(this.plot.clientHeight);
    if (width === this.width && height === this.height) return;
    this.width = width;
    this.height = height;
    this.render();
  }

  forward(value) {
    return this.chart.x_log ? Math.log10(Math.max(value, 1e-300)) : value;
  }

  x(value) {
    const [from, to] = this.rangeX;
    const part = (this.forward(value) - this.forward(from)) / (this.forward(to) - this.forward(from) || 1);
    return INSETS.left + part * (this.width - INSETS.left - INSETS.right);
  }

  y(value) {
    const [low, high] = this.rangeY;
    const scale = this.chart.log ? (v) => Math.log10(Math.max(v, low)) : (v) => v;
    const part = (scale(value) - scale(low)) / (scale(high) - scale(low) || 1);
    return this.height - INSETS.bottom - clamp(part, -0.02, 1.02) * (this.height - INSETS.top - INSETS.bottom);
  }

  ranges() {
    const { chart } = this;
    const lines = chart.lines || [];
    const known = (name) => lines.flatMap((line) => line[name]).filter(Number.isFinite);
    const ends = (values, fallback) => (values.length ? [Math.min(...values), Math.max(...values)] : fallback);
    this.rangeX = chart.x === "share" ? [1, 0] : chart.x_range || ends(known("x"), [0, 1]);
    const levels = (chart.levels || []).map((level) => level.y);
    let [low, high] = chart.y || ends([...known("y"), ...levels], [0, 1]);
    if (chart.log) low = Math.max(low, high > 0 ? high * 1e-12 : 1e-12);
    this.rangeY = low < high ? [low, high] : [low - 0.5, low + 0.5];
  }

  render() {
    if (!this.chart || this.width < 40 || this.height < 40) return;
    this.ranges();
    const { svg, stage } = this;
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    svg.setAttribute("aria-label", `${this.chart.title}: ${this.chart.subtitle || ""}`);
    svg.replaceChildren();
    this.axes();
    for (const band of this.chart.bands || []) this.band(band);
    for (const level of this.chart.levels || []) this.level(level);
    this.taken = [];
    const lines = this.chart.lines || [];
    lines.forEach((line) => this.line(line));
    if (lines.length > 1) lines.forEach((line) => this.label(line, lines));
    this.marker = draw("line", { class: "exs-marker", y1: INSETS.top - 4, y2: this.height - INSETS.bottom }, svg);
    this.points = lines.map((line) => draw("circle", { r: 3.6, fill: this.colour(line.role), stroke: stage.theme.page, "stroke-width": 1.4 }, svg));
    this.move();
  }

  colour(role) {
    return this.stage.theme.roles[role] || this.stage.theme.muted;
  }

  axes() {
    const { svg, chart, height, width } = this;
    const floor = height - INSETS.bottom;
    for (const value of this.ticksY()) {
      const y = Math.round(this.y(value)) + 0.5;
      draw("line", { class: "exs-rule", x1: INSETS.left, x2: width - INSETS.right, y1: y, y2: y }, svg);
      draw("text", { class: "exs-tick", x: INSETS.left - 6, y: y + 3.5, "text-anchor": "end" }, svg).textContent = tickWord(value);
    }
    const shares = chart.x === "share";
    const ticks = shares ? [1, 0.5, 0] : this.ticksX();
    ticks.forEach((value, i) => {
      const last = i === ticks.length - 1;
      const traits = { class: "exs-tick", x: this.x(value), y: floor + 15, "text-anchor": shares && i === 0 ? "start" : last ? "end" : "middle" };
      if (last) traits.x = width - INSETS.right + 4;
      if (shares && i === 0) traits.x = INSETS.left - 4;
      draw("text", traits, svg).textContent = shares && i === 0 ? `${chart.x_label || "noise share"} 1` : tickWord(value);
    });
    const named = (chart.subtitle || "").toLowerCase().includes((chart.y_label || "").toLowerCase());
    if (chart.y_label && !named) draw("text", { class: "exs-tick", x: INSETS.left + 4, y: INSETS.top + 7 }, svg).textContent = chart.y_label;
    if (!shares && chart.x_label) {
      draw("text", { class: "exs-tick exs-halo", x: width - INSETS.right, y: floor - 5, "text-anchor": "end" }, svg).textContent = chart.x_label;
    }
  }

  ticksY() {
    const [low, high] = this.rangeY;
    const room = Math.max(2, Math.floor((this.height - INSETS.top - INSETS.bottom) / 48));
    if (!this.chart.log) return niceTicks(low, high, Math.min(room, 4));
    return powers(low, high, room + 1);
  }

  ticksX() {
    const [from, to] = this.rangeX;
    const low = Math.min(from, to);
    const high = Math.max(from, to);
    if (!this.chart.x_log) return niceTicks(low, high, 4);
    const own = [...new Set((this.chart.lines || []).flatMap((line) => line.x))].sort((a, b) => a - b);
    return own.length <= 7 ? own : powers(low, high, 5);
  }

  // One path for each stretch without a gap.
  course(xs, ys) {
    let path = "";
    let drawing = false;
    xs.forEach((value, i) => {
      if (!Number.isFinite(ys[i])) drawing = false;
      else {
        path += `${drawing ? "L" : "M"}${this.x(value).toFixed(1)} ${this.y(ys[i]).toFixed(1)}`;
        drawing = true;
      }
    });
    return path;
  }

  line(line) {
    const colour = this.colour(line.role);
    draw("path", { class: "exs-line", d: this.course(line.x, line.y), stroke: colour, "stroke-dasharray": line.dashed ? "4 3" : "none" }, this.svg);
    if (!line.ticks || line.x.length > 61) return;
    const stops = line.x.map((value, i) => (Number.isFinite(line.y[i]) ? stop(line.role, this.x(value), this.y(line.y[i])) : ""));
    draw("path", { d: stops.join(""), fill: colour }, this.svg);
  }

  band(band) {
    const there = band.x.map((_, i) => i).filter((i) => Number.isFinite(band.lo[i]) && Number.isFinite(band.hi[i]));
    const corners = [...there.map((i) => [band.x[i], band.hi[i]]), ...there.reverse().map((i) => [band.x[i], band.lo[i]])];
    const path = corners.map(([x, y]) => `${this.x(x).toFixed(1)} ${this.y(y).toFixed(1)}`).join("L");
    if (path) draw("path", { d: `M${path}Z`, fill: this.colour(band.role), opacity: 0.17 }, this.svg);
  }

  level(level) {
    const y = this.y(level.y);
    draw("line", { class: "exs-level", x1: INSETS.left, x2: this.width - INSETS.right, y1: y, y2: y, "stroke-dasharray": level.dashed === false ? "none" : "4 3" }, this.svg);
    if (!level.label) return;
    const above = y - 4 > INSETS.top + 8;
    draw("text", { class: "exs-tick exs-halo", x: INSETS.left + 4, y: above ? y - 4 : y + 12 }, this.svg).textContent = level.label;
  }

  // A name beside its line, where it touches nothing and the other lines are farthest away.
  label(line, lines) {
    if (!line.label) return;
    const half = 3.3 * line.label.length;
    let best = null;
    for (const part of [0.12, 0.24, 0.36, 0.5, 0.64, 0.76, 0.88]) {
      const onLine = INSETS.left + part * (this.width - INSETS.left - INSETS.right);
      const height = valueAt(line, this.at(onLine));
      if (height === null) continue;
      for (const [across, down] of [[0, -12], [0, 12], [half + 8, 0], [-half - 8, 0]]) {
        const place = { x: onLine + across, y: this.y(height) + down };
        const score = this.score(place, half, line, lines);
        if (score !== null && (!best || score > best.score)) best = { ...place, score };
      }
    }
    if (!best) return;
    this.taken.push(best);
    const ink = this.stage.theme.inks[line.role] || this.stage.theme.muted;
    draw("text", { class: "exs-name exs-halo", x: best.x, y: best.y + 4, fill: ink, "text-anchor": "middle" }, this.svg).textContent = line.label;
  }

  // Higher is better: clear of its own line, far from the others and from words set before; null does not fit.
  score({ x, y }, half, own, lines) {
    if (x - half < INSETS.left + 2 || x + half > this.width - INSETS.right) return null;
    if (y < INSETS.top + 4 || y > this.height - INSETS.bottom - 6) return null;
    let clear = 12;
    let room = 40;
    for (const line of lines) {
      for (const across of [-half, -half / 2, 0, half / 2, half]) {
        const height = valueAt(line, this.at(x + across));
        const distance = height === null ? 40 : Math.abs(this.y(height) - y);
        if (line === own) clear = Math.min(clear, distance);
        else room = Math.min(room, distance);
      }
    }
    for (const word of this.taken) room = Math.min(room, Math.hypot((word.x - x) / 3, word.y - y));
    return 3 * clear + Math.min(room, 30);
  }

  move() {
    if (!this.marker) return;
    const shares = this.chart.x === "share";
    this.marker.style.display = shares ? "" : "none";
    const x = this.x(this.stage.share).toFixed(1);
    this.marker.setAttribute("x1", x);
    this.marker.setAttribute("x2", x);
    this.point();
  }

  // A ring on each line at the cursor, or where the hand is.
  point() {
    if (!this.points) return;
    const shares = this.chart.x === "share";
    const target = this.hovered !== undefined ? this.hovered : shares ? this.stage.share : undefined;
    const words = [];
    (this.chart.lines || []).forEach((line, i) => {
      const [x, y] = target === undefined ? [0, null] : readAt(line, target, (value) => this.forward(value));
      this.points[i].style.display = y === null ? "none" : "";
      if (y === null) return;
      this.points[i].setAttribute("cx", this.x(x).toFixed(1));
      this.points[i].setAttribute("cy", this.y(y).toFixed(1));
      words.push(`${(this.chart.lines.length > 1 && line.label) || ""} ${figure(y)}`.trim());
      this.near = x;
    });
    say(this.value, this.hovered === undefined || !words.length ? "" : `${words.join(", ")} at ${figure(this.near)}`);
  }
}

// Where a line was measured it is read at its own points; elsewhere along its course.
function readAt(line, target, scale) {
  if (!line.ticks) return [target, valueAt(line, target)];
  let best = 0;
  line.x.forEach((value, i) => {
    if (Math.abs(scale(value) - scale(target)) < Math.abs(scale(line.x[best]) - scale(target)) - 1e-9) best = i;
  });
  return [line.x[best], Number.isFinite(line.y[best]) ? line.y[best] : null];
}

// The height of a line at x, straight between its points; null beyond its ends and in its gaps.
function valueAt(line, x) {
  for (let i = 1; i < line.x.length; i++) {
    const from = line.x[i - 1];
    const to = line.x[i];
    if ((x - from) * (x - to) > 0 || from === to) continue;
    const height = line.y[i - 1] + ((x - from) / (to - from)) * (line.y[i] - line.y[i - 1]);
    return Number.isFinite(line.y[i]) && Number.isFinite(line.y[i - 1]) ? height : null;
  }
  return null;
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
