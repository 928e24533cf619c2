// A table of which records go out; Lab colours what has its classes.
export const SVG = `<svg xmlns="http://www.w3.org/2000/svg" width="16" viewBox="0 0 24 24">
  <g class="jp-icon3 jp-icon-selectable" fill="#616161">
    <path d="M3 4h14v4H3zM3 10h6v4H3zM3 16h6v4H3zM11 10h6v1.5h-4.5V14H11zM11 16h1.5v4H11z"/>
    <path d="M14 14.2h4.2v-2.9l4.8 4.4-4.8 4.4v-2.9H14z"/>
  </g>
</svg>`;
