// Elements, as the faces of widgets make them. Text is always text, never HTML.

export function h(tag, facts = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(facts ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((one) => one !== null && one !== undefined && one !== false));
  return element;
}

// 1 column, 2 columns.
export function counted(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
