// The repositories.
const { part, helpful } = shared;
const { request, named } = part("requests");
const EnfyraError = part("error");
const isArray = Array.isArray;
const open = part("open");

const SAVED = ["saved", "parameters"];

// JSON has no undefined: a condition would be dropped in silence, and every record met.
function complete(value, path) {
  if (value === undefined) {
    throw new EnfyraError({ code: "INVALID_QUERY", status: 400, message: `${path} is undefined` });
  }
  if (value === null || typeof value !== "object") return;
  for (const key of Object.keys(value)) complete(value[key], isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
}

// `update(7, {...})` is short for `update({id: 7, data: {...}})`.
function optionsOf(first, second) {
  if (first === undefined && second === undefined) return {};
  return first !== null && typeof first === "object" && second === undefined ? first : { id: first, data: second };
}

function repository(table, access) {
  const method = (name) => (first, second) => {
    const options = optionsOf(first, second);
    if (name === "exists" || name === "count") complete(options, name);
    else complete(options.filter ?? null, "filter");
    for (const key of SAVED) if (key in options) complete(options[key], key);
    return request(`repos.${name}`, [table, access, options, open.transaction]);
  };
  const what = table === null ? "$repos.main" : `The repository '${table}'`;
  return helpful(Object.fromEntries(METHODS.map((name) => [name, method(name)])), what);
}

return named((name) => repository(name, "trusted"), {
  main: repository(null, "main"),
  secure: named((name) => repository(name, "secure")),
});
