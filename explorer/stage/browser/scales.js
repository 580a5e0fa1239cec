// The legend of colours in the first pane: a slim bar with its name and its numbers, for the paths, the map and the pairs.

class Scales {
  constructor(pane, parent) {
    this.pane = pane;
    this.node = make("div", "exs-scales", parent);
  }

  keep() {
    const shown = this.shown();
    this.wide = this.pane.width > NARROW * this.pane.dpr ? 120 : 84; // as the style sheet has it
    const signature = this.wide + shown.map(({ scale, over, under }) => [scale.label, scale.hint, scale.lo, scale.hi, scale.log, scale.gradient(), over, under].join("|")).join("\n");
    if (signature === this.signed) return;
    this.signed = signature;
    this.node.replaceChildren(...shown.map((entry) => this.entry(entry)));
    this.node.parentNode.classList.toggle("exs-scaled", shown.length > 0);
  }

  // Each scale that colours something, and whether values of any pane lie beyond its ends.
  shown() {
    const { stage, index } = this.pane;
    if (index > 0 || stage.spec.images) return [];
    const runs = stage.panes.map((pane) => pane.run).filter(Boolean);
    const scales = [["colour", "paths"], ["heat", "map"]]
      .map(([kind, layer]) => ({ scale: stage.scales[kind], layer, found: runs.map((run) => run.layers[kind]).filter(Boolean) }))
      .filter(({ scale, layer, found }) => scale && found.length && stage.layers.has(layer))
      .map(({ scale, found }) => ({ scale, over: found.some((each) => each.high > scale.hi * (1 + 1e-6)), under: found.some((each) => each.low < scale.lo - 1e-6 * Math.abs(scale.lo)) }));
    if (stage.scales.pairs && stage.layers.has("pairs") && runs.length > 1) scales.push({ scale: stage.scales.pairs, over: Boolean(stage.spec.pairs.over), under: false });
    return scales;
  }

  entry({ scale, over, under }) {
    const node = make("div", "exs-scale");
    const name = make("span", "exs-scale-name", node, scale.label);
    hint(name, scale.hint);
    const ramp = make("div", "exs-ramp", node);
    ramp.style.background = scale.gradient();
    const ends = [(under ? "≤ " : "") + endWord(scale.lo), (over ? "≥ " : "") + endWord(scale.hi)];
    const inner = between(scale);
    for (const value of inner) make("i", "", ramp).style.left = leftOf(scale, value);
    const numbers = make("div", "exs-scale-numbers", node);
    make("span", "", numbers, ends[0]);
    const middle = inner.find((value) => this.hasRoom(endWord(value), scale.part(value), ends));
    if (middle !== undefined) make("b", "", numbers, endWord(middle)).style.left = leftOf(scale, middle);
    make("span", "", numbers, ends[1]);
    return node;
  }

  // One number between the ends is enough, where it touches neither.
  hasRoom(word, part, [low, high]) {
    const half = 3.2 * word.length + 4;
    return part * this.wide - half > 6.4 * low.length && part * this.wide + half < this.wide - 6.4 * high.length;
  }

  // How far up (CSS pixels) a text of this width must stand at the right to pass over the legend in a saved picture.
  footFor(width) {
    if (!this.node.childNodes.length) return 0;
    const { canvas, dpr } = this.pane;
    const [frame, own] = [canvas.getBoundingClientRect(), this.node.getBoundingClientRect()];
    const right = Math.max(...[...this.node.children].map((node) => node.getBoundingClientRect().right));
    return right + 12 > frame.right - 14 - width / dpr ? frame.bottom - own.top - 14 : 0;
  }

  // The same legend in a saved picture, where the page has it.
  paint(context, left) {
    const { dpr, canvas, stage } = this.pane;
    const frame = canvas.getBoundingClientRect();
    const at = (node) => node.getBoundingClientRect();
    for (const [i, node] of [...this.node.children].entries()) {
      const { scale } = this.shown()[i];
      const ramp = at(node.querySelector(".exs-ramp"));
      const [x, y, width, height] = [left + (ramp.left - frame.left) * dpr, (ramp.top - frame.top) * dpr, ramp.width * dpr, ramp.height * dpr];
      const shades = context.createLinearGradient(x, 0, x + width, 0);
      for (let k = 0; k <= 16; k++) shades.addColorStop(k / 16, css(scale.colour(k / 16)));
      context.fillStyle = shades;
      context.fillRect(x, y, width, height);
      for (const word of node.querySelectorAll("span, b")) {
        const place = at(word);
        context.fillStyle = stage.theme.muted;
        context.font = `400 ${11 * dpr}px system-ui, sans-serif`;
        context.textAlign = "left";
        context.textBaseline = "middle";
        context.fillText(word.textContent, left + (place.left - frame.left) * dpr, (place.top - frame.top + place.height / 2) * dpr);
      }
    }
  }
}

function leftOf(scale, value) {
  return `${(100 * scale.part(value)).toFixed(2)}%`;
}

function endWord(value) {
  return tickWord(Number(value.toPrecision(3)));
}

// The places between the ends that are worth a tick: zero, or each power of ten.
function between(scale) {
  if (scale.diverging) return [0];
  if (!scale.log) return [];
  const inside = (value) => scale.part(value) > 0.02 && scale.part(value) < 0.98;
  const powers = [];
  for (let k = Math.ceil(Math.log10(scale.lo)); 10 ** k <= scale.hi; k++) powers.push(10 ** k);
  return powers.filter(inside).sort((a, b) => Math.abs(scale.part(a) - 0.5) - Math.abs(scale.part(b) - 0.5));
}
