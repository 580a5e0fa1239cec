// Colours, numbers and the small makers of elements that every part uses.

const THEMES = {
  light: {
    page: "#ffffff", ground: "#f6f6f4", text: "#141414", muted: "#62625e", line: "#e4e3df", grid: "#e9e9e5",
    track: "#e6e6e1", accent: "#0072b2", wash: "#e8f2f8", warn: "#a63f00", past: "#4a4a47", future: "#c6c6c0",
    field: "#7d7d78", marker: "#333332", cold: "#00639c", warm: "#b04a00", veil: "#0000000f", paperWhite: [255, 255, 255], ink: [20, 20, 20],
    roles: {
      state: "#0072b2", second: "#009e73", third: "#a0559c", launched: "#d55e00", clean: "#e69f00", target: "#bcbcb7",
      fourth: "#4aa8dd", fifth: "#7a4b22",
    },
    inks: {
      state: "#00639c", second: "#00704f", third: "#8a3f86", launched: "#a84a00", clean: "#855c00", target: "#62625e",
      fourth: "#1f6f9f", fifth: "#6b421e",
    },
  },
  dark: {
    page: "#1e1e1c", ground: "#161615", text: "#ecebe7", muted: "#a3a29c", line: "#33322f", grid: "#262624",
    track: "#34332f", accent: "#56b4e9", wash: "#1d2c36", warn: "#ff9d66", past: "#c2c1bb", future: "#484742",
    field: "#8b8a84", marker: "#dcdbd7", cold: "#56b4e9", warm: "#f58c4b", veil: "#ffffff12", paperWhite: [8, 8, 8], ink: [240, 239, 235],
    roles: {
      state: "#56b4e9", second: "#22b98d", third: "#d98fc6", launched: "#f58c4b", clean: "#f2b33d", target: "#62615c",
      fourth: "#4a7fd6", fifth: "#a97c50",
    },
    inks: {
      state: "#7cc5ee", second: "#4fd1aa", third: "#e5aed7", launched: "#ffa36b", clean: "#f5c463", target: "#a3a29c",
      fourth: "#86aef0", fifth: "#cda77e",
    },
  },
};

const LAYERS = ["target", "map", "particles", "paths", "clean", "field", "density", "pairs"];
const ROLE_WORDS = { state: "state", second: "state", third: "state", launched: "launched" };

function rgb(hex) {
  const value = parseInt(hex.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

function make(tag, name, parent, text) {
  const node = document.createElement(tag);
  if (name) node.className = name;
  if (text !== undefined) node.textContent = text;
  if (parent) parent.append(node);
  return node;
}

function draw(tag, traits, parent) {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const name in traits) node.setAttribute(name, traits[name]);
  if (parent) parent.append(node);
  return node;
}

// Writes only what changed, so that a scrub does not lay the page out again.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function clamp(value, low, high) {
  return value < low ? low : value > high ? high : value;
}

const SUPERSCRIPT = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

// Three significant digits; whole numbers stay whole.
function figure(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 1e6) return whole(value);
  if (size >= 1e5 || size < 1e-3) {
    const [mantissa, power] = value.toExponential(2).split("e");
    const raised = [...String(Number(power))].map((sign) => SUPERSCRIPT[sign]).join("");
    return `${mantissa.replace("-", "−")}×10${raised}`;
  }
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return (size >= 1000 ? whole(Math.round(value)) : value.toFixed(digits)).replace("-", "−");
}

function whole(value) {
  return String(value).replace(/\B(?=(\d{3})+$)/g, "\u202f").replace("-", "−");
}

// A round distance near `rough`: 1, 2 or 5 times a power of ten.
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const misses = [1, 2, 5, 10].map((factor) => [Math.abs(Math.log((factor * power) / rough)), factor * power]);
  return misses.sort((a, b) => a[0] - b[0])[0][1];
}

// Round places from `low` to `high`, about `count` of them.
function niceTicks(low, high, count) {
  if (!(high > low)) return [low];
  const step = niceStep((high - low) / Math.max(1, count));
  const ticks = [];
  for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at++) ticks.push(at * step);
  return ticks.map((value) => Number(value.toPrecision(12)));
}

function tickWord(value) {
  const size = Math.abs(value);
  if (size !== 0 && (size >= 1e5 || size < 1e-3)) return figure(value);
  return String(Number(value.toPrecision(6))).replace("-", "−");
}

function parsed(text, fallback) {
  try {
    return JSON.parse(text) || fallback;
  } catch {
    return fallback;
  }
}
