// One control each: a menu, chips, a slider with its number, a seed, a button. Drawn with the browser's own elements.

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

// Whole numbers in groups of three, others with three digits; what is typed keeps all of its own.
function grouped(value) {
  if (Number.isInteger(value)) return Math.abs(value) < 1000 ? String(value) : String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return String(Number(value.toPrecision(3)));
}

// The places of a slider: every step, or about 120 by ratio, of two digits where numbers are whole and of three else.
function stopsOf({ lo, hi, step, log, value }) {
  const stops = [];
  if (log) {
    const digits = [lo, hi, step].every(Number.isInteger) ? 2 : 3;
    for (let i = 0; i <= 120; i++) {
      const exact = lo * (hi / lo) ** (i / 120);
      const unit = Math.max(step, 10 ** (Math.floor(Math.log10(exact) + 1e-9) + 1 - digits));
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

// Several of several, in the order of choice; what is chosen wears the colour that it has on the stage.
class Chips {
  constructor(rail, control) {
    this.rail = rail;
    this.asked = control.name;
    this.root = make("div", "control many");
    this.name = make("span", "name", this.root);
    this.row = make("div", "chips", this.root);
    this.root.setAttribute("role", "group");
  }

  set({ label, spoken, hint, options, value, most, fewest }) {
    Object.assign(this, { most, fewest, chosen: value.split(",").filter(Boolean) });
    this.name.textContent = label;
    this.name.dataset.hint = hint;
    this.root.setAttribute("aria-label", spoken);
    const entries = options.flatMap((group) => group.options);
    const text = JSON.stringify(entries);
    if (text !== this.text) this.row.replaceChildren(...entries.map(([key, words]) => this.chip(key, words)));
    this.text = text;
    for (const node of this.row.children) {
      const place = this.chosen.indexOf(node.value);
      node.setAttribute("aria-pressed", String(place >= 0));
      node.dataset.place = place >= 0 ? place : "";
      node.disabled = place >= 0 ? this.chosen.length <= fewest : false;
      node.dataset.hint = place < 0 && this.chosen.length >= most ? `takes the place of the last one: ${most} at most` : "";
    }
  }

  chip(key, words) {
    const node = make("button", "chip", null, words);
    node.type = "button";
    node.value = key;
    node.addEventListener("click", () => {
      const without = this.chosen.filter((each) => each !== key);
      const next = without.length < this.chosen.length ? without : [...without.slice(0, this.most - 1), key];
      this.rail.choose(this.asked, next.join());
    });
    return node;
  }
}

// A button for work that goes on until it is pressed again or done.
class Action {
  constructor(rail, control) {
    this.root = make("button", "control act");
    this.root.type = "button";
    this.root.addEventListener("click", () => rail.choose(control.name, !this.on));
  }

  set({ label, label_on: labelOn, hint, value }) {
    this.on = value;
    this.root.textContent = value ? labelOn : label;
    this.root.dataset.hint = hint;
    this.root.setAttribute("aria-pressed", String(value));
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

const KINDS = { choice: Choice, chips: Chips, slider: Slider, seed: Seed, action: Action };
