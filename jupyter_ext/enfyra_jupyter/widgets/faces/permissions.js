// The matrix of permissions: a row for each route, a button for each method; arrow keys go between them.

export default widget(({ model, el, ask, say, watch }) => {
  const columns = model.get("columns");
  const body = h("tbody", {});
  const shown = h("span", { class: "note", role: "status" });
  const find = h("input", { type: "search", value: model.get("search"), placeholder: "/post", oninput: searched });
  const grid = h("table", { class: "enfyra-permissions", "aria-label": "Who may use which methods of which routes", onkeydown: (event) => keys(event) },
    h("thead", {}, h("tr", {}, ["route", ...columns].map((name) => h("th", { scope: "col" }, name)))), body);
  const buttons = new Map();

  el.append(
    h("div", { class: "enfyra-row" }, h("label", {}, "Routes like ", find), shown),
    h("p", { class: "note" }, "A click lets somebody use a method, or takes that back; it is live at once."),
    h("div", { class: "enfyra-scroll" }, grid),
  );

  const keyOf = (path, who, method) => JSON.stringify([path, who, method]);
  body.append(...model.get("routes").map(({ path, methods }) => h("tr", {},
    h("th", { scope: "row" }, path),
    columns.map((who) => h("td", {}, methods.map((method) => {
      const button = h("button", {
        title: `${who}: ${method} ${path}`, "aria-label": `${who}: ${method} ${path}`, "aria-pressed": "false", tabindex: "-1",
        onclick: () => toggle(button, path, who, method), onfocus: () => stop(button),
      }, method);
      buttons.set(keyOf(path, who, method), button);
      return button;
    }))))));
  body.querySelector("button")?.setAttribute("tabindex", "0");
  watch("routes", (routes) => {
    for (const { path, methods, may } of routes) {
      columns.forEach((who, number) => methods.forEach((method) =>
        buttons.get(keyOf(path, who, method))?.setAttribute("aria-pressed", String(may[number].includes(method)))));
    }
  });
  filter();

  async function toggle(button, path, who, method) {
    button.disabled = true;
    try {
      say((await ask("toggle", { path, who, method })).text, "good");
    } catch {
      // It is said below; the rule is as it was.
    } finally {
      button.disabled = false;
      button.focus();
    }
  }
  function stop(button) {
    for (const one of body.querySelectorAll("button[tabindex='0']")) one.setAttribute("tabindex", "-1");
    button.setAttribute("tabindex", "0");
  }
  function searched() {
    model.set("search", find.value);
    model.save_changes();
    filter();
  }
  function filter() {
    const wanted = find.value.trim().toLowerCase();
    let count = 0;
    for (const row of body.rows) {
      row.hidden = !row.cells[0].textContent.toLowerCase().includes(wanted);
      if (!row.hidden) count += 1;
    }
    shown.textContent = `${count} of ${body.rows.length} routes`;
    const first = [...body.rows].find((row) => !row.hidden)?.querySelector("button");
    if (first && !body.querySelector("tr:not([hidden]) button[tabindex='0']")) stop(first);
  }
  function keys(event) {
    const button = event.target.closest("button");
    const step = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key];
    if (!button || !step) return;
    event.preventDefault();
    const rows = [...body.rows].filter((row) => !row.hidden).map((row) => [...row.querySelectorAll("button")]);
    const y = rows.findIndex((row) => row.includes(button));
    const row = rows[Math.min(Math.max(y + step[1], 0), rows.length - 1)];
    const x = rows[y].indexOf(button) + step[0];
    row[Math.min(Math.max(x, 0), row.length - 1)]?.focus();
  }
});
