// Gives a value as text for the log.
return (value) => {
  if (value instanceof Error) return `${value.name}: ${value.message}`;
  try {
    const text = shared.stringify(value);
    return text === undefined ? String(value) : text;
  } catch {
    return String(value);
  }
};
