// Changing a cell in its place: an editor for its type, what the server says of it, and what somebody
// else has made of it meanwhile. A cell of a row that is not saved yet is changed here only.

function gridEditor({ columns, state, pages, rows, view, history, ask, say, changed }) {
  let open = null;

  // -- editors by type ------------------------------------------------------------------------

  function choice(value, options, nullable) {
    const known = options.includes(value) || value === null ? options : [value, ...options];
    const all = nullable || value === null ? [...known, null] : known;
    const control = h("select", {}, all.map((one) => h("option", { value: one ?? "", class: one === null ? "null" : "" }, one === null ? "null" : one)));
    control.selectedIndex = all.indexOf(value);
    return { control, read: () => all[control.selectedIndex] };
  }

  function instant(value) {
    // Browsers know instants to the millisecond only, and no zones.
    const found = /^(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d{1,3})?)?\d*(?:\+00:00|Z)$/.exec(value ?? "");
    const exact = value === null || (found && !/\.\d{3}0*[1-9]/.test(value));
    if (!exact) return null;
    const control = h("input", { type: "datetime-local", step: "0.001", title: "UTC", value: found ? found[1] + (found[2] ?? "") : "" });
    return { control, read: () => (control.value ? `${control.value}Z` : null) };
  }

  function text(value, { kind }) {
    const long = kind === "json" || kind === "list" || /\n/.test(value ?? "") || (value ?? "").length > 80;
    const facts = { spellcheck: "false", dir: "auto", placeholder: value === null ? "null" : "" };
    const control = long
      ? h("textarea", { ...facts, rows: "5", value: value ?? "" })
      : h("input", { ...facts, inputmode: GRID_RIGHT.has(kind) ? "decimal" : "text", value: value ?? "" });
    let empty = value === null;
    control.addEventListener("input", () => { empty = false; });
    // Of what is no text, nothing is no value.
    return { control, read: () => (control.value === "" && (empty || kind !== "text") ? null : control.value) };
  }

  // A related record is found by its name, and set by its key.
  function related(value, column) {
    let key = value;
    const pick = picking({
      label: column.name, required: !column.nullable, chosen: value === null ? null : { key: value, label: "" },
      search: (text, after) => ask("candidates", { name: column.name, text, after }, { quiet: true }),
      picked(record) {
        key = record?.key ?? null;
        finish();
      },
    });
    return { control: pick.input, element: pick.element, read: () => key };
  }

  function made(value, column) {
    if (column.picks) return related(value, column);
    if (column.kind === "boolean") return choice(value, ["true", "false"], column.nullable);
    if (column.kind === "choice") return choice(value, column.choices, column.nullable);
    if (column.kind === "date") {
      const control = h("input", { type: "date", value: value ?? "" });
      return { control, read: () => control.value || null };
    }
    return (column.kind === "instant" && instant(value)) || text(value, column);
  }

  // -- opening and closing ----------------------------------------------------------------------

  async function begin(row, at, typed) {
    const column = columns[at];
    const record = pages.row(row);
    if (!record || open) return;
    if (rows.isMarked(record)) return say(`Row ${row + 1} is to be deleted`, "bad");
    const free = record.fresh ? column.insertable : column.editable && record.key !== null;
    if (!free) return say(`${column.name} cannot be changed here`);
    let base = record.cells[at] ?? null;
    if (base?.beginning !== undefined) {
      try {
        base = await ask("value", { key: record.key, name: column.name });
      } catch { return; }
      if (open || state.row !== row || state.column !== at) return;
    }
    const { control, read, element = control } = made(base, column);
    control.setAttribute("aria-label", `${column.name} of row ${row + 1}`);
    const message = h("div", { class: "enfyra-grid-message", role: "alert" });
    const none = column.nullable && !control.matches("select") && h("button", { title: "Set to null", onclick: () => save(null) }, "null");
    const box = h("div", { class: "enfyra-grid-editor", onkeydown: typedIn, onfocusout: left }, h("div", { class: "row" }, element, none), message);
    open = { row, at, column, record, key: record.key, base, control, read, message, box, top: state.top, left: state.left, begun: read() };
    view.pane.append(box);
    place();
    control.focus({ preventScroll: true });
    if (typed !== undefined && control.matches("textarea, input:not([type])")) {
      control.value = typed;
      control.dispatchEvent(new Event("input"));
    } else control.select?.();
    if (record.problems?.[column.name]) refused(open, { message: record.problems[column.name] });
  }

  function place() {
    const cell = view.at(open.row, open.at)?.getBoundingClientRect();
    if (!cell) return;
    const pane = view.pane.getBoundingClientRect();
    const { style } = open.box;
    style.minWidth = `${Math.max(cell.width, 160)}px`;
    style.left = `${Math.max(Math.min(cell.left - pane.left, pane.width - open.box.offsetWidth - 4), 0)}px`;
    style.top = `${Math.max(Math.min(cell.top - pane.top, pane.height - open.box.offsetHeight - 4), 0)}px`;
  }

  function close() {
    if (!open) return;
    const { box } = open;
    open = null;
    box.remove();
    view.focus();
  }

  function typedIn(event) {
    event.stopPropagation();
    if (event.key === "Escape") close();
    else if (event.target !== open.control) return;
    else if (event.key === "Enter" && (!open.control.matches("textarea") || event.ctrlKey || event.metaKey)) finish();
    else if (event.key === "Tab") finish(event.shiftKey ? -1 : 1);
    else return;
    event.preventDefault();
  }

  function left(event) {
    // Who looks at another window has not left.
    if (!open || open.saving || open.box.contains(event.relatedTarget) || !document.hasFocus()) return;
    // Who has gone elsewhere stays there.
    if (open.read() === open.begun) {
      const { box } = open;
      open = null;
      box.remove();
    } else finish();
  }

  async function finish(step = 0) {
    const value = open.read();
    if (value === open.begun) close();
    else if (!(await save(value))) return;
    if (step) move(step);
  }

  function move(step) {
    state.column = Math.min(Math.max(state.column + step, 0), columns.length - 1);
    view.show(state.row, state.column);
    view.focus();
  }

  // -- saving ---------------------------------------------------------------------------------

  async function save(value, base = open.base) {
    const one = open;
    if (one.saving) return false;
    if (one.record.fresh) {
      rows.write(one.record, one.at, value);
      close();
      return true;
    }
    one.saving = true;
    one.control.removeAttribute("aria-invalid");
    try {
      const answer = await ask("change", { key: one.key, name: one.column.name, text: value, base }, { quiet: true });
      if (answer.conflict) return conflict(one, value, answer.theirs);
      history.did({ key: one.key, row: one.row, at: one.at, before: base, after: answer.value });
      taken(one.key, answer.cells, `${one.column.name} of row ${one.row + 1} is saved`);
      close();
      return true;
    } catch (error) {
      refused(one, error);
      return false;
    } finally {
      one.saving = false;
    }
  }

  function refused(one, error) {
    const { code, message, hint } = error;
    const id = `enfyra-${Math.random().toString(36).slice(2)}`;
    one.message.id = id;
    one.message.replaceChildren(h("strong", {}, code ?? ""), " ", message, hint ? h("div", { class: "note" }, hint) : "");
    one.control.setAttribute("aria-invalid", "true");
    one.control.setAttribute("aria-describedby", id);
    back(one);
  }

  function back(one) {
    if (open !== one) return;
    state.row = one.row;
    state.column = one.at;
    view.show(one.row, one.at);
    place();
    one.control.focus({ preventScroll: true });
  }

  function conflict(one, mine, theirs) {
    const named = (value) => (value === null ? h("em", {}, "null") : h("q", {}, gridText(value.slice(0, 200))));
    const keep = h("button", { onclick: () => { pages.set(one.key, one.at, theirs); close(); changed(); } }, "Keep theirs");
    const over = h("button", { class: "main", onclick: () => save(mine, theirs) }, "Overwrite with mine");
    one.message.replaceChildren(
      h("strong", {}, "Somebody has changed it meanwhile."),
      h("div", {}, "Theirs: ", named(theirs)), h("div", {}, "Mine: ", named(mine)),
      h("div", { class: "row" }, keep, over),
    );
    one.saving = false;
    back(one);
    keep.focus({ preventScroll: true });
    return false;
  }

  function taken(key, cells, text) {
    pages.put(key, cells);
    changed();
    say(text, "good");
  }

  return {
    begin,
    // No value at all, without opening the editor.
    async clear(row, at) {
      const column = columns[at];
      if (!column.nullable) return say(`${column.name} cannot be null`, "bad");
      await begin(row, at);
      if (open && (open.base !== null || open.record.cells[at] === undefined)) save(null);
      else close();
    },
    get isOpen() { return open !== null; },
    // A new row stands elsewhere when there are more or fewer rows before it.
    moved() {
      if (!open?.record.fresh || !pages.known) return;
      state.row = open.row = rows.place(open.record);
      place();
    },
    // It is scrolled away.
    scrolled() {
      if (open && !open.saving && (open.top !== state.top || open.left !== state.left)) open.control.blur();
    },
  };
}
