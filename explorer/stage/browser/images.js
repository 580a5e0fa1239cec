// Samples that are pictures: the grid of x_t beside the grid of clean predictions, pixel for pixel.

const GRID_LABEL = 22;
const GRID_SPACE = 28;
const CAPTION_LINE = 14;
const CAPTION_GAP = 12; // between pictures that have words
const LEAST_SCALE = 4; // CSS pixels of a picture's pixel, under which a picture with words is not shown

class ImageGrids {
  constructor(pane) {
    this.pane = pane;
    this.atlas = document.createElement("canvas");
    this.greys = null;
  }

  forget() {
    this.greys = null;
  }

  // The layout (side by side or one above the other) that shows the pictures largest.
  arrange(run, images, withClean) {
    const { width, height, dpr } = this.pane;
    const layer = run.layers.images;
    const top = 44 * dpr;
    const room = [width - 32 * dpr, height - top - 16 * dpr];
    const { columns, shown, words } = rowsAndColumns(images, layer.n, room, dpr);
    const rows = Math.ceil(shown / columns);
    const label = images.single ? 0 : GRID_LABEL * dpr;
    const lines = captionLines(images);
    const under = lines ? (CAPTION_LINE * lines + CAPTION_GAP) * dpr : 0; // the words of each row
    const aside = lines ? CAPTION_GAP * dpr : 0;
    const space = GRID_SPACE * dpr;
    const count = withClean ? 2 : 1;
    const scaleOf = (across, down) => {
      const wide = (room[0] - (across - 1) * space) / across - columns * aside;
      const tall = (room[1] - (down - 1) * space) / down - label - rows * under;
      return Math.min(wide / (columns * (images.width + 0.5)), tall / (rows * (images.height + 0.5)));
    };
    const beside = scaleOf(count, 1);
    const stacked = scaleOf(1, count);
    const side = beside >= stacked;
    const raw = Math.max(side ? beside : stacked, 0.5);
    const scale = raw >= 2 ? Math.floor(raw) : raw;
    const gap = Math.max(1, Math.round(scale / 2));
    const extra = Math.max(aside, Math.min(words, room[0] / columns) - images.width * scale - gap);
    const cell = [images.width * scale + gap + extra, images.height * scale + gap + under];
    const size = [columns * cell[0] - gap - extra, rows * cell[1] - gap];
    const whole = side ? [count * size[0] + (count - 1) * space, size[1] + label] : [size[0], count * (size[1] + label) + (count - 1) * space];
    const left = Math.round((width - whole[0]) / 2);
    const up = Math.round(top + Math.max(0, (room[1] - whole[1]) / 2));
    const corners = Array.from({ length: count }, (_, i) =>
      side ? [Math.round(left + i * (size[0] + space)), up + label] : [left, Math.round(up + label + i * (size[1] + space + label))]);
    this.layout = { columns, rows, cell, size, corners, scale, images, shown };
    return this.layout;
  }

  paint(context, run, index, spec, layers, theme) {
    const withClean = Boolean(run.layers.imagesClean) && layers.has("clean") && !spec.images.single;
    const layout = this.arrange(run, spec.images, withClean);
    context.fillStyle = theme.ground;
    context.fillRect(0, 0, this.pane.width, this.pane.height);
    context.imageSmoothingEnabled = false;
    this.grid(context, run.layers.images, index, layout, layout.corners[0], "state x_t", theme);
    if (withClean && run.has("imagesClean", index)) {
      this.grid(context, run.layers.imagesClean, index, layout, layout.corners[1], "clean prediction", theme);
    }
  }

  grid(context, layer, index, layout, corner, label, theme) {
    const { columns, cell, scale, images } = layout;
    const { dpr } = this.pane;
    this.fill(layer, index, layout, theme);
    context.fillStyle = theme.muted;
    context.font = `${11.5 * dpr}px system-ui, sans-serif`;
    context.textBaseline = "bottom";
    context.textAlign = "left";
    if (!images.single) context.fillText(label, corner[0], corner[1] - 7 * dpr);
    for (let i = 0; i < layout.shown; i++) {
      const column = i % columns;
      const row = Math.floor(i / columns);
      context.drawImage(
        this.atlas, column * images.width, row * images.height, images.width, images.height,
        corner[0] + column * cell[0], corner[1] + row * cell[1], images.width * scale, images.height * scale,
      );
    }
    if (captionLines(images)) this.write(context, layout.shown, layout, corner, theme);
  }

  // The words under each picture, cut where the next one begins.
  write(context, n, { columns, cell, scale, images }, corner, theme) {
    const { dpr } = this.pane;
    Object.assign(context, { textAlign: "center", textBaseline: "top", font: `${11.5 * dpr}px system-ui, sans-serif` });
    for (let i = 0; i < n; i++) {
      const [left, top] = [corner[0] + (i % columns) * cell[0], corner[1] + Math.floor(i / columns) * cell[1]];
      wordsOf(images, i).forEach((line, k) => {
        context.fillStyle = k ? theme.muted : theme.text;
        const text = shortened(context, line, cell[0] - 4 * dpr);
        context.fillText(text, left + (images.width * scale) / 2, top + images.height * scale + (4 + k * CAPTION_LINE) * dpr);
      });
    }
  }

