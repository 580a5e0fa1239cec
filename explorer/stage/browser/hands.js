// Keys, and what shows while a hand or the focus is on something.

class Hands {
  constructor(stage) {
    this.stage = stage;
    this.tip = make("div", "exs-tip", stage.root);
    this.tip.hidden = true;
    this.keys = (event) => this.press(event);
    this.hide = () => document.hidden && stage.timeline.stop();
    this.away = (event) => stage.timeline.pressedAway(event.composedPath());
    globalThis.addEventListener("keydown", this.keys, true);
    globalThis.addEventListener("pointerdown", this.away, true);
    document.addEventListener("visibilitychange", this.hide);
    for (const [name, show] of [["pointerover", 1], ["focusin", 1], ["pointerout", 0], ["focusout", 0]]) {
      stage.root.addEventListener(name, (event) => this.showTip(show ? event.target.closest("[data-hint]") : null));
    }
  }

  // JupyterLab takes keys before any element does, so they are caught first of all, on the window.
  press(event) {
    const { stage } = this;
    if (!event.composedPath().includes(stage.root)) return;
    const command = event.ctrlKey || event.metaKey || event.altKey;
    if (event.key === "Tab" || (command && !stage.sketch.open)) return;
    const target = event.composedPath()[0];
    const handled = stage.sketch.open ? stage.sketch.keyed(event) : this.keyed(event.key, target);
    if (handled) event.preventDefault();
    if (handled || (!command && document.body.dataset.jpThemeLight !== undefined)) event.stopImmediatePropagation();
  }

  keyed(key, target) {
    const { timeline, cursor } = this.stage;
    if (key === "Escape" && timeline.closeMenu()) return true;
    if (target.closest("[role=tablist]") && this.stage.charts.tabs.keyed(key)) return true;
    if (target.closest("select, [role=menu], [role=radiogroup], [role=tablist]")) return false;
    const pane = this.stage.panes.find(({ canvas, surface }) => canvas === target && surface.on);
    if (pane && pane.surface.keyed(key)) return true;
    if (key === " ") return !target.closest("button") && (timeline.toggle(), true);
    const page = Math.max(1, Math.round(cursor.stops.length / 10));
    const moves = {
      ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, ".": 1, ",": -1,
      PageUp: page, PageDown: -page, Home: -Infinity, End: Infinity,
    };
    if (!(key in moves)) return false;
    timeline.stop();
    if (Math.abs(moves[key]) === 1) cursor.step(moves[key]);
    else cursor.leap(moves[key]);
    return true;
  }

  showTip(node) {
    const { tip } = this;
    tip.hidden = !node;
    this.mark = null;
    if (node) this.tell(node.dataset.hint, node.getBoundingClientRect());
  }

  // What a mark on a picture says.
  showMark(pane, mark) {
    if (mark === this.mark || (!mark && !this.mark)) return;
    this.mark = mark;
    this.tip.hidden = !mark;
    if (!mark) return;
    const frame = pane.canvas.getBoundingClientRect();
    const [x, y] = [frame.left + mark.x / pane.dpr, frame.top + mark.y / pane.dpr];
    this.tell(mark.hint, new DOMRect(x - MARK_REACH, y - MARK_REACH, 2 * MARK_REACH, 2 * MARK_REACH));
  }

  tell(text, at) {
    const { tip } = this;
    say(tip, text);
    const frame = this.stage.root.getBoundingClientRect();
    const left = clamp(at.left - frame.left, 8, Math.max(8, frame.width - tip.offsetWidth - 8));
    const below = at.bottom - frame.top + 6;
    const top = below + tip.offsetHeight > frame.height ? at.top - frame.top - tip.offsetHeight - 6 : below;
    tip.style.transform = `translate(${Math.round(left)}px, ${Math.round(Math.max(4, top))}px)`;
  }

  drop() {
    globalThis.removeEventListener("keydown", this.keys, true);
    globalThis.removeEventListener("pointerdown", this.away, true);
    document.removeEventListener("visibilitychange", this.hide);
  }
}
