// The relation picker by itself: the combobox, and the record that is chosen.

export default widget(({ model, el, ask, say, watch, done }) => {
  const { table, key, label } = model.get("facts");
  const fields = h("div", { class: "enfyra-scroll", tabindex: "0", role: "region", "aria-label": `The chosen record of ${table}` });
  const clear = h("button", { onclick: () => choose(null).then(() => pick.input.focus()) }, "Choose none");
  const pick = picking({
    label: `Record of ${table}`,
    search: (text, after) => ask("candidates", { text, after }, { quiet: true }),
    picked: (record) => choose(record?.key ?? null),
  });

  el.append(
    h("div", { class: "enfyra-row" }, h("strong", {}, table), pick.element, clear,
      h("span", { class: "note" }, label ? `by ${label}, or ${key}` : `by ${key}`)),
    fields,
  );

  async function choose(wanted) {
    try {
      await ask("choose", { key: wanted });
      say(wanted === null ? `No record of ${table} is chosen` : `${pick.input.value} is chosen`, "good");
    } catch {
      // It is said below; what was chosen before still is.
      pick.set(model.get("chosen"));
    }
  }
  watch("chosen", async (chosen) => {
    pick.set(chosen);
    clear.hidden = chosen.key === undefined;
    fields.hidden = chosen.key === undefined;
    if (fields.hidden) return;
    try {
      const rows = await ask("fields", {}, { quiet: true });
      fields.replaceChildren(h("table", {}, h("tbody", {}, rows.map(([name, value]) => h("tr", {},
        h("th", { scope: "row" }, name), h("td", { dir: "auto", class: value === null ? "note" : null }, value ?? "null"))))));
    } catch {
      fields.replaceChildren();
    }
  });
  done(() => pick.close());
});
