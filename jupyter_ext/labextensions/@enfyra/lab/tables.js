// The list of tables: a button for each, which arrow keys go along and which unfolds its columns and relations.

import { counted, h } from "./elements.js";

// What can be written into a notebook about a table.
const ACTIONS = [
  ["query", "its records"],
  ["describe", "its columns, relations, groups and routes"],
  ["profile", "what its columns hold"],
  ["grid", "its records, to be changed in place"],
  ["design", "its definition, as a form"],
  ["studio", "its hooks and handlers"],
];

// Gives the element and `show(tables)`. `write(action, name)` puts a line into a notebook.
export function makeTables({ write }) {
  let tables = [];
  const open = new Set();
  const note = h("p", { class: "enfyra-note", role: "status" });
  const list = h("ul", { class: "enfyra-list", role: "list", "aria-label": "Tables", onkeydown: (event) => step(event, list) });
  const wanted = h("input", {
    type: "search", placeholder: "Search tables and columns", "aria-label": "Search tables and columns", oninput: draw,
    onkeydown(event) {
      if (event.key !== "ArrowDown") return;
      event.preventDefault();
      list.querySelector(".enfyra-name")?.focus();
    },
  });
  const system = h("input", { type: "checkbox", onchange: draw });

  function draw() {
    const held = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
    const word = wanted.value.trim().toLowerCase();
    const known = tables.filter((one) => system.checked || !one.isSystem);
    const shown = known.filter((one) => !word || named(one).some((name) => name.toLowerCase().includes(word)));
    list.replaceChildren(...shown.map((one) => item(one, { open, write, draw })));
    rove(list);
    note.textContent = said(tables, known.length, shown.length, word);
    if (held) [...list.querySelectorAll("[data-key]")].find((one) => one.dataset.key === held)?.focus();
  }

  return {
    element: h("section", { "aria-label": "Tables" },
      h("div", { class: "enfyra-row" }, wanted),
      h("div", { class: "enfyra-row" }, note, h("label", {}, system, " System tables")),
      list),
    show(found) {
      tables = [...found].sort((one, other) => one.name.localeCompare(other.name));
      draw();
    },
  };
}

function said(tables, known, shown, word) {
  // Who may define tables sees the table of tables.
  const mayDefine = tables.some((one) => one.name === "table_definition");
  if (!known && !mayDefine) return "There are no tables that you may use; an administrator gives rights";
  if (!known) return "There are no tables yet: %%enfyra table NAME defines one";
  return word ? `${shown} of ${counted(known, "table")}` : counted(known, "table");
}

function named(table) {
  return [table.name, ...table.columns.map((one) => one.name), ...table.relations.map((one) => one.propertyName)];
}

function item(table, { open, write, draw }) {
  const isOpen = open.has(table.name);
  const toggle = () => {
    if (isOpen) open.delete(table.name);
    else open.add(table.name);
    draw();
  };
  const button = h("button", {
    type: "button", class: "enfyra-name", "aria-expanded": String(isOpen), "data-key": table.name,
    title: table.description, onclick: toggle,
    onkeydown(event) {
      if (event.key !== (isOpen ? "ArrowLeft" : "ArrowRight")) return;
      event.preventDefault();
      toggle();
    },
  }, h("span", {}, table.name), h("span", { class: "enfyra-note" }, counted(table.columns.length, "column")));
  return h("li", {}, button, isOpen && details(table, write));
}

function details(table, write) {
  const actions = ACTIONS.map(([action, meaning]) => h("button", {
    type: "button", "aria-label": `Insert ${action} ${table.name}`, title: `Insert a cell that shows ${meaning}`,
    "data-key": `${action} ${table.name}`, onclick: () => write(action, table.name),
  }, action));
  return h("div", { class: "enfyra-details" },
    h("div", { class: "enfyra-actions", role: "group", "aria-label": `Insert a cell about ${table.name}` }, actions),
    h("ul", { "aria-label": `Columns and relations of ${table.name}` },
      table.columns.map((one) => h("li", { title: one.description },
        h("span", {}, one.name), h("span", { class: "enfyra-note" }, typeOf(one)))),
      table.relations.map((one) => h("li", { title: one.description },
        h("span", {}, one.propertyName),
        h("span", { class: "enfyra-note" }, `${one.type} → ${one.targetTable ?? "?"}`)))));
}

// A type as it is written in a definition, as `%enfyra describe` shows it.
export function typeOf(column) {
  let { options } = column;
  if (column.type === "decimal") {
    // Databases keep these in an order of their own.
    options = [options?.precision ?? 12, options?.scale ?? 2];
  } else if (options && !Array.isArray(options)) options = options.values ?? Object.values(options);
  const limits = options?.length ? `(${options.join(", ")})` : "";
  const marks = [column.isPrimary ? "key" : "", column.isNullable ? "" : "not null"].filter(Boolean);
  return [`${column.type}${limits}`, ...marks].join(", ");
}

// One of the buttons takes the focus by Tab; arrow keys go on from there.
function rove(list) {
  const buttons = [...list.querySelectorAll(".enfyra-name")];
  buttons.forEach((one, at) => one.setAttribute("tabindex", at ? "-1" : "0"));
}

function step(event, list) {
  const names = [...list.querySelectorAll(".enfyra-name")];
  const at = names.indexOf(event.target);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: names.length - 1 }[event.key];
  if (at < 0 || to === undefined || !names[to]) return;
  event.preventDefault();
  names.forEach((one) => one.setAttribute("tabindex", "-1"));
  names[to].setAttribute("tabindex", "0");
  names[to].focus();
}
