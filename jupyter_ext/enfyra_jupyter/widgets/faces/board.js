// The board of flows: the picture, the schedule, a run as it goes on, and the runs there were.

const SHORTEST = 400;
const LONGEST = 2000;

export default widget(({ model, el, ask, say, done }) => {
  const chosen = { ...model.get("chosen") };
  const names = model.get("flows");
  let timer = null;
  let looked = 0;
  let current = null;
  let live = true;

  const title = h("p", {});
  const next = h("ul", { class: "enfyra-next" });
  const picture = h("div", { class: "enfyra-picture" });
  const bar = h("progress", { max: "1", value: "0", "aria-label": "How far the run is", hidden: true });
  const state = h("p", { "aria-live": "polite" });
  const bars = h("tbody", {});
  const timeline = h("table", { class: "enfyra-timeline", hidden: true, "aria-label": "When each step was at work" },
    h("thead", {}, h("tr", {}, ["step", "time", "what became of it"].map((name) => h("th", { scope: "col" }, name)))), bars);
  const logs = h("pre", { class: "enfyra-logs", tabindex: "0", role: "group", "aria-label": "Logs of the run", hidden: true });
  const runs = h("tbody", {});
  const cancels = h("button", { onclick: () => end(), hidden: true }, "Cancel the run");
  const agains = h("button", { onclick: () => again(""), hidden: true }, "Run the same again");
  const from = h("select", { "aria-label": "Step to go on from", onchange: () => choose(from.value) });
  const froms = h("span", { hidden: true }, h("button", { onclick: () => again(from.value) }, "Go on from"), " ", from);
  const zones = h("datalist", { id: `zones-${Math.random().toString(36).slice(2)}` },
    (Intl.supportedValuesOf?.("timeZone") ?? []).map((one) => h("option", { value: one })));

  el.append(
    h("div", { class: "enfyra-row" },
      h("label", {}, "Flow ", h("select", { "aria-label": "Flow", value: chosen.flow, onchange: (event) => take(event.target.value, null) },
        names.map((name) => h("option", { value: name }, name)))),
      h("label", {}, "Times in ", h("input", {
        list: zones.id, value: chosen.zone, placeholder: "the flow's own zone",
        onchange: (event) => { chosen.zone = event.target.value.trim(); keep(); showFlow(); },
      })), zones),
    title, next,
    h("div", { class: "enfyra-row" },
      h("label", {}, "Payload ", h("textarea", {
        rows: "1", value: model.get("payload"), placeholder: '{"days": 30}', spellcheck: "false",
        oninput: (event) => { model.set("payload", event.target.value); model.save_changes(); },
      })),
      h("button", { class: "main", onclick: () => start() }, "Run"), cancels, agains, froms),
    state, bar,
    h("div", { class: "enfyra-board" }, picture, h("div", { class: "enfyra-beside" }, timeline, logs)),
    h("details", { open: true }, h("summary", {}, "Runs"),
      h("table", { "aria-label": "Runs" },
        h("thead", {}, h("tr", {}, ["run", "status", "set off by", "started (UTC)", "took", "error"].map((name) => h("th", { scope: "col" }, name)))), runs)),
  );

  const payload = () => model.get("payload");
  function keep() {
    model.set("chosen", { ...chosen });
    model.save_changes();
  }

  // -- the flow -------------------------------------------------------------------------------

  async function take(flow, run) {
    chosen.flow = flow;
    chosen.run = run;
    keep();
    clearTimeout(timer);
    looked += 1;
    showRun(null);
    await showFlow();
  }
  async function showFlow() {
    if (!chosen.flow) return say("There are no flows yet; %%enfyra flow NAME writes one");
    const mine = ++looked;
    try {
      const flow = await ask("flow", { name: chosen.flow, zone: chosen.zone });
      if (mine !== looked) return;
      title.textContent = flow.title;
      next.replaceChildren(...flow.notes.map((note) => h("li", {}, note)));
      from.replaceChildren(...flow.steps.map((key) => h("option", { value: key }, key)));
      if (chosen.run === null) picture.replaceChildren(drawn(flow.drawing));
      listRuns(flow.runs);
      if (chosen.run !== null) look(SHORTEST);
    } catch {
      // It is said below.
    }
  }
  function drawn([tag, facts, inside]) {
    const element = h(tag, facts, inside.map((one) => (typeof one === "string" ? one : drawn(one))));
    const step = facts["data-step"];
    if (step) element.addEventListener("click", () => choose(step));
    return element;
  }
  function choose(step) {
    if ([...from.options].some((one) => one.value === step)) from.value = step;
    for (const row of bars.children) row.classList.toggle("chosen", row.dataset.step === step);
  }
  function listRuns(found) {
    runs.replaceChildren(...found.map((one) => h("tr", { "aria-current": one.id === chosen.run ? "true" : null },
      h("td", {}, h("button", { "aria-label": `Look at run ${one.id}`, onclick: () => lookAt(one.id) }, String(one.id))),
      [one.status, one.trigger, one.started, one.took, one.error].map((text, number) =>
        h("td", { class: number ? "" : kindOf(one.status) }, text)))));
    if (!found.length) runs.replaceChildren(h("tr", {}, h("td", { colspan: "6", class: "note" }, "It has not run yet")));
  }
  const kindOf = (status) => ({ completed: "good", failed: "bad", cancelled: "bad" }[status] ?? "");

  // -- a run ----------------------------------------------------------------------------------

  function lookAt(id) {
    chosen.run = id;
    keep();
    clearTimeout(timer);
    looked += 1;
    look(SHORTEST);
  }
  async function look(pause) {
    const mine = looked;
    try {
      const run = await ask("run", { id: chosen.run });
      if (mine !== looked || !live) return;
      const wasUnderWay = current?.id === run.id && !current.over;
      showRun(run);
      if (run.over) {
        if (wasUnderWay) listRuns(await ask("runs", { name: chosen.flow }));
        return;
      }
      timer = setTimeout(() => look(Math.min(pause * 1.3, LONGEST)), pause);
    } catch (error) {
      // A server that is started again is asked again.
      if (error.code === "SERVER_UNREACHABLE" && live) timer = setTimeout(() => look(LONGEST), LONGEST);
    }
  }
  function showRun(run) {
    current = run;
    cancels.hidden = !run || run.over;
    agains.hidden = froms.hidden = !run?.over;
    bar.hidden = !run || run.over;
    timeline.hidden = !run?.bars.length;
    logs.hidden = !run?.logs.length;
    state.textContent = run?.said ?? "";
    state.className = run ? kindOf(run.status) : "";
    for (const row of runs.children) {
      const mine = run && row.firstChild.textContent === String(run.id);
      mine ? row.setAttribute("aria-current", "true") : row.removeAttribute("aria-current");
    }
    if (!run) return;
    bar.max = run.total;
    bar.value = run.done;
    picture.replaceChildren(drawn(run.drawing));
    if (run.failed) from.value = run.failed;
    const whole = Math.max(1, ...run.bars.map((one) => one.start + one.length));
    const along = (at) => `${((100 * at) / whole).toFixed(2)}%`;
    bars.replaceChildren(...run.bars.map((one) => h("tr", { "data-step": one.key, class: one.within ? "within" : "" },
      h("th", { scope: "row", dir: "auto", class: one.key ? null : "note" }, one.label),
      h("td", { class: "enfyra-bar" }, h("div", { "aria-hidden": "true" },
        h("span", { class: one.status, title: `${one.label}: ${one.said}, from ${Math.round(one.start)} ms on`, style: `left:${along(one.start)};width:max(2px, ${along(one.length)})` }),
        one.failures.map((at) => h("i", { title: `${one.label} failed, and was tried again`, style: `left:${along(at)}` }, "✕")))),
      h("td", { class: kindOf(one.status) }, one.said))));
    logs.replaceChildren(...run.logs.map(([kind, text]) => h("span", { class: kind }, `${text}\n`)));
  }

  // -- what is done ---------------------------------------------------------------------------

  async function follow(began) {
    try {
      const id = await began;
      say(`Run ${id} has begun`, "good");
      listRuns(await ask("runs", { name: chosen.flow }));
      lookAt(id);
    } catch {
      // It is said below.
    }
  }
  const start = () => follow(ask("start", { name: chosen.flow, payload: payload() }));
  const again = (step) => follow(ask("again", { id: chosen.run, start: step, payload: payload() }));
  async function end() {
    try {
      await ask("cancel", { id: chosen.run });
      say(`Run ${chosen.run} is cancelled`, "good");
      lookAt(chosen.run);
    } catch {
      // It is said below.
    }
  }

  showFlow();
  done(() => {
    live = false;
    clearTimeout(timer);
  });
});
