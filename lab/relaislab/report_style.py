"""The report's style sheet: light and dark, screen and paper. Node colours are after Okabe and Ito, so that those who
see red and green alike can tell them apart; hatches and written names say the same once more."""

STYLE = """
:root { color-scheme: light dark; --surface: #ffffff; --panel: #f6f7f9; --ink: #16202b; --soft: #4d5a68;
  --line: #d5dbe2; --good: #00663f; --good-back: #e1f3ea; --bad: #a3220a; --bad-back: #fbe6e1; --open: #5b4a00;
  --open-back: #fbf2cf; --band: #7a5c00; --late: #c24a00; --lost: #a3001f; --median: #0b3c66; --slowest: #7fb2dd;
  --c0: #0072b2; --c1: #e69f00; --c2: #009e73; --c3: #cc79a7; --c4: #56b4e9; --c5: #d55e00; --c6: #f0e442;
  --c7: #4a525b; --nobody: #ffffff; --nobody-line: #a3001f; }
@media screen and (prefers-color-scheme: dark) { :root { --surface: #12171d; --panel: #1a2129; --ink: #e9eef3;
  --soft: #aab6c2; --line: #35404c; --good: #6fdcab; --good-back: #12352a; --bad: #ff9d87; --bad-back: #43190f;
  --open: #f0d875; --open-back: #3a3005; --band: #e8c860; --late: #ff9a52; --lost: #ff7088; --median: #e3f1ff;
  --slowest: #4a84b8; --c0: #2f8fd0; --c1: #e69f00; --c2: #1fb98d; --c3: #d27fb4; --c4: #9ad6fb; --c5: #e06c1f;
  --c6: #f5ec6b; --c7: #626d78; --nobody: #12171d; --nobody-line: #ff7088; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--surface); color: var(--ink); line-height: 1.5;
  font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main, header, footer { max-width: 1180px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 32px; }
h1 { font-size: 30px; line-height: 1.2; margin: 0 0 4px; letter-spacing: -0.01em; text-wrap: balance; }
h2 { font-size: 21px; margin: 44px 0 6px; letter-spacing: -0.005em; }
h3 { font-size: 16px; margin: 22px 0 4px; }
p { margin: 6px 0 12px; max-width: 78ch; }
.soft, figcaption { color: var(--soft); font-size: 15px; }
.kicker { color: var(--soft); font-size: 14px; margin: 0 0 6px; }
.verdict { display: inline-block; margin: 14px 0 6px; padding: 8px 16px; border-radius: 8px; font-size: 19px;
  font-weight: 650; border: 1.5px solid currentcolor; }
.kept { color: var(--good); background: var(--good-back); }
.broken { color: var(--bad); background: var(--bad-back); }
.unknown, .note { color: var(--open); background: var(--open-back); }
.note { padding: 10px 14px; border-left: 4px solid currentcolor; border-radius: 4px; max-width: none; }
.result { white-space: nowrap; font-weight: 650; }
td.kept, td.broken { background: none; }
.tiles { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(220px, 44%), 1fr)); gap: 12px;
  margin: 20px 0 8px; padding: 0; list-style: none; }
.tiles li { background: var(--panel); border: 1px solid var(--line); border-radius: 10px; padding: 12px 14px; }
.tiles b { display: block; font-size: 24px; line-height: 1.25; font-variant-numeric: tabular-nums; }
.tiles span { display: block; color: var(--soft); font-size: 13.5px; line-height: 1.35; }
.facts { display: flex; flex-wrap: wrap; gap: 4px 32px; margin: 16px 0; font-size: 15px; }
.facts dt { color: var(--soft); font-size: 13.5px; }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.wide { overflow-x: auto; max-width: 100%; }
.wide:focus-visible { outline: 2px solid var(--c0); outline-offset: 3px; }
table { border-collapse: collapse; width: 100%; font-size: 14.5px; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: 6px 16px 6px 0; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; white-space: nowrap; border-bottom-width: 2px; }
tbody th { font-weight: 500; }
td, tbody th { overflow-wrap: break-word; }
code { font-family: ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", Menlo, monospace; font-size: 0.92em;
  background: var(--panel); padding: 1px 5px; border-radius: 4px; overflow-wrap: anywhere; }
details { border: 1px solid var(--line); border-radius: 8px; padding: 8px 14px; margin: 8px 0;
  background: var(--panel); }
summary { cursor: pointer; font-weight: 550; }
footer { color: var(--soft); font-size: 14px; padding: 40px 24px 36px; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 8px 0; padding: 0; font-size: 14px; }
.legend li { display: inline-flex; align-items: center; gap: 7px; }
.swatch { width: 22px; height: 14px; flex: none; }
.defs { position: absolute; }
.chart { display: block; width: 100%; min-width: 880px; height: auto; margin-top: 4px; }
.chart text { font: 12px system-ui, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; fill: var(--ink); }
.chart .tick { fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart .axis { stroke: var(--soft); }
.chart .grid { stroke: var(--line); }
.chart .row { fill: var(--panel); }
.chart .reference { stroke: var(--soft); stroke-dasharray: 5 4; }
.chart .on-colour, .chart .reference-label { paint-order: stroke; stroke: var(--surface); stroke-width: 3.5px;
  stroke-linejoin: round; font-weight: 600; }
.chart .reference-label { font-weight: 400; }
.chart .fault-label { font-weight: 600; }
.band { fill: var(--band); fill-opacity: 0.14; stroke: var(--band); stroke-opacity: 0.6; stroke-dasharray: 2 3; }
.frame { fill: none; stroke: var(--ink); stroke-width: 1; stroke-dasharray: 3 3; }
.band.faint { stroke: none; fill-opacity: 0.3; }
.frame.faint { stroke-opacity: 0.45; }
.band.fainter { stroke: none; fill-opacity: 0.2; }
.frame.fainter { stroke-opacity: 0.15; }
.lasting { fill: var(--band); fill-opacity: 0.8; }
.median { fill: none; stroke: var(--median); stroke-width: 1.6; }
.slowest { fill: var(--slowest); }
.late { fill: var(--late); }
.delayed path { fill: var(--late); }
.lost path { fill: none; stroke: var(--lost); stroke-width: 2; }
.finding { fill: none; stroke: var(--lost); stroke-width: 2.5; }
.layers path, .owners path { stroke: var(--surface); stroke-width: 0.6; stroke-linejoin: round; }
.owners path { stroke-width: 0; }
.hatch { fill: none; stroke: var(--surface); stroke-width: 2.2; }
.hatch-nobody { fill: none; stroke: var(--nobody-line); stroke-width: 1.2; }
.nobody { fill: var(--nobody); stroke: var(--nobody-line); }
.c0 { fill: var(--c0); } .c1 { fill: var(--c1); } .c2 { fill: var(--c2); } .c3 { fill: var(--c3); }
.c4 { fill: var(--c4); } .c5 { fill: var(--c5); } .c6 { fill: var(--c6); } .c7 { fill: var(--c7); }
@media (max-width: 640px) { main, header, footer { padding-left: 16px; padding-right: 16px; } h1 { font-size: 25px; } }
@media print { @page { margin: 14mm; } body { font-size: 11pt; print-color-adjust: exact;
  -webkit-print-color-adjust: exact; }
  main, header, footer { max-width: none; padding: 0; } .chart { min-width: 0; } .wide { overflow: visible; }
  figure, .tiles li, tr, details { break-inside: avoid; } h2, h3 { break-after: avoid; } }
figure { margin: 0; }
"""
