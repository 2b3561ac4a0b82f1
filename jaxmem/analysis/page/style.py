"""How the page looks: on a screen, a phone, in the dark and on paper."""

CSS = """
:root {
  --ink: #1d2126; --soft: #5c6570; --faint: #dfe3e8; --paper: #ffffff; --card: #f6f7f9; --link: #1f5fa8;
  --mark: #fff1c9; --good: #26834a; --open: #a86a12;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e4e7eb; --soft: #9aa4af; --faint: #333a43; --paper: #14171b; --card: #1c2026; --link: #82b6f2;
    --mark: #4a3d14; --good: #62c487; --open: #e0ac5b;
  }
  .curve svg, .legend svg { filter: brightness(1.35); }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: smooth; }
body {
  margin: 0 auto; padding: 3rem 2rem 5rem; max-width: 76rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", Arial, sans-serif;
}
h1, h2, h3 { line-height: 1.25; font-weight: 600; letter-spacing: -0.01em; overflow-wrap: anywhere; }
h1 { font-size: 2rem; margin: 0 0 0.5rem; }
h2 { font-size: 1.35rem; margin: 0 0 1rem; }
h3 { font-size: 1.05rem; margin: 2rem 0 0.75rem; }
p { margin: 0 0 0.75rem; max-width: 46rem; overflow-wrap: anywhere; }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 0.15em; }
.lead { color: var(--soft); }
nav { margin-top: 1.25rem; border-block: 1px solid var(--faint); }
nav ul { list-style: none; margin: 0; padding: 0.6rem 0; display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; }
nav a { text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { margin-top: 3rem; }
.note { color: var(--soft); font-size: 0.9rem; }
code, pre { font: 0.875em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
pre {
  margin: 0.75rem 0; padding: 0.75rem 1rem; background: var(--card); border-radius: 0.4rem;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
.scroll { overflow-x: auto; margin: 0 0 1.25rem; }
.scroll:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.9rem; font-variant-numeric: tabular-nums; min-width: min(100%, 30rem); }
caption { text-align: left; color: var(--soft); padding-bottom: 0.5rem; max-width: calc(100vw - 2rem); }
th, td {
  padding: 0.4rem 1.15rem 0.4rem 0; border-bottom: 1px solid var(--faint); text-align: left; vertical-align: top;
}
th:last-child, td:last-child { padding-right: 0; }
thead th { color: var(--soft); font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 500; min-width: 9rem; max-width: 20rem; overflow-wrap: anywhere; }
td { white-space: nowrap; }
.number { text-align: right; }
.finished::before, .unfinished::before { content: "\\25CF"; margin-right: 0.4em; }
.finished::before { color: var(--good); }
.unfinished::before { color: var(--open); }
mark { background: var(--mark); color: inherit; padding: 0.05em 0.3em; border-radius: 0.2em; }
.legend { list-style: none; margin: 0 0 1rem; padding: 0; display: flex; flex-wrap: wrap; gap: 0.25rem 1.5rem; }
.legend li { display: flex; align-items: center; gap: 0.5rem; font-size: 0.9rem; overflow-wrap: anywhere; }
.legend svg { width: 1.75rem; height: 0.75rem; flex: none; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem 2rem; }
.panels figure { max-width: 36rem; }
figure { margin: 0 0 1rem; min-width: 0; }
figcaption { color: var(--soft); font-size: 0.9rem; overflow-wrap: anywhere; }
.pictures figcaption { margin-top: 0.4rem; }
.curve svg { display: block; width: 100%; height: auto; }
.curve svg * { stroke-linejoin: round; stroke-linecap: butt; }
.curve text { font-family: inherit !important; font-variant-numeric: tabular-nums; }
.pictures { display: flex; flex-wrap: wrap; gap: 1rem 2rem; align-items: flex-start; }
.pictures figure { max-width: 100%; }
.pictures img { display: block; max-width: 100%; height: auto; background: #fff; border-radius: 0.3rem; }
.pictures .wide { flex-basis: 100%; }
.pictures .wide img { max-width: max(100%, 44rem); }
.pictures .scroll { margin: 0; }
.pixels { image-rendering: pixelated; }
details { border-top: 1px solid var(--faint); padding: 0.6rem 0; }
details:last-of-type { border-bottom: 1px solid var(--faint); }
summary { cursor: pointer; font-weight: 500; overflow-wrap: anywhere; }
details > div { margin-top: 0.75rem; scroll-margin-top: 4rem; }
.fields td { white-space: normal; overflow-wrap: anywhere; }
@media (max-width: 40rem) {
  body { padding: 1.5rem 1rem 3rem; }
  h1 { font-size: 1.5rem; }
  section { margin-top: 2.25rem; }
}
@media print {
  :root {
    --ink: #000; --soft: #444; --faint: #ccc; --paper: #fff; --card: #f3f3f3; --link: #000; --mark: #eee;
    --good: #000; --open: #000;
  }
  body { padding: 0; max-width: none; font-size: 10pt; }
  nav { display: none; }
  .scroll { overflow: visible; }
  th, td { padding: 0.2rem 0.5rem 0.2rem 0; }
  td:not(.number) { white-space: normal; }
  tbody th { min-width: 0; }
  table { min-width: 0; font-size: 7pt; }
  figure, tr { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .pictures .wide img { max-width: 100%; }
  details::details-content { content-visibility: visible; block-size: auto; }
}
"""
