// The list of saved queries, each with a button that asks it.

import { h } from "./elements.js";

// More than a panel is good for.
const MOST = 500;

// What it asks for, if the caller may: `tables` are those of which he may use a route.
export async function readQueries(server, tables, how) {
  if (!tables.some((one) => one.name === "query_definition")) return [];
  return server.get("query_definition", {
    fields: "name,language,description,table.name", sort: "name", limit: String(MOST),
  }, how);
}

export function makeQueries({ write }) {
  const note = h("p", { class: "enfyra-note", role: "status" });
  const list = h("ul", { class: "enfyra-list", role: "list", "aria-label": "Saved queries" });
  const element = h("section", { "aria-label": "Saved queries" }, h("div", { class: "enfyra-row" }, note), list);
  return {
    element,
    show(queries) {
      // Most people have none.
      element.hidden = !queries.length;
      note.textContent = queries.length === 1 ? "1 saved query" : `${queries.length} saved queries`;
      list.replaceChildren(...queries.map((one) => item(one, write)));
    },
  };
}

function item(query, write) {
  const command = query.language === "sql" ? "sql" : "query";
  return h("li", { class: "enfyra-entry" },
    h("div", {}, h("span", {}, query.name), h("span", { class: "enfyra-note" }, ` ${query.table?.name ?? query.language}`)),
    query.description && h("div", { class: "enfyra-note" }, query.description),
    h("div", { class: "enfyra-actions" }, h("button", {
      type: "button", "aria-label": `Insert ${command} ${query.name}`, title: "Insert a cell that asks it",
      onclick: () => write(`${command} --saved`, query.name),
    }, "ask")));
}
