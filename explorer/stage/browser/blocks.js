// Bytes from Python become runs. What is malformed is refused with a sentence, never an exception.

const HEAD = 48;
const KIND_NAMES = { 0: "state", 1: "clean", 2: "field", 3: "target", 4: "colour", 5: "images", 6: "imagesClean", 7: "heat", 9: "ticks" };
const DTYPE_SIZES = { 1: 1, 2: 2, 4: 4 };
const RUN_LIMIT = 96 * 2 ** 20;

class Store {
  constructor() {
    this.clear();
  }

  clear() {
    this.runs = new Map();
    this.targets = new Map();
    this.refused = "";
  }

  // Takes a DataView (or nothing); gives how many blocks were kept.
  take(view) {
    if (!view || !view.byteLength) return 0;
    let kept = 0;
    for (let at = 0; at < view.byteLength; ) {
      const block = readHead(view, at);
      if (block.fault) {
        this.refused = `A block of data was refused: ${block.fault}.`;
        break;
      }
      const fault = this.keep(view, block);
      if (fault) this.refused = `A block of data was refused: ${fault}.`;
      else kept++;
      at = block.end;
    }
    return kept;
  }

  keep(view, block) {
    const fault = misfit(block);
    if (fault) return fault;
    if (block.kind === "target") {
      const target = { n: block.n, dims: block.dims, values: readValues(view, block) };
      // One that is sent again stays the object that it was: what is drawn of it is kept.
      if (!alike(this.targets.get(block.run), target)) this.targets.set(block.run, target);
      return "";
    }
    const run = this.runs.get(block.run) || new Run(block.run);
    const refusal = run.take(view, block);
    if (!refusal) this.runs.set(block.run, run);
    return refusal;
  }

  // Runs that are named by no spec and are older than one that is will never be shown again.
  prune(named) {
    const newest = Math.max(0, ...named);
    for (const id of this.runs.keys()) if (!named.has(id) && id < newest) this.runs.delete(id);
  }
}

class Run {
  constructor(id) {
    this.id = id;
    this.total = 0;
    this.layers = {};
    this.got = 0;
    this.bytes = 0;
    this.scale = 0;
  }

  take(view, block) {
    if (this.total && block.total !== this.total) return `run ${block.run} has ${this.total} frames, this says ${block.total}`;
    const whole = isValue(block) && !block.first && block.count === block.total;
    if (whole) this.forget(block.kind); // other values along the same places
    // A finer map takes the place of a coarser one.
    if (block.kind === "heat" && this.layers.heat && this.layers.heat.n !== block.n) this.forget("heat");
    const layer = this.layers[block.kind] || this.newLayer(block);
    if (!layer) return `run ${block.run} would need more than ${RUN_LIMIT / 2 ** 20} MB`;
    if (layer.n !== block.n || layer.dims !== block.dims) {
      return `${block.kind} of run ${block.run} is ${layer.n} × ${layer.dims}, this says ${block.n} × ${block.dims}`;
    }
    this.total = block.total;
    this.layers[block.kind] = layer;
    readValues(view, block, layer.values, block.first * layer.size);
    layer.have.fill(1, block.first, block.first + block.count);
    if (isValue(block)) widen(layer, block.first * layer.size, (block.first + block.count) * layer.size);
    while (layer.got < this.total && layer.have[layer.got]) layer.got++;
    this.settle();
    return "";
  }

  newLayer(block) {
    const length = block.total * block.n * block.dims;
    const image = block.dtype === 1;
    this.bytes += length * (image ? 1 : 4);
    if (this.bytes > RUN_LIMIT) return null;
    const values = image ? new Uint8Array(length) : new Float32Array(length);
    if (isValue(block)) values.fill(NaN); // what has not come is not known
    return { n: block.n, dims: block.dims, size: block.n * block.dims, values, have: new Uint8Array(block.total), got: 0, low: Infinity, high: -Infinity };
  }

  forget(kind) {
    if (this.layers[kind]) this.bytes -= 4 * this.layers[kind].values.length;
    delete this.layers[kind];
  }

  // Frames count once everything before them is there; without ticks the frames are taken as even.
  settle() {
    const main = this.layers.images || this.layers.state;
    const ticks = this.layers.ticks;
    this.got = main ? (ticks ? Math.min(main.got, ticks.got) : main.got) : 0;
    this.scale = 0;
  }

