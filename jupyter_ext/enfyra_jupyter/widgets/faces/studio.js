// The studio: a script, the request that it is tried with, what it did, and its versions.

const PAUSE = 400;
const copyOf = (value) => JSON.parse(JSON.stringify(value));

export default widget(({ model, el, ask, say, watch, done }) => {
  const draft = { ...copyOf(model.get("draft")) };
  const facts = () => model.get("facts");
  let timer = null;
  let checked = 0;

  const top = h("div", { class: "enfyra-row" });
  const place = h("div", { class: "enfyra-editor" });
  const lint = h("ul", { class: "enfyra-lint", "aria-live": "polite" });
  const report = h("section", { class: "enfyra-panel", "aria-label": "What the trial did", "aria-live": "polite" });
  const versions = h("div", {});
  const history = h("details", { ontoggle: () => history.open && showVersions() }, h("summary", {}, "Versions"), versions);
  const runs = h("button", { class: "main", title: "Ctrl+Enter in the editor", onclick: () => run() }, "Run");
  const saves = h("button", { onclick: () => save(false) }, "Save");
  const anyway = h("button", { class: "danger", hidden: true, onclick: () => save(true) }, "Save all the same");
  const editor = makeEditor({
    ask, parent: place, label: "The script", text: draft.source, language: draft.language,
    changed: (text) => { draft.source = text; changed(); },
    run: () => run(), complete,
  });
  el.append(top, place, lint, request(), h("div", { class: "enfyra-row" }, runs, saves, anyway), report, history);

  // -- the draft ------------------------------------------------------------------------------

  function changed() {
    anyway.hidden = true;
    model.set("draft", copyOf(draft));
    model.save_changes();
    clearTimeout(timer);
    timer = setTimeout(check, PAUSE);
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
  function take(script) {
    Object.assign(draft, { id: null, name: "", methods: [], priority: 0, source: facts().starts[draft.stage] }, script);
    editor.set(draft.source, draft.language);
    report.replaceChildren();
    history.open = false;
    choices();
    changed();
  }

  // -- what is chosen -------------------------------------------------------------------------

  const sameAs = (one) => one.id === draft.id && one.stage === draft.stage;
  function choices() {
    const { stages, methods, languages, scripts, route } = facts();
    const known = scripts.filter((one) => one.stage === draft.stage);
    const isHandler = draft.stage === "handler";
    const names = { pre: "before (pre-hook)", post: "after (post-hook)", handler: "handler" };
    const at = known.findIndex(sameAs);
    top.replaceChildren(
      h("strong", {}, route),
      picked("Runs", "stage", stages.map((one) => [one, names[one]]), (stage) => {
        draft.stage = stage;
        take(facts().scripts.find((one) => one.stage === stage) ?? { method: stage === "handler" ? "GET" : "POST" });
      }),
      labelled("Script", h("select", {
        "aria-label": "Script", value: String(at),
        onchange: (event) => take(known[Number(event.target.value)] ?? {}),
      }, known.map((one, number) => h("option", { value: String(number) }, one.name)), h("option", { value: "-1" }, "a new one"))),
      picked("Method", "method", [...methods, ...(isHandler ? [] : ["ALL"])].map((one) => [one, one])),
      isHandler ? null : labelled("Name", typed("name", { placeholder: `${draft.stage} ${draft.method} ${route}` })),
      isHandler ? null : labelled("Priority", h("input", {
        type: "number", value: draft.priority, class: "narrow",
        oninput: (event) => { draft.priority = Number.parseInt(event.target.value, 10) || 0; changed(); },
      })),
      picked("Language", "language", languages.map((one) => [one, one]), () => editor.set(draft.source, draft.language)),
    );
    // What is not there has been left in the list as text.
    for (const node of [...top.childNodes]) if (node.nodeType === 3) node.remove();
  }
  function labelled(name, input) {
    return h("label", {}, `${name} `, input);
  }
  function picked(name, key, options, then = () => {}) {
    return labelled(name, h("select", {
      "aria-label": name, value: draft[key],
      onchange: (event) => { draft[key] = event.target.value; then(draft[key]); changed(); },
    }, options.map(([value, text]) => h("option", { value }, text))));
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
    return h("fieldset", { class: "enfyra-request" }, h("legend", {}, "The request of the trial"),
      h("div", { class: "enfyra-row" }, area("body", '{"title": "Hello"}'), area("query", '{"filter": {"id": {"_gt": 5}}}')),
      h("div", { class: "enfyra-row" },
        labelled("path", typed("path", { placeholder: `${facts().route}/7` })),
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
        return say("Not saved, since it failed", "bad");
      }
      const mine = facts().scripts.find((one) => one.stage === draft.stage && one.id === answer.id);
      Object.assign(draft, mine);
      choices();
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
    const block = (title, text) => (text ? [h("h4", {}, title), h("pre", {}, text)] : []);
    const rows = (title, names, list) => (list?.length
      ? [h("h4", {}, title), h("table", {},
        h("thead", {}, h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", {}, list.map((row) => h("tr", {}, row.map((cell) => h("td", {}, typeof cell === "object" ? JSON.stringify(cell) : String(cell)))))))]
      : []);
    const kinds = { "+": "good", "-": "bad" };
    report.replaceChildren(
      h("p", { class: answer.failed ? "bad" : "good" }, h("strong", {}, answer.headline)),
      ...block("Error", answer.error),
      ...(answer.changes?.length
        ? [h("h4", {}, "Changed"), h("pre", {}, answer.changes.map((line) => h("span", { class: kinds[line[0]] ?? "" }, `${line}\n`)))]
        : []),
      ...block("Logs", answer.logs?.join("\n")),
      ...rows("Stages", ["stage", "script", "ms"], answer.stages?.map(([stage, name, ms]) => [stage, name, ms.toFixed(2)])),
      ...rows("Tables; nothing of it stays", ["does", "table", "records"], answer.touched),
      ...rows("Triggers; none is started", ["flow", "payload"], answer.triggers),
      ...(answer.before
        ? [h("details", {}, h("summary", {}, "Before and after"), h("div", { class: "enfyra-sides" }, h("pre", { "aria-label": "before" }, answer.before), h("pre", { "aria-label": "after" }, answer.after)))]
        : []),
      ...(answer.answer ? [h("details", {}, h("summary", {}, "Answer"), h("pre", {}, answer.answer))] : []),
    );
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
      editor.set(source, language);
      choices();
      changed();
      await showVersions();
      say(`${draft.name} is version ${number} again: it is live`, "good");
    });
  }

  choices();
  check();
  watch("facts", choices);
  done(() => {
    clearTimeout(timer);
    editor.close();
  });
});
