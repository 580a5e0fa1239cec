// A chart over the cursor can be seen over evals or seconds as well, where all its lines say so.

const AXES = ["share", "evals", "seconds"];
const OTHERS = { share: ["evals", "seconds"], evals: ["seconds"] }; // what a chart over the first may be seen over as well
const AXIS_HINTS = {
  evals: "over the calls of the model so far",
  seconds: "over the wall time of the sampler so far",
};
const CHOSEN = Symbol.for("explorer.stage.axes"); // chart id -> axis, as long as the page lives
let axisSwitches = 0;

class AxisSwitch {
  constructor(parent, turned) {
    this.node = make("div", "exs-axes", parent);
    this.node.setAttribute("role", "radiogroup");
    this.node.setAttribute("aria-label", "horizontal axis");
    this.node.hidden = true;
    this.axis = "share";
    const name = `exs-axis-${axisSwitches++}`;
    // Radio buttons of the browser's own bring their keys with them.
    this.radios = AXES.map((axis) => {
      const label = make("label", "", this.node);
      label.title = AXIS_HINTS[axis] || "";
      const radio = make("input", "", label);
      Object.assign(radio, { type: "radio", name, value: axis });
      make("span", "", label, axis);
      radio.addEventListener("change", () => {
        chosenAxes().set(this.id, axis);
        this.axis = axis;
        turned();
      });
      return radio;
    });
  }

  set(chart, gauge) {
    const lines = chart.lines || [];
    const others = OTHERS[chart.x] || [];
    const offered = others.length > 0 && lines.length > 0 && lines.every((line) => line.axes && others.every((axis) => Array.isArray(line.axes[axis])));
    this.id = chart.id || chart.title;
    this.node.hidden = !offered;
    const chosen = chosenAxes().get(this.id);
    this.axis = offered && others.includes(chosen) ? chosen : "share";
    const [first] = this.radios;
    const own = chart.x === "share" ? (gauge === NOISE ? "share" : gauge.label) : chart.x_label || chart.x || "";
    say(first.nextSibling, own);
    first.parentNode.title = chart.x === "share" && gauge === NOISE ? "over the noise share, 1 at the noise" : `over the ${own}`;
    for (const radio of this.radios) {
      radio.checked = radio.value === this.axis;
      radio.parentNode.hidden = radio !== first && !others.includes(radio.value);
    }
  }
}

function chosenAxes() {
  if (!globalThis[CHOSEN]) globalThis[CHOSEN] = new Map();
  return globalThis[CHOSEN];
}

// A line as seen over an axis: its own shares stay with it, for the cursor is one.
function lineOver(line, axis) {
  return axis === "share" ? line : { ...line, x: line.axes[axis], shares: line.x };
}

// The tick of a line that is nearest to the cursor: [x, y], with y null where nothing is known.
function atShare(line, share) {
  let best = 0;
  line.shares.forEach((tick, i) => {
    if (Math.abs(tick - share) < Math.abs(line.shares[best] - share) - 1e-7) best = i;
  });
  const known = Number.isFinite(line.x[best]) && Number.isFinite(line.y[best]);
  return [line.x[best], known ? line.y[best] : null];
}
