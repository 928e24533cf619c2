// The rows of a grid, fetched page by page when they come into sight: one question at a time,
// and always for what is in sight by then.

function gridPages({ ask, size, asked, changed, extra }) {
  const MOST = 60;
  const PAUSE = 40;
  let pages = new Map();
  // How many rows there are; as long as that is not counted anew, how many there were.
  let total = null;
  let counted = false;
  let failure = null;
  let age = 0;
  let asking = false;
  let timer = null;
  let sight = [0, 0];

  function missing() {
    const [first, last] = sight.map((row) => Math.floor(Math.max(row, 0) / size));
    const end = total === null ? 0 : Math.floor(Math.max(total - 1, 0) / size);
    for (let number = first; number <= Math.min(last, end); number++) if (!pages.has(number)) return number;
    // What comes next, if nothing else is to be done.
    return [last + 1, first - 1].find((number) => number >= 0 && number <= end && total && !pages.has(number));
  }

  async function next() {
    timer = null;
    const number = missing() ?? (counted ? undefined : 0);
    if (asking || failure || number === undefined) return;
    asking = true;
    const then = age;
    const count = !counted;
    try {
      const answer = await ask("page", { number, count, ...asked() }, { quiet: true });
      if (then === age) {
        pages.set(number, answer.rows);
        if (count) {
          total = answer.total;
          counted = true;
        }
        trim();
      }
    } catch (error) {
      if (then === age) {
        failure = error;
        if (!counted) total = null;
      }
    }
    asking = false;
    if (then === age) changed();
    soon(0);
  }

  function soon(pause = PAUSE) {
    if (timer === null) timer = setTimeout(next, pause);
  }

  function trim() {
    const middle = (sight[0] + sight[1]) / 2 / size;
    const farthest = () => [...pages.keys()].reduce((a, b) => (Math.abs(a - middle) > Math.abs(b - middle) ? a : b));
    while (pages.size > MOST) pages.delete(farthest());
  }

  return {
    // Rows that are not saved yet stand behind those that are.
    get total() { return total === null ? 0 : total + extra().count; },
    get saved() { return total ?? 0; },
    get known() { return counted; },
    get failure() { return failure; },
    row(number) {
      if (total !== null && number >= total) return extra().at(number - total);
      return pages.get(Math.floor(number / size))?.[number % size];
    },
    put(key, cells) {
      for (const rows of pages.values()) for (const row of rows) if (row.key === key) row.cells = cells;
    },
    set(key, at, value) {
      for (const rows of pages.values()) for (const row of rows) if (row.key === key) row.cells[at] = value;
    },
    see(first, last) {
      sight = [first, last];
      soon();
    },
    // Begin anew: another order, another filter, or another try.
    forget() {
      age++;
      pages = new Map();
      failure = null;
      counted = false;
      soon(0);
    },
    stop() {
      clearTimeout(timer);
      timer = -1;
    },
  };
}
