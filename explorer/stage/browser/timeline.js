// The time line: steps, play, the slider with each run's own ticks, speed and loop.

const THUMB = 9; // half the width of the slider's thumb: where its travel begins
const SPEEDS = [0.25, 0.5, 1, 2, 4];
const ICONS = {
  previous: "M3 2h2v12H3zM14 2v12L6 8z",
  play: "M4 2l10 6-10 6z",
  pause: "M3.5 2h3.2v12H3.5zM9.3 2h3.2v12H9.3z",
  next: "M11 2h2v12h-2zM2 2l8 6-8 6z",
  loop: "M12.5 5.2A5.5 5.5 0 1 0 13.5 8h-1.7A3.8 3.8 0 1 1 11.2 6L9.3 7.6h4.9V2.8z",
  more: "M2 8a1.4 1.4 0 1 0 2.8 0a1.4 1.4 0 1 0 -2.8 0M6.6 8a1.4 1.4 0 1 0 2.8 0a1.4 1.4 0 1 0 -2.8 0M11.2 8a1.4 1.4 0 1 0 2.8 0a1.4 1.4 0 1 0 -2.8 0",
};

class TimeLine {
  constructor(stage, parent) {
    this.stage = stage;
    this.node = make("div", "exs-time", parent);
    this.bar = make("div", "exs-bar", this.node);
    const buttons = make("div", "exs-buttons", this.node);
    this.previous = button(buttons, "previous", "previous step", () => this.once(-1));
    this.play = button(buttons, "play", "play", () => this.toggle());
    this.play.classList.add("exs-play");
    this.next = button(buttons, "next", "next step", () => this.once(1));
    this.buildSlider();
    this.readout = make("output", "exs-now", this.node);
    this.readout.setAttribute("aria-live", "off");
    this.share = make("b", "", this.readout);
    this.step = make("span", "", this.readout);
    this.buildExtras();
    this.playing = false;
    this.timer = 0;
  }

  buildSlider() {
    const { stage } = this;
    const track = make("div", "exs-track", this.node);
    this.slider = make("input", "exs-slider", track);
    Object.assign(this.slider, { type: "range", min: "0", max: "1", step: "any" });
    this.slider.setAttribute("role", "slider");
    this.ticks = draw("svg", { class: "exs-ticks", "aria-hidden": "true" }, track);
    const ends = make("div", "exs-ends", track);
    this.ends = [make("span", "", ends), make("span", "", ends)];
    this.name();
    this.slider.addEventListener("input", () => {
      this.stop();
      stage.cursor.steer(stage.cursor.snap(1 - Number(this.slider.value)), false);
      if (globalThis.__h) globalThis.__h.input(stage.leadFrame());
    });
    for (const [name, held] of [["pointerdown", true], ["pointerup", false], ["pointercancel", false]]) {
      this.slider.addEventListener(name, () => {
        if (held) this.stop();
        stage.cursor.held = held;
      });
    }
    this.slider.addEventListener("change", () => stage.cursor.steer(stage.cursor.share, true));
    this.wide = 0;
    this.sizes = new ResizeObserver(() => {
      this.wide = this.ticks.clientWidth; // asked here only: at any other time the page would be laid out for it
      this.layTicks();
    });
    this.sizes.observe(track);
  }

  // What the cursor is on this page.
  name() {
    const { gauge } = this.stage;
    this.slider.setAttribute("aria-label", gauge.slider);
    say(this.ends[0], gauge.from);
    say(this.ends[1], gauge.to);
  }

  buildExtras() {
    const extras = make("div", "exs-extras", this.node);
    this.speed = make("select", "exs-speed", extras);
    this.speed.setAttribute("aria-label", "speed");
    for (const speed of SPEEDS) make("option", "", this.speed, `${speed}×`).value = speed;
    this.speed.value = "1";
    this.loop = button(extras, "loop", "loop", () => {
      const pressed = this.loop.getAttribute("aria-pressed") !== "true";
      this.loop.setAttribute("aria-pressed", String(pressed));
    });
    this.loop.setAttribute("aria-pressed", "false");
    this.more = button(extras, "more", "save", () => this.openMenu(this.menu.hidden));
    this.more.setAttribute("aria-haspopup", "menu");
    this.menu = make("div", "exs-menu", extras);
    this.menu.setAttribute("role", "menu");
    this.menu.hidden = true;
    this.item("Save picture (PNG)", () => savePicture(this.stage));
    this.csv = this.item("Save numbers (CSV)", () => saveNumbers(this.stage));
  }

  item(label, act) {
    const entry = make("button", "", this.menu, label);
    entry.type = "button";
    entry.setAttribute("role", "menuitem");
    entry.addEventListener("click", () => {
      this.openMenu(false);
      this.more.focus();
      act();
    });
    return entry;
  }

