// The list of flows, each with what became of its last run.

import { counted, h } from "./elements.js";

const LAST = { executions: { fields: "id,status,startedAt", sort: "-id", limit: 1 } };
// More than a panel is good for.
const MOST = 500;
const ACTIONS = [["board", "its steps and runs, to be followed and run"], ["runs", "what it has done"]];

// What it asks for, if the caller may: `tables` are those of which he may use a route.
export async function readFlows(server, tables, how) {
  if (!tables.some((one) => one.name === "flow_definition")) return null;
  const mayReadRuns = tables.some((one) => one.name === "flow_execution_definition");
  return server.get("flow_definition", {
    fields: "name,isEnabled,triggerType", sort: "name", limit: String(MOST), ...(mayReadRuns ? { deep: LAST } : {}),
  }, how);
}

export function makeFlows({ write }) {
  const note = h("p", { class: "enfyra-note", role: "status" });
  const list = h("ul", { class: "enfyra-list", role: "list", "aria-label": "Flows" });
  return {
    element: h("section", { "aria-label": "Flows" }, h("div", { class: "enfyra-row" }, note), list),
    show(flows) {
      note.textContent = flows === null ? "You may not see flows" : counted(flows.length, "flow");
      list.replaceChildren(...(flows ?? []).map((one) => item(one, write)));
    },
  };
}

function item(flow, write) {
  return h("li", { class: "enfyra-entry" },
    h("div", {}, h("span", {}, flow.name), flow.isEnabled === false && h("span", { class: "enfyra-note" }, " (off)")),
    h("div", { class: "enfyra-note" }, lastRun(flow)),
    h("div", { class: "enfyra-actions", role: "group", "aria-label": `Insert a cell about ${flow.name}` },
      ACTIONS.map(([action, meaning]) => h("button", {
        type: "button", "aria-label": `Insert ${action} ${flow.name}`, title: `Insert a cell that shows ${meaning}`,
        onclick: () => write(action, flow.name),
      }, action))));
}

function lastRun(flow) {
  const run = flow.executions?.[0];
  if (!flow.executions) return "";
  if (!run) return "has not run yet";
  const at = run.startedAt ? `, ${new Date(run.startedAt).toLocaleString()}` : "";
  return h("span", { class: run.status === "failed" ? "enfyra-bad" : null }, `run ${run.id} ${run.status}${at}`);
}
