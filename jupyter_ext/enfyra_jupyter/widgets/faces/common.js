// What all faces share. A face ends with `export default widget((ui) => { ... })`.
//
// ui.model   the traits; ui.el the element; ui.say(text, "good" | "bad" | "") says something below.
// ui.ask(action, given)  asks Python; gives a promise. An error is said, and the promise rejects;
//                        with a third argument {quiet: true}, the caller says it.
// ui.watch(name, then)   runs `then(value)` now and whenever a trait changes, until it is removed.
// ui.done(then)          runs `then()` when it is removed.
// h(tag, facts, ...children) makes an element. Text is always text, never HTML.

function h(tag, facts = {}, ...children) {
  const element = tag === "svg" || h.drawn.has(tag)
    ? document.createElementNS("http://www.w3.org/2000/svg", tag)
    : document.createElement(tag);
  for (const [name, value] of Object.entries(facts ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name !== "value" && name !== "checked") element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  // A select takes its value from the options that it has by then.
  if (facts?.value !== null && facts?.value !== undefined) element.value = facts.value;
  if (facts?.checked !== undefined) element.checked = facts.checked;
  return element;
}
h.drawn = new Set(["g", "path", "rect", "line", "circle", "text", "tspan", "defs", "marker", "polygon", "title"]);

function widget(build) {
  return {
    render({ model, el }) {
      const waiting = new Map();
      const cleaners = [];
      let last = 0;
      const said = h("div", { class: "enfyra-said", role: "status", "aria-live": "polite" });
      const root = h("div", { class: "enfyra-part", onfocusin: ({ target }) => {
        // Lab's shortcuts are for cells: what is typed here is not for them. Lab looks at the element
        // that has the focus before it looks at what that is in.
        target.setAttribute("data-lm-suppress-shortcuts", "true");
      } });
      el.replaceChildren(root, said);

      const heard = (message) => {
        const asked = waiting.get(message?.answer);
        if (!asked) return;
        waiting.delete(message.answer);
        if (message.error) {
          const { code, message: text, hint } = message.error;
          if (!asked.quiet) say([code ? `${code}: ` : "", text, hint ? `. ${hint}` : ""].join(""), "bad");
          asked.reject(Object.assign(new Error(text), message.error));
        } else asked.resolve(message.value);
      };
      function say(text, kind = "") {
        said.textContent = text;
        said.className = `enfyra-said ${kind}`;
      }
      function ask(action, given = {}, { quiet = false } = {}) {
        return new Promise((resolve, reject) => {
          const id = `${Date.now().toString(36)}-${Math.random().toString(36).slice(2)}-${++last}`;
          waiting.set(id, { resolve, reject, quiet });
          model.send({ id, action, given });
        });
      }
      function watch(name, then) {
        const changed = () => then(model.get(name));
        model.on(`change:${name}`, changed);
        cleaners.push(() => model.off(`change:${name}`, changed));
        changed();
      }
      model.on("msg:custom", heard);
      cleaners.push(() => model.off("msg:custom", heard));
      build({ model, el: root, say, ask, watch, done: (then) => cleaners.push(then) });
      return () => cleaners.forEach((clean) => clean());
    },
  };
}
