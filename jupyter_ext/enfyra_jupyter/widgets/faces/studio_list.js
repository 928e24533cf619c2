// The scripts of a route, in the order that they run in: which one is written, which are on, and
// what is not saved of them.
//
// const list = studioList({ facts, begin, choose, turn, move, remove })
// list.show(current, unsaved, fresh)   `unsaved` says by key whether it is; `fresh` are new scripts.

const studioKey = (one) => `${one.stage}:${one.id ?? `new ${one.fresh}`}`;

function studioList({ facts, begin, choose, turn, move, remove }) {
  const PLACES = { pre: "before", handler: "answers", post: "after" };
  const body = h("tbody");
  const table = h("table", { class: "enfyra-scripts", "aria-label": "Scripts in the order that they run" },
    h("thead", {}, h("tr", {}, ["Runs", "Script", "Methods", "On", "Order", ""].map((name) => h("th", { scope: "col" }, name || h("span", { class: "enfyra-hidden" }, "Delete"))))), body);
  const more = h("div", { class: "enfyra-row" },
    Object.entries({ pre: "New hook before", handler: "New handler", post: "New hook after" })
      .map(([stage, text]) => h("button", { "data-at": `new ${stage}`, onclick: () => begin(stage) }, text)));
  const element = h("section", { "aria-label": "Scripts" }, h("div", { class: "enfyra-wide" }, table), more);
  // The key of the script whose deletion is asked for.
  let asking = null;
  let shown = [];

  function show(...given) {
    shown = given;
    const [current, unsaved, fresh] = given;
    const focused = element.contains(document.activeElement) ? document.activeElement.dataset.at : null;
    const rows = Object.keys(PLACES).flatMap((stage) => {
      const saved = facts().scripts.filter((one) => one.stage === stage);
      return [
        ...saved.map((one, n) => row(one, { current, unsaved, first: n === 0, last: n === saved.length - 1 })),
        ...fresh.filter((one) => one.stage === stage).map((one) => row(one, { current, unsaved })),
      ];
    });
    body.replaceChildren(...rows);
    table.hidden = !rows.length;
    if (focused) refocus(focused);
  }
  // Who has moved a script goes on moving it.
  function refocus(name) {
    const [what, ...key] = name.split(" ");
    const other = { earlier: "later", later: "earlier" }[what];
    const found = [name, other && [other, ...key].join(" ")].map((one) => one && at(one)).find((one) => one && !one.disabled);
    (found ?? at(`script ${key.join(" ")}`) ?? at("new pre")).focus();
  }
  const at = (name) => element.querySelector(`[data-at="${CSS.escape(name)}"]`);

  function row(one, { current, unsaved, first, last }) {
    const key = studioKey(one);
    const name = one.name || "a new one";
    const hook = one.stage !== "handler";
    const button = (what, label, text, onclick, more = {}) =>
      h("button", { class: "plain", "data-at": `${what} ${key}`, "aria-label": `${label} ${name}`, title: `${label} ${name}`, onclick, ...more }, text);
    const place = hook && one.id !== null && [
      button("earlier", "Run earlier:", "▲", () => move(one, -1), { disabled: first }),
      button("later", "Run later:", "▼", () => move(one, 1), { disabled: last }),
    ];
    return h("tr", { class: [key === current ? "chosen" : "", one.enabled === false ? "off" : ""].join(" ") },
      h("td", {}, PLACES[one.stage]),
      h("td", {}, h("button", {
        class: "name", "data-at": `script ${key}`, dir: "auto", "aria-current": key === current && "true", onclick: () => choose(one),
      }, name), one.global ? h("span", { class: "note" }, " all routes") : null, unsaved(key) ? h("span", { class: "enfyra-unsaved" }, " not saved") : null),
      h("td", {}, (hook ? one.methods.join(", ") : one.method) || "all"),
      h("td", {}, hook && one.id !== null && h("input", {
        type: "checkbox", checked: one.enabled, "data-at": `on ${key}`, "aria-label": `${name} is on`, onchange: (event) => turn(one, event.target.checked),
      })),
      h("td", { class: "order" }, place),
      h("td", {}, one.id === null ? null : key === asking ? question(one) : button("delete", "Delete", "✕", () => ask(key))),
    );
  }
  function ask(key) {
    asking = key;
    show(...shown);
    at(`keep ${key}`)?.focus();
  }
  function question(one) {
    const key = studioKey(one);
    const close = () => {
      asking = null;
      show(...shown);
      at(`delete ${key}`)?.focus();
    };
    return h("span", {
      class: "enfyra-question", role: "alertdialog", "aria-label": `Delete ${one.name}?`,
      onkeydown: (event) => event.key === "Escape" && close(),
    },
    one.global ? "Delete it, for all routes? " : "Delete it? ",
    h("button", { "data-at": `keep ${key}`, onclick: close }, "Keep"), " ",
    h("button", { class: "danger", "data-at": `lose ${key}`, onclick: () => { asking = null; remove(one); } }, "Delete"));
  }

  return { element, show };
}
