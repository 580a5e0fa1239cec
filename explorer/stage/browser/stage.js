// The stage itself: it holds the cursor, hears Python, and draws once for each animation frame.

const REGISTRY = Symbol.for("explorer.stage.v1");
const DEFAULT_LAYERS = ["target", "particles", "paths", "clean"];
const REST = 150; // ms of stillness before Python hears where the cursor is
const SENTENCES = {
  empty: "Nothing has run yet. Choose what to sample, and it starts at once.",
  running: "Waiting for the first frame.",
  done: "The run ended without a frame to draw.",
  cancelled: "Cancelled before the first frame.",
  diverged: "The run diverged before the first frame.",
  failed: "The run failed before the first frame.",
};

class Stage {
  constructor(model, element) {
    this.model = model;
    this.store = new Store();
    this.targets = new Map();
    this.spec = {};
    this.pending = null;
    this.panes = [];
    this.stops = [];
    this.share = 1;
    this.touched = false;
    this.followed = -1;
    this.launches = 0;
    this.drawn = 0;
    this.fault = "";
    this.handlers = [];
    this.theme = THEMES.light;
    this.layers = new Set(DEFAULT_LAYERS);
    this.status = { kind: "empty" };
    this.build(element);
  }

  build(element) {
    make("style", "", element, STYLE);
    this.element = element;
    this.root = make("div", "exs", element);
    this.root.tabIndex = -1;
    this.grid = make("div", "exs-grid", this.root);
    this.chips = make("div", "exs-chips", this.grid);
    this.chips.setAttribute("role", "group");
    this.chips.setAttribute("aria-label", "layers");
    this.stagePanes = make("div", "exs-panes", this.grid);
    this.sentence = make("p", "exs-say", this.stagePanes);
    this.sentence.setAttribute("role", "status");
    this.timeline = new TimeLine(this, this.grid);
    this.charts = new Charts(this, this.grid);
    this.tip = make("div", "exs-tip", this.root);
    this.tip.hidden = true;
  }

