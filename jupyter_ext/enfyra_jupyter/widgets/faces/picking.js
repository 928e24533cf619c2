// A combobox over the records of a table: what is typed is looked for as one types, page by page.
//
// picking({ label, search, picked, chosen, required })
//   search(text, after)  gives a promise of { rows: [{ key, label }], next, wide, total }
//   picked(record)       is told the { key, label } that is chosen, or null for none
//   chosen               the record that is chosen at first, or null
//   required             whether there has to be one
// Gives its element and its input, open() and close() of the list, and set(record).

const PICK_PAUSE = 200;
const PICK_JUMP = 10;

function picking({ label, search, picked, chosen = null, required = false }) {
  const id = `enfyra-pick-${Math.random().toString(36).slice(2)}`;
  const shown = (one) => (!one ? "" : one.label ? `${one.label} (${one.key})` : one.key);
  let options = [];
  let next = null;
  let active = -1;
  let asked = 0;
  let timer = null;
  let waiting = null;
  let failed = false;

  const input = h("input", {
    role: "combobox", "aria-label": label, "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": id,
    autocomplete: "off", spellcheck: "false", dir: "auto", placeholder: "search, or type a key", value: shown(chosen),
    oninput: () => later(), onkeydown: keys, onclick: () => (isOpen() ? null : open()), onblur: left,
  });
  const list = h("ul", { id, role: "listbox", "aria-label": `${label}: records`, onscroll: scrolled });
  const note = h("div", { class: "note", role: "status" });
  const box = h("div", { class: "enfyra-pick-box", popover: "manual", hidden: true, onpointerdown: (event) => event.preventDefault() }, list, note);
  const element = h("span", { class: "enfyra-pick" }, input, box);

  // -- what is found ------------------------------------------------------------------------------

  function later() {
    show();
    clearTimeout(timer);
    const mine = ++asked;
    waiting = new Promise((resolve) => {
      timer = setTimeout(() => find(input.value, mine, input.value.trim() !== "").then(resolve), PICK_PAUSE);
    });
  }
  async function find(text, mine, choose) {
    note.textContent = "…";
    try {
      const answer = await search(text, null);
      if (mine !== asked) return;
      failed = false;
      options = [];
      put(answer, text);
      move(choose && options.length ? 0 : -1);
    } catch (error) {
      if (mine === asked) wrong(error);
    }
  }
  async function more(after) {
    if (!after || waiting) return;
    const mine = asked;
    const text = input.value;
    waiting = search(text, after).then((answer) => {
      if (mine === asked) put(answer, text);
    }, wrong).finally(() => { if (mine === asked) waiting = null; });
    await waiting;
  }
  function put(answer, text) {
    const known = new Set(options.map((one) => one.key));
    options = options.filter((one) => !one.wide);
    options.push(...answer.rows.filter((one) => !known.has(one.key)));
    next = answer.next;
    if (answer.wide) options.push({ wide: answer.wide, text });
    waiting = null;
    draw();
    const count = options.filter((one) => !one.wide).length;
    note.textContent = next ? `${count} shown, more as you go down` : count ? `${count} found` : "None found";
  }
  function wrong(error) {
    failed = true;
    options = [];
    next = waiting = null;
    draw();
    note.textContent = [error.code ? `${error.code}: ` : "", error.message, ". A key can be typed all the same"].join("");
  }
  function draw() {
    list.replaceChildren(...options.map((one, number) => h("li", {
      id: `${id}-${number}`, role: "option", "aria-selected": String(number === active), onclick: () => choose(number),
    }, one.wide
      ? `Look for “${one.text}” anywhere, which takes a while`
      : [h("bdi", {}, one.label || one.key), " ", one.label ? h("span", { class: "note" }, one.key) : null])));
    mark();
  }

  // -- the list -----------------------------------------------------------------------------------

  function isOpen() {
    return !box.hidden;
  }
  function show() {
    if (isOpen()) return place();
    box.hidden = false;
    // Above everything, and never cut off by what it stands in.
    box.showPopover?.();
    input.setAttribute("aria-expanded", "true");
    window.addEventListener("scroll", place, true);
    window.addEventListener("resize", place);
    place();
  }
  function open() {
    show();
    input.select();
    const mine = ++asked;
    waiting = find("", mine, false);
  }
  function close() {
    clearTimeout(timer);
    asked++;
    waiting = null;
    window.removeEventListener("scroll", place, true);
    window.removeEventListener("resize", place);
    if (isOpen() && box.isConnected) box.hidePopover?.();
    box.hidden = true;
    active = -1;
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }
  function place(event) {
    if (!input.isConnected) return close();
    if (event && list.contains(event.target)) return;
    const at = input.getBoundingClientRect();
    const below = window.innerHeight - at.bottom;
    const up = below < 180 && at.top > below;
    Object.assign(box.style, {
      left: `${at.left}px`, width: `${Math.max(at.width, 280)}px`,
      top: up ? "auto" : `${at.bottom + 2}px`, bottom: up ? `${window.innerHeight - at.top + 2}px` : "auto",
    });
    list.style.maxHeight = `${Math.max(Math.min((up ? at.top : below) - 40, 260), 80)}px`;
  }
  function move(to) {
    active = Math.max(Math.min(to, options.length - 1), -1);
    mark();
    list.children[active]?.scrollIntoView({ block: "nearest" });
    if (active >= options.length - 2) more(next);
  }
  function mark() {
    [...list.children].forEach((one, number) => one.setAttribute("aria-selected", String(number === active)));
    if (active >= 0) input.setAttribute("aria-activedescendant", `${id}-${active}`);
    else input.removeAttribute("aria-activedescendant");
  }
  function scrolled() {
    if (list.scrollTop + list.clientHeight > list.scrollHeight - 40) more(next);
  }

  // -- choosing -----------------------------------------------------------------------------------

  function take(record) {
    chosen = record;
    input.value = shown(record);
    close();
    picked(record);
  }
  function choose(number) {
    const one = options[number];
    if (!one) return;
    if (!one.wide) return take({ key: one.key, label: one.label });
    options = options.filter((each) => each !== one);
    active = -1;
    draw();
    more(one.wide);
  }
  async function enter() {
    // What was typed last has its answer first.
    while (waiting) await waiting;
    if (!isOpen()) return;
    if (active >= 0) choose(active);
    else if (!input.value.trim() && !required) take(null);
    else if (failed || !options.length) take({ key: input.value.trim(), label: "" });
  }
  function left() {
    if (!isOpen()) return;
    close();
    input.value = shown(chosen);
  }
  function keys(event) {
    if (event.isComposing) return;
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: PICK_JUMP, PageUp: -PICK_JUMP };
    if (event.key in steps && !event.ctrlKey && !event.metaKey) {
      if (!isOpen()) {
        if (!event.key.startsWith("Arrow")) return;
        open();
      } else if (event.altKey && event.key === "ArrowUp") left();
      else move(active + steps[event.key]);
    } else if (event.key === "Enter" && isOpen()) enter();
    else if (event.key === "Escape" && isOpen()) left();
    else if (event.key === "Tab" && isOpen() && active >= 0) {
      choose(active);
      return;
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return {
    element, input, open, close,
    set(record) {
      chosen = record?.key === undefined ? null : record;
      if (!isOpen()) input.value = shown(chosen);
    },
  };
}
