// The studio: the scripts of a route, one that is written, the request that it is tried with, what it
// did, and its versions.

const PAUSE = 400;
const copyOf = (value) => JSON.parse(JSON.stringify(value));
// What of a draft is of the script; the rest is the request.
const WRITTEN = ["stage", "id", "fresh", "base", "name", "method", "methods", "priority", "global", "language", "source"];
const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);
const facetsOf = ({ stage }) => ["language", "source", ...(stage === "handler" ? ["method"] : ["name", "methods", "priority", "global"])];
const baseOf = (saved) => copyOf(Object.fromEntries(facetsOf(saved).map((facet) => [facet, saved[facet]])));

export default widget(({ model, el, ask, say, watch, done }) => {
  const draft = { fresh: 1, ...copyOf(model.get("draft")) };
  const drafts = { ...copyOf(model.get("drafts")) };
  const facts = () => model.get("facts");
  let timer = null;
  let checked = 0;

  const list = studioList({ facts, begin, choose, turn, move, remove });
  const top = h("div", { class: "enfyra-row" });
  const place = h("div", { class: "enfyra-editor" });
  const lint = h("ul", { class: "enfyra-lint", "aria-live": "polite" });
  const report = h("section", { class: "enfyra-panel", "aria-label": "What the trial did", "aria-live": "polite" });
  const versions = h("div", {});
  const history = h("details", { ontoggle: () => history.open && showVersions() }, h("summary", {}, "Versions"), versions);
  const runs = h("button", { class: "main", title: "Ctrl+Enter", onclick: () => run() }, "Run");
  const saves = h("button", { onclick: () => save(false) }, "Save");
  const anyway = h("button", { class: "danger", hidden: true, onclick: () => save(true) }, "Save all the same");
  const drops = h("button", { hidden: true, onclick: () => drop() }, "Drop what is not saved");
  const methodOfTrial = h("span", {});
  const editor = makeEditor({
    ask, parent: place, label: "The script", text: draft.source, language: draft.language,
    changed: (text) => { draft.source = text; changed(); },
    run: () => run(), complete,
  });
  el.append(
    h("h3", {}, facts().route), list.element, top, place, lint, request(),
    h("div", { class: "enfyra-row" }, runs, saves, anyway, drops), report, history,
  );

  // -- the draft ------------------------------------------------------------------------------

  function changed() {
    anyway.hidden = true;
    keep();
    showList();
    clearTimeout(timer);
    timer = setTimeout(check, PAUSE);
  }
  function keep() {
    model.set({ draft: copyOf(draft), drafts: copyOf(drafts) });
    model.save_changes();
  }
  async function check() {
    const mine = ++checked;
    try {
      const problems = await ask("validate", { source: draft.source, language: draft.language });
      if (mine === checked) mark(problems);
    } catch {
      // It is said below.
    }
  }
  function mark(problems) {
    editor.mark(problems);
    const said = problems.map((one) => h("li", { class: "bad" },
      `${one.line ? `line ${one.line}: ` : ""}${one.message}${one.hint ? `. ${one.hint}` : ""}`));
    lint.replaceChildren(...(said.length ? said : [h("li", { class: "note" }, "The script can run")]));
  }

  // -- one of several ---------------------------------------------------------------------------

  const savedOf = (one) => facts().scripts.find((other) => studioKey(other) === studioKey(one));
  function isUnsaved(one) {
    const saved = savedOf(one);
    if (!saved) return one.source.trim() !== facts().starts[one.stage].trim();
    return facetsOf(one).some((facet) => !same(one[facet], saved[facet]));
  }
  function showList() {
    const here = studioKey(draft);
    const fresh = [...Object.values(drafts), draft].filter((one) => one.id === null);
    list.show(here, (key) => (key === here ? isUnsaved(draft) : key in drafts), fresh);
    drops.hidden = !isUnsaved(draft);
  }
  // What is written of this one waits until it is chosen again.
  function leave() {
    const key = studioKey(draft);
    if (isUnsaved(draft)) drafts[key] = copyOf(Object.fromEntries(WRITTEN.map((facet) => [facet, draft[facet]])));
    else delete drafts[key];
  }
  function take(script) {
    const waiting = drafts[studioKey(script)];
    delete drafts[studioKey(script)];
    Object.assign(draft, { name: "", priority: 0, global: false }, copyOf(waiting ?? script));
    if (!waiting) draft.base = script.id === null ? null : baseOf(script);
    editor.set(draft.source, draft.language);
    report.replaceChildren();
    history.open = false;
    form();
    changed();
  }
  function choose(script) {
    if (studioKey(script) === studioKey(draft)) return editor.focus();
    leave();
    return take(script);
  }
  function begin(stage) {
    leave();
    take({ stage, id: null, fresh: another(), method: stage === "handler" ? "GET" : "POST", methods: ["POST"], language: draft.language, source: facts().starts[stage] });
    (top.querySelector("input[type=text]") ?? editor).focus();
  }
  const another = () => 1 + Math.max(0, ...[draft, ...Object.values(drafts)].map((one) => one.fresh ?? 0));
  function drop() {
    const saved = savedOf(draft);
    delete drafts[studioKey(draft)];
    if (saved) take(saved);
    else take(facts().scripts[0] ?? { ...draft, source: facts().starts[draft.stage], name: "" });
    editor.focus();
  }
  async function turn(one, on) {
    await quietly(() => ask("switch", { stage: one.stage, script: one.id, on }), `${one.name} ${on ? "runs again" : "does not run any more"}`);
  }
  async function move(one, step) {
    await quietly(() => ask("move", { stage: one.stage, script: one.id, step }), `${one.name} runs ${step < 0 ? "earlier" : "later"}`);
  }
  async function remove(one) {
    const gone = studioKey(one);
    await quietly(() => ask("delete", { stage: one.stage, script: one.id }),
      `${one.name} is deleted${gone === studioKey(draft) ? "; its text is still here, and Save makes it again" : ""}`);
    delete drafts[gone];
    keep();
  }
  async function quietly(what, text) {
    try {
      await what();
      say(text, "good");
    } catch {
      // It is said below; the list shows what is.
      showList();
    }
  }
  // The scripts are others now: by our own doing, or since the cell has run again.
  function followed() {
    const source = draft.source;
    follow(draft);
    if (draft.source !== source) editor.set(draft.source, draft.language);
    for (const [key, one] of Object.entries(drafts)) {
      delete drafts[key];
      follow(one);
      if (isUnsaved(one)) drafts[studioKey(one)] = one;
    }
    form();
    showList();
    keep();
  }
  function follow(one) {
    if (one.id === null) return;
    const saved = savedOf(one);
    if (!saved) return Object.assign(one, { id: null, fresh: another(), base: null });
    one.base ??= baseOf(saved);
    for (const facet of facetsOf(one)) {
      // What both have changed stays as it is written here; Save asks.
      if (!same(one[facet], one.base[facet])) continue;
      one[facet] = copyOf(saved[facet]);
      one.base[facet] = copyOf(saved[facet]);
    }
    return undefined;
  }

  // -- what is chosen -------------------------------------------------------------------------

  function form() {
    const { methods, languages, route } = facts();
    const hook = draft.stage !== "handler";
    const all = [...methods, ...draft.methods.filter((one) => !methods.includes(one))];
    const tick = (method) => h("label", {}, h("input", {
      type: "checkbox", checked: draft.methods.includes(method),
      onchange: (event) => {
        draft.methods = all.filter((one) => (one === method ? event.target.checked : draft.methods.includes(one)));
        trial();
        changed();
      },
    }), ` ${method}`);
    const parts = hook
      ? [
        labelled("Name", typed("name", { dir: "auto", placeholder: `${draft.stage} ${draft.methods.join(",") || "ALL"} ${draft.global ? "all routes" : route}` })),
        h("span", { class: "enfyra-methods", role: "group", "aria-label": "Methods; without any, all" }, "Methods ", methods.length ? all.map(tick) : "", h("span", { class: "note" }, draft.methods.length ? "" : "all")),
        labelled("Priority", h("input", {
          type: "number", value: draft.priority, class: "narrow", title: "Those with a smaller one come first",
          oninput: (event) => { draft.priority = Number.parseInt(event.target.value, 10) || 0; changed(); },
        })),
        h("label", {}, h("input", { type: "checkbox", checked: draft.global, onchange: (event) => { draft.global = event.target.checked; changed(); } }), " on all routes"),
      ]
      : [picked("Method", "method", methods)];
    top.replaceChildren(...parts, picked("Language", "language", languages, () => editor.set(draft.source, draft.language)));
    trial();
  }
  // A hook is tried with one of its methods; a handler has only one.
  function trial() {
    const known = draft.methods.length ? draft.methods : facts().methods;
    if (draft.stage === "handler") return methodOfTrial.replaceChildren();
    if (!known.includes(draft.method)) [draft.method] = known;
    return methodOfTrial.replaceChildren(picked("method", "method", known));
  }
  function labelled(name, input) {
    return h("label", {}, `${name} `, input);
  }
  function picked(name, key, options, then = () => {}) {
    return labelled(name, h("select", {
      "aria-label": name, value: draft[key],
      onchange: (event) => { draft[key] = event.target.value; then(); changed(); },
    }, options.map((value) => h("option", { value }, value))));
  }
  function typed(key, more = {}) {
    return h("input", {
      type: "text", value: draft[key], spellcheck: "false", ...more,
      oninput: (event) => { draft[key] = event.target.value; changed(); },
    });
  }
  function request() {
    const area = (key, hint) => h("label", { class: "enfyra-area" }, key,
      h("textarea", {
        rows: "3", value: draft[key], placeholder: hint, spellcheck: "false",
        oninput: (event) => { draft[key] = event.target.value; changed(); },
      }));
    const tick = (key, text) => h("label", {}, h("input", {
      type: "checkbox", checked: draft[key], onchange: (event) => { draft[key] = event.target.checked; changed(); },
    }), ` ${text}`);
    const keys = (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) run();
    };
    return h("fieldset", { class: "enfyra-request", onkeydown: keys }, h("legend", {}, "The request of the trial"),
      h("div", { class: "enfyra-row" }, area("body", '{"title": "Hello"}'), area("query", '{"filter": {"id": {"_gt": 5}}}')),
      h("div", { class: "enfyra-row" },
        methodOfTrial, labelled("path", typed("path", { placeholder: `${facts().route}/7` })),
        labelled("user", typed("user", { placeholder: "you; or an e-mail address, or nobody" })),
        tick("sample", "with the newest record"), tick("alone", "without the route's other scripts")),
    );
  }

  // -- completion -----------------------------------------------------------------------------

  function complete(context) {
    const found = context.matchBefore(/[@#]\w*(?:\.\w*)?/);
    if (!found) return null;
    const [head, member] = found.text.split(".");
    const option = (type) => (label) => ({ label, type });
    if (member === undefined) {
      return head[0] === "@"
        ? { from: found.from, options: facts().macros.map((one) => `@${one}`).map(option("keyword")) }
        : { from: found.from, options: facts().tables.map((one) => `#${one}`).map(option("class")) };
    }
    const from = found.from + head.length + 1;
    if (head[0] === "#") return { from, options: facts().repository.map(option("method")) };
    return ["@BODY", "@DATA"].includes(head) ? { from, options: facts().fields.map(option("property")) } : null;
  }

  // -- trying, saving, bringing back ----------------------------------------------------------

  async function run() {
    await working(async () => show(await ask("run", { draft })));
  }
  async function save(force) {
    await working(async () => {
      const answer = await ask("save", { draft, force });
      if (answer.headline) show(answer);
      if (!answer.saved) {
        anyway.hidden = false;
        anyway.focus();
        return say(answer.changed ? "Not saved, since somebody has saved another text meanwhile; Versions shows it" : "Not saved, since it failed", "bad");
      }
      delete drafts[studioKey(draft)];
      const mine = facts().scripts.find((one) => one.stage === draft.stage && one.id === answer.id);
      Object.assign(draft, mine, { method: draft.method, base: baseOf(mine) });
      form();
      changed();
      if (history.open) await showVersions();
      say(`${draft.name} is saved: it is live`, "good");
    });
  }
  async function working(what) {
    runs.disabled = saves.disabled = true;
    anyway.hidden = true;
    say("");
    try {
      await what();
    } catch {
      // It is said below.
    } finally {
      runs.disabled = saves.disabled = false;
    }
  }
  function show(answer) {
    mark(answer.problems ?? []);
    report.replaceChildren(...studioReport(answer));
  }
  async function showVersions() {
    try {
      const found = await ask("history", { draft });
      versions.replaceChildren(...(found.length ? found.map(version) : [h("p", { class: "note" }, "It has not been saved yet")]));
    } catch {
      // It is said below.
    }
  }
  function version(one, number) {
    return h("details", {},
      h("summary", {}, `${one.version} · ${one.at} · ${one.by ?? ""}${number ? "" : " · live"}`),
      h("pre", {}, one.source),
      number ? h("button", { onclick: () => bringBack(one.version) }, `Bring version ${one.version} back`) : "",
    );
  }
  async function bringBack(number) {
    await working(async () => {
      const { source, language } = await ask("rollback", { draft, version: number });
      Object.assign(draft, { source, language });
      Object.assign(draft.base, { source, language });
      editor.set(source, language);
      form();
      changed();
      await showVersions();
      say(`${draft.name} is version ${number} again: it is live`, "good");
    });
  }

  check();
  watch("facts", followed);
  done(() => {
    clearTimeout(timer);
    editor.close();
  });
});
