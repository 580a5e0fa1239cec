// The controls: what Python offers, drawn with the browser's own elements; every choice goes back as one JSON text.

const SVG = "http://www.w3.org/2000/svg";
const CHEVRON = "M0.8 0.8 L4.5 4.8 L8.2 0.8";
const LATE = 350; // ms before a hint shows
const ROLL = "M12.2 7a5.2 5.2 0 1 1-1.5-3.7L12.4 5M12.4 1.6V5H9";

function make(tag, name, parent, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function drawn(parent, path, box) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", box);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", path);
  svg.append(line);
  parent.append(svg);
}

// Children in this order, moving none that is already in its place: a moved element would lose the focus.
function place(parent, nodes) {
  nodes.forEach((node, i) => parent.children[i] !== node && parent.insertBefore(node, parent.children[i] || null));
  while (parent.children.length > nodes.length) parent.lastChild.remove();
}

const grouped = (value) => (Math.abs(value) >= 1000 && Number.isInteger(value) ? String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f") : String(value));

// The places of a slider: every step, or about 120 by ratio, each with two digits.
function stopsOf({ lo, hi, step, log, value }) {
  const stops = [];
  if (log) {
    for (let i = 0; i <= 120; i++) {
      const exact = lo * (hi / lo) ** (i / 120);
      const unit = Math.max(step, 10 ** (Math.floor(Math.log10(exact) + 1e-9) - 1));
      stops.push(Number((Math.round(exact / unit) * unit).toPrecision(12)));
    }
    stops[0] = lo;
    stops[stops.length - 1] = hi;
  } else {
    for (let i = 0; lo + i * step <= hi + step * 1e-9; i++) stops.push(Number((lo + i * step).toPrecision(12)));
  }
  return [...new Set([...stops, value])].filter((stop) => stop >= lo && stop <= hi).sort((a, b) => a - b);
}

class Choice {
  constructor(rail, control) {
    this.root = make("label", "control choice");
    this.name = make("span", "name", this.root);
    const pick = make("span", "pick", this.root);
    this.select = make("select", "", pick);
    drawn(pick, CHEVRON, "0 0 9 6");
    this.select.addEventListener("change", () => rail.choose(control.name, this.select.value));
  }

  set({ label, spoken, hint, options, value }) {
    this.name.textContent = label;
    this.select.setAttribute("aria-label", spoken);
    this.name.dataset.hint = hint;
    const text = JSON.stringify(options);
    if (text !== this.text) this.fill(options);
    this.text = text;
    this.select.value = value;
  }

  fill(groups) {
    this.select.replaceChildren();
    for (const { label, options } of groups) {
      const home = label ? make("optgroup", "", this.select) : this.select;
      if (label) home.label = label;
      for (const [key, words] of options) make("option", "", home, words).value = key;
    }
  }
}

// A number that can be typed: shown in groups of three, edited plain; Enter or leaving asks for it.
class Typed {
  constructor(rail, control, parent) {
    this.input = make("input", "value", parent);
    this.input.inputMode = "decimal";
    this.input.autocomplete = "off";
    this.input.addEventListener("focus", () => {
      this.input.value = String(this.value);
      this.input.select();
    });
    this.input.addEventListener("blur", () => this.show(this.value));
    this.input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.input.blur();
      if (event.key !== "Escape") return;
      this.input.value = String(this.value);
      this.input.blur();
    });
    this.input.addEventListener("change", () => {
      const text = this.input.value.replace(/[\s\u202f]/g, "");
      const number = text === "" ? NaN : Number(text);
      if (number !== this.value) rail.choose(control.name, Number.isFinite(number) ? number : this.input.value.slice(0, 40));
    });
  }

  set(value, label) {
    this.value = value;
    this.input.setAttribute("aria-label", label);
    if (this.input.getRootNode().activeElement !== this.input) this.show(value);
  }

  show(value) {
    this.input.value = grouped(value);
  }
}

class Slider {
  constructor(rail, control) {
    this.root = make("div", "control slider");
    const head = make("div", "head", this.root);
    this.name = make("span", "name", head);
    const right = make("span", "", head);
    this.typed = new Typed(rail, control, right);
    this.unit = make("span", "unit", right);
    this.range = make("input", "slide", this.root);
    this.range.type = "range";
    this.range.min = 0;
    this.range.addEventListener("input", () => {
      this.held = true;
      this.follow();
      this.typed.show(this.stops[this.range.value]);
    });
    this.range.addEventListener("change", () => {
      this.held = false;
      rail.choose(control.name, this.stops[this.range.value]);
    });
  }

  set(control) {
    this.name.textContent = control.label;
    this.name.dataset.hint = [control.hint, `${grouped(control.lo)} to ${grouped(control.hi)}`].filter(Boolean).join("; ");
    this.unit.textContent = control.unit;
    this.range.setAttribute("aria-label", control.spoken);
    if (this.held) return;
    this.stops = stopsOf(control);
    this.range.max = this.stops.length - 1;
    this.range.value = this.stops.indexOf(control.value);
    this.typed.set(control.value, `${control.spoken}, number`);
    this.follow();
  }

  follow() {
    this.range.style.setProperty("--fill", `${(100 * this.range.value) / Math.max(1, this.range.max)}%`);
    this.range.setAttribute("aria-valuetext", String(this.stops[this.range.value]));
  }
}

class Seed {
  constructor(rail, control) {
    this.root = make("div", "control seed");
    const head = make("div", "head", this.root);
    this.name = make("span", "name", head);
    const right = make("span", "", head);
    this.typed = new Typed(rail, control, right);
    const roll = make("button", "roll", right);
    roll.type = "button";
    roll.setAttribute("aria-label", "draw another seed");
    roll.dataset.hint = "draw another seed";
    drawn(roll, ROLL, "0 0 14 14");
    roll.addEventListener("click", () => rail.ask({ what: "roll", name: control.name }));
  }

  set({ label, hint, value }) {
    this.name.textContent = label;
    this.name.dataset.hint = hint;
    this.typed.set(value, label);
  }
}

const KINDS = { choice: Choice, slider: Slider, seed: Seed };

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
