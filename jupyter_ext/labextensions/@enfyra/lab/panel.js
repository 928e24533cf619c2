// The panel at the side: the server, its tables, saved queries and flows. It reads, and writes into notebooks only.

import { magic } from "./cells.js";
import { h } from "./elements.js";
import { makeFlows, readFlows } from "./flows.js";
import { makeQueries, readQueries } from "./queries.js";
import { textOf } from "./server.js";
import { makeTables } from "./tables.js";

// `insert(line)` puts a line into the notebook in use and gives its name; `create(line)` makes a notebook for it.
export function makePanel({ server, insert, create, openDocs, refreshIcon }) {
  const state = h("p", { class: "enfyra-state", role: "status" });
  const heard = h("p", { class: "enfyra-note", role: "status", "aria-live": "polite" });
  const offer = h("div", { class: "enfyra-actions" });
  const refresh = h("button", {
    type: "button", class: "enfyra-refresh", "aria-label": "Refresh", title: "Refresh", onclick: () => load(),
  }, refreshIcon?.element({ tag: "span" }) ?? "Refresh");
  const tables = makeTables({ write });
  const flows = makeFlows({ write });
  const queries = makeQueries({ write });
  const content = h("div", { hidden: true }, tables.element, queries.element, flows.element);
  let loading = null;

  function say(text, ...offers) {
    heard.textContent = text;
    offer.replaceChildren(...offers);
  }

  async function write(action, name) {
    const line = magic(action, name);
    if (line === null) return say("No cell can hold this name: it has control characters, or quotes of both kinds");
    try {
      say(`${line} is in ${await insert(line)}; Shift+Enter runs it`);
    } catch (error) {
      say(error.message, button("New notebook with this cell", () => create(line)));
    }
    return undefined;
  }

  function button(text, then) {
    return h("button", { type: "button", onclick: () => Promise.resolve(then()).then(() => say(""), trouble) }, text);
  }

  function trouble(error) {
    say(textOf(error));
  }

  // One at a time; who asks meanwhile gets the same.
  function load({ quiet = false } = {}) {
    loading ??= read({ quiet }).finally(() => {
      loading = null;
      refresh.disabled = false;
    });
    return loading;
  }

  async function read(how) {
    refresh.disabled = true;
    try {
      const metadata = await server.get("metadata", {}, how);
      const [saved, found, account] = await Promise.all([
        readQueries(server, metadata.tables, how), readFlows(server, metadata.tables, how),
        server.get("me", { fields: "email,isRootAdmin" }, how),
      ]);
      const role = account[0].isRootAdmin ? ", administrator" : "";
      state.textContent = `Enfyra ${metadata.enfyraVersion} on ${metadata.dbType} at ${server.path}, `
        + `as ${account[0].email}${role}`;
      state.className = "enfyra-state";
      tables.show(metadata.tables);
      queries.show(saved);
      flows.show(found);
      content.hidden = false;
    } catch (error) {
      state.textContent = textOf(error);
      state.className = "enfyra-state enfyra-bad";
      content.hidden = true;
    }
  }

  const element = h("div", { class: "enfyra-side", "data-lm-suppress-shortcuts": "true" },
    h("link", { rel: "stylesheet", href: new URL("panel.css", import.meta.url).href }),
    h("div", { class: "enfyra-head" }, h("h2", {}, "Enfyra"), button("API docs", openDocs), refresh),
    state, heard, offer, content);
  return { element, load };
}
