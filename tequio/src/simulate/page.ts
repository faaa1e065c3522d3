// A report as one HTML page that needs nothing else: no scripts, no fonts, no requests. The same
// report gives the same bytes; nothing of the moment or the machine is in it.
import type { Plot, Report, ReportTable } from "@tequio/core/simulator";
import { safe } from "./safe.ts";
import { COLOURS, type ColourOf, drawPlot, seriesOf } from "./svg.ts";

/** Colours that stay apart for people who confuse red and green (Okabe and Ito, 2008). */
const LIGHT = ["0072b2", "d55e00", "009e73", "cc79a7", "b8860b", "56b4e9", "7f3fbf", "666666"];
const DARK = ["56b4e9", "ff8f4d", "2fd6a8", "e79fc4", "e8c547", "9fd3f5", "b79bff", "aaaaaa"];

const colours = (list: readonly string[]): string =>
  list
    .slice(0, COLOURS)
    .map((colour, at) => `--c${at}:#${colour};`)
    .join("");

const STYLE = `
:root{color-scheme:light dark;--ink:#1b1f24;--soft:#57606a;--page:#fff;--card:#f6f8fa;
--edge:#d8dee4;${colours(LIGHT)}}
@media(prefers-color-scheme:dark){:root{--ink:#e6edf3;--soft:#9aa4af;--page:#0d1117;
--card:#161b22;--edge:#30363d;${colours(DARK)}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1160px;padding:24px 20px 48px;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif}
h1{font-size:1.6rem;line-height:1.25;margin:0 0 14px;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:30px 0 6px}
h3{font-size:.98rem;margin:0 0 6px}
.facts{display:grid;grid-template-columns:max-content 1fr;gap:2px 16px;margin:0}
.facts dt{color:var(--soft)}
.facts dd{margin:0;overflow-wrap:anywhere}
.note{color:var(--soft);font-size:.86rem;margin:0 0 8px;max-width:110ch}
.wide{overflow-x:auto}
table{border-collapse:collapse;font-variant-numeric:tabular-nums;font-size:.84rem}
th,td{padding:4px 7px;text-align:right;white-space:nowrap;border-bottom:1px solid var(--edge)}
th{color:var(--soft);font-weight:600}
th:first-child,td:first-child{text-align:left;padding-left:0}
.named th:nth-child(2),.named td:nth-child(2){text-align:left}
ul{padding-left:1.2em;margin:8px 0}
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:16px}
figure{margin:0;padding:14px;background:var(--card);border:1px solid var(--edge);border-radius:8px}
figure svg{display:block;width:100%;height:auto}
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;margin:6px 0 0;padding:0;list-style:none;
font-size:.84rem;color:var(--soft)}
.legend i{display:inline-block;width:12px;height:12px;border-radius:3px;margin-right:5px;
vertical-align:-1px}
.grid{stroke:var(--edge);stroke-width:1}
.axis{stroke:var(--soft);stroke-width:1}
.tick{fill:var(--soft);font-size:11.5px}
.label{fill:var(--soft);font-size:12.5px}
.line{fill:none;stroke-width:2;stroke-linejoin:round}
${Array.from({ length: COLOURS }, (_, at) => seriesStyle(at)).join("\n")}
@media(max-width:560px){.facts{grid-template-columns:1fr}.facts dd{margin-bottom:6px}
.tick{font-size:15px}.label{font-size:16px}}
`;

function seriesStyle(at: number): string {
  const colour = `var(--c${at})`;
  const legend = `.legend .c${at}{background:${colour}}`;
  return `.line.c${at}{stroke:${colour}}.bar.c${at}{fill:${colour}}${legend}`;
}

/** The longest table, which stands below the plots. */
const OWNERS = "Owners";

/** The whole page. */
export function pageOf(report: Report): string {
  const facts = report.facts.map(
    ([name, value]) => `<dt>${safe(name)}</dt><dd>${factOf(name, value)}</dd>`,
  );
  const sentences = report.sentences.map((sentence) => `<li>${safe(sentence)}</li>`);
  const colourOf = coloursOf(report.plots);
  const plots = report.plots.map((plot) => figureOf(plot, colourOf));
  return [
    '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    `<title>${safe(report.title)}</title>\n<style>${STYLE}</style>\n</head>\n<body>`,
    `<h1>${safe(report.title)}</h1>\n<dl class="facts">${facts.join("")}</dl>`,
    ...report.tables.filter(({ title }) => title !== OWNERS).map(tableOf),
    sentences.length === 0 ? "" : `<ul>${sentences.join("")}</ul>`,
    `<h2>Plots</h2>\n<div class="plots">${plots.join("\n")}</div>`,
    ...report.tables.filter(({ title }) => title === OWNERS).map(tableOf),
    "</body>\n</html>\n",
  ].join("\n");
}

const factOf = (name: string, value: string): string =>
  name === "command" ? `<code>${safe(value)}</code>` : safe(value);

/** A name has one colour in all plots. */
function coloursOf(plots: readonly Plot[]): ColourOf {
  const names = [...new Set(plots.flatMap(seriesOf))];
  return (name) => Math.max(0, names.indexOf(name)) % COLOURS;
}

function tableOf({ title, note, columns, rows }: ReportTable): string {
  const named = columns[1] === "scenario" ? ' class="named"' : "";
  const head = columns.map((column) => `<th scope="col">${safe(column)}</th>`).join("");
  const body = rows.map(
    (row) => `<tr>${row.map((cell) => `<td>${safe(cell)}</td>`).join("")}</tr>`,
  );
  return (
    `<h2>${safe(title)}</h2>\n<p class="note">${safe(note)}</p>\n` +
    `<div class="wide"><table${named}><thead><tr>${head}</tr></thead>` +
    `<tbody>${body.join("\n")}</tbody></table></div>`
  );
}

function figureOf(plot: Plot, colourOf: ColourOf): string {
  const names = seriesOf(plot).map(
    (name) => `<li><i class="c${colourOf(name)}"></i>${safe(name)}</li>`,
  );
  return (
    `<figure><h3>${safe(plot.title)}</h3>${drawPlot(plot, colourOf)}` +
    `<ul class="legend">${names.join("")}</ul></figure>`
  );
}
