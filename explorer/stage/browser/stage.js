// The stage itself: it hears Python, joins the parts, and draws once for each animation frame.

const MOST_PANES = 4; // four stand two by two

class Stage {
  constructor(model, element) {
    this.model = model;
    this.store = new Store();
    this.targets = new Map();
    this.spec = {};
    this.pending = null;
    this.panes = [];
    this.followed = -1;
    this.picks = 0;
    this.drawn = 0;
    this.fault = "";
    this.gauge = NOISE;
    this.handlers = [];
    this.theme = THEMES.light;
    this.scales = {};
    this.headHeight = 0;
    this.status = { kind: "empty" };
    this.build(element);
  }

  build(element) {
    make("style", "", element, STYLE);
    this.element = element;
    this.root = make("div", "exs", element);
    this.root.tabIndex = -1;
    this.grid = make("div", "exs-grid", this.root);
    this.cursor = new Cursor(this);
    this.layers = new Layers(this, this.grid);
    this.stagePanes = make("div", "exs-panes", this.grid);
    this.sentence = make("p", "exs-say", this.stagePanes);
    this.sentence.setAttribute("role", "status");
    this.timeline = new TimeLine(this, this.grid);
    this.charts = new Charts(this, this.grid);
    this.sketch = new Sketch(this, this.stagePanes);
    this.hands = new Hands(this);
  }

  start() {
    const hear = (name, act) => {
      const handler = () => act(this.model.get(name));
      this.handlers.push([`change:${name}`, handler]);
      this.model.on(`change:${name}`, handler);
      return act;
    };
    this.look = new Look(this);
    hear("theme", () => this.look.dress());
    hear("layers", (text) => this.layers.set(text))(this.model.get("layers"));
    hear("status", (text) => this.setStatus(text))(this.model.get("status"));
    this.cursor.join(this.model.get("group") || "");
    hear("group", (group) => this.cursor.join(group || ""));
    this.store.take(this.model.get("frames"));
    hear("spec", (text) => this.setSpec(text))(this.model.get("spec"));
    hear("charts", (text) => this.setCharts(text))(this.model.get("charts"));
    hear("frames", (view) => this.replace(view));
    hear("chunk", (view) => this.append(view));
    hear("cursor", (share) => this.cursor.hear(share));
    this.watchRoom();
    this.tell("ready", (this.model.get("ready") || 0) + 1);
  }

  // --- what Python says ---

  setSpec(text) {
    const spec = parsed(text, {});
    if (!Array.isArray(spec.panes)) spec.panes = [];
    this.pending = spec;
    this.adopt();
  }

  setCharts(text) {
    this.pendingCharts = parsed(text, {});
    this.adopt();
  }

  setStatus(text) {
    this.status = parsed(text, { kind: "empty" });
    this.adopt();
  }

  replace(view) {
    this.store.clear();
    this.append(view);
  }

  append(view) {
    this.store.take(view);
    this.adopt();
  }

  // A new picture takes the place of the old one only when there is something of it to draw.
  adopt() {
    const ready = (spec) => spec.panes.some((pane) => this.drawable(pane.run));
    if (this.pending && (ready(this.pending) || !this.panes.some((pane) => pane.run))) this.applySpec();
    for (const pane of this.panes) {
      if (this.drawable(pane.spec.run)) pane.run = this.store.runs.get(pane.spec.run);
    }
    if (this.pending) return this.invalidate(); // the old picture stands, and is not laid again
    this.settle();
    this.cursor.lay();
    this.timeline.layTicks();
    this.layers.keep();
    this.sketch.keep();
    this.spoil();
  }

  settle() {
    this.targets = new Map(this.store.targets);
    const launched = (this.spec.launched || []).map((entry) => entry.run);
    this.store.prune(new Set([...this.panes.map((pane) => pane.spec.run), ...launched]));
    if (!this.pendingCharts) return;
    this.charts.set(this.pendingCharts);
    this.pendingCharts = null;
  }

  drawable(id) {
    const run = this.store.runs.get(id);
    return Boolean(run && run.got);
  }

  applySpec() {
    this.spec = this.pending;
    this.pending = null;
    this.takeGauge(this.spec.cursor);
    const wanted = this.spec.panes.slice(0, MOST_PANES);
    while (this.panes.length > wanted.length) this.dropPane(this.panes.pop());
    while (this.panes.length < wanted.length) this.addPane();
    this.panes.forEach((pane, i) => (pane.spec = wanted[i]));
    this.stagePanes.classList.toggle("exs-square", wanted.length === MOST_PANES);
    this.timeline.node.hidden = Boolean(this.spec.still);
    this.root.style.height = this.spec.height ? `${this.spec.height}px` : "";
    this.charts.retable();
  }

