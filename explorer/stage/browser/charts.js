// The charts beside the picture, and the tables under them, all at once or under tabs.

class Charts {
  constructor(stage, parent) {
    this.stage = stage;
    this.node = make("aside", "exs-side", parent);
    this.tabs = new Tabs(this.node, () => this.arrange());
    this.panel = make("div", "exs-panel", this.node);
    this.charts = [];
    this.tables = [];
    this.data = {};
    this.sizes = new ResizeObserver(() => this.charts.forEach((chart) => chart.fit()));
  }

  set(data) {
    this.data = data;
    this.tabs.set([...(data.charts || []), ...tablesOf(data)]);
    this.arrange();
  }

  // Shows what belongs to the chosen tab; a chart that was there stays as it is.
  arrange() {
    const wanted = (this.data.charts || []).filter((chart) => this.tabs.shows(chart));
    const known = new Map(this.charts.map((chart) => [chart.id, chart]));
    this.charts = wanted.map((chart) => known.get(idOf(chart)) || this.add(idOf(chart)));
    for (const chart of known.values()) if (!this.charts.includes(chart)) this.remove(chart);
    this.charts.forEach((chart, i) => {
      if (this.panel.children[i] !== chart.node) this.panel.insertBefore(chart.node, this.panel.children[i]);
      chart.set(wanted[i]);
    });
    this.tabulate(tablesOf(this.data).filter((table) => this.tabs.shows(table)));
    this.tabs.label(this.panel);
    this.node.hidden = !this.charts.length && !this.tables.length;
  }

  add(id) {
    const chart = new Chart(this.stage, this.panel);
    chart.id = id;
    this.sizes.observe(chart.plot);
    return chart;
  }

  remove(chart) {
    this.sizes.unobserve(chart.plot);
    chart.node.remove();
  }

  tabulate(wanted) {
    while (this.tables.length > wanted.length) this.tables.pop().node.remove();
    while (this.tables.length < wanted.length) this.tables.push(new Numbers(this.stage, this.panel));
    this.tables.forEach((table, i) => table.set(wanted[i]));
  }

  retable() {
    this.tables.forEach((table) => table.set(table.numbers));
  }

  // The cursor goes by another name.
  rename() {
    this.charts.forEach((chart) => chart.set(chart.chart));
  }

  restyle() {
    this.charts.forEach((chart) => chart.render());
    this.retable();
  }

  move() {
    this.charts.forEach((chart) => chart.move());
    this.tables.forEach((table) => table.move());
  }

  drop() {
    this.sizes.disconnect();
  }
}

function idOf(chart) {
  return chart.id || chart.title;
}

// The tables of numbers that have a row: there may be one, several or none.
function tablesOf({ numbers }) {
  return [numbers].flat().filter((table) => table && (table.rows || []).length);
}
