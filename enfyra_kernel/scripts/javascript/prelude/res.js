// An answer that is written piece by piece.
const { part, helpful, stringify } = shared;
const { request } = part("requests");

async function stream(source, options = {}) {
  await request("response.begin", [options]);
  const events = options.mimetype === "text/event-stream";
  const pieces = typeof source === "string" ? [source] : typeof source === "function" ? source() : source;
  for await (const piece of pieces) {
    const text = typeof piece === "string" ? piece : stringify(piece);
    await request("response.write", [typeof piece !== "string" && events ? `data: ${text}\n\n` : text]);
  }
  await request("response.end", []);
}

return helpful({ stream }, "$res");
