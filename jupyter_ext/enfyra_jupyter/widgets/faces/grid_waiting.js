// What waits to be saved: how much it is, what was refused of it, and a question before much is deleted.

function gridWaiting({ rows, save, drop, back }) {
  const text = h("span", {});
  const failure = h("p", { class: "bad", role: "alert" });
  const saves = h("button", { class: "main", title: "Ctrl+Enter", onclick: () => ask() }, "Save");
  const drops = h("button", { onclick: drop }, "Drop");
  const question = h("span", { class: "enfyra-row", role: "alertdialog", hidden: true });
  const element = h("div", { class: "enfyra-grid-waiting", role: "group", "aria-label": "Not saved", hidden: true },
    h("div", { class: "enfyra-row" }, text, saves, drops, question), failure);

  // One row is deleted by Save itself; of more, it asks.
  function ask() {
    if (rows.saving || !(rows.count || rows.marks)) return;
    if (rows.marks < 2) {
      save();
      return;
    }
    const many = rows.counted(rows.marks, "row");
    const keep = h("button", { onclick: () => { close(); back(); } }, "Not yet");
    question.replaceChildren(`Delete ${many} for good?`, keep, h("button", { class: "danger", onclick: () => { close(); save(); } }, `Delete ${many}`));
    question.setAttribute("aria-label", `Delete ${many} for good?`);
    question.hidden = false;
    saves.hidden = drops.hidden = true;
    keep.focus();
  }
  function close() {
    question.hidden = true;
    saves.hidden = drops.hidden = false;
  }
  question.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    close();
    back();
  });

  return {
    element, ask,
    show() {
      const { count, marks, saving, failed } = rows;
      const parts = [count ? rows.counted(count, "new row") : "", marks ? `${rows.counted(marks, "row")} to be deleted` : ""];
      text.textContent = saving ? `Saving: ${saving}` : parts.filter(Boolean).join(", ");
      saves.disabled = drops.disabled = Boolean(saving);
      element.hidden = !count && !marks;
      if (!marks) close();
      if (failure.textContent !== failed) failure.textContent = failed;
    },
  };
}
