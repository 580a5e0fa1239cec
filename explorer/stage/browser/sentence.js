// A sentence wherever there is less than a whole picture.

const SENTENCES = {
  empty: "Nothing has run yet. Choose what to sample, and it starts at once.",
  running: "Waiting for the first frame.",
  done: "The run ended without a frame to draw.",
  cancelled: "Cancelled before the first frame.",
  diverged: "The run diverged before the first frame.",
  failed: "The run failed before the first frame.",
};

function speak(stage) {
  const { sentence, status, store, fault } = stage;
  const bare = !stage.panes.some((pane) => pane.run);
  const { kind, text } = status;
  const words = [];
  if (bare) words.push(text || SENTENCES[kind] || SENTENCES.empty);
  else if (kind !== "done" && kind !== "empty" && text) words.push(text);
  else if (kind === "cancelled") words.push("Cancelled: the frames so far still scrub.");
  if (store.refused) words.push(store.refused);
  if (fault) words.push(fault);
  say(sentence, words.join(" "));
  sentence.hidden = !words.length;
  sentence.dataset.kind = store.refused || fault ? "failed" : kind;
  sentence.classList.toggle("exs-alone", bare);
}
