// The query builder: what is chosen on top, the cell that asks the same, and the first page.

const PAUSE = 350;
const copyOf = (value) => JSON.parse(JSON.stringify(value));

export default widget(({ model, el, ask, say, done }) => {
  const { table, fields } = model.get("facts");
  const byPath = new Map(fields.map((one) => [one.path, one]));
  const draft = copyOf(model.get("draft"));
  let timer = null;
  let asked = 0;

  const chosen = h("ul", { class: "enfyra-chips", "aria-label": "Fields" });
  const filters = h("div", {});
  const orders = h("div", {});
  const cell = h("pre", { tabindex: "0", role: "group", "aria-label": "The cell that asks the same" });
  const page = h("section", { class: "enfyra-panel enfyra-scroll", "aria-label": "The first page", "aria-live": "polite" });
  const all = h("datalist", { id: `fields-${Math.random().toString(36).slice(2)}` }, fields.map((one) => h("option", { value: one.path })));
  const adding = h("input", {
    list: all.id, "aria-label": "Add a field", placeholder: "add a field",
    onchange: () => {
      if (byPath.has(adding.value) && !draft.fields.includes(adding.value)) draft.fields.push(adding.value);
      adding.value = "";
      changed();
    },
  });

  el.append(
    all,
    h("div", { class: "enfyra-row" }, h("strong", {}, table), chosen, adding),
    h("fieldset", {}, h("legend", {}, "Which"), filters,
      h("div", { class: "enfyra-row" },
        h("button", { onclick: () => { draft.filters.push({ field: fields[0].path, operator: fields[0].operators[0], value: "" }); changed(filters); } }, "Add a condition"),
        h("label", {}, h("input", { type: "checkbox", checked: draft.any, onchange: (event) => { draft.any = event.target.checked; changed(); } }), " any of them is enough"))),
    h("fieldset", {}, h("legend", {}, "In which order"), orders,
      h("div", { class: "enfyra-row" },
        h("button", { onclick: () => { draft.sort.push({ field: fields[0].path, down: false }); changed(orders); } }, "Add a field to sort by"),
        h("label", {}, "at most ", h("input", {
          type: "number", min: "1", class: "narrow", value: draft.limit,
          oninput: (event) => { draft.limit = Number.parseInt(event.target.value, 10) || 0; changed(); },
        }), " rows"))),
    cell,
    h("button", { onclick: () => navigator.clipboard?.writeText(cell.textContent).then(() => say("The cell is copied", "good"), () => say("Select the text to copy it")) }, "Copy the cell"),
    page,
  );
  build();
  look();

  function changed(added = null) {
    model.set("draft", copyOf(draft));
    model.save_changes();
    build();
    if (added) added.lastElementChild?.querySelector("select")?.focus();
    later();
  }
  function typed() {
    model.set("draft", copyOf(draft));
    model.save_changes();
    later();
  }
  function later() {
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  }
  async function look() {
    const mine = ++asked;
    try {
      const answer = await ask("look", { draft });
      if (mine !== asked) return;
      say("");
      cell.textContent = answer.cell;
      show(answer);
    } catch {
      // What is wrong is said below; the cell is shown all the same.
      if (mine === asked) cell.textContent = await ask("cell", { draft }, { quiet: true }).catch(() => "");
    }
  }
  function show({ columns, rows, total }) {
    const text = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
    const short = (one) => (one.length > 80 ? `${one.slice(0, 79)}…` : one);
    page.replaceChildren(
      h("p", { class: "note" }, `${rows.length} of ${total}`),
      h("table", {},
        h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, short(text(value)))))))),
    );
  }

  function build() {
    const { activeElement } = el.getRootNode();
    const focused = el.contains(activeElement) ? activeElement.getAttribute("aria-label") : null;
    chosen.replaceChildren(...draft.fields.map((path, number) => h("li", {}, path, " ",
      h("button", { "aria-label": `Leave ${path} out`, onclick: () => { draft.fields.splice(number, 1); changed(); } }, "✕"))));
    filters.replaceChildren(...draft.filters.map(condition));
    orders.replaceChildren(...draft.sort.map(order));
    // One goes on where one was, or where fields are added if that is gone.
    if (focused) (el.querySelector(`[aria-label="${CSS.escape(focused)}"]`) ?? adding).focus();
  }
  function picker(owner, label, then = () => {}) {
    return h("select", { "aria-label": label, value: owner.field, onchange: (event) => { owner.field = event.target.value; then(); changed(); } },
      fields.map((one) => h("option", { value: one.path }, one.path)));
  }
  function condition(one, number) {
    const field = byPath.get(one.field) ?? fields[0];
    const label = `condition ${number + 1}`;
    const needsNone = one.operator.includes("null");
    const values = field.type === "boolean" ? ["true", "false"] : field.choices;
    const several = ["_in", "_not_in", "_between"].includes(one.operator);
    const value = field.picks && !several ? record(one, label) : values.length && !several
      ? h("select", { "aria-label": `Value of ${label}`, value: one.value, onchange: (event) => { one.value = event.target.value; typed(); } },
        ["", ...values].map((each) => h("option", { value: each }, each)))
      : h("input", {
        "aria-label": `Value of ${label}`, value: one.value, type: field.number && !several ? "number" : "text", step: "any",
        placeholder: several ? "several, parted by commas" : field.type, oninput: (event) => { one.value = event.target.value; typed(); },
      });
    return h("div", { class: "enfyra-row" },
      picker(one, `Field of ${label}`, () => {
        const next = byPath.get(one.field);
        if (!next.operators.includes(one.operator)) one.operator = next.operators[0];
        one.value = one.label = "";
      }),
      h("select", { "aria-label": `Operator of ${label}`, value: one.operator, onchange: (event) => { one.operator = event.target.value; changed(); } },
        field.operators.map((name) => h("option", { value: name }, name))),
      needsNone ? "" : value,
      h("button", { "aria-label": `Remove ${label}`, onclick: () => { draft.filters.splice(number, 1); changed(); } }, "✕"));
  }
  // A related record: by its name.
  function record(one, label) {
    return picking({
      label: `Value of ${label}`,
      search: (text, after) => ask("candidates", { field: one.field, text, after }, { quiet: true }),
      picked: (chosen) => {
        Object.assign(one, { value: chosen?.key ?? "", label: chosen?.label ?? "" });
        typed();
      },
      chosen: one.value ? { key: one.value, label: one.label } : null,
    }).element;
  }
  function order(one, number) {
    return h("div", { class: "enfyra-row" },
      picker(one, `Field ${number + 1} to sort by`),
      h("label", {}, h("input", { type: "checkbox", "aria-label": `Field ${number + 1}: the greatest first`, checked: one.down, onchange: (event) => { one.down = event.target.checked; changed(); } }), " the greatest first"),
      h("button", { "aria-label": `Remove field ${number + 1} to sort by`, onclick: () => { draft.sort.splice(number, 1); changed(); } }, "✕"));
  }

  done(() => clearTimeout(timer));
});
