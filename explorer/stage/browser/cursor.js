// The time cursor of one stage: where it stands, where it may stop, and who else hears of it.

const REGISTRY = Symbol.for("explorer.stage.v1");
const REST = 150; // ms of stillness before Python hears where the cursor is

class Cursor {
  constructor(stage) {
    this.stage = stage;
    this.share = 1;
    this.stops = [];
    this.touched = false;
    this.telling = false;
    this.held = false; // by a pointer on the slider, or by play: Python hears of it when they let go
  }

  // The stops are the ticks of all runs; until a hand moves it the cursor follows the newest frame, then rests
  // where the spec says.
  lay() {
    const shares = [];
    for (const { run } of this.stage.panes) {
      for (let k = 0; run && k < run.got; k++) shares.push(run.share(k));
    }
    shares.sort((a, b) => b - a);
    this.stops = shares.filter((share, i) => i === 0 || shares[i - 1] - share > 1e-6);
    const lead = this.stage.lead();
    if (this.touched || !lead) return;
    const whole = lead.got === lead.total;
    const { rest } = this.stage.spec;
    this.share = whole && Number.isFinite(rest) ? clamp(rest, 0, 1) : lead.share(lead.got - 1);
  }

  snap(share) {
    let best = share;
    let distance = Infinity;
    for (const stop of this.stops) {
      if (Math.abs(stop - share) < distance - 1e-9) {
        distance = Math.abs(stop - share);
        best = stop;
      }
    }
    return best;
  }

  // One stop toward the data (1) or the noise (-1); false at the end.
  step(way) {
    const onward = way > 0 ? this.stops.find((stop) => stop < this.share - 1e-6) : this.stops.findLast((stop) => stop > this.share + 1e-6);
    if (onward === undefined) return false;
    this.steer(onward, false);
    return true;
  }

  leap(stops) {
    const at = this.stops.indexOf(this.snap(this.share));
    if (at >= 0) this.steer(this.stops[clamp(at + stops, 0, this.stops.length - 1)], false);
  }

  // A hand moved the cursor: move, tell the other stages now, and Python once the hand rests.
  steer(share, released) {
    this.told(share);
    this.telling = true;
    for (const peer of this.peers()) peer.told(share);
    clearTimeout(this.resting);
    if (released) this.tellPython();
    else if (!this.held) this.resting = setTimeout(() => this.tellPython(), REST);
  }

  told(share) {
    this.share = share;
    this.touched = true;
    this.stage.invalidate();
  }

  tellPython() {
    clearTimeout(this.resting);
    const share = Number(this.share.toFixed(6));
    if (share === this.sent) return;
    this.sent = share;
    this.stage.tell("cursor", share);
  }

  // Python moved it; the echo of what was sent from here is no news.
  hear(share) {
    if (!Number.isFinite(share) || share === this.sent) return;
    this.sent = share;
    this.told(clamp(share, 0, 1));
    for (const peer of this.peers()) peer.told(this.share);
  }

  // Once a frame, and only where the hand is.
  announce() {
    if (!this.telling) return;
    this.telling = false;
    const detail = { share: this.share, group: this.group };
    this.stage.root.dispatchEvent(new CustomEvent("explorer:cursor", { detail, bubbles: true, composed: true }));
    if (this.channel) this.channel.postMessage(this.share);
  }

  registry() {
    if (!globalThis[REGISTRY]) globalThis[REGISTRY] = new Map();
    return globalThis[REGISTRY];
  }

  peers() {
    return [...(this.registry().get(this.group) || [])].filter((cursor) => cursor !== this);
  }

  join(group) {
    this.leave();
    this.group = group;
    const registry = this.registry();
    if (!registry.has(group)) registry.set(group, new Set());
    registry.get(group).add(this);
    const guide = this.peers().find((cursor) => cursor.touched);
    if (guide) this.told(guide.share);
    // Without a name a channel would join pages that have nothing to do with each other.
    if (!group) return;
    this.channel = new BroadcastChannel(`explorer:${group}`);
    this.channel.onmessage = (event) => Number.isFinite(event.data) && this.told(clamp(event.data, 0, 1));
  }

  leave() {
    if (this.channel) this.channel.close();
    this.channel = null;
    const members = this.registry().get(this.group);
    if (!members) return;
    members.delete(this);
    if (!members.size) this.registry().delete(this.group);
  }

  drop() {
    clearTimeout(this.resting);
    this.leave();
  }
}
