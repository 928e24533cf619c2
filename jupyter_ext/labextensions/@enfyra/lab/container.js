// What JupyterLab loads: a container of module federation, as bundlers write them. Ours has one module, in files
// that browsers read as they are, so it is written by hand; docs/adr/0013 says why.
//
// Lab calls `init` with the packages that it shares, by name and version, and `get` for our module. The folder must
// not be called `static`: Lab has browsers keep what is in such a folder for a year.
(() => {
  const here = document.currentScript.src;
  const PACKAGES = {
    application: "@jupyterlab/application",
    apputils: "@jupyterlab/apputils",
    coreutils: "@jupyterlab/coreutils",
    launcher: "@jupyterlab/launcher",
    notebook: "@jupyterlab/notebook",
    services: "@jupyterlab/services",
    ui: "@jupyterlab/ui-components",
    widgets: "@lumino/widgets",
  };
  let shared = {};

  // A package's instance that is in use; two of them would not know each other's tokens.
  async function taken(name) {
    const versions = Object.entries(shared[name] ?? {});
    if (!versions.length) return {};
    versions.sort(([one, { loaded: first }], [other, { loaded: second }]) =>
      Boolean(second) - Boolean(first) || other.localeCompare(one, undefined, { numeric: true }));
    return (await versions[0][1].get())();
  }

  window._JUPYTERLAB ??= {};
  window._JUPYTERLAB["@enfyra/lab"] = {
    init(scope) {
      shared = scope;
    },
    async get(module) {
      if (module !== "./extension") throw new Error(`@enfyra/lab has no module ${module}`);
      const packages = {};
      for (const [word, name] of Object.entries(PACKAGES)) packages[word] = await taken(name);
      const { plugins } = await import(new URL("extension.js", here));
      const made = plugins(packages);
      return () => ({ __esModule: true, default: made });
    },
  };
})();
