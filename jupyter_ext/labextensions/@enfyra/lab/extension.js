// The plugins: commands and cards, and the panel at the side. Each takes what the application has: Lab has all of
// it, Notebook 7 has no launcher.

import { firstCells, insert, newNotebook } from "./cells.js";
import { SVG } from "./icon.js";
import { makePanel } from "./panel.js";
import { Server } from "./server.js";

const CATEGORY = "Enfyra";
const NOTEBOOK = "enfyra:new-notebook";
const DOCS = "enfyra:open-api-documentation";
const PANEL = "enfyra:show-panel";
const DOCS_ID = "enfyra-api-docs";
const SANDBOX = ["allow-same-origin", "allow-scripts", "allow-forms", "allow-popups", "allow-downloads"];
const PANEL_ID = "enfyra-side-panel";

export function plugins(packages) {
  const icon = new packages.ui.LabIcon({ name: "enfyra:icon", svgstr: SVG });
  const { ILauncher } = packages.launcher;
  const { ICommandPalette } = packages.apputils;
  const { INotebookTracker } = packages.notebook;
  const { ILayoutRestorer } = packages.application;
  return [
    plugin("commands", "Commands of Enfyra, cards for them in the launcher, and entries in the palette.",
      { launcher: ILauncher, palette: ICommandPalette },
      (app, given) => addCommands(app, { ...given, packages, icon })),
    plugin("panel", "A panel at the side: Enfyra's tables and flows.",
      { launcher: ILauncher, palette: ICommandPalette, tracker: INotebookTracker, restorer: ILayoutRestorer },
      (app, given) => addPanel(app, { ...given, packages, icon })),
  ];
}

// A plugin whose tokens are all optional, by names.
function plugin(name, description, tokens, then) {
  const known = Object.entries(tokens).filter(([, token]) => token);
  return {
    id: `@enfyra/lab:${name}`,
    description,
    autoStart: true,
    optional: known.map(([, token]) => token),
    activate: (app, ...found) => then(app, Object.fromEntries(known.map(([word], at) => [word, found[at]]))),
  };
}

function serverOf(app, packages) {
  return new Server(packages.services.ServerConnection, app.serviceManager.serverSettings);
}

function addCommands(app, { launcher, palette, packages, icon }) {
  const server = serverOf(app, packages);
  const docs = `${server.path}docs`;
  const { showErrorMessage } = packages.apputils;
  app.commands.addCommand(NOTEBOOK, {
    label: (given) => given.isPalette ? "New Enfyra Notebook" : "Enfyra Notebook",
    caption: "A notebook that is connected to Enfyra, with a first table",
    icon,
    execute: (given) => newNotebook(app, firstCells(given.line), given.cwd ?? "")
      .catch((error) => showErrorMessage("No notebook could be made", error)),
  });
  app.commands.addCommand(DOCS, {
    label: "API Docs",
    caption: "Enfyra's REST API, to be read and tried",
    icon,
    execute: () => openDocs(app, packages, docs, icon),
  });
  offer({ launcher, palette }, NOTEBOOK, 1);
  offer({ launcher, palette }, DOCS, 3);
}

function offer({ launcher, palette }, command, rank) {
  launcher?.add({ command, category: CATEGORY, rank });
  palette?.addItem({ command, category: CATEGORY, args: { isPalette: true } });
}

// Beside the notebooks where there is room for it, in a tab of the browser elsewhere.
function openDocs(app, packages, address, icon) {
  const { IFrame, MainAreaWidget } = packages.apputils;
  if (!inLab(app)) return window.open(address, "_blank", "noopener");
  // What is open shows the definitions as they were.
  [...app.shell.widgets("main")].find((one) => one.id === DOCS_ID)?.dispose();
  const content = new IFrame({ sandbox: SANDBOX });
  content.url = address;
  const main = new MainAreaWidget({ content });
  main.id = DOCS_ID;
  Object.assign(main.title, { label: "API Docs", icon, closable: true });
  app.shell.add(main, "main");
  return app.shell.activateById(main.id);
}

function inLab(app) {
  return app.name === "JupyterLab";
}

function addPanel(app, { launcher, palette, tracker, restorer, packages, icon }) {
  const { Widget } = packages.widgets;
  // Of Notebook 7's pages only the one of a notebook has a use for it.
  const page = packages.coreutils.PageConfig.getOption("notebookPage");
  if (page && page !== "notebooks") return;
  const { NotebookActions } = packages.notebook;
  const panel = makePanel({
    server: serverOf(app, packages),
    insert: (line) => insert(app, tracker, NotebookActions, line),
    create: (line) => app.commands.execute(NOTEBOOK, { line }),
    openDocs: () => app.commands.execute(DOCS),
    refreshIcon: packages.ui.refreshIcon,
  });
  const side = new (class extends Widget {
    onAfterShow() {
      void panel.load();
    }
  })({ node: panel.element });
  side.id = PANEL_ID;
  Object.assign(side.title, { icon, caption: "Enfyra: tables and flows" });
  app.shell.add(side, "left", { rank: 650 });
  restorer?.add(side, PANEL_ID);
  app.commands.addCommand(PANEL, {
    label: "Tables and Flows",
    caption: "Show Enfyra's tables and flows at the side",
    icon,
    execute: () => app.shell.activateById(PANEL_ID),
  });
  offer({ launcher, palette }, PANEL, 2);
  // What such a cell has done may be a table or a run.
  NotebookActions.executed.connect((_, { cell }) => {
    if (side.isVisible && /%enfyra/.test(cell.model.sharedModel.getSource())) void panel.load({ quiet: true });
  });
}
