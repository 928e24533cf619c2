// What a script finds in its engine, and what the host calls. Everything that a script may ask for
// goes into the outbox, which the host empties after each turn; nothing here calls out of the engine.
//
// Reading JavaScript is what starting an engine costs, so the other files are read when they are
// needed: the host has put their texts into `parts`, as JSON. Each is the body of a function that
// is given `shared`.
(() => {
  "use strict";
  const { parse, stringify, rawJSON } = JSON;
  const make = Function;
  const packed = globalThis.parts;
  delete globalThis.parts;
  let parts = null;
  const made = {};
  const part = (name) => (made[name] ??= make("shared", (parts ??= parse(packed))[name])(shared));

  // -- what could be turned against the engine
  // The host makes text of an error when the time limit is off: no code of a script may run then.
  const lock = (owner, name, value) => Object.defineProperty(owner, name, { value, writable: false, configurable: false });
  lock(Error.prototype, "toString", Error.prototype.toString);
  lock(Error, "prepareStackTrace", undefined);
  lock(Error, "stackTraceLimit", 20);
  Object.freeze(InternalError.prototype);
  // Their callbacks are jobs of their own: nobody catches what they throw.
  for (const name of ["queueMicrotask", "FinalizationRegistry", "WeakRef", "Atomics", "SharedArrayBuffer"]) {
    delete globalThis[name];
  }

  // -- JSON
  const hidden = (owner, name, value) =>
    Object.defineProperty(owner, name, { value, writable: true, configurable: true });
  hidden(BigInt.prototype, "toJSON", function () { return rawJSON(String(this)); });
  hidden(Map.prototype, "toJSON", function () { return Object.fromEntries(this); });
  hidden(Set.prototype, "toJSON", function () { return [...this]; });
  const exact = (key, value, { source }) =>
    typeof value === "number" && !Number.isSafeInteger(value) && /^-?\d+$/.test(source) ? BigInt(source) : value;
  const decode = (text, large) => (large ? parse(text, exact) : parse(text));
  const encoded = (what, value) => {
    try {
      return stringify(value) ?? null;
    } catch (error) {
      throw new TypeError(`${what} is not JSON: ${error.message}`);
    }
  };

  // -- the outbox
  let outbox = [];
  let sent = 0;
  let text = null;
  const send = (head, body) => { outbox.push([head, body]); };
  const shown = (value) => (typeof value === "string" ? value : part("shown")(value));
  const log = (...values) => send("0 log", stringify(values.map(shown).join(" ")));
  hidden(globalThis, "console", { log, info: log, warn: log, error: log, debug: log, trace: log });

  // -- the context
  const texts = new Map();
  const values = new Map();
  const blank = new Set(["body", "query", "params", "share"]);
  // What a script changes of the others is lost with its engine.
  const writable = new Set(["body", "query", "share", "data", "status"]);
  const aliases = { status: "$statusCode", uploaded_file: "$uploadedFile" };
  const aliasOf = (name) => aliases[name] ?? `$${name}`;
  const $ctx = {};

  function given(name) {
    const [text, large] = texts.get(name) ?? ["null", false];
    const decoded = decode(text, large);
    return decoded === null && blank.has(name) ? {} : decoded;
  }

  function value(name) {
    if (values.has(name)) return values.get(name);
    const decoded = given(name);
    const object = decoded !== null && typeof decoded === "object";
    if (object && name === "flow") {
      for (const part of ["payload", "last", "meta"]) hidden(decoded, `$${part}`, decoded[part]);
    }
    if (object && name === "share") hidden(decoded, "$logs", log);
    values.set(name, decoded);
    return decoded;
  }

  function section(name, text, large) {
    if (text !== null) texts.set(name, [text, large]);
    const alias = aliasOf(name);
    Object.defineProperty($ctx, alias, {
      enumerable: true,
      get: () => value(name),
      set(changed) {
        if (!writable.has(name)) throw new TypeError(`${alias} cannot be replaced`);
        values.set(name, changed);
      },
    });
  }

  // A name that does not exist is told at once, with those that do.
  const helpful = (known, what) => new Proxy(known, {
    get(target, name) {
      if (name in target || typeof name === "symbol" || name === "then" || name === "toJSON") return target[name];
      throw new TypeError(`${what} has no '${name}'; it has ${Object.keys(target).join(", ")}`);
    },
    set(target, name, value) {
      if (name in target) return Reflect.set(target, name, value);
      throw new TypeError(`${what} has no '${String(name)}' that could be set`);
    },
  });

  const errors = new WeakMap();
  const shared = { part, parse, stringify, hidden, decode, send, log, helpful, errors };
  for (const name of ["repos", "transaction", "cache", "helpers", "socket", "storage", "trigger", "res", "throw", "pkgs"]) {
    Object.defineProperty($ctx, `$${name}`, { enumerable: true, get: () => part(name) });
  }
  $ctx.$logs = log;

  // -- what the host calls
  let state = "runs";
  let outcome = null;

  function start(script) {
    const context = helpful($ctx, "$ctx");
    (async () => {
      try {
        const result = await script(context);
        outcome = result === undefined ? null : encoded("What the script returns", result);
        state = "returned";
      } catch (error) {
        state = "failed";
        outcome = part("report")(error);
      }
    })();
  }

  // Gives the next request, or how things stand; `taken` gives what belongs to it.
  function take() {
    if (sent < outbox.length) {
      const [head, body] = outbox[sent++];
      text = body;
      return head;
    }
    outbox = [];
    sent = 0;
    text = outcome;
    return state;
  }

  const settle = (id, ok, text, large) => part("requests").settle(id, ok, text, large);

  // Ends the script: an error that nobody has asked for makes it fail.
  function finish() {
    if (state !== "failed" && made.requests?.unheeded.size) {
      outcome = part("report")(made.requests.unheeded.values().next().value);
      state = "failed";
    }
    return take();
  }

  function* changed() {
    for (const [name, now] of values) {
      if (!writable.has(name)) continue;
      const after = encoded(aliasOf(name), now) ?? "null";
      const [before] = texts.get(name) ?? ["null"];
      // The host may write JSON with other spaces and escapes.
      if (after === before || after === stringify(given(name))) continue;
      text = after;
      yield name;
    }
  }
  let changes = null;
  // Gives the name of the next section that has changed; `taken` gives its JSON.
  function change() {
    changes ??= changed();
    return changes.next().value ?? null;
  }

  Object.assign(globalThis, { settle, section, start, take, taken: () => text, finish, change });
})();
