// The charts under tabs, where they name more than one: what has no tab shows under each.

const TABS = Symbol.for("explorer.stage.tabs"); // first tab of a strip -> chosen tab, as long as the page lives
let tabStrips = 0;

class Tabs {
  constructor(parent, turned) {
    this.turned = turned;
    this.names = [];
    this.name = `exs-tabs-${tabStrips++}`;
    this.node = make("div", "exs-tabs", parent);
    this.node.setAttribute("role", "tablist");
    this.node.setAttribute("aria-label", "charts");
    this.node.hidden = true;
  }

  // Takes up the tabs that charts and tables name, in their order.
  set(entries) {
    const names = [...new Set(entries.map((entry) => entry.tab).filter(Boolean))];
    if (names.join("\n") === this.names.join("\n")) return;
    this.names = names;
    this.node.hidden = names.length < 2;
    this.node.replaceChildren(...names.map((name, i) => this.tab(name, i)));
    this.keep();
  }

  tab(name, i) {
    const node = make("button", "exs-tab", null, name);
    Object.assign(node, { type: "button", id: `${this.name}-${i}` });
    node.setAttribute("role", "tab");
    node.setAttribute("aria-controls", `${this.name}-panel`);
    node.addEventListener("click", () => this.choose(name));
    return node;
  }

  // The chosen one, or the first where that one is not there (it may come back).
  get shown() {
    const chosen = chosenTabs().get(this.names[0]);
    return this.names.includes(chosen) ? chosen : this.names[0];
  }

  shows(entry) {
    return this.names.length < 2 || !entry.tab || entry.tab === this.shown;
  }

  choose(name) {
    chosenTabs().set(this.names[0], name);
    this.keep();
    this.turned();
  }

  keep() {
    for (const node of this.node.children) {
      const selected = node.textContent === this.shown;
      node.setAttribute("aria-selected", String(selected));
      node.tabIndex = selected ? 0 : -1;
    }
  }

  // Names the panel under the strip for those who do not see it.
  label(panel) {
    panel.id = `${this.name}-panel`;
    if (this.node.hidden) {
      panel.removeAttribute("role");
      panel.removeAttribute("aria-labelledby");
    } else {
      panel.setAttribute("role", "tabpanel");
      panel.setAttribute("aria-labelledby", `${this.name}-${this.names.indexOf(this.shown)}`);
    }
  }

  keyed(key) {
    const last = this.names.length - 1;
    const at = this.names.indexOf(this.shown);
    const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at === 0 ? last : at - 1, Home: 0, End: last }[key];
    if (to === undefined) return false;
    this.choose(this.names[to]);
    this.node.children[to].focus();
    return true;
  }
}

function chosenTabs() {
  if (!globalThis[TABS]) globalThis[TABS] = new Map();
  return globalThis[TABS];
}