  start() {
    const hear = (name, act) => {
      const handler = () => act(this.model.get(name));
      this.handlers.push([`change:${name}`, handler]);
      this.model.on(`change:${name}`, handler);
      return act;
    };
    this.watchTheme();
    hear("theme", () => this.restyle());
    hear("layers", (text) => this.setLayers(text))(this.model.get("layers"));
    hear("status", (text) => this.setStatus(text))(this.model.get("status"));
    this.joinGroup(this.model.get("group") || "");
    hear("group", (group) => this.joinGroup(group || ""));
    this.store.take(this.model.get("frames"));
    hear("spec", (text) => this.setSpec(text))(this.model.get("spec"));
    hear("charts", (text) => this.setCharts(text))(this.model.get("charts"));
    hear("frames", (view) => this.replace(view));
    hear("chunk", (view) => this.append(view));
    hear("cursor", (share) => this.hearCursor(share));
    this.watchRoom();
    this.watchHands();
    this.model.set("ready", (this.model.get("ready") || 0) + 1);
    this.model.save_changes();
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

  setLayers(text) {
    const wanted = parsed(text, DEFAULT_LAYERS);
    this.layers = new Set(Array.isArray(wanted) ? wanted.filter((name) => LAYERS.includes(name)) : DEFAULT_LAYERS);
    this.spoil();
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
    if (!this.pending) this.settle();
    this.stops = this.allStops();
    this.rest();
    this.timeline.layTicks();
    this.keepChips();
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
    this.fault = "";
    const wanted = this.spec.panes.slice(0, 3);
    while (this.panes.length > wanted.length) this.panes.pop().node.remove();
    while (this.panes.length < wanted.length) this.addPane();
    this.panes.forEach((pane, i) => (pane.spec = wanted[i]));
    this.root.style.height = this.spec.height ? `${this.spec.height}px` : "";
    if (this.charts.table) this.charts.table.set(this.charts.table.numbers);
  }

  addPane() {
    const pane = new Pane(this, this.panes.length, this.stagePanes);
    this.panes.push(pane);
    if (this.room) this.room.observe(pane.node);
  }

  // --- the cursor ---

  allStops() {
    const shares = [];
    for (const pane of this.panes) {
      for (let k = 0; pane.run && k < pane.run.got; k++) shares.push(pane.run.share(k));
    }
    shares.sort((a, b) => b - a);
    return shares.filter((share, i) => i === 0 || shares[i - 1] - share > 1e-6);
  }

  // Until a hand touches it the cursor follows the newest frame, then rests where the spec says.
  rest() {
    const lead = this.lead();
    if (this.touched || !lead) return;
    const whole = lead.got === lead.total;
    if (!whole || this.spec.rest === undefined || this.spec.rest === null) this.share = lead.share(lead.got - 1);
    else this.share = clamp(this.spec.rest, 0, 1);
  }

  lead() {
    let best = null;
    for (const pane of this.panes) if (pane.run && (!best || pane.run.total > best.total)) best = pane.run;
    return best;
  }

  leadFrame() {
    const lead = this.lead();
    return lead ? lead.nearest(this.share) : 0;
  }

  snap(share) {
    let best = share;
    let distance = Infinity;
    for (const stop of this.stops) {
      if (Math.abs(stop - share) < distance - 1e-9) {
        distance = Math.abs(stop - share);
        best = stop;
      }
    }
    return best;
  }

  // One stop toward the data (1) or the noise (-1); false at the end.
  step(way, playing = false) {
    if (!playing) this.timeline.stop();
    const onward = way > 0 ? this.stops.find((stop) => stop < this.share - 1e-6) : this.stops.findLast((stop) => stop > this.share + 1e-6);
    if (onward === undefined) return false;
    this.steer(onward, false);
    return true;
  }

  leap(stops) {
    const at = this.stops.indexOf(this.snap(this.share));
    if (at >= 0) this.steer(this.stops[clamp(at + stops, 0, this.stops.length - 1)], false);
  }

  // A hand moved the cursor: move, tell the other stages now, and Python once the hand rests.
  steer(share, released) {
    this.told(share);
    this.telling = true;
    for (const peer of this.peers()) peer.told(share);
    clearTimeout(this.resting);
    if (released) this.tellPython();
    else this.resting = setTimeout(() => this.tellPython(), REST);
  }

  told(share) {
    this.share = share;
    this.touched = true;
    this.invalidate();
  }

  tellPython() {
    clearTimeout(this.resting);
    const share = Number(this.share.toFixed(6));
    if (share === this.sent) return;
    this.sent = share;
    this.model.set("cursor", share);
    this.model.save_changes();
  }

  // Python moved it; the echo of what was sent from here is no news.
  hearCursor(share) {
    if (!Number.isFinite(share) || share === this.sent) return;
    this.sent = share;
    this.told(clamp(share, 0, 1));
    for (const peer of this.peers()) peer.told(this.share);
  }

  announce() {
    this.telling = false;
    const detail = { share: this.share, group: this.group };
    this.root.dispatchEvent(new CustomEvent("explorer:cursor", { detail, bubbles: true, composed: true }));
    if (this.channel) this.channel.postMessage(this.share);
  }

  // --- other stages ---

  registry() {
    if (!globalThis[REGISTRY]) globalThis[REGISTRY] = new Map();
    return globalThis[REGISTRY];
  }

  peers() {
    return [...(this.registry().get(this.group) || [])].filter((stage) => stage !== this);
  }

  joinGroup(group) {
    this.leaveGroup();
    this.group = group;
    const registry = this.registry();
    if (!registry.has(group)) registry.set(group, new Set());
    registry.get(group).add(this);
    const guide = this.peers().find((stage) => stage.touched);
    if (guide) this.told(guide.share);
    // Without a name a channel would join pages that have nothing to do with each other.
    if (!group) return;
    this.channel = new BroadcastChannel(`explorer:${group}`);
    this.channel.onmessage = (event) => Number.isFinite(event.data) && this.told(clamp(event.data, 0, 1));
  }

  leaveGroup() {
    if (this.channel) this.channel.close();
    this.channel = null;
    const members = this.registry().get(this.group);
    if (!members) return;
    members.delete(this);
    if (!members.size) this.registry().delete(this.group);
  }

  // --- hands ---

  hover(pane, spot) {
    const followed = pane ? pane.nearest(spot) : -1;
    if (pane) pane.canvas.style.cursor = this.spec.can_launch ? "crosshair" : "default";
    if (followed === this.followed) return;
    this.followed = followed;
    this.invalidate();
  }

  launch(pane, spot) {
    this.timeline.slider.focus({ preventScroll: true });
    if (!this.spec.can_launch || !pane.run || !pane.run.layers.state || !pane.place) return;
    this.launches++;
    const share = pane.run.share(pane.frame);
    const picked = { what: "launch", x: pane.space(spot), share, pane: pane.index, n: this.launches };
    this.model.set("picked", JSON.stringify(picked));
    this.model.save_changes();
  }

  launchedIn(index) {
    return (this.spec.launched || [])
      .filter((entry) => (entry.pane || 0) === index && this.drawable(entry.run))
      .map((entry) => this.store.runs.get(entry.run))
      .filter((run) => run.layers.state);
  }

  watchHands() {
    this.keys = (event) => this.press(event);
    this.hide = () => document.hidden && this.timeline.stop();
    this.away = (event) => {
      if (!event.composedPath().includes(this.timeline.menu) && !event.composedPath().includes(this.timeline.more)) this.timeline.openMenu(false);
    };
    globalThis.addEventListener("keydown", this.keys, true);
    globalThis.addEventListener("pointerdown", this.away, true);
    document.addEventListener("visibilitychange", this.hide);
    for (const [name, show] of [["pointerover", 1], ["focusin", 1], ["pointerout", 0], ["focusout", 0]]) {
      this.root.addEventListener(name, (event) => this.showTip(show ? event.target.closest("[data-hint]") : null));
    }
  }

  // JupyterLab takes keys before any element does, so they are caught first of all, on the window.
  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !event.composedPath().includes(this.root)) return;
    if (event.key === "Tab") return;
    const target = event.composedPath()[0];
    const handled = this.keyed(event.key, target);
    if (handled) event.preventDefault();
    if (handled || document.body.dataset.jpThemeLight !== undefined) event.stopImmediatePropagation();
  }

  keyed(key, target) {
    if (key === "Escape" && !this.timeline.menu.hidden) {
      this.timeline.openMenu(false);
      this.timeline.more.focus();
      return true;
    }
    if (target.closest("select, [role=menu]")) return false;
    if (key === " ") return !target.closest("button") && (this.timeline.toggle(), true);
    const page = Math.max(1, Math.round(this.stops.length / 10));
    const moves = {
      ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, ".": 1, ",": -1,
      PageUp: page, PageDown: -page, Home: -Infinity, End: Infinity,
    };
    if (!(key in moves)) return false;
    this.timeline.stop();
    if (Math.abs(moves[key]) === 1) this.step(moves[key]);
    else this.leap(moves[key]);
    return true;
  }

  showTip(node) {
    this.tip.hidden = !node;
    if (!node) return;
    say(this.tip, node.dataset.hint);
    const frame = this.root.getBoundingClientRect();
    const at = node.getBoundingClientRect();
    const left = clamp(at.left - frame.left, 8, Math.max(8, frame.width - this.tip.offsetWidth - 8));
    const below = at.bottom - frame.top + 6;
    const top = below + this.tip.offsetHeight > frame.height ? at.top - frame.top - this.tip.offsetHeight - 6 : below;
    this.tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.max(4, top))}px)`;
  }

  // --- the look ---

  watchTheme() {
    this.night = matchMedia("(prefers-color-scheme: dark)");
    this.restyleLater = () => this.restyle();
    this.night.addEventListener("change", this.restyleLater);
    this.jupyter = new MutationObserver(this.restyleLater);
    this.jupyter.observe(document.body, { attributes: true, attributeFilter: ["data-jp-theme-light"] });
    this.restyle();
  }

  themeName() {
    const asked = this.model.get("theme");
    if (asked === "light" || asked === "dark") return asked;
    const lab = document.body.dataset.jpThemeLight;
    if (lab !== undefined) return lab === "false" ? "dark" : "light";
    return this.night.matches ? "dark" : "light";
  }

  restyle() {
    const name = this.themeName();
    this.theme = { ...THEMES[name], name };
    this.root.dataset.theme = name;
    for (const [token, value] of Object.entries(this.theme)) {
      if (typeof value === "string") this.root.style.setProperty(`--${token}`, value);
    }
    this.charts.restyle();
    this.timeline.layTicks();
    this.spoil();
  }

  keepChips() {
    const wanted = Boolean(this.spec.layer_chips);
    this.chips.hidden = !wanted;
    if (!wanted) return;
    const names = LAYERS.filter((name) => this.offers(name));
    if (names.join() !== this.chipNames) {
      this.chipNames = names.join();
      this.chips.replaceChildren(...names.map((name) => this.chip(name)));
    }
    for (const chip of this.chips.children) chip.setAttribute("aria-pressed", String(this.layers.has(chip.textContent)));
  }

  chip(name) {
    const node = make("button", "exs-chip", null, name);
    node.type = "button";
    node.addEventListener("click", () => this.flip(name));
    return node;
  }

  flip(name) {
    if (this.layers.has(name)) this.layers.delete(name);
    else this.layers.add(name);
    this.model.set("layers", JSON.stringify(LAYERS.filter((layer) => this.layers.has(layer))));
    this.model.save_changes();
    this.keepChips();
    this.spoil();
  }

  offers(layer) {
    const runs = this.panes.map((pane) => pane.run).filter(Boolean);
    const has = (kind) => runs.some((run) => run.layers[kind]);
    if (this.spec.images) return layer === "clean" && has("imagesClean");
    if (layer === "target") return this.targets.size > 0;
    if (layer === "clean" || layer === "field") return has(layer);
    return layer === "pairs" ? this.panes.length > 1 : true;
  }

  box() {
    const box = this.spec.box;
    const sound = Array.isArray(box) && box.length === 4 && box.every(Number.isFinite) && box[0] < box[2] && box[1] < box[3];
    return sound ? box : [-1, -1, 1, 1];
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
      this.draw();
    });
    this.room.observe(this.root);
    this.panes.forEach((pane) => this.room.observe(pane.node));
  }

  spoil() {
    this.panes.forEach((pane) => (pane.stale = true));
    this.invalidate();
  }

  invalidate() {
    if (!this.waiting) this.waiting = requestAnimationFrame(() => this.draw());
  }

  draw() {
    cancelAnimationFrame(this.waiting);
    this.waiting = 0;
    this.panes.forEach((pane) => pane.paint());
    this.timeline.move();
    this.charts.move();
    this.speak();
    if (this.panes.some((pane) => pane.width)) this.drawn++;
    const lead = this.lead();
    Object.assign(this.root.dataset, {
      drawn: this.drawn, got: lead ? lead.got : 0, total: lead ? lead.total : 0, run: lead ? lead.id : 0, share: this.share.toFixed(4),
    });
    if (this.telling) this.announce();
    if (globalThis.__h) globalThis.__h.painted(this.leadFrame());
  }

  // A sentence wherever there is less than a whole picture.
  speak() {
    const bare = !this.panes.some((pane) => pane.run);
    const { kind, text } = this.status;
    const words = [];
    if (bare) words.push(text || SENTENCES[kind] || SENTENCES.empty);
    else if (kind !== "done" && kind !== "empty" && text) words.push(text);
    else if (kind === "cancelled") words.push("Cancelled: the frames so far still scrub.");
    if (this.store.refused) words.push(this.store.refused);
    if (this.fault) words.push(this.fault);
    say(this.sentence, words.join(" "));
    this.sentence.hidden = !words.length;
    this.sentence.dataset.kind = this.store.refused || this.fault ? "failed" : kind;
    this.sentence.classList.toggle("exs-alone", bare);
  }

  // Leaves nothing behind: no timer, observer, listener, channel, place in the registry, or array.
  drop() {
    for (const [name, handler] of this.handlers) this.model.off(name, handler);
    clearTimeout(this.resting);
    cancelAnimationFrame(this.waiting);
    this.timeline.drop();
    this.charts.drop();
    this.room.disconnect();
    this.jupyter.disconnect();
    this.night.removeEventListener("change", this.restyleLater);
    globalThis.removeEventListener("keydown", this.keys, true);
    globalThis.removeEventListener("pointerdown", this.away, true);
    document.removeEventListener("visibilitychange", this.hide);
    this.leaveGroup();
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
