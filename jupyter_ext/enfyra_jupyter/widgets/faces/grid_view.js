// The table of a grid: only the rows and columns in sight are in the page. The window stays where
// it is while the box around it is scrolled, and shows another part of the whole.

const GRID = { row: 26, gutter: 72, most: 8_000_000, header: -2, filter: -1 };
const GRID_WIDTHS = { integer: 90, number: 110, decimal: 110, boolean: 80, date: 110, instant: 210, uuid: 290, json: 240 };
const GRID_RIGHT = new Set(["integer", "number", "decimal"]);

// Characters that are not to be seen, or turn others round, as something to be seen.
function gridText(text) {
  return text
    .replace(/\r?\n/g, "↵")
    .replace(/[\u0000-\u001f]/g, (one) => String.fromCharCode(0x2400 + one.charCodeAt(0)))
    .replace(/[\u007f-\u009f\u200e\u200f\u061c\u2028-\u202e\u2066-\u2069\ufeff]/g,
      (one) => `⟨${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

function gridView({ columns, state, pages, rows, label, filterable, header, filter, scrolled }) {
  const table = h("table", { role: "grid", "aria-label": label, tabindex: "-1" });
  const group = h("colgroup");
  const head = h("thead");
  const body = h("tbody");
  const pane = h("div", { class: "enfyra-grid-pane" }, table);
  const sizer = h("div", {}, pane);
  const scroller = h("div", { class: "enfyra-grid", tabindex: "-1" }, sizer);
  table.append(group, head, body);
  const headRows = filterable ? [GRID.header, GRID.filter] : [GRID.header];
  const headHeight = headRows.length * GRID.row;
  let edges = [0];
  let expected = -1;
  let rest = 0;

  const width = (column) => state.widths[column.name] ?? column.fits ?? GRID_WIDTHS[column.kind] ?? 180;
  const measure = () => {
    edges = [0];
    for (const column of columns) edges.push(edges.at(-1) + width(column));
  };
  const rowsInSight = () => Math.max(Math.floor((scroller.clientHeight - headHeight) / GRID.row), 1);
  const last = () => Math.max(pages.total - rowsInSight(), 0);
  const whole = () => headHeight + pages.total * GRID.row;
  const range = () => Math.max(Math.min(whole(), GRID.most) - scroller.clientHeight, 0);

  function columnsInSight() {
    const end = state.left + scroller.clientWidth - GRID.gutter;
    let first = 0;
    while (first < columns.length - 1 && edges[first + 1] <= state.left) first++;
    let after = first + 1;
    while (after < columns.length && edges[after] < end) after++;
    return [first, after];
  }

  // -- what is there is used again ------------------------------------------------------------

  function resize(parent, count, make) {
    while (parent.children.length > count) parent.lastChild.remove();
    while (parent.children.length < count) parent.append(make());
  }

  function render() {
    measure();
    state.top = Math.min(Math.max(state.top, 0), last());
    const [first, after] = columnsInSight();
    const count = after - first;
    const rows = Math.min(Math.ceil((scroller.clientHeight - headHeight) / GRID.row), Math.max(pages.total - state.top, 0));
    sizer.style.cssText = `position:relative;height:${Math.min(whole(), GRID.most)}px;width:${GRID.gutter + edges.at(-1)}px`;
    pane.style.cssText = `width:${scroller.clientWidth}px;height:${scroller.clientHeight}px`;
    table.style.width = `${GRID.gutter + edges[after] - edges[first]}px`;
    table.style.setProperty("--shift", `${state.left - edges[first]}px`);
    table.setAttribute("aria-rowcount", pages.known ? pages.total + headRows.length : -1);
    table.setAttribute("aria-colcount", columns.length + 1);
    resize(group, count + 1, () => h("col"));
    [...group.children].forEach((col, n) => { col.style.width = `${n ? width(columns[first + n - 1]) : GRID.gutter}px`; });
    const focused = table.contains(table.getRootNode().activeElement) && table.getRootNode().activeElement;
    renderHead(first, count);
    resize(body, rows, () => h("tr", {}, h("th", { scope: "row", class: "gutter" })));
    [...body.children].forEach((line, n) => renderRow(line, state.top + n, first, count));
    if (focused && !focused.matches("input, select")) focus();
    pages.see(state.top, state.top + rows);
  }

  function renderHead(first, count) {
    resize(head, headRows.length, () => h("tr", {}, h("th", { class: "gutter" }, h("span", { class: "enfyra-hidden" }, "row"))));
    headRows.forEach((number, n) => {
      const line = head.children[n];
      line.setAttribute("aria-rowindex", n + 1);
      resize(line, count + 1, () => h(number === GRID.header ? "th" : "td"));
      for (let at = 0; at < count; at++) {
        const cell = line.children[at + 1];
        const column = first + at;
        cell.setAttribute("aria-colindex", column + 2);
        cell.tabIndex = state.row === number && state.column === column ? 0 : -1;
        (number === GRID.header ? header : filter)(cell, columns[column], column);
      }
    });
  }

  function renderRow(line, number, first, count) {
    const row = pages.row(number);
    line.setAttribute("aria-rowindex", number + headRows.length + 1);
    const gone = rows.isMarked(row);
    const chosen = state.anchor !== null && number >= Math.min(state.anchor, state.row) && number <= Math.max(state.anchor, state.row);
    line.children[0].textContent = row?.fresh ? "new" : gone ? `✕ ${(number + 1).toLocaleString("en")}` : (number + 1).toLocaleString("en");
    line.children[0].title = gone ? "to be deleted" : "";
    line.className = [row?.fresh ? "fresh" : "", gone ? "gone" : "", chosen ? "chosen" : ""].join(" ");
    if (chosen) line.setAttribute("aria-selected", "true");
    else line.removeAttribute("aria-selected");
    resize(line, count + 1, () => h("td", { dir: "auto" }));
    for (let at = 0; at < count; at++) {
      const column = first + at;
      const cell = line.children[at + 1];
      const { kind, editable, insertable } = columns[column];
      const value = row?.fresh ? row.cells[column] ?? given(row, column) : row?.cells[column];
      const problem = row?.problems?.[columns[column].name];
      const text = value === undefined ? "…" : value === null ? "null" : gridText(value.beginning ?? value);
      if (cell.textContent !== text) cell.textContent = text;
      cell.title = problem ?? (text.length > 20 ? text : "");
      cell.className = [GRID_RIGHT.has(kind) ? "n" : "", value === null || (row?.fresh && row.cells[column] === undefined) ? "null" : "", value === undefined ? "wait" : "", value?.length > text.length ? "cut" : ""].join(" ");
      cell.setAttribute("aria-colindex", column + 2);
      cell.setAttribute("aria-readonly", !(row?.fresh ? insertable : editable && row?.key != null));
      if (problem) cell.setAttribute("aria-invalid", "true");
      else cell.removeAttribute("aria-invalid");
      cell.tabIndex = state.row === number && state.column === column ? 0 : -1;
    }
  }

  // What a cell of a new row becomes if nothing is written there.
  function given(row, column) {
    const { insertable, nullable, default: value } = columns[column];
    if (row.cells[column] === null) return null;
    return insertable ? value ?? (nullable ? "" : "required") : "";
  }

  // -- moving ---------------------------------------------------------------------------------

  function at(row, column) {
    const line = row < 0 ? head.children[headRows.indexOf(row)] : body.children[row - state.top];
    return line?.children[column - columnsInSight()[0] + 1];
  }

  function focus() {
    (at(state.row, state.column) ?? table).focus({ preventScroll: true });
  }

  function moveTo(top, left = state.left) {
    state.top = Math.min(Math.max(Math.round(top), 0), last());
    state.left = Math.min(Math.max(left, 0), Math.max(GRID.gutter + edges.at(-1) - scroller.clientWidth, 0));
    // The box has to be as large as it will be, before it can be scrolled there.
    render();
    scroller.scrollLeft = state.left;
    scroller.scrollTop = last() ? (state.top / last()) * range() : 0;
    expected = scroller.scrollTop;
    scrolled();
  }

  // Bring a cell into sight.
  function show(row, column) {
    const room = scroller.clientWidth - GRID.gutter;
    let left = state.left;
    if (edges[column] < left) left = edges[column];
    else if (edges[column + 1] > left + room) left = Math.min(edges[column + 1] - room, edges[column]);
    let top = state.top;
    if (row >= 0 && row < top) top = row;
    else if (row >= top + rowsInSight()) top = row - rowsInSight() + 1;
    moveTo(top, left);
  }

  scroller.addEventListener("scroll", () => {
    state.left = scroller.scrollLeft;
    if (Math.abs(scroller.scrollTop - expected) >= 1) state.top = range() ? Math.round((scroller.scrollTop / range()) * last()) : 0;
    expected = scroller.scrollTop;
    render();
    scrolled();
  });
  // Where the box is smaller than the rows are, a notch of the wheel is still a few rows.
  scroller.addEventListener("wheel", (event) => {
    if (whole() <= GRID.most || !event.deltaY || event.ctrlKey || event.shiftKey) return;
    rest += event.deltaMode === 1 ? event.deltaY * GRID.row : event.deltaY;
    const rows = Math.trunc(rest / GRID.row);
    rest -= rows * GRID.row;
    if ((event.deltaY < 0 && state.top === 0) || (event.deltaY > 0 && state.top === last())) return;
    event.preventDefault();
    moveTo(state.top + rows);
  }, { passive: false });

  return {
    scroller, pane, table, render, focus, show, moveTo, at, rowsInSight, width,
    // As wide as what there is of it.
    fit() {
      columns.forEach((column, n) => {
        const texts = [];
        for (let row = 0; row < 20; row++) texts.push(pages.row(row)?.cells[n]);
        const longest = Math.max(column.name.length + 3, ...texts.map((one) => (typeof one === "string" ? one.length : one ? 40 : 4)));
        column.fits = Math.min(Math.max(longest * 8 + 24, 90), 300);
      });
    },
    where(cell) {
      const column = Number(cell.getAttribute("aria-colindex")) - 2;
      const index = Number(cell.parentElement.getAttribute("aria-rowindex"));
      return { column, row: index > headRows.length ? index - headRows.length - 1 : headRows[index - 1] };
    },
  };
}
