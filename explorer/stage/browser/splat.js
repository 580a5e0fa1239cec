// Dots are added straight into a pixel buffer: thousands of them cost about a millisecond.

const PHASES = 4; // sub-pixel places along each axis
const BANDS = [0, 26, 54, 84, 116, 150, 188]; // weight of each density band, of 256

// Coverage of a disc at each sub-pixel place: [phase y][phase x] of side x side bytes.
class Sprite {
  constructor(radius, alpha) {
    this.reach = Math.ceil(radius + 0.5);
    this.side = 2 * this.reach + 1;
    const stamps = [];
    for (let phase = 0; phase < PHASES * PHASES; phase++) {
      const dx = ((phase % PHASES) + 0.5) / PHASES - 0.5;
      const dy = (Math.floor(phase / PHASES) + 0.5) / PHASES - 0.5;
      stamps.push(this.stamp(radius, alpha, dx, dy));
    }
    this.stamps = stamps;
  }

  stamp(radius, alpha, dx, dy) {
    const cells = [];
    for (let y = -this.reach; y <= this.reach; y++) {
      for (let x = -this.reach; x <= this.reach; x++) {
        const inside = clamp(radius + 0.5 - Math.hypot(x - dx, y - dy), 0, 1);
        const weight = Math.round(256 * alpha * inside);
        if (weight) cells.push(x, y, weight);
      }
    }
    return Int32Array.from(cells);
  }
}

// A buffer of opaque pixels, little-endian RGBA seen as one Uint32 each.
class Pixels {
  constructor(width, height) {
    this.width = width;
    this.height = height;
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
  }

  // `place` = [scale x, shift x, scale y, shift y] takes a point to a pixel. Gives how many fell outside.
  splat(values, start, n, dims, place, sprite, colour) {
    const { width, height, words } = this;
    const [scaleX, shiftX, scaleY, shiftY] = place;
    const redBlue = colour[0] | (colour[2] << 16);
    const green = colour[1] << 8;
    const reach = sprite.reach;
    let outside = 0;
    for (let i = 0, at = start; i < n; i++, at += dims) {
      const x = values[at] * scaleX + shiftX;
      const y = values[at + 1] * scaleY + shiftY;
      if (!(x >= 0 && y >= 0 && x < width && y < height)) {
        outside++;
        continue;
      }
      const column = x | 0;
      const row = y | 0;
      const stamp = sprite.stamps[(((y - row) * PHASES) | 0) * PHASES + (((x - column) * PHASES) | 0)];
      const safe = column >= reach && row >= reach && column + reach < width && row + reach < height;
      for (let k = 0; k < stamp.length; k += 3) {
        const px = column + stamp[k];
        const py = row + stamp[k + 1];
        if (!safe && (px < 0 || py < 0 || px >= width || py >= height)) continue;
        const index = py * width + px;
        const old = words[index];
        const weight = stamp[k + 2];
        const keep = 256 - weight;
        const rb = (((old & 0xff00ff) * keep + redBlue * weight) >>> 8) & 0xff00ff;
        const g = (((old & 0xff00) * keep + green * weight) >>> 8) & 0xff00;
        words[index] = rb | g | 0xff000000;
      }
    }
    return outside;
  }
}

// How crowded each place is: points counted on a coarse grid, smoothed, then drawn in six even bands.
class Density {
  constructor(width, height) {
    this.cell = Math.max(4, Math.round(Math.max(width, height) / 110));
    this.columns = Math.ceil(width / this.cell) + 1;
    this.rows = Math.ceil(height / this.cell) + 1;
    this.counts = new Float32Array(this.columns * this.rows);
    this.spare = new Float32Array(this.columns * this.rows);
    this.line = new Float32Array(width);
  }

  count(values, start, n, dims, place, smooth) {
    this.counts.fill(0);
    for (let i = 0, at = start; i < n; i++, at += dims) {
      const column = Math.round((values[at] * place[0] + place[1]) / this.cell);
      const row = Math.round((values[at + 1] * place[2] + place[3]) / this.cell);
      if (column >= 0 && row >= 0 && column < this.columns && row < this.rows) this.counts[row * this.columns + column]++;
    }
    // Three passes of a short box come close to a Gaussian.
    for (let pass = 0; pass < 3; pass++) {
      this.blur(this.counts, this.spare, 1, this.columns, smooth);
      this.blur(this.spare, this.counts, this.columns, 1, smooth);
    }
    return this.counts.reduce((top, value) => Math.max(top, value), 0);
  }

  blur(from, into, step, stride, smooth) {
    const along = step === 1 ? this.columns : this.rows;
    const across = step === 1 ? this.rows : this.columns;
    for (let lane = 0; lane < across; lane++) {
      const base = lane * stride;
      for (let i = 0; i < along; i++) {
        let sum = 0;
        for (let k = Math.max(0, i - smooth); k <= Math.min(along - 1, i + smooth); k++) sum += from[base + k * step];
        into[base + i * step] = sum / (2 * smooth + 1);
      }
    }
  }

  // One hue whose weight over the ground grows evenly: light to dark on paper, dark to light at night.
  paint(pixels, top, colour) {
    const { width, height, words } = pixels;
    const redBlue = colour[0] | (colour[2] << 16);
    const green = colour[1] << 8;
    const [left, right] = this.span(top / 7);
    for (let y = 0; y < height; y++) {
      if (!this.interpolateRow(y / this.cell, left, Math.min(right, width), top / 7)) continue;
      for (let x = left; x < right && x < width; x++) {
        const band = (this.line[x] / top) * 7;
        if (band < 1) continue;
        const index = y * width + x;
        const weight = BANDS[band > 6 ? 6 : band | 0];
        const keep = 256 - weight;
        const rb = (((words[index] & 0xff00ff) * keep + redBlue * weight) >>> 8) & 0xff00ff;
        words[index] = rb | ((((words[index] & 0xff00) * keep + green * weight) >>> 8) & 0xff00) | 0xff000000;
      }
    }
  }

  // The columns of pixels between which anything reaches the lowest band.
  span(least) {
    let left = this.columns;
    let right = 0;
    for (let i = 0; i < this.counts.length; i++) {
      if (this.counts[i] < least) continue;
      left = Math.min(left, i % this.columns);
      right = Math.max(right, i % this.columns);
    }
    return [Math.max(0, left - 1) * this.cell, (right + 1) * this.cell];
  }

  // Fills `line` between two columns; false where nothing in the row reaches the lowest band.
  interpolateRow(row, from, to, least) {
    const above = Math.floor(row) * this.columns;
    const below = Math.min(this.rows - 1, Math.floor(row) + 1) * this.columns;
    let highest = 0;
    for (let i = 0; i < this.columns; i++) highest = Math.max(highest, this.counts[above + i], this.counts[below + i]);
    if (highest < least) return false;
    const down = row - Math.floor(row);
    for (let x = from; x < to; x++) {
      const at = x / this.cell;
      const left = at | 0;
      const right = Math.min(this.columns - 1, left + 1);
      const along = at - left;
      const high = this.counts[above + left] * (1 - along) + this.counts[above + right] * along;
      const low = this.counts[below + left] * (1 - along) + this.counts[below + right] * along;
      this.line[x] = high * (1 - down) + low * down;
    }
    return true;
  }
}
