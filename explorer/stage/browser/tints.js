// Paths in the colour of what is known along them; where nothing is known they stay neutral. Wide strokes of many
// colours cost a canvas tens of milliseconds, so each stretch is laid once, pixel by pixel: every pixel keeps the
// stretch that reached it first, and a move of the cursor only asks which of them are past.

const NEUTRAL = BINS;
const SOLID = 128; // of 255: from here on a pixel belongs to the stretch that came first
const FINE = 16; // covers are looked up by the square of a pixel's distance, in sixteenths

// The scale of a pane's paths, or null where they are all neutral.
function tintOf(pane) {
  const drawn = pane.run && pane.run.layers.colour && pane.run.layers.state && pane.stage.layers.has("paths");
  return drawn ? pane.stage.scales.colour : null;
}

// The bin of a path's stretch from frame k to the next: that of the mean of its two ends.
function stretchBin(colour, scale, k, i) {
  if (i >= colour.n || k + 1 >= colour.have.length) return NEUTRAL;
  const value = meanOf(colour.values[k * colour.n + i], colour.values[(k + 1) * colour.n + i]);
  return Number.isNaN(value) ? NEUTRAL : Math.min(BINS - 1, Math.floor(scale.part(value) * BINS));
}

// The one that is known where the other is not: paths have no bend at their very ends.
function meanOf(a, b) {
  if (Number.isNaN(a)) return b;
  return Number.isNaN(b) ? a : (a + b) / 2;
}

// Width says what colour says, for eyes that tell colours less well: the covers of each bin, by distance.
function brushes(scale, dpr) {
  const brush = (past, future, pastMost, futureMost) => {
    const reach = Math.max(past, future) + 0.5;
    const cells = Math.ceil(reach * reach * FINE) + 1;
    const covers = (half, most) => Uint8Array.from({ length: cells }, (_, cell) => Math.round(clamp(half + 0.5 - Math.sqrt((cell + 0.5) / FINE), 0, 1) * most));
    return { reach, past: covers(past, pastMost), future: covers(future, futureMost) };
  };
  const width = (low, high, strength) => (low + (high - low) * strength) * 0.5 * dpr;
  const strengths = Array.from({ length: BINS }, (_, bin) => scale.strength(bin));
  return [...strengths.map((each) => brush(width(0.9, 2.4, each), width(0.7, 1.3, each), 255, 255)), brush(0.5 * dpr, 0.5 * dpr, 127, 230)];
}

class Strands {
  constructor(width, height) {
    Object.assign(this, { width, height, count: 0 });
    this.slots = new Int32Array(width * height); // 1 + the place of a pixel in the lists
    this.grow(1 << 15);
  }

  grow(size) {
    const longer = (list, type) => {
      const grown = new type(size);
      if (list) grown.set(list);
      return grown;
    };
    this.pixels = longer(this.pixels, Int32Array);
    this.times = longer(this.times, Uint16Array);
    this.bins = longer(this.bins, Uint8Array);
    this.past = longer(this.past, Uint8Array); // how much of the pixel is covered, of 255
    this.future = longer(this.future, Uint8Array);
  }

  lay(pane, run, scale) {
    const { state, colour } = run.layers;
    const [scaleX, shiftX, scaleY, shiftY] = pane.place;
    const count = pathCount(pane, state);
    const all = brushes(scale, pane.dpr);
    for (let j = 0; j < this.count; j++) this.slots[this.pixels[j]] = 0;
    this.count = 0;
    const { values, size, dims } = state;
    for (let k = 0; k + 1 < run.got; k++) {
      for (let i = 0; i < count; i++) {
        const at = k * size + i * dims;
        const x = values[at] * scaleX + shiftX;
        const y = values[at + 1] * scaleY + shiftY;
        const toX = values[at + size] * scaleX + shiftX;
        const toY = values[at + size + 1] * scaleY + shiftY;
        const bin = stretchBin(colour, scale, k, i);
        this.stretch(x, y, toX, toY, k, bin, all[bin]);
      }
    }
    this.dye(scale);
  }

  // A straight stretch with round ends, row by row; what is missing or far outside falls through every test.
  stretch(x, y, toX, toY, time, bin, brush) {
    if (!(Math.max(Math.abs(x), Math.abs(y), Math.abs(toX), Math.abs(toY)) < 1e6)) return;
    const { slots } = this;
    const { reach } = brush;
    const most = reach * reach;
    const dx = toX - x;
    const dy = toY - y;
    const square = dx * dx + dy * dy;
    const inverse = square > 0 ? 1 / square : 0;
    const slant = Math.abs(dy) > 1e-3;
    const margin = slant ? ((reach + 0.5) * Math.sqrt(square)) / Math.abs(dy) : 0;
    const bottom = Math.min(this.height - 1, Math.ceil(Math.max(y, toY) + reach));
    for (let row = Math.max(0, Math.floor(Math.min(y, toY) - reach)); row <= bottom; row++) {
      const py = row + 0.5 - y;
      const middle = slant ? x + (dx / dy) * py : 0;
      const left = Math.max(0, Math.min(x, toX) - reach, slant ? middle - margin : 0);
      const right = Math.min(this.width - 1, Math.max(x, toX) + reach, slant ? middle + margin : Infinity);
      for (let column = Math.floor(left); column <= right; column++) {
        const pixel = row * this.width + column;
        const slot = slots[pixel];
        if (slot && this.past[slot - 1] >= SOLID) continue;
        const px = column + 0.5 - x;
        const along = (px * dx + py * dy) * inverse;
        const part = along < 0 ? 0 : along > 1 ? 1 : along;
        const offX = px - part * dx;
        const offY = py - part * dy;
        const off = offX * offX + offY * offY;
        if (off < most) this.touch(pixel, time, bin, brush, (off * FINE) | 0);
      }
    }
  }

  touch(pixel, time, bin, brush, cell) {
    const covered = brush.past[cell];
    let slot = this.slots[pixel] - 1;
    if (slot < 0) {
      if (this.count === this.pixels.length) this.grow(2 * this.count);
      slot = this.count++;
      this.slots[pixel] = slot + 1;
      this.pixels[slot] = pixel;
    } else if (this.past[slot] >= covered) return;
    this.times[slot] = time;
    this.bins[slot] = bin;
    this.past[slot] = covered;
    this.future[slot] = brush.future[cell];
  }

  // The colours of each bin, past and future, in the two halves that a blend takes.
  dye(scale) {
    const { theme } = scale;
    const shades = (weight) => Array.from({ length: BINS }, (_, bin) => scale.colour((bin + 0.5) / BINS, weight).map(Math.round));
    const all = [...shades(1), rgb(theme.past), ...shades(FUTURE_WEIGHT), rgb(theme.future)];
    this.redBlues = Int32Array.from(all, ([red, , blue]) => red | (blue << 16));
    this.greens = Int32Array.from(all, ([, green]) => green << 8);
  }

  paint(words, frame) {
    const { pixels, times, bins, redBlues, greens } = this;
    for (let j = 0; j < this.count; j++) {
      const isPast = times[j] < frame;
      const covered = isPast ? this.past[j] : this.future[j];
      if (!covered) continue;
      const weight = covered + (covered >> 7);
      const shade = isPast ? bins[j] : bins[j] + BINS + 1;
      const old = words[pixels[j]];
      const keep = 256 - weight;
      const redBlue = (((old & 0xff00ff) * keep + redBlues[shade] * weight) >>> 8) & 0xff00ff;
      words[pixels[j]] = redBlue | ((((old & 0xff00) * keep + greens[shade] * weight) >>> 8) & 0xff00) | 0xff000000;
    }
  }
}