  // What the cursor is called; charts over it are laid anew where that changed.
  takeGauge(said) {
    const before = this.gauge;
    [this.gauge, this.fault] = gaugeOf(said);
    this.timeline.name();
    if (JSON.stringify(before) !== JSON.stringify(this.gauge)) this.charts.rename();
  }

  addPane() {
    const pane = new Pane(this, this.panes.length, this.stagePanes);
    this.panes.push(pane);
    if (this.room) this.room.observe(pane.node);
  }

  dropPane(pane) {
    pane.surface.drop();
    pane.node.remove();
  }

  // --- hands ---

  hover(pane, spot) {
    const followed = pane ? pane.nearest(spot) : -1;
    if (pane) pane.canvas.style.cursor = pane.surface.on ? "grab" : this.spec.can_launch ? "crosshair" : "default";
    if (followed === this.followed) return;
    this.followed = followed;
    this.invalidate();
  }

  launch(pane, spot) {
    this.timeline.slider.focus({ preventScroll: true });
    if (!this.spec.can_launch || !pane.run || !pane.run.layers.state || !pane.place || pane.surface.on) return;
    this.pick({ what: "launch", x: pane.space(spot), share: pane.run.share(pane.frame), pane: pane.index });
  }

  // Python hears of every pick, the same one twice included, for each has its number.
  pick(what) {
    this.tell("picked", JSON.stringify({ ...what, n: ++this.picks }));
  }

  tell(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
  }

  launchedIn(index) {
    return (this.spec.launched || [])
      .filter((entry) => (entry.pane || 0) === index && this.drawable(entry.run))
      .map(({ run, role = "launched", label = "launched" }) => Object.assign(this.store.runs.get(run), { role, label }))
      .filter((run) => run.layers.state);
  }

  box() {
    const box = this.spec.box;
    const sound = Array.isArray(box) && box.length === 4 && box.every(Number.isFinite) && box[0] < box[2] && box[1] < box[3];
    return sound ? box : [-1, -1, 1, 1];
  }

  lead() {
    let best = null;
    for (const pane of this.panes) if (pane.run && (!best || pane.run.total > best.total)) best = pane.run;
    return best;
  }

  leadFrame() {
    const lead = this.lead();
    return lead ? lead.nearest(this.cursor.share) : 0;
  }

  refuse(sentence) {
    this.fault = sentence;
  }

  progress() {
    const { done, of } = this.status;
    const lead = this.lead();
    if (of) return clamp(done / of, 0, 1);
    return lead ? lead.got / lead.total : 0;
  }

  // --- drawing ---

  watchRoom() {
    this.room = new ResizeObserver(() => {
      this.panes.forEach((pane) => pane.resize());
      if (this.sketch.open) this.sketch.resize();
      this.draw();
    });
    this.room.observe(this.root);
    this.panes.forEach((pane) => this.room.observe(pane.node));
  }

  spoil() {
    this.scales = scalesOf(this.spec, this.theme);
    this.panes.forEach((pane) => (pane.stale = true));
    this.invalidate();
  }

  invalidate() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    if (this.panes.some((pane) => pane.stale)) this.measure();
    this.panes.forEach((pane) => pane.paint());
    this.timeline.move();
    this.charts.move();
    speak(this);
    if (this.panes.some((pane) => pane.width)) this.drawn++;
    const lead = this.lead();
    Object.assign(this.root.dataset, {
      drawn: this.drawn, got: lead ? lead.got : 0, total: lead ? lead.total : 0, run: lead ? lead.id : 0, share: this.cursor.share.toFixed(4),
    });
    this.cursor.announce();
    if (globalThis.__h) globalThis.__h.painted(this.leadFrame());
  }

  // Pictures side by side stand equally high, under the tallest of their heads.
  measure() {
    this.panes.forEach((pane) => pane.captions.keep());
    const heads = this.panes.map((pane) => [pane.width, pane.captions.head.textContent].join()).join();
    if (heads === this.heads) return; // to measure is to lay the page out, which is slow
    this.heads = heads;
    this.root.classList.remove("exs-tall");
    this.root.classList.toggle("exs-tall", this.panes.some((pane) => pane.captions.isTall()));
    this.headHeight = Math.max(0, ...this.panes.map((pane) => pane.captions.height()));
  }

  // Leaves nothing behind: no timer, observer, listener, channel, place in the registry, or array.
  drop() {
    for (const [name, handler] of this.handlers) this.model.off(name, handler);
    cancelAnimationFrame(this.waiting);
    for (const part of [this.cursor, this.timeline, this.charts, this.hands, this.look]) part.drop();
    this.panes.forEach((pane) => pane.surface.drop());
    this.room.disconnect();
    this.store.clear();
    this.panes = [];
    this.element.replaceChildren();
  }
}

function render({ model, el }) {
  const stage = new Stage(model, el);
  stage.start();
  return () => stage.drop();
}

export default { render };
