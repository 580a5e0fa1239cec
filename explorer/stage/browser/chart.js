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
    this.keys = new Keys(this.node);
    this.plot = make("div", "exs-plot", this.node);
    this.svg = draw("svg", { role: "img" }, this.plot);
    this.none = make("p", "exs-none", this.plot);
    this.caption = make("p", "exs-caption", this.node);
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

  // A chart over the cursor is a handle of time as well.
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
    say(this.caption, chart.caption || "");
    hint(this.title, chart.hint);
    this.axes.set(chart, this.stage.gauge);
    if (!this.width) this.fit(); // later on the observer says so: to ask is to lay the page out
    this.turn();
  }

  // Takes up the axis that the switch says.
  turn() {
    const { axis } = this.axes;
    this.shares = this.chart.x === "share" && axis === "share";
    this.other = axis !== "share" ? axis : "";
    const lines = (this.chart.lines || []).map((line) => (line.guide ? line : lineOver(line, axis)));
    this.lines = lines.filter((line) => !line.guide);
    this.guides = lines.filter((line) => line.guide && line.x.length > 1);
    this.bars = soundBars(this.chart);
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
    if (this.lines) this.render();
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
    const kept = lines.filter((line) => !line.cut);
    const drawn = (name) => (name === "y" && kept.length ? kept : lines);
    const barEnds = { x: this.bars.flatMap(({ x0, x1 }) => [x0, x1]), y: this.bars.flatMap(({ y }) => [y, 0]) };
    const known = (name) => [...[...drawn(name), ...this.guides].flatMap((line) => line[name]), ...barEnds[name]].filter(Number.isFinite);
    const ends = (values, fallback) => (values.length ? [Math.min(...values), Math.max(...values)] : fallback);
    const whole = () => [0, Math.max(...known("x"), 0) || 1];
    this.rangeX = this.shares ? [1, 0] : this.other ? (chart.x_log ? ends(known("x"), [0.001, 1]) : whole()) : chart.x_range || ends(known("x"), [0, 1]);
    // A run of a few milliseconds is read in milliseconds.
    const brief = this.other === "seconds" && this.rangeX[1] < 0.1;
    this.unit = brief ? { word: "ms", times: 1000 } : { word: this.other, times: 1 };
    const levels = (chart.levels || []).map((level) => level.y);
    let [low, high] = chart.y || ends([...known("y"), ...levels], [0, 1]);
    if (chart.log) low = Math.max(low, high > 0 ? high * 1e-12 : 1e-12);
    this.rangeY = low < high ? [low, high] : [low - 0.5, low + 0.5];
  }

  render() {
    const empty = this.bars.length || this.lines.some(isKnown) ? "" : this.chart.empty || "";
    say(this.none, empty);
    this.svg.style.visibility = empty ? "hidden" : "";
    if (this.width < 40 || this.height < 40) return;
    this.ranges();
    const { svg, lines } = this;
    svg.setAttribute("viewBox", `0 0 ${this.width} ${this.height}`);
    svg.setAttribute("aria-label", `${this.chart.title}: ${empty || this.chart.subtitle || ""}`);
    svg.replaceChildren();
    this.rules();
    this.names();
    if (!this.other) for (const band of this.chart.bands || []) drawBand(this, band);
    drawBars(this);
    drawLevels(this);
    this.marker = draw("line", { class: "exs-marker", y1: INSETS.top - 4, y2: this.height - INSETS.bottom }, svg);
    this.guides.forEach((line) => drawGuide(this, line));
    lines.forEach((line) => drawLine(this, line));
    this.nameY();
    drawVerticals(this);
    nameLevels(this);
    nameGuides(this);
    this.nameLines();
    this.points = lines.map((line) => draw("circle", { r: 3.6, fill: this.colour(line.role), stroke: this.stage.theme.page, "stroke-width": 1.4 }, svg));
    this.move();
  }

  // Once the names of these lines had no room they stay keys, or the plot would grow and shrink under them.
  nameLines() {
    const signature = this.lines.map((line) => line.label).join("\n");
    const places = this.lines.length < 2 || this.keyed === signature ? null : namePlaces(this);
    if (this.lines.length < 2 || places) {
      this.keys.hide();
      this.node.classList.remove("exs-keyed");
      for (const place of places || []) {
        const fill = this.stage.theme.inks[place.line.role] || this.stage.theme.muted;
        draw("text", { class: "exs-name exs-halo", x: place.x, y: place.y + 4, fill, "text-anchor": "middle" }, this.svg).textContent = place.line.label;
      }
      return;
    }
    this.keyed = signature;
    this.keys.set(this);
    this.node.classList.add("exs-keyed");
  }

  colour(role) {
    return this.stage.theme.roles[role] || this.stage.theme.muted;
  }

  // The horizontal rules with their numbers.
  rules() {
    const { svg, chart, width } = this;
    const ticks = ticksY(this);
    const words = tickWords(ticks, chart.log);
    ticks.forEach((value, i) => {
      const y = Math.round(this.y(value)) + 0.5;
      draw("line", { class: "exs-rule", x1: INSETS.left, x2: width - INSETS.right, y1: y, y2: y }, svg);
      draw("text", { class: "exs-tick", x: INSETS.left - 6, y: y + 3.5, "text-anchor": "end" }, svg).textContent = words[i];
    });
  }

  // What is measured, over the lines, unless the subtitle says so.
  nameY() {
    const { subtitle, y_label: label } = this.chart;
    const said = !label || (subtitle || "").toLowerCase().includes(label.toLowerCase());
    this.topWord = said ? -20 : 5.9 * label.length;
    if (said) return;
    draw("text", { class: "exs-tick exs-halo", x: INSETS.left + 4, y: INSETS.top + 7 }, this.svg).textContent = label;
  }

  // The numbers under the plot; the axis says its name before its first number.
  names() {
    const { svg, chart, height, width, unit } = this;
    const floor = height - INSETS.bottom;
    const right = width - INSETS.right;
    const name = this.shares ? chart.x_label || this.stage.gauge.axis : unit.word || chart.x_label || "";
    const ticks = ticksX(this);
    let free = -Infinity;
    // Where no number stands at the left end, the name stands there alone.
    if (name && !(this.x(ticks[0].at) < INSETS.left + 1)) {
      draw("text", { class: "exs-tick", x: INSETS.left - 4, y: floor + 15 }, svg).textContent = name;
      free = INSETS.left - 1 + 5.9 * name.length;
    }
    ticks.forEach(({ at: value, word }) => {
      const at = this.x(value);
      const first = name && at < INSETS.left + 1;
      const last = at > right - 12;
      const text = (first ? `${name} ` : "") + word;
      const half = 3.2 * text.length;
      if (chart.x_log || (this.shares && this.stage.gauge.log)) draw("line", { class: "exs-rule", x1: at, x2: at, y1: INSETS.top, y2: floor }, svg);
      if (at - half < free) return;
      free = (first ? INSETS.left - 4 + 2 * half : at + half) + 4;
      const traits = { class: "exs-tick", x: first ? INSETS.left - 4 : last ? right + 4 : at, y: floor + 15, "text-anchor": first ? "start" : last ? "end" : "middle" };
      draw("text", traits, svg).textContent = text;
    });
  }

  // The upright marker; over evals or seconds two runs are at two places, and each has its dot alone.
  move() {
    if (!this.marker) return;
    const alone = this.follows() && new Set(this.lines.map((line) => line.run)).size === 1;
    const at = this.shares ? this.stage.cursor.share : alone ? atShare(this.lines[0], this.stage.cursor.share)[0] : null;
    this.marker.style.display = Number.isFinite(at) ? "" : "none";
    if (Number.isFinite(at)) {
      const x = this.x(at).toFixed(1);
      this.marker.setAttribute("x1", x);
      this.marker.setAttribute("x2", x);
    }
    this.point();
  }

  // Whether what is over another axis still has a place for the cursor.
  follows() {
    return Boolean(this.other) && this.chart.x === "share";
  }

  // A dot on each line at the cursor, or where the hand is.
  point() {
    if (!this.points) return;
    const reads = this.lines.map((line) => this.read(line));
    reads.forEach(([x, y], i) => {
      const hidden = y === null || isBeyond(this, this.lines[i], y);
      this.points[i].style.display = hidden ? "none" : "";
      if (hidden) return;
      this.points[i].setAttribute("cx", this.x(x).toFixed(1));
      this.points[i].setAttribute("cy", this.y(y).toFixed(1));
    });
    readOut(this, this.hovered === undefined ? [] : reads);
  }

  read(line) {
    if (this.hovered !== undefined) {
      const [x, y] = readAt(line, this.hovered, (value) => this.forward(value));
      // A line that ended far from the hand says nothing there.
      const far = !this.shares && !this.other && Math.abs(this.x(x) - this.x(this.hovered)) > 36;
      return [x, far ? null : y];
    }
    if (this.follows()) return atShare(line, this.stage.cursor.share);
    return this.shares ? readAt(line, this.stage.cursor.share, (value) => value) : [0, null];
  }
}
