// The diagram of tables: boxes to choose, lines between them, and what is told of the chosen one.

const HEAD = 26;
const ARRIVAL = 14;
const LINE = 17;
const MARGIN = 40;
const CARDINALITY = { "n:1": ["n", "1"], "1:1": ["1", "1"], "n:n": ["n", "n"] };

export default widget(({ model, el, ask, say, watch }) => {
  const tables = model.get("tables");
  const byName = new Map(tables.map((one) => [one.name, one]));
  const relations = model.get("relations");
  const boxes = new Map();
  const finder = h("datalist", { id: `find-${Math.random().toString(36).slice(2)}` },
    tables.map((one) => h("option", { value: one.name })));
  const svg = h("svg", { class: "enfyra-erd", role: "group", "aria-label": `${tables.length} tables; arrow keys go along relations` });
  const told = h("section", { class: "enfyra-told", "aria-live": "polite" });
  const whole = extent();
  svg.setAttribute("style", `height:${Math.min(480, Math.max(200, whole.height))}px`);
  const view = model.get("view")?.width ? { ...model.get("view") } : { ...whole };

  el.append(
    h("div", { class: "enfyra-row" },
      h("label", {}, "Find ", h("input", { list: finder.id, onchange: (event) => find(event.target.value) })),
      h("button", { "aria-label": "Larger", onclick: () => zoom(0.8) }, "+"),
      h("button", { "aria-label": "Smaller", onclick: () => zoom(1.25) }, "−"),
      h("button", { onclick: () => { Object.assign(view, whole); see(); keep(); } }, "All"),
      h("span", { class: "note" }, "Drag to move; Ctrl and the wheel, or + and −, to zoom; Enter tells more"),
    ),
    finder,
    h("div", { class: "enfyra-erd-frame" }, svg, told),
  );

  // -- what is drawn --------------------------------------------------------------------------

  function extent() {
    const right = Math.max(200, ...tables.map((one) => one.x + one.width));
    const bottom = Math.max(120, ...tables.map((one) => one.y + one.height));
    return { x: -MARGIN, y: -MARGIN, width: right + 2 * MARGIN, height: bottom + 2 * MARGIN };
  }
  function draw() {
    svg.append(h("g", { class: "lines" }, relations.map(line)));
    for (const one of tables) {
      const box = h("g", {
        class: "box", role: "button", tabindex: "-1", transform: `translate(${one.x} ${one.y})`, "aria-label": spoken(one),
        onclick: () => choose(one.name), onkeydown: (event) => keys(event, one), onfocus: () => arrived(one),
      },
        h("title", {}, one.about || one.name),
        h("rect", { width: one.width, height: one.height, rx: 5 }),
        h("text", { class: "name", x: 9, y: 18 }, short(one.name, 26)),
        h("path", { d: `M0 ${HEAD - 2}H${one.width}` }),
        one.columns.map((column, number) => [
          h("text", { x: 9, y: rowOf(number) }, short(`${column.key === "key" ? "⚷ " : ""}${column.name}`, 18)),
          h("text", { class: "type", x: one.width - 9, y: rowOf(number), "text-anchor": "end" }, short(column.type, 13)),
        ]),
        one.more ? h("text", { class: "type", x: 9, y: rowOf(one.columns.length) }, `… ${one.more} more`) : null,
        one.links.map((name, number) =>
          h("text", { class: "link", x: 9, y: rowOf(one.columns.length + (one.more ? 1 : 0) + number) }, `→ ${short(name, 24)}`)),
      );
      boxes.set(one.name, box);
      svg.append(box);
    }
    // What was chosen may be gone.
    (boxes.get(model.get("chosen")) ?? boxes.get(tables[0]?.name))?.setAttribute("tabindex", "0");
  }
  const rowOf = (number) => HEAD + LINE * number + 13;
  const short = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}…` : text);
  function spoken(one) {
    const out = relations.filter((line) => line.from === one.name).map((line) => `${line.name} to ${line.to}`);
    const into = relations.filter((line) => line.to === one.name).length;
    return `${one.name}, ${one.columns.length + one.more} columns${out.length ? `; ${out.join(", ")}` : ""}${into ? `; ${into} refer to it` : ""}`;
  }
  function line(relation) {
    const source = byName.get(relation.from);
    const target = byName.get(relation.to);
    const number = source.columns.length + (source.more ? 1 : 0) + source.links.indexOf(relation.name);
    const leftward = target.x + target.width < source.x;
    const rightward = target.x > source.x + source.width;
    const x1 = leftward ? source.x : source.x + source.width;
    const y1 = source.y + rowOf(Math.max(number, 0)) - 4;
    const x2 = rightward ? target.x : target.x + target.width;
    // Lines to one table arrive below each other, as far as it reaches.
    const arriving = relations.filter((each) => each.to === relation.to).indexOf(relation);
    const places = Math.max(1, Math.floor((target.height - HEAD / 2) / ARRIVAL));
    const y2 = target.y + HEAD / 2 + (arriving % places) * ARRIVAL;
    const out = leftward ? -60 : 60;
    const into = rightward ? -60 : 60;
    const [many, one] = CARDINALITY[relation.kind];
    return h("g", { "data-from": relation.from, "data-to": relation.to },
      h("title", {}, `${relation.from}.${relation.name} ${relation.kind} ${relation.to}${relation.required ? "" : ", or none"}`),
      h("path", { d: `M${x1} ${y1}C${x1 + out} ${y1} ${x2 + into} ${y2} ${x2} ${y2}`, "stroke-dasharray": relation.required ? null : "5 3" }),
      h("text", { x: x1 + Math.sign(out) * 8, y: y1 - 4, "text-anchor": leftward ? "end" : "start" }, many),
      h("text", { x: x2 + Math.sign(into) * 8, y: y2 - 4, "text-anchor": rightward ? "end" : "start" }, one),
    );
  }

  // -- where one looks ------------------------------------------------------------------------

  function see() {
    svg.setAttribute("viewBox", `${view.x} ${view.y} ${view.width} ${view.height}`);
  }
  function keep() {
    model.set("view", { ...view });
    model.save_changes();
  }
  function zoom(by, at = { x: view.x + view.width / 2, y: view.y + view.height / 2 }) {
    view.x = at.x - (at.x - view.x) * by;
    view.y = at.y - (at.y - view.y) * by;
    view.width *= by;
    view.height *= by;
    see();
    keep();
  }
  function pointed(event) {
    const frame = svg.getBoundingClientRect();
    const scale = Math.max(view.width / frame.width, view.height / frame.height);
    return {
      scale,
      x: view.x + view.width / 2 + (event.clientX - frame.x - frame.width / 2) * scale,
      y: view.y + view.height / 2 + (event.clientY - frame.y - frame.height / 2) * scale,
    };
  }
  function pan() {
    let from = null;
    svg.onpointerdown = (event) => {
      from = { x: event.clientX, y: event.clientY, view: { ...view }, moved: false };
    };
    svg.onpointermove = (event) => {
      if (!from || !(event.buttons & 1)) return;
      const { scale } = pointed(event);
      if (!from.moved && Math.hypot(event.clientX - from.x, event.clientY - from.y) < 4) return;
      if (!from.moved) svg.setPointerCapture(event.pointerId);
      from.moved = true;
      view.x = from.view.x - (event.clientX - from.x) * scale;
      view.y = from.view.y - (event.clientY - from.y) * scale;
      see();
    };
    svg.onpointerup = () => {
      if (from?.moved) keep();
      from = null;
    };
    svg.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom(event.deltaY > 0 ? 1.1 : 0.9, pointed(event));
    }, { passive: false });
  }
  function arrived(one) {
    for (const box of boxes.values()) box.setAttribute("tabindex", "-1");
    boxes.get(one.name).setAttribute("tabindex", "0");
    for (const each of svg.querySelectorAll(".lines > g")) {
      each.classList.toggle("near", each.dataset.from === one.name || each.dataset.to === one.name);
    }
    const inside = one.x >= view.x && one.y >= view.y
      && one.x + one.width <= view.x + view.width && one.y + one.height <= view.y + view.height;
    if (inside) return;
    view.x = one.x + one.width / 2 - view.width / 2;
    view.y = one.y + one.height / 2 - view.height / 2;
    see();
  }
  function find(name) {
    const one = byName.get(name);
    if (!one) return;
    // Near enough to be read.
    const by = Math.min(1, (4 * one.width) / view.width);
    view.width *= by;
    view.height *= by;
    view.x = one.x + one.width / 2 - view.width / 2;
    view.y = one.y + one.height / 2 - view.height / 2;
    see();
    keep();
    go(name);
  }
  const go = (name) => boxes.get(name)?.focus();

  // -- the keyboard ---------------------------------------------------------------------------

  function keys(event, one) {
    const names = tables.map((each) => each.name);
    const at = names.indexOf(one.name);
    const steps = {
      ArrowRight: () => along(one, "from", "to"),
      ArrowLeft: () => along(one, "to", "from"),
      ArrowDown: () => go(names[(at + 1) % names.length]),
      ArrowUp: () => go(names[(at + names.length - 1) % names.length]),
      Home: () => go(names[0]),
      End: () => go(names.at(-1)),
      Enter: () => choose(one.name),
      " ": () => choose(one.name),
      "+": () => zoom(0.8),
      "-": () => zoom(1.25),
    };
    const step = !event.ctrlKey && !event.metaKey && !event.altKey && steps[event.key];
    if (!step) return;
    event.preventDefault();
    event.stopPropagation();
    step();
  }
  function along(one, here, there) {
    const next = relations.find((each) => each[here] === one.name && each[there] !== one.name);
    if (next) go(next[there]);
    else say(here === "from" ? `${one.name} refers to no other table` : `No other table refers to ${one.name}`);
  }

  // -- what is told of a table ----------------------------------------------------------------

  function choose(name) {
    model.set("chosen", name);
    model.save_changes();
    go(name);
  }
  function tell(one) {
    for (const [name, box] of boxes) box.setAttribute("aria-pressed", String(name === one?.name));
    if (!one) return told.replaceChildren(h("p", { class: "note" }, "Choose a table."));
    const rows = h("div", { class: "enfyra-told-rows" });
    told.replaceChildren(h("div", {},
      h("h4", {}, one.name),
      one.about ? h("p", {}, one.about) : null,
      h("p", { class: "note" }, one.paths.join(", ")),
      one.columns.some((column) => column.about)
        ? h("dl", {}, one.columns.filter((column) => column.about).map((column) => [h("dt", {}, column.name), h("dd", {}, column.about)]))
        : null,
      h("ul", {}, one.relations.map((relation) => h("li", {},
        `${relation.name} (${relation.type}) `,
        byName.has(relation.table) ? h("button", { onclick: () => choose(relation.table) }, relation.table) : relation.table))),
      h("div", { class: "enfyra-row" },
        h("button", { onclick: () => first(one.name, rows) }, "First records"),
        copying(`%enfyra query ${one.name}`), copying(`%enfyra design ${one.name}`)),
      rows,
    ));
  }
  function copying(text) {
    const done = () => say(`Copied: ${text}`, "good");
    return h("button", { title: "Copy this cell", onclick: () => navigator.clipboard?.writeText(text).then(done, () => say(text)) }, text);
  }
  async function first(name, into) {
    try {
      const { columns, rows, total } = await ask("rows", { table: name });
      const text = (value) => (value === null || value === undefined ? "" : typeof value === "object" ? JSON.stringify(value) : String(value));
      into.replaceChildren(
        h("p", { class: "note" }, `${rows.length} of ${total}`),
        h("table", {},
          h("thead", {}, h("tr", {}, columns.map((column) => h("th", { scope: "col" }, column)))),
          h("tbody", {}, rows.map((row) => h("tr", {}, row.map((value) => h("td", {}, short(text(value), 40))))))),
      );
    } catch {
      // It is said below.
    }
  }

  draw();
  see();
  pan();
  watch("chosen", (name) => tell(byName.get(name)));
});
