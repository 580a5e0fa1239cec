// From a number to a colour, over one scale that is the same in every pane.

// Even steps of viridis (van der Walt and Smith 2015, CC0).
const VIRIDIS = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151", "#bddf26", "#fde725"];
// The end that would sink into the ground is left out: the light one on paper, the dark one at night.
const SPANS = { light: [0, 0.8], dark: [0.2, 1] };
const BINS = 32; // the shades of a path
const SHADES = 256;
const HEAT_WEIGHT = 0.5; // over the ground, so that dots and paths stand out on a map
const FUTURE_WEIGHT = 0.42;

function mixed(from, to, part) {
  return from.map((value, i) => value + (to[i] - value) * part);
}

// Straight between the colours of a list.
function along(colours, part) {
  const at = clamp(part, 0, 1) * (colours.length - 1);
  const left = Math.min(Math.floor(at), colours.length - 2);
  return mixed(rgb(colours[left]), rgb(colours[left + 1]), at - left);
}

function css(colour) {
  return `rgb(${colour.map(Math.round).join(" ")})`;
}

// What `spec.colour`, `spec.heat` or `spec.pairs` says, ready to look up.
class Scale {
  constructor(said, theme, weight, zero) {
    const sound = Number.isFinite(said.lo) && Number.isFinite(said.hi) && said.hi > said.lo;
    [this.lo, this.hi] = sound ? [said.lo, said.hi] : [0, 1];
    this.diverging = said.map === "diverging";
    if (this.diverging) this.hi = Math.max(Math.abs(this.lo), Math.abs(this.hi));
    if (this.diverging) this.lo = -this.hi; // the middle is a true zero
    this.log = Boolean(said.log) && this.lo > 0;
    Object.assign(this, { label: said.label || "", hint: said.hint, theme, weight, zero });
  }

  // The place of a value on the scale, 0 to 1; NaN stays NaN.
  part(value) {
    const at = this.log ? Math.log(Math.max(value, this.lo) / this.lo) / Math.log(this.hi / this.lo) : (value - this.lo) / (this.hi - this.lo);
    return clamp(at, 0, 1);
  }

  // The value at a place on the scale.
  value(part) {
    return this.log ? this.lo * (this.hi / this.lo) ** part : this.lo + part * (this.hi - this.lo);
  }

  // What runs evenly along the scale.
  bend(value) {
    return this.log ? Math.log(Math.max(value, 1e-300)) : value;
  }

  colour(part, weight = this.weight) {
    const { theme } = this;
    const [low, high] = SPANS[theme.name] || SPANS.light;
    const full = this.diverging ? along([theme.cold, this.zero, theme.warm], part) : along(VIRIDIS, low + part * (high - low));
    return weight < 1 ? mixed(rgb(theme.ground), full, weight) : full;
  }

  // How much a bin stands out, 0 to 1.
  strength(bin) {
    return this.diverging ? Math.abs((2 * bin + 1) / BINS - 1) : (bin + 0.5) / BINS;
  }

  words() {
    const shades = new Uint32Array(SHADES);
    for (let i = 0; i < SHADES; i++) {
      const [red, green, blue] = this.colour(i / (SHADES - 1)).map(Math.round);
      shades[i] = red | (green << 8) | (blue << 16) | 0xff000000;
    }
    return shades;
  }

  gradient() {
    return `linear-gradient(to right, ${Array.from({ length: 17 }, (_, i) => css(this.colour(i / 16))).join(", ")})`;
  }
}

// The scales of a spec: of the paths' colours, of the map and of the pairs.
function scalesOf(spec, theme) {
  return {
    colour: spec.colour ? new Scale(spec.colour, theme, 1, theme.future) : null,
    heat: spec.heat ? new Scale(spec.heat, theme, spec.heat.strong ? 1 : HEAT_WEIGHT, theme.ground) : null,
    pairs: spec.pairs ? new Scale(spec.pairs, theme, 1, theme.future) : null,
  };
}
