// The profile: a row for each column with a picture of its values. A bar or a value narrows all of
// it to the rows that it stands for. Of many columns, some are shown at a time.

const PAUSE = 250;

export default widget(({ model, el, ask, say, done }) => {
  const { table, columns, batch } = model.get("facts");
  let conditions = model.get("conditions");
  let seen = new Map();
  let most = batch;
  let asked = 0;
  let timer = null;
  let rowsOfAll = null;

  const title = h("strong", {});
  const sampled = h("span", { class: "note" });
  const find = h("input", { type: "search", value: model.get("search"), placeholder: "a part of its name", oninput: later });
  const shown = h("span", { class: "note", role: "status" });
  const chips = h("ul", { class: "enfyra-chips", "aria-label": "Conditions" });
  const clear = h("button", { onclick: () => put([]) }, "Take all conditions off");
  const body = h("tbody", {});
  const list = h("table", { class: "enfyra-profile", "aria-label": `Columns of ${table}` },
    h("thead", {}, h("tr", {}, ["column", "without a value", "distinct", "smallest, largest, mean", "values"].map((name) => h("th", { scope: "col" }, name)))),
    body);
  const next = h("button", { onclick: () => { most += batch; fill(); } });
  const cell = h("pre", { tabindex: "0", role: "group", "aria-label": "The cell that finds these rows" });
  const page = h("div", { class: "enfyra-scroll", tabindex: "0", role: "region", "aria-label": "Their first page" });

  el.append(
    h("div", { class: "enfyra-row" }, title, sampled),
    h("div", { class: "enfyra-row" }, h("label", {}, "Columns like ", find), shown),
    h("div", { class: "enfyra-row", role: "group", "aria-label": "Narrowed to" }, chips, clear),
    h("div", { class: "enfyra-profile-list", tabindex: "0", role: "region", "aria-label": "The profile" }, list),
    next,
    h("section", { class: "enfyra-panel", "aria-label": "These rows" },
      cell,
      h("button", { onclick: copy }, "Copy the cell"),
      page),
  );
  heard(model.get("first"), true);
  draw();

  // -- what is seen -----------------------------------------------------------------------------

  function matching() {
    const wanted = find.value.trim().toLowerCase();
    return columns.filter((one) => one.name.toLowerCase().includes(wanted));
  }
  function heard(answer, anew) {
    if (anew) seen = new Map();
    for (const one of answer.columns) seen.set(one.name, one);
    if (!conditions.length) rowsOfAll = answer.rows;
    const all = conditions.length && rowsOfAll !== null ? ` of ${count(rowsOfAll)}` : "";
    title.textContent = `${table}: ${count(answer.rows)}${all} ${answer.rows === 1 && !all ? "row" : "rows"}`;
    sampled.textContent = answer.sampled < answer.rows ? `pictures and distinct values are of the first ${count(answer.sampled)}` : "";
    cell.textContent = answer.cell;
    page.replaceChildren(h("table", {},
      h("thead", {}, h("tr", {}, answer.names.map((name) => h("th", { scope: "col" }, name)))),
      h("tbody", {}, answer.page.map((row) => h("tr", {}, row.map((value) =>
        h("td", { dir: "auto", class: value === null ? "note" : null }, value ?? "null")))))));
  }
  async function look(names, anew) {
    const mine = anew ? ++asked : asked;
    list.setAttribute("aria-busy", "true");
    try {
      const answer = await ask("look", { names, conditions });
      if (mine !== asked) return;
      heard(answer, anew);
      if (anew) say(conditions.length ? `${count(answer.rows)} rows meet ${conditions.length === 1 ? "the condition" : "all conditions"}` : "");
    } catch {
      // It is said below; what was seen before stays.
    } finally {
      if (mine === asked) list.removeAttribute("aria-busy");
    }
  }
  function namesInSight() {
    return matching().slice(0, most).map((one) => one.name);
  }
  // Ask for what is in sight and not yet there.
  async function fill() {
    draw();
    const names = namesInSight().filter((name) => !seen.has(name));
    for (let at = 0; at < names.length; at += batch) await look(names.slice(at, at + batch), false);
    draw();
  }
  async function put(wanted, name = "") {
    conditions = wanted;
    model.set("conditions", conditions);
    model.save_changes();
    drawChips();
    const names = namesInSight();
    await look(names.slice(0, batch), true);
    await fill();
    if (name) [...body.rows].find((row) => row.dataset.column === name)?.querySelector("button[tabindex='0']")?.focus();
    else if (!el.contains(el.getRootNode().activeElement)) find.focus();
  }
  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      model.set("search", find.value);
      model.save_changes();
      most = batch;
      fill();
    }, PAUSE);
  }

  // -- drawing ----------------------------------------------------------------------------------

  function draw() {
    const found = matching();
    const first = found.slice(0, most);
    shown.textContent = `${first.length} of ${columns.length} columns`;
    next.hidden = found.length <= most;
    next.textContent = `Show ${Math.min(batch, found.length - most)} more columns`;
    body.replaceChildren(...first.map(row));
    drawChips();
  }
  function drawChips() {
    chips.replaceChildren(...conditions.map((one, number) => h("li", {}, h("bdi", {}, one.field), " is ", h("bdi", {}, one.text), " ",
      h("button", { "aria-label": `Take off: ${one.field} is ${one.text}`, onclick: () => put(conditions.filter((_, at) => at !== number)) }, "✕"))));
    clear.hidden = !conditions.length;
  }
  function row({ name, type }) {
    const one = seen.get(name);
    return h("tr", { "data-column": name },
      h("th", { scope: "row" }, h("bdi", {}, name), h("div", { class: "note" }, type)),
      h("td", { class: "n" }, one ? nulls(one) : "…"),
      h("td", { class: "n" }, one?.distinct ?? ""),
      h("td", {}, one ? ends(one) : ""),
      h("td", {}, one ? picture(one) : ""));
  }
  function nulls(one) {
    const text = `${count(one.nulls)}${one.share ? ` (${one.share})` : ""}`;
    if (!one.nulls || !one.null) return text;
    return h("button", { title: `Only rows without ${one.name}`, "aria-label": `${text}; only rows without ${one.name}`, onclick: () => narrow(one.name, "null", one.null) }, text);
  }
  function ends(one) {
    const [first, last] = one.ends;
    return [
      first || last ? h("div", { dir: "auto" }, first === last ? first : `${first} to ${last}`) : null,
      one.mean ? h("div", { class: "note" }, `mean ${one.mean}`) : null,
    ];
  }
  function picture(one) {
    const values = h("div", { class: one.histogram ? "enfyra-profile-bars" : "enfyra-profile-values" });
    const bars = roving(values, one.name, one.bars, one.histogram);
    return h("div", { class: "enfyra-profile-picture" }, bars, one.more
      ? h("button", { "aria-label": `Most frequent values of ${one.name}`, title: "The most frequent values of all rows", onclick: () => tellMore(one, bars) }, "…")
      : null);
  }
  async function tellMore(one, instead) {
    try {
      const bars = await ask("values", { name: one.name, conditions });
      const all = roving(h("div", { class: "enfyra-profile-values enfyra-profile-many" }), one.name, bars, false);
      instead.parentElement?.querySelector(":scope > button")?.remove();
      instead.replaceWith(all);
      all.querySelector("button")?.focus();
    } catch {
      // It is said below.
    }
  }
  // One stop for Tab, and arrow keys between the bars.
  function roving(group, name, bars, upright) {
    const highest = Math.max(...bars.map((one) => one.count), 1);
    group.setAttribute("role", "toolbar");
    group.setAttribute("aria-label", `Values of ${name}`);
    group.addEventListener("keydown", (event) => keys(event, group));
    group.append(...bars.map((bar, number) => {
      const share = bar.count ? Math.max((bar.count / highest) * 100, 3) : 0;
      const label = `${bar.label}: ${count(bar.count)} ${bar.count === 1 ? "row" : "rows"}`;
      return h("button", {
        tabindex: number ? "-1" : "0", title: label, "aria-label": `${name} ${label}`, style: `--share: ${share.toFixed(1)}%`,
        "aria-disabled": bar.filter === null ? "true" : null,
        onclick: () => (bar.filter === null ? say(`A filter cannot say ${name} is ${bar.label}`) : narrow(name, bar.label, bar.filter)),
        onfocus: (event) => stop(group, event.target),
      }, upright ? null : [h("bdi", {}, bar.label), h("span", {}, count(bar.count))]);
    }));
    return group;
  }
  function stop(group, button) {
    for (const one of group.children) one.setAttribute("tabindex", one === button ? "0" : "-1");
  }
  function keys(event, group) {
    const all = [...group.children];
    const at = all.indexOf(event.target);
    const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined) return;
    event.preventDefault();
    all[Math.min(Math.max(to, 0), all.length - 1)].focus();
  }
  function narrow(field, text, filter) {
    if (conditions.some((one) => one.filter === filter)) return say(`That is so already: ${field} is ${text}`);
    return put([...conditions, { field, text, filter }], field);
  }
  function copy() {
    navigator.clipboard?.writeText(cell.textContent).then(() => say("The cell is copied", "good"), () => say("Select the text to copy it"));
  }
  function count(number) {
    return number.toLocaleString("en");
  }

  done(() => clearTimeout(timer));
});
