/** The look of a page: light, dark, on a phone, on paper. */
import { Markup } from './markup'

/** Colours of lines and bars are told apart by people who do not see red and green too (Okabe and Ito 2008). */
export const STYLE = new Markup(`
:root {
  color-scheme: light dark;
  --paper: #fff; --ink: #1c1e21; --soft: #5b6169; --line: #dfe3e8; --panel: #f6f7f9; --accent: 0, 114, 178;
  --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #a07800; --c5: #4ba3d8;
  --good: #00734f; --warn: #9a5b00; --bad: #b3261e;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15171a; --ink: #e6e8eb; --soft: #a0a7b0; --line: #33383f; --panel: #1e2125; --accent: 86, 180, 233;
    --c0: #56b4e9; --c1: #f0864a; --c2: #2ec49b; --c3: #e29dc4; --c4: #e6c14d; --c5: #9fd0f0;
    --good: #4fd3a2; --warn: #f0b450; --bad: #ff8a80;
  }
}
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 70rem; padding: 1.5rem 1rem 4rem; background: var(--paper); color: var(--ink);
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; overflow-wrap: anywhere; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .25rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .75rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line); }
p { margin: .5rem 0; max-width: 48rem; }
.note, .soft, figcaption { color: var(--soft); }
.note { font-size: .875rem; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(10rem, 1fr)); gap: .75rem; margin: 1.25rem 0; }
.tile { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem; }
.tile b { display: block; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
.tile span { color: var(--soft); font-size: .85rem; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); gap: 1rem 1.5rem; }
.chart { margin: 0; max-width: 34rem; }
.chart figcaption { font-weight: 600; color: var(--ink); font-size: .95rem; }
svg { display: block; width: 100%; height: auto; font-size: 11px; overflow: visible; }
svg text { fill: var(--soft); } svg .end { text-anchor: end; } svg .middle { text-anchor: middle; }
.grid path { stroke: var(--line); } .zero { stroke: var(--soft); }
.line { fill: none; stroke-width: 2; stroke-linejoin: round; }
.diagonal, .mark { stroke: var(--soft); stroke-dasharray: 4 4; fill: none; }
.points circle { fill: var(--c0); opacity: .55; } .bar { fill: var(--c0); }
${[0, 1, 2, 3, 4, 5].map((at) => `.line.c${at} { stroke: var(--c${at}); } .dot.c${at} { fill: var(--c${at}); } i.c${at} { background: var(--c${at}); }`).join('\n')}
.legend { margin: .25rem 0; font-size: .875rem; display: flex; flex-wrap: wrap; gap: .1rem 1rem; }
.legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em; }
.scroll { overflow-x: auto; max-width: 100%; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .6rem; text-align: right; border-bottom: 1px solid var(--line); overflow-wrap: normal; }
td { white-space: nowrap; } td:first-child, td.text, .matrix tbody th { white-space: normal; min-width: 4.5rem; max-width: 18rem; overflow-wrap: anywhere; }
th { font-weight: 600; vertical-align: bottom; } th:first-child, td:first-child, .text { text-align: left; }
.matrix td { min-width: 2.4rem; text-align: center; border: 1px solid var(--line);
  background: rgba(var(--accent), calc(var(--share) * .75)); }
.matrix td.right { outline: 2px solid var(--soft); outline-offset: -2px; }
.matrix thead th { max-width: 8rem; min-width: 3.2rem; overflow-wrap: anywhere; font-size: .8rem; }
.matrix thead tr:last-child th:not(:first-child) { text-align: center; }
.share { display: inline-block; width: 6rem; height: .6rem; background: var(--line); border-radius: 3px; overflow: hidden; }
.share i { display: block; height: 100%; background: var(--c0); }
.clips { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 30rem), 1fr)); gap: 1rem; }
.clip { margin: 0; background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .6rem .8rem;
  break-inside: avoid; }
.clip img { display: block; width: 100%; height: auto; image-rendering: pixelated; border-radius: 3px; }
.clip img.values { height: 7rem; }
.clip figcaption { font-size: .875rem; margin-bottom: .4rem; }
.clip figcaption b { color: var(--ink); }
.cover { display: flex; height: 1.6rem; gap: 1px; margin-top: .3rem; align-items: flex-end; }
.cover i { flex: var(--frames) 1 0; height: max(1px, calc(var(--height) * 1.6rem)); background: var(--c1); border-radius: 1px; }
.cover i.less { background: var(--c0); opacity: .6; }
pre { background: var(--panel); border: 1px solid var(--line); border-radius: .5rem; padding: .7rem .9rem; overflow-x: auto;
  font-size: .85rem; white-space: pre-wrap; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1.2rem; font-size: .9rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; }
summary { cursor: pointer; color: var(--soft); margin: .5rem 0; }
.good { color: var(--good); } .warning { color: var(--warn); } .error { color: var(--bad); }
ul.findings { padding-left: 1.2rem; max-width: 52rem; }
@media (max-width: 30rem) {
  body { padding: 1rem .75rem 3rem; } th, td { padding: .3rem .35rem; } td:first-child { min-width: 3rem; }
  dl { grid-template-columns: 1fr; } dd { margin-bottom: .4rem; }
}
@media print {
  :root { color-scheme: light; --paper: #fff; --ink: #000; --soft: #444; --line: #bbb; --panel: #fff; --accent: 0, 114, 178;
    --c0: #0072b2; --c1: #d55e00; --c2: #009e73; --c3: #cc79a7; --c4: #a07800; --c5: #4ba3d8; }
  body { max-width: none; padding: 0; font-size: 12px; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2 { break-after: avoid; } figure, table, .tile { break-inside: avoid; }
  .scroll { overflow: visible; }
}
`)