  share(index) {
    if (this.layers.ticks) return this.layers.ticks.values[index];
    return this.total > 1 ? 1 - index / (this.total - 1) : 0;
  }

  // The nearest tick among the frames that are there; of two equally near the one nearer the noise.
  nearest(share) {
    let low = 0;
    let high = this.got - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.share(middle) >= share) low = middle;
      else high = middle;
    }
    if (high < 1) return 0;
    return share - this.share(high) < this.share(low) - share - 1e-7 ? high : low;
  }

  has(kind, index) {
    return Boolean(this.layers[kind] && this.layers[kind].have[index]);
  }
}

function readHead(view, at) {
  const left = view.byteLength - at;
  if (left < HEAD) return { fault: `a head is ${HEAD} bytes, ${left} came` };
  const magic = String.fromCharCode(...[0, 1, 2, 3].map((i) => view.getUint8(at + i)));
  if (magic !== "EXS1") return { fault: "it must begin with EXS1" };
  const word = (offset) => view.getUint32(at + offset, true);
  const dtype = word(28);
  if (!DTYPE_SIZES[dtype]) return { fault: `its dtype must be 1, 2 or 4, ${dtype} came` };
  const block = {
    run: word(4), first: word(8), count: word(12), total: word(16), n: word(20),
    dims: view.getUint16(at + 24, true), kind: KIND_NAMES[view.getUint16(at + 26, true)], dtype,
    box: [32, 36, 40, 44].map((offset) => view.getFloat32(at + offset, true)), start: at + HEAD,
  };
  const size = block.count * block.n * block.dims * DTYPE_SIZES[dtype];
  if (left - HEAD < size) return { fault: `it promises ${size} bytes, ${left - HEAD} came` };
  block.end = block.start + size + ((8 - (size % 8)) % 8);
  return block;
}

function misfit(block) {
  if (!block.kind) return "its kind is unknown to this stage";
  if (!block.count || !block.n || !block.dims) return "it is empty";
  if (block.first + block.count > block.total) return `its frames end at ${block.first + block.count} of ${block.total}`;
  const image = block.kind === "images" || block.kind === "imagesClean";
  if (image !== (block.dtype === 1)) return `${block.kind} cannot have dtype ${block.dtype}`;
  if (block.kind === "ticks") return block.n * block.dims === 1 ? "" : "ticks must be one number a frame";
  if (isValue(block)) return block.dims === 1 ? "" : `${block.kind} must be one number each, ${block.dims} came`;
  if (!image && block.dims < 2) return `points must have 2 or more coordinates, ${block.dims} came`;
  return "";
}

// One number for each path, or for each cell of a map.
function isValue(block) {
  return block.kind === "colour" || block.kind === "heat";
}

function alike(one, other) {
  if (!one || one.n !== other.n || one.dims !== other.dims) return false;
  return one.values.every((value, i) => Object.is(value, other.values[i]));
}

// Keeps the least and the greatest that has come.
function widen(layer, from, to) {
  for (let i = from; i < to; i++) {
    if (layer.values[i] < layer.low) layer.low = layer.values[i];
    if (layer.values[i] > layer.high) layer.high = layer.values[i];
  }
}

function readValues(view, block, into, offset = 0) {
  const length = block.count * block.n * block.dims;
  const size = DTYPE_SIZES[block.dtype];
  const from = view.byteOffset + block.start;
  // A typed array must start on a multiple of its item size; a copy always does.
  const even = from % size === 0;
  const buffer = even ? view.buffer : view.buffer.slice(from, from + length * size);
  const type = { 1: Uint8Array, 2: Uint16Array, 4: Float32Array }[block.dtype];
  const raw = new type(buffer, even ? from : 0, length);
  const values = into || new Float32Array(length);
  if (block.dtype === 2) restore(raw, block.box, values, offset, block.dims);
  else values.set(raw, offset);
  return values;
}

function restore(raw, box, values, offset, dims) {
  const scaleX = (box[2] - box[0]) / 65534;
  const scaleY = (box[3] - box[1]) / 65534;
  for (let i = 0; i < raw.length; i++) {
    const odd = (i % dims) & 1;
    values[offset + i] = raw[i] === 65535 ? NaN : odd ? box[1] + raw[i] * scaleY : box[0] + raw[i] * scaleX;
  }
}
