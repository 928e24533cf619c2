// Asks the host for something, and gives a promise of the answer.
const { part, stringify, hidden, decode, send, helpful } = shared;
const EnfyraError = part("error");
const waiting = new Map();
const unheeded = new Map();
const heeded = new WeakSet();
let last = 0;

// An answer whose error nobody has asked for must not be lost.
class Answer extends Promise {
  static get [Symbol.species]() { return Promise; }
  then(done, failed) {
    heeded.add(this);
    unheeded.delete(this);
    return super.then(done, failed);
  }
}

function request(name, list) {
  const text = stringify(list);
  const place = new Error().stack;
  const id = ++last;
  let settled;
  const answer = new Answer((resolve, reject) => { settled = { resolve, reject, place }; });
  waiting.set(id, { ...settled, answer });
  send(`${id} ${name}`, text);
  return answer;
}

function settle(id, ok, text, large) {
  const { resolve, reject, place, answer } = waiting.get(id);
  waiting.delete(id);
  const value = decode(text, large);
  if (ok) return resolve(value);
  const error = new EnfyraError(value);
  hidden(error, "stack", place);
  if (!heeded.has(answer)) unheeded.set(answer, error);
  reject(error);
}

// An object with a function for each name, which asks for `prefix` with that name.
const asks = (prefix, names, what) => helpful(
  Object.fromEntries(names.map((name) => [name, (...list) => request(prefix + name, list)])), what);

// An object that has every name; what stands behind one is made when it is used.
const named = (make, names = {}) => new Proxy(names, {
  get(target, name) {
    if (typeof name === "symbol" || name === "then" || name === "toJSON") return undefined;
    if (!Object.hasOwn(target, name)) target[name] = make(name);
    return target[name];
  },
});

return { request, settle, unheeded, asks, named };
