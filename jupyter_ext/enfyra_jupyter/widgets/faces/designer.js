// The table designer: a form, what it would change, and the button that changes it.

const PAUSE = 300;
const copyOf = (value) => JSON.parse(JSON.stringify(value));

export default widget(({ model, el, ask, say, watch, done }) => {
  let draft = {};
  let asked = 0;
  let timer = null;
  let shown = { lines: [], losses: [], problems: [], cell: "" };
  const open = new Set();
  const choices = () => model.get("choices");

  const form = h("div", { class: "enfyra-form" });
  const changes = h("ul", { class: "enfyra-changes" });
  const heading = h("strong", { id: `changes-${Math.random().toString(36).slice(2)}` }, "Changes");
  const apply = h("button", { class: "main", onclick: () => begin() }, "Apply");
  const reset = h("button", { onclick: () => startAgain() }, "Start again");
  const confirm = h("div", { class: "enfyra-confirm", role: "alertdialog", "aria-label": "Data gets lost", hidden: true });
  const cell = h("pre", { tabindex: "0", role: "group", "aria-label": "The cell that does the same" });
  const copy = h("button", { onclick: () => copyCell() }, "Copy the cell");
  const tables = h("datalist", { id: `tables-${Math.random().toString(36).slice(2)}` });
  el.append(
    form,
    h("section", { class: "enfyra-panel", "aria-labelledby": heading.id, "aria-live": "polite" }, heading, changes),
    confirm,
    h("div", { class: "enfyra-row" }, apply, reset),
    h("details", {}, h("summary", {}, "As a cell"), cell, copy),
    tables,
  );

  // -- the draft ------------------------------------------------------------------------------

  function taken() {
    const kept = model.get("draft");
    const next = kept?.columns ? kept : model.get("base");
    if (JSON.stringify(next) === JSON.stringify(draft)) return;
    draft = copyOf(next);
    tables.replaceChildren(...choices().tables.map((name) => h("option", { value: name })));
    build();
    look();
  }
  function changed(structure = false) {
    model.set("draft", copyOf(draft));
    model.save_changes();
    if (structure) build();
    clearTimeout(timer);
    timer = setTimeout(look, PAUSE);
  }
  async function look() {
    const mine = ++asked;
    try {
      const answer = await ask("preview", { draft });
      if (mine === asked) show(answer);
    } catch {
      // It is said below.
    }
  }
  async function begin() {
    if (shown.hash) return askFirst(shown.losses, shown.hash);
    await write(null);
  }
  async function write(hash) {
    apply.disabled = true;
    try {
      const answer = await ask("apply", { draft, confirm: hash });
      if (answer.again) {
        // Something has changed since; what would be lost now is shown, and asked for again.
        await look();
        if (shown.hash) askFirst(answer.losses, shown.hash);
        return;
      }
      await look();
      say(`${answer.name} is live at ${answer.live}`, "good");
    } catch {
      await look();
    }
  }
  async function startAgain() {
    open.clear();
    await ask("reload").then(() => say("This is the table as it is"), () => {});
  }
  function askFirst(losses, hash) {
    const keep = h("button", { onclick: () => close() }, "Keep everything");
    const close = () => {
      confirm.hidden = true;
      apply.focus();
    };
    confirm.replaceChildren(
      h("p", { class: "bad" }, "This loses ", losses.join("; "), "."),
      h("div", { class: "enfyra-row" },
        keep,
        h("button", { class: "danger", onclick: () => { close(); write(hash); } }, "Lose it, and apply"),
      ),
    );
    // What a handler like this gives as false would not happen: neither Tab nor Enter.
    confirm.onkeydown = (event) => {
      if (event.key === "Escape") close();
    };
    confirm.hidden = false;
    keep.focus();
  }
  function copyCell() {
    navigator.clipboard?.writeText(shown.cell).then(
      () => say("The cell is copied", "good"),
      () => say("The browser does not let us copy; select the text"),
    );
  }

  // -- what the server says -------------------------------------------------------------------

  function show(answer) {
    shown = answer;
    const lines = answer.lines.map(([kind, text]) => h("li", { class: kind }, text));
    lines.push(...answer.losses.map((loss) => h("li", { class: "bad" }, `! loses ${loss}`)));
    lines.push(...answer.problems.map((one) => h("li", { class: "bad" }, one.message)));
    if (answer.gone) {
      lines.push(h("li", { class: "bad" }, `${answer.gone}. `, h("button", { onclick: anew }, "Make it anew")));
    }
    if (!lines.length) lines.push(h("li", { class: "note" }, answer.changes ? "only the order changes" : "none"));
    changes.replaceChildren(...lines);
    cell.textContent = answer.cell;
    apply.textContent = draft.id === null ? "Create the table" : "Apply";
    apply.disabled = !answer.changes || answer.problems.length > 0;
    mark(answer.problems);
  }
  function anew() {
    draft.id = draft.was = null;
    for (const one of [...draft.columns, ...draft.relations]) {
      one.id = one.was = null;
      for (const rule of one.rules ?? []) rule.id = null;
    }
    changed(true);
    apply.focus();
  }
  function mark(problems) {
    for (const one of form.querySelectorAll("[aria-invalid]")) {
      one.removeAttribute("aria-invalid");
      one.removeAttribute("title");
    }
    for (const { place, message } of problems) {
      const input = form.querySelector(`[data-place="${CSS.escape(place)}"]`);
      input?.setAttribute("aria-invalid", "true");
      input?.setAttribute("title", message);
    }
  }

  // -- the form -------------------------------------------------------------------------------

  function text(owner, key, place, label, more = {}) {
    return h("input", {
      type: "text", value: owner[key], "data-place": place, "aria-label": label, spellcheck: "false", ...more,
      oninput: (event) => { owner[key] = event.target.value; changed(); },
    });
  }
  function tick(owner, key, place, label) {
    return h("input", {
      type: "checkbox", checked: owner[key], "data-place": place, "aria-label": label,
      onchange: (event) => { owner[key] = event.target.checked; changed(); },
    });
  }
  function pick(owner, key, place, label, options) {
    return h("select", {
      value: owner[key], "data-place": place, "aria-label": label,
      onchange: (event) => { owner[key] = event.target.value; changed(true); focus(place); },
    }, options.map((one) => h("option", { value: one }, one || "—")));
  }
  function area(key, label, hint) {
    return h("label", { class: "enfyra-area" }, label,
      h("textarea", {
        rows: "2", value: draft[key], "data-place": key, placeholder: hint, spellcheck: "false",
        oninput: (event) => { draft[key] = event.target.value; changed(); },
      }));
  }
  function removal(list, number, what) {
    return h("button", {
      "aria-label": `Remove ${what}`, title: `Remove ${what}`,
      onclick: () => {
        list.splice(number, 1);
        open.clear();
        changed(true);
        form.querySelector(`[data-add=${list === draft.columns ? "columns" : "relations"}]`)?.focus();
      },
    }, "✕");
  }
  const focus = (place) => form.querySelector(`[data-place="${CSS.escape(place)}"]`)?.focus();

  function build() {
    form.replaceChildren(
      h("div", { class: "enfyra-row" },
        h("label", {}, draft.id === null ? "New table " : "Table ", text(draft, "name", "name", "Name of the table", { placeholder: "post" })),
        h("label", { class: "wide" }, "Description ", text(draft, "description", "description", "Description of the table")),
      ),
      grid("Columns", ["name", "type", "options", "required", "default", "unique", "shown", "description", "rules", ""], draft.columns.flatMap(column)),
      adding("columns", "Add a column", () => copyOf(choices().column)),
      grid("Relations", ["name", "kind", "table", "required", "inverse", "on delete", "rules", ""], draft.relations.flatMap(relation)),
      adding("relations", "Add a relation", () => copyOf(choices().relation)),
      h("div", { class: "enfyra-row" },
        area("uniques", "Unique together", "author, title"),
        area("indexes", "Indexes", "state, createdAt"),
      ),
    );
    mark(shown.problems);
  }
  function grid(title, names, rows) {
    return h("div", { class: "enfyra-wide" }, h("table", { "aria-label": title },
      h("caption", {}, title),
      h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, rows),
    ));
  }
  function adding(section, label, empty) {
    return h("button", {
      "data-add": section,
      onclick: () => {
        draft[section].push(empty());
        changed(true);
        focus(`${section}.${draft[section].length - 1}.name`);
      },
    }, label);
  }
  function column(one, number) {
    const place = (key) => `columns.${number}.${key}`;
    const what = `column ${number + 1}`;
    const sized = { varchar: "length", decimal: "precision, scale", enum: "draft, published", "array-select": "a, b" }[one.type];
    const cells = [
      text(one, "name", place("name"), `Name of ${what}`),
      pick(one, "type", place("type"), `Type of ${what}`, choices().types),
      text(one, "options", place("options"), `Options of ${what}`, { placeholder: sized ?? "", disabled: !sized && !one.options }),
      tick(one, "required", place("required"), `${what} must not be empty`),
      text(one, "default", place("default"), `Default of ${what}`),
      tick(one, "unique", place("unique"), `${what} is unique`),
      tick(one, "shown", place("shown"), `${what} is in answers`),
      text(one, "description", place("description"), `Description of ${what}`),
      opening(one, place("rules"), what),
      removal(draft.columns, number, `${what} ${one.name}`),
    ];
    const kinds = choices().rules;
    return withRules(one, cells, `columns.${number}`, kinds, one.type === "varchar" ? "minLength" : "min");
  }
  function opening(one, place, what) {
    return h("button", {
      "data-place": place, "aria-expanded": String(open.has(one)), "aria-label": `Rules of ${what}`,
      onclick: () => { open.has(one) ? open.delete(one) : open.add(one); build(); focus(place); },
    }, one.rules.length ? `${one.rules.length} ▾` : "▾");
  }
  function withRules(one, cells, place, kinds, usual) {
    const row = h("tr", {}, cells.map((cell) => h("td", {}, cell)));
    if (!open.has(one)) return [row];
    return [row, h("tr", {}, h("td", { colspan: cells.length, class: "enfyra-rules" }, rules(one, place, kinds, usual)))];
  }
  function rules(one, owner, kinds, usual) {
    const place = (index, key) => `${owner}.rule.${index}.${key}`;
    return h("fieldset", {}, h("legend", {}, `Rules of ${one.name || "the field"}`),
      one.rules.map((rule, index) => h("div", { class: "enfyra-row" },
        pick(rule, "kind", place(index, "kind"), `Kind of rule ${index + 1}`, kinds),
        text(rule, "value", place(index, "value"), `Value of rule ${index + 1}`, { placeholder: "value" }),
        text(rule, "message", place(index, "message"), `Message of rule ${index + 1}`, { placeholder: "what people are told" }),
        h("button", {
          "aria-label": `Remove rule ${index + 1}`,
          onclick: () => { one.rules.splice(index, 1); changed(true); focus(`${owner}.rules`); },
        }, "✕"),
      )),
      h("button", {
        onclick: () => {
          one.rules.push({ id: null, kind: usual, value: "", message: "" });
          changed(true);
          focus(place(one.rules.length - 1, "value"));
        },
      }, "Add a rule"),
    );
  }
  function relation(one, number) {
    const place = (key) => `relations.${number}.${key}`;
    const what = `relation ${number + 1}`;
    // How many there are is a question where there can be several.
    const many = one.type === "many-to-many" || one.rules.length > 0;
    const cells = [
      text(one, "name", place("name"), `Name of ${what}`),
      pick(one, "type", place("type"), `Kind of ${what}`, choices().kinds),
      text(one, "target", place("target"), `Table of ${what}`, { list: tables.id, placeholder: "type to find" }),
      tick(one, "required", place("required"), `${what} must not be empty`),
      text(one, "inverse", place("inverse"), `Name of ${what} in the other table`),
      pick(one, "onDelete", place("onDelete"), `What a deletion does to ${what}`, ["", ...choices().onDelete]),
      many ? opening(one, place("rules"), what) : "",
      removal(draft.relations, number, `${what} ${one.name}`),
    ];
    return withRules(one, cells, `relations.${number}`, choices().relationRules, "minItems");
  }

  watch("base", taken);
  watch("draft", taken);
  done(() => clearTimeout(timer));
});
