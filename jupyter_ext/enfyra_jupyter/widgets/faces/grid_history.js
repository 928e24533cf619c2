// What has been done in a grid, there and back. What has been saved is asked for anew, and is left
// alone if somebody else has changed it meanwhile; what is not saved yet is done here only.

function gridHistory({ columns, state, pages, view, ask, say, changed, busy }) {
  const MOST = 200;
  let past = [];
  let future = [];

  function put(list, entry) {
    list.push(entry);
    if (list.length > MOST) list.shift();
  }

  async function again(from, to, word) {
    if (busy() || !from.length) return;
    const entry = from.at(-1);
    if (entry.back) {
      from.pop();
      put(to, entry);
      entry[to === future ? "back" : "forth"]();
      changed();
      say(`${entry.text} is ${word}`, "good");
      return;
    }
    const { name } = columns[entry.at];
    let answer;
    try {
      answer = await ask("change", { key: entry.key, name, text: entry.before, base: entry.after });
    } catch { return; }
    if (from.at(-1) !== entry) return;
    from.pop();
    if (answer.conflict) {
      pages.set(entry.key, entry.at, answer.theirs);
      changed();
      say(`${name} has been changed meanwhile, and is left as it is`, "bad");
      return;
    }
    put(to, { ...entry, before: entry.after, after: answer.value });
    if (pages.row(entry.row)?.key === entry.key) {
      Object.assign(state, { row: entry.row, column: entry.at });
      view.show(entry.row, entry.at);
    }
    pages.put(entry.key, answer.cells);
    changed();
    say(`${name} of row ${entry.row + 1} is ${word}`, "good");
    view.focus();
  }

  return {
    // A change of a saved cell has key, row, at, before and after; any other back, forth and text.
    did(entry) {
      put(past, entry);
      future = [];
    },
    undo: () => again(past, future, "undone"),
    redo: () => again(future, past, "done again"),
    // There is no way back to what is saved by now, and none to rows that are gone.
    forget(keys) {
      const stays = (entry) => !entry.back && !keys.has(entry.key);
      past = past.filter(stays);
      future = future.filter(stays);
    },
    get past() { return past.length; },
    get future() { return future.length; },
  };
}
