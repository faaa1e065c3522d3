// How full each openb workload gets: the published FGD, our policy, and the bound that no policy
// can pass. Drawn from the newest row of bench/results/openb.jsonl.
import { COLOURS, dot, INK, LINE, line, PALE, picture, text } from "./svg.ts";

/** One workload of the recorded result. */
export interface FillRow {
  readonly workload: string;
  readonly allocatedAt100: number;
  readonly publishedFgd: number;
  readonly bound: number;
}

interface OpenbRecord {
  readonly details: { readonly rows: readonly FillRow[] };
}

/** Rows of the newest record that has all the workloads. Throws if there is none. */
export function newestRows(jsonl: string): readonly FillRow[] {
  const records = jsonl
    .split("\n")
    .filter((one) => one.trim() !== "")
    .map((one) => JSON.parse(one) as OpenbRecord)
    .filter(({ details }) => details.rows.every((row) => Number.isFinite(row.publishedFgd)));
  const rows = records.at(-1)?.details.rows;
  if (rows === undefined || rows.length < 2) throw new Error("There is no record of openb.");
  return rows;
}

const [LEFT, TOP, ROW, WIDTH, RIGHT] = [110, 64, 22, 760, 24];

/** One line a workload: three dots, from the published figure over ours to the bound. */
export function openbPicture(rows: readonly FillRow[]): string {
  const height = TOP + rows.length * ROW + 40;
  const least = Math.floor(Math.min(...rows.map((row) => row.publishedFgd)) / 2) * 2;
  const x = (percent: number): number =>
    LEFT + ((percent - least) / (100 - least)) * (WIDTH - LEFT - RIGHT);
  const shapes = [
    text(LEFT, 22, "GPUs allocated when as much has arrived as there is, % (mean of the seeds)", {
      ...{ size: 13, bold: true },
    }),
    dot(LEFT + 5, 40, PALE),
    text(LEFT + 15, 44, "FGD as published (knows the mix beforehand)", { size: 11 }),
    dot(LEFT + 275, 40, COLOURS[0]),
    text(LEFT + 285, 44, "saturation (learns it)", { size: 11 }),
    line(LEFT + 430, 34, LEFT + 430, 46, COLOURS[5]),
    text(LEFT + 438, 44, "bound", { size: 11 }),
  ];
  for (let percent = least; percent <= 100; percent += 2) {
    shapes.push(line(x(percent), TOP - 8, x(percent), height - 30));
    shapes.push(text(x(percent), height - 14, `${percent}`, { anchor: "middle", size: 11 }));
  }
  rows.forEach((row, index) => {
    const y = TOP + index * ROW + 8;
    shapes.push(text(LEFT - 10, y + 4, row.workload, { anchor: "end", fill: INK }));
    shapes.push(line(x(row.publishedFgd), y, x(row.allocatedAt100), y, PALE));
    shapes.push(line(x(row.bound), y - 7, x(row.bound), y + 7, COLOURS[5]));
    shapes.push(dot(x(row.publishedFgd), y, PALE));
    shapes.push(dot(x(row.allocatedAt100), y, COLOURS[0]));
  });
  shapes.push(line(LEFT, height - 30, WIDTH - RIGHT, height - 30, LINE));
  return picture(WIDTH, height, "How full the openb cluster gets, by workload and policy", shapes);
}
