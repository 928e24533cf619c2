// Rows that are not saved yet, which stand at the end, and rows that are to be deleted. Nothing is
// sent before `save`; until then, all of it can be undone.

function gridRows({ columns, state, pages, history, ask, say, changed, kept }) {
  const MOST = 500;
  let last = 0;
  const made = (given) => ({ key: null, fresh: ++last, cells: columns.map((one) => given[one.name]), problems: {} });
  let fresh = kept.fresh.map(made);
  // By key, what is seen of each.
  let marked = new Map(Object.entries(kept.marked));
  let failed = "";
  let saving = null;

  const named = (cells) => Object.fromEntries(columns.map((one, n) => [one.name, cells[n]]).filter(([, value]) => value !== undefined));
  const counted = (number, one) => `${number.toLocaleString("en")} ${one}${number === 1 ? "" : "s"}`;
  const isMarked = (row) => Boolean(row) && row.key !== null && marked.has(row.key);

  // -- not saved yet ----------------------------------------------------------------------------

  function did(text, forth, back) {
    forth();
    failed = "";
    history.did({ text, forth, back });
    changed();
  }
  function add() {
    const row = made({});
    did("The new row", () => fresh.push(row), () => { fresh = fresh.filter((one) => one !== row); });
    return pages.total - 1;
  }
  function write(row, at, value) {
    const before = row.cells[at];
    const set = (to) => {
      row.cells[at] = to;
      delete row.problems[columns[at].name];
    };
    did(columns[at].name, () => set(value), () => set(before));
  }
  // Mark what is saved, and take back what is not; what is marked already is kept.
  function mark(from, to) {
    const numbers = Array.from({ length: Math.min(to - from, MOST) + 1 }, (_, n) => from + n);
    const chosen = numbers.map((number) => pages.row(number));
    if (to - from >= MOST) return say(`At most ${MOST} rows are deleted at once`, "bad");
    if (chosen.some((row) => !row)) return say("Only rows that have been seen are deleted: scroll through them first", "bad");
    if (chosen.some((row) => !row.fresh && row.key === null)) return say("Rows without a key cannot be deleted", "bad");
    const [before, rows] = [new Map(marked), fresh];
    const saved = chosen.filter((row) => !row.fresh);
    const off = saved.length > 0 && saved.every(isMarked);
    if (marked.size + saved.length > MOST) return say(`At most ${MOST} rows are deleted at once`, "bad");
    const forth = () => {
      marked = new Map(before);
      for (const row of saved) {
        if (off) marked.delete(row.key);
        else marked.set(row.key, named(row.cells));
      }
      fresh = rows.filter((row) => !chosen.includes(row));
    };
    const text = counted(chosen.length, "row");
    did(off ? `Keeping ${text}` : `Deleting ${text}`, forth, () => { [marked, fresh] = [before, rows]; });
    return say(off ? `${text} stay${chosen.length === 1 ? "s" : ""}` : `${text} marked: Save deletes, Ctrl+Z keeps`);
  }
  function drop() {
    const [before, rows] = [marked, fresh];
    did("What was not saved", () => { [marked, fresh] = [new Map(), []]; }, () => { [marked, fresh] = [before, rows]; });
    say("Dropped; Ctrl+Z brings it back");
  }

  // -- saving -----------------------------------------------------------------------------------

  // Gives the place of the first cell that is refused, if one is.
  async function save() {
    if (saving) return null;
    const all = fresh.length + marked.size;
    const report = { created: [], deleted: [], others: [], refused: null };
    const told = () => { saving = `${report.created.length + report.deleted.length} of ${all}`; changed(); };
    failed = "";
    told();
    try {
      for (const row of [...fresh]) {
        await create(row, report);
        told();
      }
      for (const [key, base] of [...marked]) {
        await remove(key, base, report);
        told();
      }
    } catch (error) {
      // The server is away, for example: what is left waits.
      failed ||= sentence(error);
    } finally {
      saving = null;
    }
    finish(report);
    return report.refused;
  }
  const sentence = ({ code, message, hint }) => [code ? `${code}: ` : "", message, hint ? `. ${hint}` : ""].join("");

  async function create(row, report) {
    const answer = await ask("create", { given: named(row.cells) }, { quiet: true });
    if (!answer.problems) {
      fresh = fresh.filter((one) => one !== row);
      report.created.push(answer.key);
      return;
    }
    row.problems = answer.problems;
    const at = columns.findIndex((one) => answer.problems[one.name] && one.insertable);
    const elsewhere = Object.entries(answer.problems).filter(([name]) => !columns.some((one) => one.name === name && one.insertable));
    if (elsewhere.length) failed ||= sentence({ ...answer, message: elsewhere.map(([, text]) => text).join("; ") });
    if (at >= 0) report.refused ??= { row, at };
  }
  async function remove(key, base, report) {
    let answer;
    try {
      answer = await ask("delete", { key, base }, { quiet: true });
    } catch (error) {
      if (!error.code || error.code === "SERVER_UNREACHABLE") throw error;
      // This one is refused; others may go.
      failed ||= `Row ${key} stays: ${sentence(error)}`;
      return;
    }
    if (answer.gone) {
      marked.delete(key);
      report.deleted.push(key);
    } else {
      pages.put(key, answer.changed);
      marked.set(key, named(answer.changed));
      report.others.push(key);
    }
  }
  function finish({ created, deleted, others, refused }) {
    history.forget(new Set(deleted));
    if (others.length) {
      failed ||= `Somebody has changed ${counted(others.length, "row")} meanwhile (${others.slice(0, 3).join(", ")}), which you see now. Save deletes them all the same.`;
    }
    const said = [
      created.length ? `${counted(created.length, "row")} saved as ${created.slice(0, 5).join(", ")}${created.length > 5 ? ", …" : ""}` : "",
      deleted.length ? `${counted(deleted.length, "row")} deleted` : "",
    ].filter(Boolean).join(", ");
    if (created.length || deleted.length) pages.forget();
    state.anchor = null;
    changed();
    if (said) say(said, "good");
    else if (refused) say("The server refuses what is marked", "bad");
  }

  return {
    add, write, mark, drop, save, isMarked, counted,
    at: (number) => fresh[number],
    get count() { return fresh.length; },
    get marks() { return marked.size; },
    get failed() { return failed; },
    get saving() { return saving; },
    place: (row) => pages.total - fresh.length + fresh.indexOf(row),
    kept: () => ({ fresh: fresh.map((row) => named(row.cells)), marked: Object.fromEntries(marked) }),
  };
}
