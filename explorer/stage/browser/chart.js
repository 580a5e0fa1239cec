// Curves with a time marker that follows the cursor.

const INSETS = { left: 34, right: 12, top: 8, bottom: 20 };

class Chart {
  constructor(stage, parent) {
    this.stage = stage;
    this.node = make("section", "exs-chart", parent);
    const head = make("header", "", this.node);
    this.title = make("h3", "", head);
    this.axes = new AxisSwitch(head, () => this.turn());
    const under = make("div", "exs-under", this.node);
    this.sub = make("p", "", under);
    this.value = make("output", "exs-value", under);
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
    const { cursor } = this.stage;
    if (this.shares) cursor.steer(cursor.snap(clamp(this.hovered, 0, 1)), released);
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
    this.axes.set(chart);
    this.fit();
    this.turn();
  }

  // Takes up the axis that the switch says.
  turn() {
    const { axis } = this.axes;
    this.shares = this.chart.x === "share" && axis === "share";
    this.other = this.chart.x === "share" && axis !== "share" ? axis : "";
    this.lines = (this.chart.lines || []).map((line) => lineOver(line, axis));
    this.plot.dataset.axis = this.other || this.chart.x || "";
    this.hovered = undefined;
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
    const { chart, lines } = this;
    const known = (name) => lines.flatMap((line) => line[name]).filter(Number.isFinite);
    const ends = (values, fallback) => (values.length ? [Math.min(...values), Math.max(...values)] : fallback);
    const whole = () => [0, Math.max(...known("x"), 0) || 1];
    this.rangeX = this.shares ? [1, 0] : this.other ? whole() : chart.x_range || ends(known("x"), [0, 1]);
    // A run of a few milliseconds is read in milliseconds.
    const brief = this.other === "seconds" && this.rangeX[1] < 0.1;
    this.unit = brief ? { word: "ms", times: 1000 } : { word: this.other, times: 1 };
    const levels = (chart.levels || []).map((level) => level.y);
    let [low, high] = chart.y || ends([...known("y"), ...levels], [0, 1]);
    if (chart.log) low = Math.max(low, high > 0 ? high * 1e-12 : 1e-12);
    this.rangeY = low < high ? [low, high] : [low - 0.5, low + 0.5];
  }

  render() {
    if (!this.lines || this.width < 40 || this.height < 40) return;
    this.ranges();
    const { svg, stage, lines } = this;
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    svg.setAttribute("aria-label", `${this.chart.title}: ${this.chart.subtitle || ""}`);
    svg.replaceChildren();
    this.rules();
    this.names();
    if (!this.other) for (const band of this.chart.bands || []) this.band(band);
    for (const level of this.chart.levels || []) this.level(level);
    this.marker = draw("line", { class: "exs-marker", y1: INSETS.top - 4, y2: this.height - INSETS.bottom }, svg);
    lines.forEach((line) => this.line(line));
    const taken = [];
    if (lines.length > 1) lines.forEach((line) => nameLine(this, line, taken));
    this.points = lines.map((line) => draw("circle", { r: 3.6, fill: this.colour(line.role), stroke: stage.theme.page, "stroke-width": 1.4 }, svg));
    this.move();
  }

  colour(role) {
    return this.stage.theme.roles[role] || this.stage.theme.muted;
  }

  // The horizontal rules with their numbers.
  rules() {
    const { svg, chart, width } = this;
    for (const value of this.ticksY()) {
      const y = Math.round(this.y(value)) + 0.5;
      draw("line", { class: "exs-rule", x1: INSETS.left, x2: width - INSETS.right, y1: y, y2: y }, svg);
      draw("text", { class: "exs-tick", x: INSETS.left - 6, y: y + 3.5, "text-anchor": "end" }, svg).textContent = tickWord(value);
    }
    const named = (chart.subtitle || "").toLowerCase().includes((chart.y_label || "").toLowerCase());
    if (chart.y_label && !named) draw("text", { class: "exs-tick", x: INSETS.left + 4, y: INSETS.top + 7 }, svg).textContent = chart.y_label;
  }