  openMenu(open) {
    this.menu.hidden = !open;
    this.more.setAttribute("aria-expanded", String(open));
    const { charts, numbers } = this.stage.charts.data;
    this.csv.disabled = !(charts && charts.length) && !numbers;
    if (open) this.menu.firstChild.focus();
  }

  // Escape closes the menu and goes back to its button; so does a press anywhere else.
  closeMenu() {
    if (this.menu.hidden) return false;
    this.openMenu(false);
    this.more.focus();
    return true;
  }

  pressedAway(path) {
    if (!path.includes(this.menu) && !path.includes(this.more)) this.openMenu(false);
  }

  // Each run's steps under the slider, in its colour where there are several.
  layTicks() {
    const width = this.wide;
    if (!width) return;
    this.ticks.replaceChildren();
    const panes = this.stage.panes.filter((pane) => pane.run);
    panes.forEach((pane, row) => {
      const { run } = pane;
      const several = panes.length > 1;
      const height = several ? 4 : 5;
      const course = (from, to) => {
        let path = "";
        for (let k = from; k < to; k++) path += `M${(THUMB + (1 - run.share(k)) * (width - 2 * THUMB)).toFixed(1)} ${row * 6}v${height}`;
        return path;
      };
      const colour = several ? this.stage.theme.roles[pane.spec.role] || this.stage.theme.muted : this.stage.theme.muted;
      const thin = run.got > width / 4 ? 0.45 : 0.85;
      draw("path", { d: course(0, run.got), stroke: colour, "stroke-width": 1, opacity: thin }, this.ticks);
    });
    this.node.style.setProperty("--rows", Math.max(1, panes.length));
  }

  move() {
    const { stage } = this;
    const at = stage.cursor.share;
    const value = String(1 - at);
    if (this.slider.value !== value) this.slider.value = value;
    this.slider.style.setProperty("--fill", `calc(${THUMB}px + ${1 - at} * (100% - ${2 * THUMB}px))`);
    const { gauge } = stage;
    const words = gauge.words(at);
    const lead = stage.lead();
    const step = lead && gauge.steps ? `step ${lead.nearest(at)} of ${lead.total - 1}` : "";
    say(this.share, words);
    say(this.step, step);
    this.slider.setAttribute("aria-valuetext", [lead ? step : "no steps yet", words].filter(Boolean).join(", "));
    this.bar.style.transform = `scaleX(${stage.progress()})`;
    this.bar.hidden = stage.status.kind !== "running";
    const idle = !stage.cursor.stops.length;
    for (const control of [this.previous, this.play, this.next, this.slider]) control.disabled = idle;
  }

  once(way) {
    this.stop();
    this.stage.cursor.step(way);
  }

  toggle() {
    if (this.playing) this.stop();
    else this.start();
  }

  start() {
    const { stage } = this;
    if (stage.cursor.stops.length < 2) return;
    if (stage.cursor.share <= stage.cursor.stops[stage.cursor.stops.length - 1] + 1e-6) stage.cursor.steer(stage.cursor.stops[0], false);
    this.playing = stage.cursor.held = true;
    this.face("pause");
    this.tick();
  }

  // A whole run takes 2.4 to 6 s whatever its number of steps; calmer where less motion is wanted.
  pace() {
    const count = Math.max(1, this.stage.cursor.stops.length - 1);
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const each = calm ? 400 : clamp(150 * count, 2400, 6000) / count;
    return each / Number(this.speed.value);
  }

  tick() {
    this.timer = setTimeout(() => {
      if (!this.playing) return;
      if (!this.stage.cursor.step(1) && !this.again()) this.stop();
      else this.tick();
    }, this.pace());
  }

  again() {
    if (this.loop.getAttribute("aria-pressed") !== "true") return false;
    this.stage.cursor.steer(this.stage.cursor.stops[0], false);
    return true;
  }

  stop() {
    if (!this.playing) return;
    clearTimeout(this.timer);
    this.playing = this.stage.cursor.held = false;
    this.face("play");
    this.stage.cursor.steer(this.stage.cursor.share, true);
  }

  face(name) {
    this.play.firstChild.firstChild.setAttribute("d", ICONS[name]);
    this.play.setAttribute("aria-label", name);
    this.play.title = name;
  }

  drop() {
    clearTimeout(this.timer);
    this.playing = false;
    this.sizes.disconnect();
  }
}

function button(parent, icon, label, act) {
  const node = make("button", "exs-button", parent);
  node.type = "button";
  node.title = label;
  node.setAttribute("aria-label", label);
  const svg = draw("svg", { viewBox: "0 0 16 16", "aria-hidden": "true" }, node);
  draw("path", { d: ICONS[icon] }, svg);
  node.addEventListener("click", act);
  return node;
}
