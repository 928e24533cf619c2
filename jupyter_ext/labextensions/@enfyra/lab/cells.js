// What the panel writes into notebooks: a line with the magic, which whoever reads it runs himself.

const LOADING = "%load_ext enfyra_jupyter";
// A name that needs no quotes.
const PLAIN = /^[\p{L}\p{N}_][\p{L}\p{N}_.-]*$/u;
// Python ends a line at more characters than \n, and the next line would be code.
const ENDS_A_LINE = /[\p{Cc}\p{Zl}\p{Zp}]/u;

// The line `%enfyra ACTION NAME`, or null for a name that no cell can hold.
export function magic(action, name) {
  if (ENDS_A_LINE.test(name)) return null;
  if (PLAIN.test(name)) return `%enfyra ${action} ${name}`;
  const quote = ["'", '"'].find((one) => !name.includes(one));
  return quote ? `%enfyra ${action} ${quote}${name}${quote}` : null;
}

// The cells of a first notebook. Nothing in it changes anything as it stands.
export function firstCells(line) {
  if (line) return [code(`${LOADING}\n${line}`)];
  return [
    markdown(`# Enfyra\n\nRun the cells from top to bottom with Shift+Enter. \`%enfyra help\` lists all that there is, and Tab `
      + `completes it. \`%enfyra open\` leads to the documentation of the API.`),
    code(`${LOADING}\n%enfyra status`),
    code("%enfyra tables"),
    markdown("## A table of your own\n\nThe cell says what a table shall be like, and `--plan` shows what would change. "
      + "Without `--plan` the change is made: the REST API of the table is live at once."),
    code("%%enfyra table todo --plan\ncolumns:\n  title: varchar(120)!\n  done: boolean! = false\n  due: date"),
    markdown("## Records into pandas\n\nAny table will do; this one belongs to the system, and is there from the start."),
    code("tables = %enfyra query table_definition --fields name,isSystem,createdAt --limit 5\ntables.DataFrame()"),
  ];
}

function code(source) {
  return { cell_type: "code", source, metadata: {}, outputs: [], execution_count: null };
}

function markdown(source) {
  return { cell_type: "markdown", source, metadata: {} };
}

// A kernel that can run them: the default one, if it speaks Python.
export function pythonKernel(specs) {
  const found = Object.values(specs?.kernelspecs ?? {}).filter((one) => /^python/i.test(one?.language ?? ""));
  return found.find((one) => one.name === specs.default) ?? found[0] ?? null;
}

// Makes a notebook in a folder and opens it.
export async function newNotebook(app, cells, folder) {
  const manager = app.serviceManager;
  await manager.kernelspecs.ready;
  const spec = pythonKernel(manager.kernelspecs.specs);
  if (!spec) throw new Error("This Jupyter Server has no kernel for Python: pip install ipykernel");
  const { path } = await manager.contents.newUntitled({ path: folder, type: "notebook" });
  const kernelspec = { name: spec.name, display_name: spec.display_name, language: spec.language };
  await manager.contents.save(path, {
    type: "notebook",
    format: "json",
    content: { nbformat: 4, nbformat_minor: 4, metadata: { kernelspec }, cells },
  });
  return app.commands.execute("docmanager:open", { path, factory: "Notebook", kernel: { name: spec.name } });
}

// Whether a kernel has the magic. One that is busy cannot say: then the notebook's text does.
async function isLoaded({ content, sessionContext }) {
  const kernel = sessionContext.session?.kernel;
  if (kernel?.status === "busy") {
    return content.widgets.some((cell) => cell.model.sharedModel.getSource().includes(LOADING));
  }
  if (kernel?.status !== "idle") return false;
  const here = "'enfyra' in get_ipython().magics_manager.magics['line']";
  const asked = kernel.requestExecute({ code: "", silent: true, store_history: false, user_expressions: { here } });
  const { content: reply } = await asked.done;
  return reply.user_expressions?.here?.data?.["text/plain"] === "True";
}

// Puts a line into a cell of the notebook that was used last, and goes there. Gives its name.
export async function insert(app, tracker, actions, line) {
  const panel = tracker?.currentWidget;
  if (!panel) throw new Error("No notebook is open");
  const notebook = panel.content;
  const language = panel.context.model.defaultKernelLanguage;
  if (language && !/python/i.test(language)) {
    throw new Error(`The kernel of ${panel.title.label} speaks ${language}; the magic needs Python`);
  }
  if (!notebook.model || notebook.model.readOnly) throw new Error(`${panel.title.label} cannot be written`);
  const loaded = await isLoaded(panel);
  const active = notebook.activeCell?.model;
  if (active?.type !== "code" || active.sharedModel.getSource().trim()) actions.insertBelow(notebook);
  notebook.activeCell.model.sharedModel.setSource(loaded ? line : `${LOADING}\n${line}`);
  app.shell.activateById(panel.id);
  // The cell has the keyboard then, in command mode: Shift+Enter runs it, Enter edits it.
  notebook.mode = "command";
  return panel.title.label;
}
