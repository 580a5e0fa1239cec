// The charts beside the picture, and the table under them.

class Charts {
  constructor(stage, parent) {
    this.stage = stage;
    this.node = make("aside", "exs-side", parent);
    this.charts = [];
    this.data = {};
    this.table = null;
    this.sizes = new ResizeObserver(() => this.charts.forEach((chart) => chart.fit()));
  }

  set(data) {
    this.data = data;
    const wanted = data.charts || [];
    const signature = wanted.map((chart) => chart.id || chart.title).join("\n");
    if (signature !== this.signature) this.rebuild(wanted, signature);
    this.charts.forEach((chart, i) => chart.set(wanted[i]));
    this.tabulate(data.numbers);
    this.node.hidden = !wanted.length && !this.table;
  }

  rebuild(wanted, signature) {
    this.signature = signature;
    this.sizes.disconnect();
    this.charts.forEach((chart) => chart.node.remove());
    this.charts = wanted.map(() => new Chart(this.stage, this.node));
    this.charts.forEach((chart) => this.sizes.observe(chart.plot));
    if (this.table) this.node.append(this.table.node);
  }

  tabulate(numbers) {
    if (!numbers || !(numbers.rows || []).length) {
      if (this.table) this.table.node.remove();
      this.table = null;
      return;
    }
    if (!this.table) this.table = new Numbers(this.stage, this.node);
    this.table.set(numbers);
  }

  restyle() {
    this.charts.forEach((chart) => chart.render());
    if (this.table) this.table.set(this.table.numbers);
  }

  move() {
    this.charts.forEach((chart) => chart.move());
    if (this.table) this.table.move();
  }

  drop() {
    this.sizes.disconnect();
  }
}