  // The numbers under the plot; an axis of time says its name before its first number.
  names() {
    const { svg, chart, height, width, unit } = this;
    const floor = height - INSETS.bottom;
    const right = width - INSETS.right;
    const timed = this.shares || this.other;
    const name = this.shares ? chart.x_label || "noise share" : unit.word;
    let free = -Infinity;
    for (const value of this.shares ? [1, 0.5, 0] : this.ticksX()) {
      const at = this.x(value);
      const first = timed && at < INSETS.left + 1;
      const last = at > right - 12;
      const text = (first ? `${name} ` : "") + tickWord(value * unit.times);
      const half = 3.2 * text.length;
      if (at - half < free) continue;
      free = (first ? INSETS.left - 4 + 2 * half : at + half) + 4;
      const traits = { class: "exs-tick", x: first ? INSETS.left - 4 : last ? right + 4 : at, y: floor + 15, "text-anchor": first ? "start" : last ? "end" : "middle" };
      draw("text", traits, svg).textContent = text;
    }
    if (!timed && chart.x_label) {
      draw("text", { class: "exs-tick exs-halo", x: right, y: floor - 5, "text-anchor": "end" }, svg).textContent = chart.x_label;
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
    if (this.other) return niceTicks(low, high, 3).filter((value) => this.other === "seconds" || Number.isInteger(value));
    if (!this.chart.x_log) return niceTicks(low, high, 4);
    const own = [...new Set(this.lines.flatMap((line) => line.x))].sort((a, b) => a - b);
    return own.length <= 7 ? own : powers(low, high, 5);
  }

  // One path for each stretch without a gap.
  course(xs, ys) {
    let path = "";
    let drawing = false;
    xs.forEach((value, i) => {
      if (!Number.isFinite(value) || !Number.isFinite(ys[i])) drawing = false;
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
    const known = line.x.map((_, i) => i).filter((i) => Number.isFinite(line.x[i]) && Number.isFinite(line.y[i]));
    draw("path", { d: known.map((i) => stop(line.role, this.x(line.x[i]), this.y(line.y[i]))).join(""), fill: colour }, this.svg);
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

  // The upright marker; over evals or seconds two runs are at two places, and each has its dot alone.
  move() {
    if (!this.marker) return;
    const alone = this.other && new Set(this.lines.map((line) => line.run)).size === 1;
    const at = this.shares ? this.stage.cursor.share : alone ? atShare(this.lines[0], this.stage.cursor.share)[0] : null;
    this.marker.style.display = Number.isFinite(at) ? "" : "none";
    if (Number.isFinite(at)) {
      const x = this.x(at).toFixed(1);
      this.marker.setAttribute("x1", x);
      this.marker.setAttribute("x2", x);
    }
    this.point();
  }

  // A dot on each line at the cursor, or where the hand is.
  point() {
    if (!this.points) return;
    const words = [];
    let near;
    this.lines.forEach((line, i) => {
      const [x, y] = this.read(line);
      this.points[i].style.display = y === null ? "none" : "";
      if (y === null) return;
      this.points[i].setAttribute("cx", this.x(x).toFixed(1));
      this.points[i].setAttribute("cy", this.y(y).toFixed(1));
      words.push(`${(this.lines.length > 1 && line.label) || ""} ${figure(y)}`.trim());
      near = x;
    });
    const place = () => `${figure(near * this.unit.times)} ${this.unit.word}`.trim();
    say(this.value, this.hovered === undefined || !words.length ? "" : `${words.join(", ")} at ${place()}`);
  }

  read(line) {
    if (this.hovered !== undefined) return readAt(line, this.hovered, (value) => this.forward(value));
    if (this.other) return atShare(line, this.stage.cursor.share);
    return this.shares ? readAt(line, this.stage.cursor.share, (value) => value) : [0, null];
  }
}
