// A target drawn by hand: points fall along each stroke, and Done sends them to Python.

const FEWEST = 30;
const MOST = 2000;
const SPACING = 0.02; // between two points along a stroke, as a part of the box
const JITTER = 0.35; // how far a point may fall from its stroke, as a part of the spacing
const REACH = 4; // what lies beyond is no place for a target, whatever the box
const FOOT_ROOM = 74; // for the bar of buttons
const PENCIL = "M11.6 1.6a1.4 1.4 0 0 1 2 0l.8.8a1.4 1.4 0 0 1 0 2L6 12.8 2 14l1.2-4zM10.4 4.6l1 1 1.2-1.2-1-1zM9.3 5.7 4.5 10.5l-.5 1.5 1.5-.5 4.8-4.8z";

class Sketch {
  constructor(stage, parent) {
    this.stage = stage;
    this.open = false;
    this.strokes = [];
    this.toggle = make("button", "exs-draw");
    this.toggle.type = "button";
    draw("path", { d: PENCIL }, draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, this.toggle));
    this.toggle.append("Draw");
    this.toggle.dataset.hint = "Draw your own target with the pointer.";
    this.toggle.setAttribute("aria-description", this.toggle.dataset.hint);
    this.toggle.addEventListener("click", () => this.show());
    this.build(parent);
  }

  build(parent) {
    this.node = make("section", "exs-sketch", parent);
    this.node.tabIndex = -1;
    this.node.setAttribute("aria-label", "draw a target");
    this.node.hidden = true;
    this.canvas = make("canvas", "exs-board", this.node);
    this.context = this.canvas.getContext("2d", { alpha: false });
    const head = make("p", "exs-brief", this.node);
    make("b", "", head, "Your target");
    make("span", "", head, "Draw with the pointer; points fall along your stroke. Done runs it.");
    const bar = make("div", "exs-tools", this.node);
    const tool = (label, act) => {
      const node = make("button", "exs-tool", bar, label);
      node.type = "button";
      node.addEventListener("click", act);
      return node;
    };
    this.undone = tool("Undo", () => this.undo());
    this.cleared = tool("Clear", () => this.clear());
    this.count = make("output", "exs-count", bar);
    tool("Cancel", () => this.hide());
    this.done = tool("Done", () => this.send());
    this.done.classList.add("exs-done");
    this.listen();
  }

  listen() {
    this.canvas.addEventListener("pointerdown", (event) => {
      if (this.pointer !== undefined || event.button !== 0) return;
      this.pointer = event.pointerId;
      this.canvas.setPointerCapture(event.pointerId);
      this.strokes.push([]);
      this.last = null;
      this.walk([event]);
    });
    this.canvas.addEventListener("pointermove", (event) => {
      if (event.pointerId !== this.pointer) return;
      const all = event.getCoalescedEvents ? event.getCoalescedEvents() : [];
      this.walk(all.length ? all : [event]);
    });
    for (const name of ["pointerup", "pointercancel"]) {
      this.canvas.addEventListener(name, (event) => event.pointerId === this.pointer && this.lift());
    }
  }

  lift() {
    this.pointer = undefined;
    if (this.strokes.length && !this.strokes.at(-1).length) this.strokes.pop();
    this.render();
  }

  // --- points ---

  box() {
    return this.stage.box().map((edge) => clamp(edge, -REACH, REACH));
  }

  get total() {
    return this.strokes.reduce((sum, stroke) => sum + stroke.length, 0);
  }

  // Lays points at even distances along the way of the pointer; the first where it came down.
  walk(events) {
    const [lowX, lowY, highX, highY] = this.box();
    const spacing = SPACING * Math.max(highX - lowX, highY - lowY);
    const frame = this.canvas.getBoundingClientRect();
    for (const event of events) {
      const spot = [(event.clientX - frame.left) * this.dpr, (event.clientY - frame.top) * this.dpr];
      const to = spaceOf(this.place, spot);
      if (!this.last) this.lay(to, spacing);
      this.last = this.last || to;
      for (let way = distance(this.last, to); way >= spacing; way = distance(this.last, to)) {
        this.last = [0, 1].map((i) => this.last[i] + ((to[i] - this.last[i]) * spacing) / way);
        this.lay(this.last, spacing);
      }
    }
    this.render();
  }

  lay([x, y], spacing) {
    const [lowX, lowY, highX, highY] = this.box();
    if (x < lowX || x > highX || y < lowY || y > highY || this.total >= MOST) return;
    const angle = 2 * Math.PI * Math.random();
    const off = JITTER * spacing * Math.sqrt(Math.random());
    const rounded = (value, low, high) => Math.round(clamp(value, low, high) * 1000) / 1000;
    this.strokes.at(-1).push([rounded(x + off * Math.cos(angle), lowX, highX), rounded(y + off * Math.sin(angle), lowY, highY)]);
  }

  undo() {
    this.strokes.pop();
    this.render();
  }

  clear() {
    this.strokes = [];
    this.render();
  }

  send() {
    this.stage.pick({ what: "draw", points: this.strokes.flat() });
    this.hide();
  }

  // --- coming and going ---

  // The button stands by the title of the first pane, for it is the target that is drawn.
  keep() {
    const { panes, spec } = this.stage;
    const wanted = Boolean(spec.can_draw) && panes.length > 0;
    if (!wanted) this.toggle.remove();
    else if (this.toggle.parentNode !== panes[0].captions.heading) panes[0].captions.heading.append(this.toggle);
    panes.forEach((pane, i) => pane.captions.heading.classList.toggle("exs-drawable", wanted && i === 0));
    if (!wanted && this.open) this.hide();
    if (this.open) this.resize();
  }

  show() {
    this.stage.timeline.stop();
    this.open = true;
    this.strokes = [];
    this.pointer = undefined;
    this.veil();
    this.resize();
    this.node.focus({ preventScroll: true });
  }

  hide() {
    this.open = false;
    this.veil();
    this.toggle.focus({ preventScroll: true });
  }

  // While a hand draws, time stands still.
  veil() {
    this.node.hidden = !this.open;
    for (const node of [this.stage.timeline.node, this.stage.layers.node, ...this.stage.panes.map((pane) => pane.node)]) node.inert = this.open;
  }

  keyed(event) {
    if (event.key === "Escape") this.hide();
    else if (event.key.toLowerCase() === "z" && (event.ctrlKey || event.metaKey)) this.undo();
    else return false;
    return true;
  }

  // --- the look ---

  resize() {
    const { canvas } = this;
    this.dpr = Math.min(2, globalThis.devicePixelRatio || 1);
    const width = Math.round(canvas.clientWidth * this.dpr);
    const height = Math.round(canvas.clientHeight * this.dpr);
    if (width !== canvas.width || height !== canvas.height) Object.assign(canvas, { width, height });
    this.place = fitted(this.box(), width, height, headRoom(width, this.dpr), FOOT_ROOM * this.dpr, this.dpr);
    this.render();
  }

  render() {
    if (!this.open) return;
    const { canvas, context, dpr, place } = this;
    const { theme } = this.stage;
    context.fillStyle = theme.ground;
    context.fillRect(0, 0, canvas.width, canvas.height);
    drawGrid(context, { width: canvas.width, height: canvas.height, dpr, place }, theme);
    const [lowX, lowY, highX, highY] = this.box();
    context.strokeStyle = theme.future;
    context.lineWidth = Math.max(1, Math.round(dpr));
    context.strokeRect(lowX * place[0] + place[1], highY * place[2] + place[3], (highX - lowX) * place[0], (lowY - highY) * place[2]);
    this.strokes.forEach((stroke, i) => {
      context.fillStyle = this.pointer !== undefined && i === this.strokes.length - 1 ? theme.accent : theme.past;
      context.beginPath();
      for (const [x, y] of stroke) {
        const at = [x * place[0] + place[1], y * place[2] + place[3]];
        context.moveTo(at[0] + 2 * dpr, at[1]);
        context.arc(at[0], at[1], 2 * dpr, 0, 2 * Math.PI);
      }
      context.fill();
    });
    this.speak();
  }

  speak() {
    const { total } = this;
    const words = [`${figure(total)} ${total === 1 ? "point" : "points"}`];
    if (total < FEWEST) words.push(`${FEWEST} at least`);
    if (total >= MOST) words.push("no more fit");
    say(this.count, words.join(", "));
    this.done.disabled = total < FEWEST;
    this.undone.disabled = this.cleared.disabled = !total;
  }
}

function distance(a, b) {
  return Math.hypot(b[0] - a[0], b[1] - a[1]);
}
