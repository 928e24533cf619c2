// The repositories.
const { part, helpful } = shared;
const { request, named } = part("requests");
const EnfyraError = part("error");
const isArray = Array.isArray;
const open = part("open");

// JSON has no undefined: a condition would be dropped in silence, and every record met.
function complete(value, path) {
  if (value === undefined) {
    throw new EnfyraError({ code: "INVALID_QUERY", status: 400, message: `${path} is undefined` });
  }
  if (value === null || typeof value !== "object") return;
  for (const key of Object.keys(value)) complete(value[key], isArray(value) ? `${path}[${key}]` : `${path}.${key}`);
}

function repository(table, access) {
  const method = (name) => (options = null) => {
    if (options !== null && typeof options === "object") {
      if (name === "exists" || name === "count") complete(options, name);
      else if ("filter" in options) complete(options.filter, "filter");
    }
    return request(`repos.${name}`, [table, access, options, open.transaction]);
  };
  const what = table === null ? "$repos.main" : `The repository '${table}'`;
  return helpful(Object.fromEntries(METHODS.map((name) => [name, method(name)])), what);
}

return named((name) => repository(name, "trusted"), {
  main: repository(null, "main"),
  secure: named((name) => repository(name, "secure")),
});
