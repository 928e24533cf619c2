// The ways to throw. STATUSES and NAMED stand for what `throws.py` knows.
const { part, helpful } = shared;
const EnfyraError = part("error");
const statuses = STATUSES;
const named = NAMED;

const fail = ({ code, status, message }, given, details) => {
  throw new EnfyraError({ code, status, message: String(given ?? message), details });
};
const ways = (message, details) => fail(named.businessLogic, message, details);
for (const [status, way] of Object.entries(statuses)) {
  ways[status] = (message, details) => fail(way, message, details);
}
for (const [name, way] of Object.entries(named)) {
  ways[name] = (message, details) => fail(way, message, details);
}
ways.http = (status, message, details) => {
  if (!Number.isInteger(status) || status < 400 || status > 599) {
    throw new TypeError(`${status} is not the status of an error: these are 400 to 599`);
  }
  const like = statuses[status] ?? statuses[status < 500 ? 400 : 500];
  fail({ ...like, status }, message, details);
};
ways.notFound = (resource, identifier) => fail(named.notFound, resource === undefined ? undefined
  : identifier === undefined ? `${resource} not found` : `${resource} with identifier '${identifier}' not found`);
ways.duplicate = (resource, field, value) => fail(named.duplicate, resource === undefined ? undefined
  : field === undefined ? `${resource} already exists` : `${resource} with ${field} '${value}' already exists`);

return helpful(ways, "$throw");
