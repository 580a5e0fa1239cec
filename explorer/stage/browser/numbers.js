// The table of numbers at this time, one column for each pane, and the definitions shown on hover or focus.

class Numbers {
  constructor(stage, parent) {
    this.stage = stage;
    this.node = make("table", "exs-numbers", parent);
  }

  set(numbers) {
    this.numbers = numbers;
    const panes = this.stage.spec.panes || [];
    // What is asked of one pane only has one column.
    const told = (pane) => numbers.rows.some((row) => String(pane.run) in (row.values || {}));
    this.columns = panes.map((_, i) => i).filter((i) => told(panes[i]) || !panes.some(told));
    this.node.replaceChildren();
    this.node.classList.toggle("exs-many", this.columns.length > 2);
    this.node.classList.toggle("exs-most", this.columns.length > 3);
    const head = make("tr", "", make("thead", "", this.node));
    make("th", "", head, numbers.title || "At this time").scope = "col";
    for (const i of this.columns) make("th", "", head, numbers.column ?? (panes.length > 1 ? panes[i].label : "")).scope = "col";
    const body = make("tbody", "", this.node);
    this.cells = numbers.rows.map((row) => {
      const line = make("tr", "", body);
      const name = make("th", "", line);
      name.scope = "row";
      // Beside each other numbers have no room for a unit each.
      const unit = this.columns.length > 1 && row.unit ? `, ${row.unit}` : "";
      hint(make("span", "", name, row.label + unit), row.hint);
      return this.columns.map(() => make("td", "", line));
    });
    this.move();
  }

  move() {
    const { panes } = this.stage;
    const alone = this.columns.length === 1;
    this.numbers.rows.forEach((row, i) => {
      this.cells[i].forEach((cell, k) => {
        const pane = panes[this.columns[k]];
        const run = pane && pane.run;
        const frame = run && run.nearest(this.stage.cursor.share);
        say(cell, run ? valueWords(row, alone ? row.unit : "", run.id, frame) : "–");
        const role = run && (row.roles || {})[run.id];
        cell.style.color = this.stage.theme.roles[Array.isArray(role) ? role[frame] : role] || "";
      });
    });
  }
}

function valueWords(row, unit, run, frame) {
  const values = (row.values || {})[run];
  const value = Array.isArray(values) ? values[frame] : values;
  if (typeof value === "string") return value;
  const whole = row.of && row.of[run];
  const spread = row.spread && row.spread[run];
  const words = Number.isFinite(spread) ? `${lostIn(value, spread)}\n± ${spreadWord(spread)}` : figure(value);
  const said = words + (unit ? ` ${unit}` : "");
  return whole === undefined || whole === null ? said : `${said} of ${figure(whole)}`;
}

// What is lost in its own spread needs no powers of ten.
function lostIn(value, spread) {
  const lost = Number.isFinite(value) && Math.abs(value) < 1e-3 && spread > Math.abs(value);
  return lost ? String(Number(value.toFixed(3))).replace("-", "−") : figure(value);
}

// One digit says how far values lie apart.
function spreadWord(spread) {
  const word = Number(spread.toPrecision(1));
  return word !== 0 && word < 1e-3 ? figure(word) : String(word);
}

// A definition that shows on hover and on keyboard focus.
function hint(node, text) {
  node.classList.toggle("exs-hinted", Boolean(text));
  if (text) {
    node.dataset.hint = text;
    node.tabIndex = 0;
    node.setAttribute("aria-description", text);
  } else {
    delete node.dataset.hint;
    node.removeAttribute("tabindex");
    node.removeAttribute("aria-description");
  }
}
