// What a person takes away: the picture and the numbers, made here and handed over as a file.

function savePicture(stage) {
  const panes = stage.panes.filter((pane) => pane.width);
  if (!panes.length) return;
  const dpr = panes[0].dpr;
  const canvas = document.createElement("canvas");
  canvas.width = panes.reduce((sum, pane) => sum + pane.width, 0) + (panes.length - 1) * dpr;
  canvas.height = Math.max(...panes.map((pane) => pane.height));
  const context = canvas.getContext("2d");
  context.fillStyle = stage.theme.line;
  context.fillRect(0, 0, canvas.width, canvas.height);
  let left = 0;
  for (const pane of panes) {
    context.drawImage(pane.canvas, left, 0);
    titlePicture(context, pane, left, stage);
    pane.captions.scales.paint(context, left);
    left += pane.width + dpr;
  }
  // `toBlob` waits for an idle moment, which a busy or still page may not have for seconds.
  const letters = atob(canvas.toDataURL("image/png").split(",")[1]);
  const bytes = Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
  handOver(new Blob([bytes], { type: "image/png" }), `${fileStem(stage)}.png`);
}

function titlePicture(context, pane, left, stage) {
  const { dpr } = pane;
  const { theme } = stage;
  const write = (text, x, y, size, weight, colour, align) => {
    context.font = `${weight} ${size * dpr}px system-ui, sans-serif`;
    context.textAlign = align;
    context.textBaseline = "alphabetic";
    context.fillStyle = colour;
    context.fillText(text, x, y);
    return context.measureText(text).width;
  };
  const wide = write(pane.captions.title.textContent, left + 14 * dpr, 24 * dpr, 13, 600, theme.text, "left");
  const { note } = pane.captions;
  const below = pane.captions.isTall();
  write(note.textContent, left + 14 * dpr + (below ? 0 : 8 * dpr + wide), (below ? 41 : 24) * dpr, 11, 400, theme.muted, "left");
  const share = pane.run ? `${stage.gauge.label} ${stage.gauge.figure(pane.run.share(pane.frame))}` : "";
  const facts = [share, pane.captions.fact.textContent].filter(Boolean).join(" · ");
  context.font = `400 ${11 * dpr}px system-ui, sans-serif`;
  const foot = pane.captions.scales.footFor(context.measureText(facts).width);
  write(facts, left + pane.width - 14 * dpr, pane.height - (24 + foot) * dpr, 11, 400, theme.muted, "right");
  const items = [...pane.captions.legend.children];
  context.font = `400 ${12 * dpr}px system-ui, sans-serif`;
  const room = items.reduce((sum, item) => sum + context.measureText(item.textContent).width + 26 * dpr, 0);
  const narrow = pane.width <= NARROW * dpr;
  let x = narrow ? left + 18 * dpr : left + pane.width - room;
  const y = (narrow ? (below ? 61 : 44) : 24) * dpr;
  for (const item of items) {
    context.beginPath();
    context.fillStyle = item.firstChild.style.background;
    context.arc(x, y - 4 * dpr, 4 * dpr, 0, 2 * Math.PI);
    context.fill();
    x += write(item.textContent, x + 10 * dpr, y, 12, 400, theme.muted, "left") + 26 * dpr;
  }
}

function saveNumbers(stage) {
  const { gauge } = stage;
  const named = gauge !== NOISE; // then its values have a column of their own
  const over = (share) => [...(named ? [Number.isFinite(share) ? gauge.value(share) : ""] : []), named ? "" : share];
  const rows = [["kind", "name", "line", "run", ...(named ? [gauge.axis] : []), "x", "value"]];
  for (const chart of stage.charts.data.charts || []) {
    const places = chart.x === "share" ? over : (x) => [...(named ? [""] : []), x];
    for (const line of chart.lines || []) {
      const kind = line.guide ? "guide" : "chart";
      line.x.forEach((x, i) => rows.push([kind, chart.title, line.label, line.run, ...places(x), line.y[i]]));
    }
    for (const level of chart.levels || []) rows.push(["level", chart.title, level.label, "", ...places(""), level.y]);
    for (const { label, x } of chart.verticals || []) rows.push(["vertical", chart.title, label, "", ...places(x), ""]);
  }
  for (const row of tablesOf(stage.charts.data).flatMap((table) => table.rows)) {
    for (const [id, values] of Object.entries(row.values || {})) {
      const run = stage.store.runs.get(Number(id));
      [values].flat().forEach((value, i) => rows.push(["number", row.label, "", id, ...over(run && i < run.got ? run.share(i) : ""), value]));
    }
  }
  const text = rows.map((row) => row.map(cell).join(",")).join("\r\n");
  handOver(new Blob([`${text}\r\n`], { type: "text/csv" }), `${fileStem(stage)}.csv`);
}

// A text that a spreadsheet would run as a formula is kept a text.
function cell(value) {
  if (value === null || value === undefined) return "";
  if (typeof value === "number") return String(value);
  const text = /^[=+\-@\t\r]/.test(value) && !Number.isFinite(Number(value)) ? `'${value}` : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function fileStem(stage) {
  const words = `${stage.spec.title || "run"} ${stage.gauge.plain(stage.cursor.share)}`.toLowerCase();
  return words.replace(/[^a-z0-9.]+/g, "-").replace(/^-+|-+$/g, "") || "run";
}

function handOver(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  // The browser reads the blob after the click; give it time before letting go.
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}
