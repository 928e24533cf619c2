// What a trial did, as elements.

function studioReport(answer) {
  const block = (title, text) => (text ? [h("h4", {}, title), h("pre", {}, text)] : []);
  const cell = (value) => h("td", {}, value === null ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
  const rows = (title, names, list) => (list?.length
    ? [h("h4", {}, title), h("table", {},
      h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, list.map((row) => h("tr", {}, row.map(cell)))))]
    : []);
  const kinds = { "+": "good", "-": "bad" };
  const changes = answer.changes ?? [];
  return [
    h("p", { class: answer.failed ? "bad" : "good" }, h("strong", {}, answer.headline)),
    ...block("Error", answer.error),
    ...(changes.length ? [h("h4", {}, "Changed"), h("pre", {}, changes.map((line) => h("span", { class: kinds[line[0]] ?? "" }, `${line}\n`)))] : []),
    ...block("Logs", answer.logs?.join("\n")),
    ...rows("Stages", ["stage", "script", "ms"], answer.stages?.map(([stage, name, ms]) => [stage, name, ms.toFixed(2)])),
    ...rows("Tables; nothing of it stays", ["does", "table", "records"], answer.touched),
    ...rows("Triggers; none is started", ["flow", "payload"], answer.triggers),
    ...(answer.before
      ? [h("details", {}, h("summary", {}, "Before and after"), h("div", { class: "enfyra-sides" }, h("pre", { "aria-label": "before" }, answer.before), h("pre", { "aria-label": "after" }, answer.after)))]
      : []),
    ...(answer.answer ? [h("details", {}, h("summary", {}, "Answer"), h("pre", {}, answer.answer))] : []),
  ];
}
