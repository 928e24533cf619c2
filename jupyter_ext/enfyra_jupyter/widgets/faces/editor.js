// An editor for scripts: CodeMirror, which a page loads once, and until then (or without it) a text area.
//
// const editor = makeEditor({ ask, parent, label, text, language, changed, run, complete })
// editor.set(text, language)   editor.mark(problems)   editor.focus()

function loadCodeMirror(ask) {
  const key = Symbol.for("enfyra.codemirror");
  globalThis[key] ??= ask("editor", {}, { quiet: true }).then(async (code) => {
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    try {
      return await import(/* webpackIgnore: true */ address);
    } finally {
      URL.revokeObjectURL(address);
    }
  });
  // Who asks after a failure tries again.
  globalThis[key].catch(() => delete globalThis[key]);
  return globalThis[key];
}

function makeEditor({ ask, parent, label, text, language, changed, run, complete }) {
  const area = h("textarea", {
    class: "enfyra-code-area", "aria-label": label, spellcheck: "false", rows: "10", value: text,
    oninput: () => changed(area.value),
    onkeydown: (event) => {
      if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      run();
    },
  });
  let view = null;
  let setLanguage = () => {};
  let library = null;
  let gone = false;
  parent.replaceChildren(area);

  loadCodeMirror(ask).then((loaded) => {
    if (gone) return;
    library = loaded;
    const hadFocus = area.contains(parent.ownerDocument.activeElement);
    build(area.value);
    parent.replaceChildren(view.dom);
    if (hadFocus) view.focus();
  }, () => {
    // The text area goes on.
  });

  function build(start) {
    const { Compartment, EditorState, EditorView, keymap } = library;
    const speech = new Compartment();
    const of = (name) => (name === "javascript" ? library.javascript() : library.python());
    setLanguage = (name) => view.dispatch({ effects: speech.reconfigure(of(name)) });
    view = new EditorView({
      doc: start,
      extensions: [
        library.lineNumbers(), library.lintGutter(), library.history(), library.drawSelection(),
        library.indentOnInput(), library.bracketMatching(), library.closeBrackets(),
        library.indentUnit.of("    "), library.autocompletion(),
        library.syntaxHighlighting(library.classHighlighter), macros(library),
        speech.of(of(language)),
        EditorState.languageData.of(() => [{ autocomplete: complete }]),
        keymap.of([
          { key: "Mod-Enter", run: () => (run(), true) },
          ...library.closeBracketsKeymap, ...library.defaultKeymap, ...library.historyKeymap,
          ...library.completionKeymap, library.indentWithTab,
        ]),
        EditorView.contentAttributes.of({ "aria-label": `${label}. Escape and then Tab leaves it.` }),
        EditorView.updateListener.of((update) => update.docChanged && changed(update.state.doc.toString())),
        EditorView.theme({
          "&": { color: "var(--ink)", backgroundColor: "var(--ground)", border: "1px solid var(--line)", fontSize: "13px" },
          ".cm-content": { fontFamily: "var(--jp-code-font-family, monospace)", caretColor: "var(--ink)", minHeight: "10em" },
          ".cm-cursor": { borderLeftColor: "var(--ink)" },
          ".cm-gutters": { color: "var(--faint)", backgroundColor: "var(--raised)", border: "none" },
          ".cm-tooltip": { color: "var(--ink)", backgroundColor: "var(--raised)", border: "1px solid var(--line)" },
          ".cm-selectionBackground": { background: "var(--jp-editor-selected-background, #b3d4fc) !important" },
        }),
      ],
    });
  }

  // In Python, `#post.find()` looks like a comment, which it is not.
  function macros({ Decoration, MatchDecorator, ViewPlugin }) {
    const matcher = new MatchDecorator({
      regexp: /@[A-Z]\w*|#[A-Za-z_]\w*\.[^\n]*/g,
      decoration: (match) => Decoration.mark({ class: match[0][0] === "@" ? "enfyra-macro" : "enfyra-uncomment" }),
    });
    return ViewPlugin.define(
      (one) => ({ marks: matcher.createDeco(one), update(change) { this.marks = matcher.updateDeco(change, this.marks); } }),
      { decorations: (one) => one.marks },
    );
  }

  return {
    set(next, name) {
      language = name;
      if (!view) {
        area.value = next;
        return;
      }
      setLanguage(name);
      if (view.state.doc.toString() !== next) {
        view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: next } });
      }
    },
    mark(problems) {
      if (!view) return;
      const { doc } = view.state;
      const found = problems.filter((one) => one.line >= 1 && one.line <= doc.lines).map((one) => {
        const line = doc.line(one.line);
        const from = Math.min(line.from + Math.max((one.column ?? 1) - 1, 0), line.to);
        const message = one.hint ? `${one.message}. ${one.hint}` : one.message;
        return { from, to: line.to, severity: "error", message };
      });
      view.dispatch(library.setDiagnostics(view.state, found));
    },
    focus: () => (view ?? area).focus(),
    close() {
      gone = true;
      view?.destroy();
    },
  };
}
