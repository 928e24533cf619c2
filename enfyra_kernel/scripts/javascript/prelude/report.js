// Gives what the host has to know about an error, as JSON.
const { errors, stringify, part } = shared;
const text = (value) => { try { return String(value); } catch { return "an error that has no text"; } };
return (error) => {
  const known = errors.get(error);
  const isError = error instanceof Error;
  let message = isError ? text(error.message) : part("shown")(error);
  if (isError && !known && error.name !== "Error") message = `${text(error.name)}: ${message}`;
  let details = null;
  try {
    details = stringify(known?.details) ?? null;
  } catch (problem) {
    details = stringify(`The details are not JSON: ${problem.message}`);
  }
  return stringify({
    message,
    stack: isError ? text(error.stack) : "",
    code: known?.code ?? null,
    status: known?.status ?? null,
    hint: known?.hint ?? null,
    thrown: (known?.code ?? null) !== null,
    details,
  });
};
