// What the cursor is called and how its places are written: the noise share, or what `spec.cursor` says. Inside it is
// always the share, 1 at the left and 0 at the right.

class Gauge {
  constructor(said) {
    Object.assign(this, { label: said.label || "time", from: said.from || "", to: said.to || "", unit: said.unit || "" });
    Object.assign(this, { lo: said.lo, hi: said.hi, log: Boolean(said.log), integer: Boolean(said.integer) });
    this.steps = said.steps !== false;
    this.slider = this.label;
  }

  value(share) {
    const part = 1 - share;
    const value = this.log ? this.lo * (this.hi / this.lo) ** part : this.lo + part * (this.hi - this.lo);
    return this.integer ? Math.round(value) : Number(value.toPrecision(12));
  }

  share(value) {
    const part = this.log ? Math.log(value / this.lo) / Math.log(this.hi / this.lo) : (value - this.lo) / (this.hi - this.lo);
    return 1 - part;
  }

  figure(share) {
    return [figure(this.value(share)), this.unit].filter(Boolean).join(" ");
  }

  words(share) {
    return `${this.label} ${this.figure(share)}`;
  }

  // How a name of a file says it.
  plain(share) {
    return `${this.label} ${Number(this.value(share).toPrecision(3))}`;
  }

  // The places that an axis over the cursor names, from left to right.
  ticks(count) {
    const [low, high] = [Math.min(this.lo, this.hi), Math.max(this.lo, this.hi)];
    const values = this.log ? logTicks(low, high, count + 2) : niceTicks(low, high, count).filter((value) => !this.integer || Number.isInteger(value));
    const words = tickWords(values, this.log);
    return values.map((value, i) => ({ at: this.share(value), word: words[i] })).sort((a, b) => b.at - a.at);
  }

  get axis() {
    return [this.label, this.unit].filter(Boolean).join(", ");
  }
}

// The cursor of a page that says nothing of its own.
const NOISE = {
  label: "noise share", axis: "noise share", slider: "sampler time", from: "noise, t = 1", to: "data, t = 0", unit: "", steps: true,
  value: (share) => share,
  figure,
  words: (share) => `noise share ${share.toFixed(2)}`,
  plain: (share) => share.toFixed(2),
  ticks: () => [1, 0.5, 0].map((share) => ({ at: share, word: tickWord(share) })),
};

// The gauge of a spec, and what is wrong with it, if anything.
function gaugeOf(said) {
  if (!said) return [NOISE, ""];
  const { lo, hi } = said;
  if (!Number.isFinite(lo) || !Number.isFinite(hi) || lo === hi) return [NOISE, `A cursor must run between two numbers, ${lo} and ${hi} came.`];
  if (said.log && !(lo > 0 && hi > 0)) return [NOISE, `A logarithmic cursor must run between positive numbers, ${lo} and ${hi} came.`];
  return [new Gauge(said), ""];
}