  // Grey pictures go from paper to ink, so that nothing glares in the dark; three channels stay as they are.
  fill(layer, index, layout, theme) {
    const { columns, rows, images } = layout;
    const wide = columns * images.width;
    if (this.atlas.width !== wide || this.atlas.height !== rows * images.height || !this.image) {
      this.atlas.width = wide;
      this.atlas.height = rows * images.height;
      this.image = new ImageData(wide, rows * images.height);
    }
    if (!this.greys) this.greys = greyMap(theme);
    const words = new Uint32Array(this.image.data.buffer);
    const size = images.width * images.height;
    const coloured = layer.dims === 3 * size;
    for (let i = 0; i < layout.shown; i++) {
      const from = index * layer.size + i * layer.dims;
      const corner = Math.floor(i / columns) * images.height * wide + (i % columns) * images.width;
      for (let k = 0; k < size; k++) {
        const to = corner + Math.floor(k / images.width) * wide + (k % images.width);
        const v = layer.values;
        words[to] = coloured
          ? v[from + 3 * k] | (v[from + 3 * k + 1] << 8) | (v[from + 3 * k + 2] << 16) | 0xff000000
          : this.greys[v[from + k]];
      }
    }
    this.atlas.getContext("2d").putImageData(this.image, 0, 0);
  }

  // Which sample lies under a place in device pixels, or -1.
  sampleAt(x, y, n) {
    if (!this.layout) return -1;
    const { columns, cell, size, corners } = this.layout;
    for (const [left, top] of corners) {
      if (x < left || y < top || x >= left + size[0] || y >= top + size[1]) continue;
      const sample = Math.floor((y - top) / cell[1]) * columns + Math.floor((x - left) / cell[0]);
      return sample < Math.min(n, this.layout.shown) ? sample : -1;
    }
    return -1;
  }

  ring(context, sample, theme) {
    if (!this.layout) return;
    const { columns, cell, corners, images, scale } = this.layout;
    const pad = 1.5 * this.pane.dpr;
    context.strokeStyle = theme.accent;
    context.lineWidth = 2 * this.pane.dpr;
    for (const [left, top] of corners) {
      const x = left + (sample % columns) * cell[0];
      const y = top + Math.floor(sample / columns) * cell[1];
      context.strokeRect(x - pad, y - pad, images.width * scale + 2 * pad, images.height * scale + 2 * pad);
    }
  }
}

function wordsOf(images, i) {
  return String((images.captions || [])[i] || "").split("\n").slice(0, 2);
}

function captionLines(images) {
  return Math.max(0, ...(images.captions || []).map((text, i) => (text ? wordsOf(images, i).length : 0)));
}

function shortened(context, text, room) {
  let cut = text;
  while (cut && context.measureText(cut === text ? cut : `${cut}…`).width > room) cut = cut.slice(0, -1);
  return cut === text ? text : `${cut.trimEnd()}…`;
}

function imageFault(run, images) {
  const layer = run.layers.images;
  const size = images.width * images.height;
  if (layer.dims === size || layer.dims === 3 * size) return "";
  return `A picture must have ${images.height} × ${images.width} pixels, ${layer.dims} numbers came for each.`;
}

function greyMap(theme) {
  return Uint32Array.from({ length: 256 }, (_, value) => {
    const part = (i) => Math.round(theme.paperWhite[i] + ((theme.ink[i] - theme.paperWhite[i]) * value) / 255);
    return (part(0) | (part(1) << 8) | (part(2) << 16) | 0xff000000) >>> 0;
  });
}

// With words, a small pane shows only as many pictures as can be seen; they stand as many in a row as was asked, or as
// shows them largest with room for the words.
function rowsAndColumns(images, n, [wide, tall], dpr) {
  const lines = captionLines(images);
  const asked = Math.min(images.columns || Math.ceil(Math.sqrt(n)), n);
  if (!images.single || !lines) return { columns: asked, shown: n, words: 0 };
  const longest = Math.max(...images.captions.flatMap((words) => String(words).split("\n")).map((line) => line.length));
  const words = Math.min((6.4 * longest + CAPTION_GAP) * dpr, wide / Math.min(asked, 6));
  const under = (CAPTION_LINE * lines + CAPTION_GAP) * dpr;
  const most = Math.max(1, Math.min(n, Math.floor(wide / words)));
  const fit = Math.max(1, Math.floor(tall / (LEAST_SCALE * dpr * images.height + under)));
  const shownOf = (columns) => Math.min(n, columns * fit);
  const scaleOf = (columns) => {
    const rows = Math.ceil(shownOf(columns) / columns);
    return Math.min((wide / columns - CAPTION_GAP * dpr) / images.width, (tall / rows - under) / images.height);
  };
  const better = (one, next) => shownOf(next) - shownOf(one) || scaleOf(next) - scaleOf(one);
  const best = Array.from({ length: most }, (_, i) => i + 1).reduce((one, next) => (better(one, next) > 1e-9 ? next : one));
  const isGood = asked <= most && shownOf(asked) === shownOf(best) && scaleOf(asked) >= 0.9 * scaleOf(best);
  const columns = isGood ? asked : best;
  return { columns, shown: shownOf(columns), words };
}
