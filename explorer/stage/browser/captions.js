// The words around a pane's picture: title, legend, what is followed, what is outside.

class Captions {
  constructor(pane) {
    this.pane = pane;
    this.head = make("header", "exs-head", pane.node);
    this.heading = make("div", "exs-heading", this.head);
    const words = make("div", "exs-words", this.heading);
    this.view = new ViewSwitch(pane, this.heading);
    this.title = make("span", "exs-title", words);
    this.note = make("span", "exs-note", words);
    this.legend = make("ul", "exs-legend", this.head);
    const corner = make("div", "exs-corner", pane.node);
    this.readout = make("span", "exs-readout", corner);
    this.scales = new Scales(pane, corner);
    this.fact = make("span", "exs-fact", corner);
  }

  keep() {
    const { stage, run, spec, frame, canvas } = this.pane;
    const many = stage.panes.length > 1;
    say(this.title, (many ? spec.label : stage.spec.title || spec.label) || "");
    say(this.note, (many ? spec.note : stage.spec.subtitle || spec.note) || "");
    this.keepReadout(this.followed());
    say(this.fact, this.facts().join(" · "));
    this.keepLegend();
    this.view.keep();
    this.scales.keep();
    const moment = run ? `${this.particles()} at ${stage.gauge.label} ${stage.gauge.figure(run.share(frame))}` : "no picture yet";
    const { marked } = this.pane;
    canvas.setAttribute("aria-label", `${this.title.textContent}: ${moment}${marked ? `; marked: ${marked}` : ""}`);
  }

  // The room that the head takes where it is more than a line or two; a wide pane has all in one.
  height() {
    return this.pane.width > NARROW * this.pane.dpr ? 0 : this.head.offsetHeight + 9;
  }

  // Whether the note stands under the title; where one does, all do.
  isTall() {
    return this.note.offsetTop > this.title.offsetTop + 9;
  }

  facts() {
    const { stage, run, frame, outside, index } = this.pane;
    const facts = [];
    if (stage.panes.length > 1 && run && !stage.spec.still && stage.gauge.steps) facts.push(`step ${frame} of ${run.total - 1}`);
    const { layout } = this.pane.images;
    if (run && run.layers.images && layout && layout.shown < run.layers.images.n) facts.push(`${layout.shown} of ${run.layers.images.n} shown`);
    if (outside) facts.push(`${outside} outside`);
    if (stage.spec.note && index === 0) facts.push(stage.spec.note);
    if (stage.layers.has("field") && run && run.layers.field && run.scale) facts.push(`longest arrow: speed ${figure(run.scale)}`);
    return facts;
  }

  // A narrow pane breaks the line between facts, never within one.
  keepReadout(facts) {
    const text = facts.join(" · ");
    if (this.readout.textContent === text) return;
    this.readout.replaceChildren();
    facts.forEach((fact, i) => {
      if (i > 0) this.readout.append(" · ");
      make("span", "", this.readout, fact);
    });
  }

  particles() {
    const { state, images } = this.pane.run.layers;
    return images ? `${images.n} pictures` : `${state ? state.n : 0} particles`;
  }

  followed() {
    const { stage, run, frame, spec } = this.pane;
    const i = stage.followed;
    if (i < 0 || !run) return [];
    if (run.layers.images && stage.spec.images) return i < run.layers.images.n ? [`sample ${i}`, ...wordsOf(stage.spec.images, i).filter(Boolean)] : [];
    const state = run.layers.state;
    if (!state || i >= state.n) return [];
    const at = frame * state.size + i * state.dims;
    const [nameX, nameY] = spec.axes || ["x", "y"];
    return [`particle ${i}`, `${nameX} ${figure(state.values[at])}`, `${nameY} ${figure(state.values[at + 1])}`, ...this.tint(i)];
  }

  // What colours the path of a particle, here.
  tint(i) {
    const { stage, run, frame } = this.pane;
    const { colour } = run.layers;
    if (!stage.scales.colour || !colour || i >= colour.n) return [];
    return [`${stage.scales.colour.label} ${figure(colour.values[frame * colour.n + i])}`];
  }

  keepLegend() {
    const { stage } = this.pane;
    const entries = this.entries();
    const signature = JSON.stringify(entries) + stage.theme.name;
    if (signature === this.signed) return;
    this.signed = signature;
    this.legend.replaceChildren();
    for (const [role, label] of entries) {
      const item = make("li", "", this.legend);
      make("i", "exs-dot", item).style.background = stage.theme.roles[role] || stage.theme.roles.state;
      item.append(label);
    }
  }

  // Role and word of each layer that is drawn.
  entries() {
    const { stage, run, spec, index } = this.pane;
    const { layers } = stage;
    if (!run || stage.spec.still || (run.layers.images && stage.spec.images)) return [];
    const entries = [];
    const role = spec.role || "state";
    if (layers.has("particles") || layers.has("density")) {
      entries.push([role, stage.panes.length > 1 || role === "state" ? "state" : spec.label]);
    }
    if (run.layers.clean && layers.has("clean")) entries.push(["clean", "clean prediction"]);
    if (this.pane.target() && layers.has("target")) entries.push(["target", "target"]);
    entries.push(...new Map(stage.launchedIn(index).map((launched) => [launched.role, launched.label])));
    const words = spec.words || {}; // of the page's own; an empty one is left out
    return entries.map(([part, label]) => [part, words[part] ?? label]).filter(([, label]) => label);
  }
}
