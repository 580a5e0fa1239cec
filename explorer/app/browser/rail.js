// The rail: what Python offers, in groups; every choice goes back as one JSON text.

class Rail {
  constructor(model, el, style) {
    this.model = model;
    this.asked = 0;
    this.recent = [];
    this.controls = new Map();
    this.sections = new Map();
    this.isOpen = false;
    make("style", "", el, style);
    this.root = make("div", "exr", el);
    this.groups = make("div", "", this.root);
    this.more = make("button", "more", this.root);
    this.more.type = "button";
    this.more.addEventListener("click", () => {
      this.isOpen = !this.isOpen;
      this.update();
    });
    this.rest = make("div", "group", this.root);
    this.tip = make("div", "tip", this.root);
    this.tip.hidden = true;
    for (const [name, show] of [["pointerover", 1], ["focusin", 1], ["pointerout", 0], ["focusout", 0]]) {
      this.root.addEventListener(name, (event) => this.explain(show ? event.target.closest("[data-hint]") : null));
    }
  }

  // The last few go together: what is set twice within a blink would otherwise arrive once.
  ask(words) {
    this.asked = Math.max(this.asked + 1, Date.now());
    this.recent = [...this.recent, { ...words, n: this.asked }].slice(-6);
    this.model.set("asked", JSON.stringify(this.recent));
    this.model.save_changes();
  }

  choose(name, value) {
    this.ask({ what: "choose", name, value });
  }

  update() {
    const { groups, layers, answered } = JSON.parse(this.model.get("content"));
    if (answered < this.asked) return; // an answer to an older choice must not undo a newer one under the hand
    const hidden = groups.flatMap((group) => group.controls).filter((control) => control.more);
    place(this.groups, groups.map((group) => this.section(group, layers)).filter(Boolean));
    this.more.hidden = !hidden.length;
    this.more.setAttribute("aria-expanded", String(this.isOpen));
    this.more.textContent = this.isOpen ? "Fewer" : `More: ${hidden.map((control) => control.label.split(",").pop().trim().toLowerCase()).join(", ")}`;
    place(this.rest, this.isOpen ? hidden.map((control) => this.control(control)) : []);
    this.fit();
  }

  // Labels stand above their menus where there is room, and beside them where there is not.
  fit() {
    for (const way of ["", "snug", "dense", "dense tight"]) {
      this.root.className = `exr ${way}`;
      if (this.root.scrollHeight <= this.root.clientHeight + 1) return;
    }
  }

  section({ key, label, controls }, layers) {
    const seen = controls.filter((control) => !control.more && control.kind !== "switch");
    const switches = controls.filter((control) => control.kind === "switch");
    const chips = key === "show" ? layers : [];
    if (!seen.length && !switches.length && !chips.length) return null;
    if (!this.sections.has(key)) {
      const root = make("section", "group");
      root.dataset.key = key;
      const heading = make("h2", "", root);
      root.setAttribute("aria-label", label);
      this.sections.set(key, { root, heading, chips: make("div", "chips") });
    }
    const section = this.sections.get(key);
    section.heading.textContent = label;
    const nodes = [section.heading, ...seen.map((control) => this.control(control))];
    if (chips.length || switches.length) nodes.push(this.fillChips(section.chips, chips, switches));
    place(section.root, nodes);
    return section.root;
  }

  control(control) {
    if (!this.controls.has(control.name)) this.controls.set(control.name, new KINDS[control.kind](this, control));
    const shown = this.controls.get(control.name);
    shown.set(control);
    return shown.root;
  }

  fillChips(home, layers, switches) {
    const wanted = [...layers.map(([name, on, hint]) => [name, on, hint, ""]), ...switches.map((one) => [one.label.toLowerCase(), one.value, one.hint, one.name])];
    const names = wanted.map(([words]) => words).join();
    if (names !== home.dataset.names) home.replaceChildren(...wanted.map(([words, , hint, name]) => this.chip(words, hint, name)));
    home.dataset.names = names;
    wanted.forEach(([, on], i) => home.children[i].setAttribute("aria-pressed", String(on)));
    return home;
  }

  chip(words, hint, name) {
    const node = make("button", name ? "chip switch" : "chip", null, words);
    node.type = "button";
    node.dataset.hint = hint;
    node.addEventListener("click", () => {
      const on = node.getAttribute("aria-pressed") !== "true";
      node.setAttribute("aria-pressed", String(on));
      if (name) this.choose(name, on);
      else this.ask({ what: "layer", name: words, value: on });
    });
    return node;
  }

  // A hint waits a moment, so that none flickers under a hand that only passes.
  explain(node) {
    clearTimeout(this.later);
    this.tip.hidden = true;
    if (node && node.dataset.hint) this.later = setTimeout(() => this.unfold(node), LATE);
  }

  unfold(node) {
    this.tip.hidden = false;
    this.tip.textContent = node.dataset.hint;
    const at = node.getBoundingClientRect();
    this.tip.style.left = `${this.root.getBoundingClientRect().right + 7}px`;
    this.tip.style.top = `${Math.min(at.top - 4, innerHeight - this.tip.offsetHeight - 8)}px`;
  }
}

function render({ model, el }) {
  const rail = new Rail(model, el, STYLE);
  const hear = () => rail.update();
  const room = new ResizeObserver(() => rail.fit());
  model.on("change:content", hear);
  rail.update();
  room.observe(rail.root);
  return () => {
    room.disconnect();
    clearTimeout(rail.later);
    model.off("change:content", hear);
    el.replaceChildren();
  };
}

export default { render };
