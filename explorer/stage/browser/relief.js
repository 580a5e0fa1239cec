// A map as a solid surface, triangle by triangle into pixels with a depth each, so that what lies behind is hidden.

const LIGHTS = 64; // shades of light on a slope
const MOST_NODES = 96; // along an axis: a finer map is read at so many places

class Relief {
  constructor(width, height) {
    Object.assign(this, { width, height });
    this.image = new ImageData(width, height);
    this.words = new Uint32Array(this.image.data.buffer);
    this.depths = new Float32Array(width * height);
    this.bands = new Uint8Array(width * height);
    this.sheet = Object.assign(document.createElement("canvas"), { width, height });
  }

  fits({ width, height }) {
    return [1, 2].some((times) => this.width === times * width && this.height === times * height);
  }

  // `project(x, y, part)` gives [column, row, depth] in the pixels of this picture.
  lay(lattice, scale, project, contours) {
    this.words.fill(0);
    this.depths.fill(Infinity);
    this.bands.fill(0);
    if (this.scale !== scale) [this.scale, this.shades] = [scale, litShades(scale)];
    this.steps = contours + 1;
    const mesh = meshOf(lattice, scale, project);
    for (let row = 0; row + 1 < mesh.rows; row++) {
      for (let column = 0; column + 1 < mesh.columns; column++) {
        const at = row * mesh.columns + column;
        this.triangle(mesh, at, at + 1, at + mesh.columns);
        this.triangle(mesh, at + 1, at + mesh.columns + 1, at + mesh.columns);
      }
    }
    if (contours) this.line();
  }

  // Row by row, from the left edge of the triangle to the right; all but the depth is looked up at the end.
  triangle({ px, py, depth, part, light }, a, b, c) {
    const [ax, ay, bx, by, cx, cy] = [px[a], py[a], px[b], py[b], px[c], py[c]];
    const area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay);
    if (!(Math.abs(area) > 1e-9)) return; // edge on, or not known
    const [stepV, stepW] = [(cy - ay) / area, -(by - ay) / area];
    const [farV, farW] = [depth[b] - depth[a], depth[c] - depth[a]];
    const [partV, partW] = [part[b] - part[a], part[c] - part[a]];
    const [litV, litW] = [light[b] - light[a], light[c] - light[a]];
    const bottom = Math.min(this.height - 1, Math.floor(Math.max(ay, by, cy)));
    const left = Math.max(0, Math.ceil(Math.min(ax, bx, cx)));
    const right = Math.min(this.width - 1, Math.floor(Math.max(ax, bx, cx)));
    for (let y = Math.max(0, Math.ceil(Math.min(ay, by, cy))); y <= bottom; y++) {
      let v = ((left - ax) * (cy - ay) - (cx - ax) * (y - ay)) / area;
      let w = ((bx - ax) * (y - ay) - (left - ax) * (by - ay)) / area;
      let at = y * this.width + left;
      for (let x = left; x <= right; x++, at++, v += stepV, w += stepW) {
        if (v < -1e-6 || w < -1e-6 || v + w > 1.000001) continue;
        const far = depth[a] + v * farV + w * farW;
        if (far >= this.depths[at]) continue;
        this.depths[at] = far;
        const height = part[a] + v * partV + w * partW;
        const lit = (light[a] + v * litV + w * litW) * (LIGHTS - 1) + 0.5;
        this.words[at] = this.shades[((lit | 0) << 8) + ((height * (SHADES - 1) + 0.5) | 0)];
        this.bands[at] = 1 + Math.min((height * this.steps) | 0, this.steps - 1);
      }
    }
  }

  // A pixel whose neighbour lies in another band is on a contour line.
  line() {
    const { width, height, bands, words } = this;
    for (let y = 1; y < height; y++) {
      for (let at = y * width + 1; at < (y + 1) * width; at++) {
        const band = bands[at];
        if (!band || ((bands[at - 1] === band || !bands[at - 1]) && (bands[at - width] === band || !bands[at - width]))) continue;
        const word = words[at];
        words[at] = (((word & 0xfefefe) >>> 1) + ((word & 0xf8f8f8) >>> 3)) | 0xff000000;
      }
    }
  }

  // Whether something at this depth shows at a pixel.
  shows(x, y, depth) {
    const [column, row] = [Math.round(x), Math.round(y)];
    if (column < 0 || row < 0 || column >= this.width || row >= this.height) return true;
    return depth <= this.depths[row * this.width + column] + 0.02;
  }
}

// The colours of the scale under each light, from shade to full.
function litShades(scale) {
  const all = new Uint32Array(LIGHTS * SHADES);
  const full = Array.from({ length: SHADES }, (_, i) => scale.colour(i / (SHADES - 1), 1));
  for (let k = 0; k < LIGHTS; k++) {
    const light = 0.62 + (0.44 * k) / (LIGHTS - 1);
    for (let i = 0; i < SHADES; i++) {
      const [red, green, blue] = full[i].map((value) => clamp(Math.round(value * light), 0, 255));
      all[k * SHADES + i] = red | (green << 8) | (blue << 16) | 0xff000000;
    }
  }
  return all;
}

function meshOf(lattice, scale, project) {
  const [columns, rows] = [Math.min(lattice.nx, MOST_NODES), Math.min(lattice.ny, MOST_NODES)];
  const list = () => new Float32Array(columns * rows);
  const mesh = { columns, rows, px: list(), py: list(), depth: list(), part: list(), light: list() };
  const spot = (at, count, size) => (count > 1 ? (at * (size - 1)) / (count - 1) : 0);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const [x, y] = [lattice.x(spot(column, columns, lattice.nx)), lattice.y(spot(row, rows, lattice.ny))];
      mesh.part[at] = scale.part(lattice.at(x, y));
      [mesh.px[at], mesh.py[at], mesh.depth[at]] = project(x, y, mesh.part[at]);
    }
  }
  lightUp(mesh);
  return mesh;
}

// Light from the upper left: a slope that faces it is bright.
function lightUp({ columns, rows, part, light }) {
  const known = (a, b, own) => (Number.isFinite(part[a]) && Number.isFinite(part[b]) ? part[a] - part[b] : own);
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const along = known(row * columns + Math.min(column + 1, columns - 1), row * columns + Math.max(column - 1, 0), 0) * columns * 0.22;
      const across = known(Math.min(row + 1, rows - 1) * columns + column, Math.max(row - 1, 0) * columns + column, 0) * rows * 0.22;
      const length = Math.hypot(along, across, 1);
      light[at] = clamp((0.45 * along - 0.35 * across + 0.8) / length, 0, 1);
    }
  }
}
