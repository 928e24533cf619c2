// A grid: what is clicked and typed moves, sorts, filters and changes.

export default widget(({ model, el, ask, say, done }) => {
  const columns = model.get("columns").map((one) => ({ ...one }));
  const state = {
    row: 0, column: 0, anchor: null,
    sort: [...model.get("sort")], filters: { ...model.get("filters") }, widths: { ...model.get("widths") },
    top: model.get("top"), left: model.get("left"),
  };
  const filterable = model.get("filterable");
  const known = new Set(columns.map((one) => one.name));
  state.sort = state.sort.filter((one) => known.has(one.replace(/^-/, "")));
  for (const name of Object.keys(state.filters)) if (!known.has(name)) delete state.filters[name];
  let keeping = null;
  let typing = null;
  let fitted = false;
  // Whether somebody waits to hear how many rows there are.
  let asked = false;

  const pages = gridPages({
    ask, size: model.get("size"), asked: () => ({ sort: state.sort, filters: state.filters }), changed,
    extra: () => rows,
  });
  const history = gridHistory({
    columns, state, pages, ask, say, changed, busy: () => editor.isOpen,
    view: { show: (...place) => view.show(...place), focus: () => view.focus() },
  });
  const rows = gridRows({
    columns, state, pages, history, ask, say, changed, kept: { fresh: model.get("fresh"), marked: model.get("marked") },
  });
  const view = gridView({
    columns, state, pages, rows, label: model.get("name"), filterable, header, filter,
    scrolled() {
      keep();
      editor.scrolled();
    },
  });
  const editor = gridEditor({ columns, state, pages, rows, view, history, ask, say, changed });
  const count = h("span", { class: "note" });
  const failure = h("div", { class: "enfyra-grid-failure", role: "alert", hidden: true });
  const refresh = h("button", { onclick: () => again(), title: "Ask the server again" }, "Refresh");
  const clear = h("button", { onclick: unfilter, hidden: true }, "Clear filters");
  const undo = h("button", { onclick: () => history.undo(), title: "Ctrl+Z" }, "Undo");
  const redo = h("button", { onclick: () => history.redo(), title: "Ctrl+Y" }, "Redo");
  const creatable = model.get("creatable");
  const deletable = model.get("deletable");
  const insert = h("button", { onclick: add, title: "Insert", hidden: !creatable }, "New row");
  const remove = h("button", { onclick: mark, title: "Ctrl+Delete" }, "Delete row");
  const waiting = gridWaiting({ rows, save, drop: () => rows.drop(), back: () => view.focus() });
  const jump = h("input", { inputmode: "numeric", size: "9", placeholder: "Go to row", "aria-label": "Go to row", onkeydown: leap });
  const bar = h("div", { class: "enfyra-grid-bar", role: "group", "aria-label": "Grid" }, refresh, undo, redo, insert, remove, jump, clear, count);
  view.pane.append(failure);
  el.append(bar, view.scroller, waiting.element);

  // -- what is kept for the next run of the cell ------------------------------------------------

  function keep() {
    clearTimeout(keeping);
    keeping = setTimeout(() => {
      const { sort, filters, widths, top, left } = state;
      model.set({ sort: [...sort], filters: { ...filters }, widths: { ...widths }, top, left: Math.round(left), ...rows.kept() });
      model.save_changes();
    }, 250);
  }

  // -- what has come ----------------------------------------------------------------------------

  function changed() {
    if (pages.known) state.row = Math.min(state.row, Math.max(pages.total - 1, GRID.header));
    if (pages.known && !fitted) {
      fitted = true;
      view.fit();
      const rows = Math.min(Math.max(pages.total, 3), 14);
      view.scroller.style.height = `${(rows + (filterable ? 2 : 1)) * GRID.row + 18}px`;
      view.render();
      view.moveTo(state.top, state.left);
    } else view.render();
    editor.moved();
    const filtered = Object.keys(state.filters).length > 0;
    clear.hidden = !filtered;
    undo.hidden = redo.hidden = !creatable && !deletable && !columns.some((one) => one.editable);
    undo.disabled = !history.past;
    redo.disabled = !history.future;
    remove.hidden = !deletable && !rows.count;
    showChosen();
    waiting.show();
    keep();
    if (pages.known) count.textContent = `${rows.counted(pages.saved, "row")}${[model.get("note"), filtered ? "meet the filters" : ""].filter(Boolean).map((one) => ` ${one}`).join("")}`;
    showFailure(pages.failure);
  }

  function showFailure(error) {
    const field = error?.details?.field;
    const inFilter = error && Object.hasOwn(state.filters, field);
    for (const control of view.table.querySelectorAll("thead td > *")) {
      const wrong = Boolean(inFilter) && control.dataset.name === field;
      control.setAttribute("aria-invalid", wrong);
    }
    const text = error ? [error.code ? `${error.code}: ` : "", error.message, error.hint ? `. ${error.hint}` : ""].join("") : "";
    failure.hidden = !error || inFilter;
    if (inFilter) say(text, "bad");
    else if (error) failure.replaceChildren(h("p", { class: "bad" }, text), h("button", { class: "main", onclick: anew }, "Try again"));
    else if (pages.known && asked) {
      asked = false;
      say(`${count.textContent}${state.sort.length ? `, sorted by ${state.sort.join(", ")}` : ""}`);
    }
  }

  async function again() {
    if (model.get("fetched")) {
      try {
        await ask("again");
      } catch {
        return;
      }
    }
    anew();
  }

  function anew() {
    asked = true;
    pages.forget();
    view.render();
    keep();
  }

  // -- rows that come and go ------------------------------------------------------------------------

  const chosen = () => [state.row, state.anchor ?? state.row].sort((a, b) => a - b);
  function showChosen() {
    const [from, to] = chosen();
    remove.disabled = to < 0 || !pages.total;
    remove.textContent = to === from ? "Delete row" : `Delete ${rows.counted(to - from + 1, "row")}`;
  }
  function add() {
    if (!creatable) return say("New rows are not to be had here", "bad");
    if (!pages.known) return undefined;
    const first = columns.findIndex((one) => one.insertable);
    state.anchor = null;
    return go(rows.add(), first);
  }
  function mark() {
    const [from, to] = chosen();
    if (from < 0 || !pages.total) return undefined;
    if (!deletable && !pages.row(from)?.fresh) return say("Rows cannot be deleted here", "bad");
    rows.mark(from, to);
    state.anchor = null;
    return go(Math.min(to, pages.total - 1), state.column);
  }
  async function save() {
    const { row } = state;
    const refused = await rows.save();
    state.row = row;
    // The rows come anew; the cell has the focus when it is there.
    if (!refused) return view.focus();
    go(rows.place(refused.row), refused.at);
    return editor.begin(state.row, state.column);
  }

  // -- the head -----------------------------------------------------------------------------------

  function header(cell, column) {
    const descending = state.sort.includes(`-${column.name}`);
    const sorted = descending || state.sort.includes(column.name);
    const order = !column.sortable ? null : descending ? "descending" : sorted ? "ascending" : "none";
    if (cell.column !== column) {
      cell.column = column;
      cell.scope = "col";
      cell.title = `${column.name} (${column.kind})`;
      const handle = h("div", { class: "enfyra-grid-handle", onpointerdown: (event) => drag(event, column), onclick: (event) => event.stopPropagation() });
      cell.replaceChildren(h("span", { dir: "auto" }), handle);
    }
    if (order) cell.setAttribute("aria-sort", order);
    else cell.removeAttribute("aria-sort");
    cell.firstChild.textContent = gridText(column.name) + (sorted ? (descending ? " ▼" : " ▲") : "");
  }

  function drag(event, column) {
    event.preventDefault();
    event.stopPropagation();
    const begin = event.clientX - view.width(column);
    const handle = event.target;
    handle.setPointerCapture(event.pointerId);
    const move = (to) => resize(column, to.clientX - begin);
    handle.addEventListener("pointermove", move);
    handle.addEventListener("lostpointercapture", () => handle.removeEventListener("pointermove", move), { once: true });
  }

  function resize(column, width) {
    state.widths[column.name] = Math.round(Math.min(Math.max(width, 40), 1200));
    view.render();
    keep();
  }

  // Ascending, descending, as it was; with Shift beside the columns that are sorted by already.
  function sort(column, beside) {
    if (!column.sortable) return say(`Rows cannot be sorted by ${column.name}`, "bad");
    const { name } = column;
    const next = state.sort.includes(name) ? [`-${name}`] : state.sort.includes(`-${name}`) ? [] : [name];
    const others = beside ? state.sort.filter((one) => one.replace(/^-/, "") !== name) : [];
    state.sort = [...others, ...next];
    view.moveTo(0);
    anew();
  }

  function filter(cell, column) {
    if (cell.column !== column) {
      cell.column = column;
      cell.replaceChildren(column.filterable ? control(column) : "");
    }
    const input = cell.firstElementChild;
    if (input && input !== input.getRootNode().activeElement) input.value = state.filters[column.name] ?? "";
  }

  function control(column) {
    const facts = { tabindex: "-1", "data-name": column.name, "aria-label": `Filter ${column.name}`, onchange: (event) => apply(column, event.target.value) };
    const choices = column.kind === "boolean" ? ["true", "false"] : column.choices;
    if (choices.length) {
      const wholly = (one) => (column.kind === "choice" ? `=${one}` : one);
      const options = [["", ""], ...choices.map((one) => [wholly(one), one]), ["null", "null"], ["!null", "not null"]];
      return h("select", facts, options.map(([value, text]) => h("option", { value }, text)));
    }
    const input = (event) => {
      clearTimeout(typing);
      typing = setTimeout(() => apply(column, event.target.value), 350);
    };
    return h("input", { ...facts, spellcheck: "false", placeholder: column.kind === "json" ? "null" : "", title: "text, =text, !=text, >1, 1..9, null, !null", oninput: input });
  }

  function apply(column, text) {
    clearTimeout(typing);
    if ((state.filters[column.name] ?? "") === text) return;
    if (text) state.filters[column.name] = text;
    else delete state.filters[column.name];
    state.row = Math.min(state.row, 0);
    view.moveTo(0);
    anew();
  }

  function unfilter() {
    state.filters = {};
    for (const one of view.table.querySelectorAll("thead td > *")) one.value = "";
    anew();
  }

  // -- the keyboard and the mouse ------------------------------------------------------------------

  function go(row, column) {
    const first = filterable || row !== GRID.filter ? row : row > state.row ? 0 : GRID.header;
    state.anchor = null;
    state.row = Math.min(Math.max(first, GRID.header), Math.max(pages.total - 1, GRID.header));
    state.column = Math.min(Math.max(column, 0), columns.length - 1);
    view.show(state.row, state.column);
    view.focus();
    showChosen();
  }

  // As many rows as there are from where it began.
  function choose(row, from = state.anchor ?? state.row) {
    go(Math.max(row, 0), state.column);
    state.anchor = from;
    view.render();
    showChosen();
  }

  function leap(event) {
    event.stopPropagation();
    if (event.key !== "Enter") return;
    const row = Number(event.target.value.replaceAll(",", ""));
    event.target.value = "";
    if (row >= 1) go(Math.round(row) - 1, state.column);
  }

  function inControl(event) {
    if (event.key === "Escape" || event.key === "Enter") {
      apply(columns[state.column], event.target.value);
      view.focus();
    } else if (event.key === "ArrowDown" && event.target.matches("input")) {
      apply(columns[state.column], event.target.value);
      go(0, state.column);
    } else return;
    event.preventDefault();
  }

  function inHead(event) {
    const column = columns[state.column];
    const control = view.at(state.row, state.column)?.firstElementChild;
    if (state.row === GRID.filter) {
      if (event.key !== "Enter" && event.key !== "F2" && (event.key.length > 1 || event.ctrlKey || event.metaKey)) return false;
      control?.focus({ preventScroll: true });
      // What is typed goes into it.
      return event.key.length > 1;
    }
    if (event.key === "Enter" || event.key === " ") sort(column, event.shiftKey);
    else if (event.shiftKey && event.key === "ArrowRight") resize(column, view.width(column) + 20);
    else if (event.shiftKey && event.key === "ArrowLeft") resize(column, view.width(column) - 20);
    else return false;
    return true;
  }

  function inBody(event) {
    const { row, column } = state;
    const { key } = event;
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && !event.shiftKey) history.undo();
      else if (key === "y" || key.toLowerCase() === "z") history.redo();
      else if (key === "Delete") mark();
      else if (key === "Enter") waiting.ask();
      else return false;
    } else if (event.altKey) return false;
    else if (event.shiftKey && (key === "ArrowUp" || key === "ArrowDown")) choose(row + (key === "ArrowUp" ? -1 : 1));
    else if (key === "Escape" && state.anchor !== null) go(row, column);
    else if (key === "Insert") add();
    else if (key === "Enter" || key === "F2") editor.begin(row, column);
    else if (key === "Delete") editor.clear(row, column);
    else if (key.length === 1) editor.begin(row, column, key);
    else return false;
    return true;
  }

  function moves(event) {
    const { row, column } = state;
    const far = event.ctrlKey || event.metaKey;
    const page = view.rowsInSight();
    switch (event.key) {
      case "ArrowUp": return [far ? 0 : row - 1, column];
      case "ArrowDown": return [far ? pages.total - 1 : row + 1, column];
      case "ArrowLeft": return [row, far ? 0 : column - 1];
      case "ArrowRight": return [row, far ? columns.length - 1 : column + 1];
      case "PageUp": return [Math.max(row - page, 0), column];
      case "PageDown": return [row + page, column];
      case "Home": return [far ? 0 : row, 0];
      case "End": return [far ? pages.total - 1 : row, columns.length - 1];
      default: return null;
    }
  }

  view.table.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.target.matches("input, select")) return inControl(event);
    if (state.row < 0 && inHead(event)) return event.preventDefault();
    const to = event.altKey || event.shiftKey ? null : moves(event);
    if (!to && !(state.row >= 0 && inBody(event))) return undefined;
    event.preventDefault();
    return to && go(...to);
  });
  view.table.addEventListener("mousedown", (event) => {
    const number = event.target.closest("tbody th.gutter, tbody td");
    if (number && (event.shiftKey || number.matches("th"))) {
      event.preventDefault();
      const { row } = view.where(number);
      return choose(row, event.shiftKey ? state.anchor ?? Math.max(state.row, 0) : row);
    }
    const cell = event.target.closest("th:not(.gutter), td");
    if (!cell || event.target.closest(".enfyra-grid-handle")) return undefined;
    Object.assign(state, view.where(cell), { anchor: null });
    view.render();
    showChosen();
    if (event.target.matches("input, select")) return undefined;
    event.preventDefault();
    return view.focus();
  });
  view.table.addEventListener("dblclick", (event) => {
    if (event.target.closest("tbody td")) editor.begin(state.row, state.column);
  });
  view.table.addEventListener("click", (event) => {
    const cell = event.target.closest("thead th:not(.gutter)");
    if (cell) sort(cell.column, event.shiftKey);
  });

  view.scroller.style.height = `${8 * GRID.row}px`;
  const watcher = new ResizeObserver(() => view.render());
  watcher.observe(view.scroller);
  done(() => {
    watcher.disconnect();
    pages.stop();
    clearTimeout(keeping);
    clearTimeout(typing);
  });
});
